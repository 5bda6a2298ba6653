//! Who a row is about: the columns that are the same on every row of one person, checked once and written once
//! for each bundle.

use causeway_core::identifier::{is_scientific, point_zero};
use causeway_core::{Leaf, NhsNumber, NhsNumberError, OdsCode, Outcome, When};
use causeway_fhir::systems;

use crate::columns::Column;
use crate::dates::years_between;
use crate::file::{Coded, Fate, File, MAPPED, Row};
use crate::limits::{ADULT_YEARS, AGE_YEARS_MAX};
use crate::rules::{self, Rule};
use crate::values;

/// The columns of a person. Rows that agree in all of them go into one bundle.
pub const BLOCK: [Column; 18] = [
    Column::LaCode,
    Column::PeriodStart,
    Column::PeriodEnd,
    Column::NhsNumber,
    Column::LaPersonId,
    Column::FirstName,
    Column::LastName,
    Column::GpName,
    Column::GpCode,
    Column::Gender,
    Column::Ethnicity,
    Column::Born,
    Column::Died,
    Column::ClientType,
    Column::Postcode,
    Column::Linked1,
    Column::Linked2,
    Column::Linked3,
];

/// In which role the person is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Receives support in their own right, or the role is not known.
    ServiceUser,
    /// An unpaid carer who is supported as such.
    Carer,
    /// Known only as the carer of somebody: no record, no events.
    Association,
}

/// A person, as the first row of a bundle states them.
#[derive(Debug)]
pub struct Person {
    /// What becomes of each cell of [`BLOCK`].
    pub fates: [Fate; BLOCK.len()],
    /// Why no row of this person can be used, and at which column.
    pub refused: Option<(&'static Rule, Column)>,
    /// Role in the file.
    pub role: Role,
    /// Council.
    pub la_code: String,
    /// Identifier system of the council's person ids.
    pub id_system: String,
    /// Source key of the person: council and id, or NHS number.
    pub key: String,
    /// Whether the council's id stands for this person: not where it is rounded, or another person's.
    pub own_id: bool,
    /// NHS number, where it is sound.
    pub nhs: Option<NhsNumber>,
    /// Ends of the reporting period.
    pub period: (Option<When>, Option<When>),
    /// Date of birth, where it is plausible.
    pub born: Option<When>,
    /// Date of death.
    pub died: Option<When>,
    /// Organisation code of the practice.
    pub practice: Option<OdsCode>,
    /// Whether each linked person is to be written.
    pub linked: [bool; 3],
}

/// Columns of the linked people.
pub const LINKED: [Column; 3] = [Column::Linked1, Column::Linked2, Column::Linked3];

impl Person {
    fn fate(&mut self, column: Column, fate: Fate) {
        if let Some(at) = BLOCK.iter().position(|c| *c == column)
            && let Some(slot) = self.fates.get_mut(at)
            && fate.0 > slot.0
        {
            *slot = fate;
        }
    }

    fn refuse(&mut self, rule: &'static Rule, column: Column) {
        self.refused.get_or_insert((rule, column));
    }

    /// Age in whole years on a day.
    pub fn age_on(&self, day: When) -> Option<i32> {
        self.born.map(|born| years_between(born, day))
    }

    /// Reads and checks the person of a row.
    pub fn read(file: &mut File<'_>, row: &Row<'_>) -> Self {
        let mut person = Self {
            fates: [MAPPED; BLOCK.len()],
            refused: None,
            role: Role::ServiceUser,
            la_code: String::new(),
            id_system: String::new(),
            key: String::new(),
            own_id: true,
            nhs: None,
            period: (None, None),
            born: None,
            died: None,
            practice: None,
            linked: [false; 3],
        };
        person.read_council(row);
        person.read_nhs_number(file, row);
        person.read_key(file, row);
        if person.refused.is_some() {
            return person;
        }
        let gender = person.read_coded(file, row);
        person.read_dates(file, row);
        person.read_rest(file, row);
        person.compare(file, row, gender);
        person.read_links(file, row);
        person
    }

    fn read_council(&mut self, row: &Row<'_>) {
        let code = row.cell(Column::LaCode).map_or("", |leaf| leaf.text);
        match causeway_core::CassrCode::parse(code) {
            Some(code) => {
                self.la_code = code.as_str().to_owned();
                self.id_system = format!("{}/Id/la/{}/person", systems::CAUSEWAY, self.la_code);
            }
            None => self.refuse(&rules::LA_CODE, Column::LaCode),
        }
    }

    fn read_nhs_number(&mut self, file: &mut File<'_>, row: &Row<'_>) {
        let Some(leaf) = row.cell(Column::NhsNumber) else {
            file.tell(row, Column::NhsNumber, &rules::NHS_MISSING);
            return;
        };
        let rule = match NhsNumber::parse(leaf.text) {
            Ok(number) => {
                self.nhs = Some(number);
                match point_zero(leaf.text) {
                    Some(_) => Some(rules::NHS_POINT_ZERO),
                    None => NhsNumber::is_spaced(leaf.text).then_some(rules::NHS_SPACED),
                }
            }
            Err(error) => {
                self.nhs = spreadsheet(leaf.text).and_then(|digits| NhsNumber::parse(&digits).ok());
                Some(match error {
                    _ if self.nhs.is_some() => rules::NHS_SPREADSHEET,
                    NhsNumberError::Shape => rules::NHS_SHAPE,
                    NhsNumberError::CheckDigit => rules::NHS_CHECK,
                    NhsNumberError::Filler => rules::NHS_FILLER,
                })
            }
        };
        if let Some(rule) = rule {
            file.tell(row, Column::NhsNumber, &rule);
        }
    }

    fn read_key(&mut self, file: &mut File<'_>, row: &Row<'_>) {
        match (row.cell(Column::LaPersonId), &self.nhs) {
            (Some(id), None) if is_scientific(id.text) => self.refuse(&rules::ID_ROUNDED, Column::LaPersonId),
            (Some(id), Some(nhs)) if is_scientific(id.text) => {
                self.key = format!("nhs/{}", nhs.as_str());
                self.own_id = false;
                self.fate(Column::LaPersonId, (Outcome::Rejected, "digits of the id are lost"));
                file.tell(row, Column::LaPersonId, &rules::ID_NOT_USED);
            }
            (Some(id), _) => self.key = format!("{}/{}", self.la_code, id.text),
            (None, Some(nhs)) => {
                self.key = format!("nhs/{}", nhs.as_str());
                file.tell(row, Column::LaPersonId, &rules::LA_ID_MISSING);
            }
            (None, None) => self.refuse(&rules::NO_IDENTIFIER, Column::LaPersonId),
        }
    }

    /// Checks gender, ethnicity and client type; returns the number of the gender.
    fn read_coded(&mut self, file: &mut File<'_>, row: &Row<'_>) -> u8 {
        for column in [Column::Gender, Column::Ethnicity, Column::ClientType, Column::Born, Column::Postcode]
        {
            file.demand(row, column);
        }
        let gender = file.coded(row, Column::Gender, &values::GENDER);
        // "Unknown" contradicts nothing.
        let gender = gender.filter(|gender| !gender.is("unknown")).map_or(0, |gender| gender.index);
        let client = file.coded(row, Column::ClientType, &values::CLIENT_TYPE);
        self.role = match client.and_then(|client| client.target).map(|target| target.code) {
            Some("UC") => Role::Carer,
            Some("UCA") => Role::Association,
            _ => Role::ServiceUser,
        };
        let _ = file.coded(row, Column::Ethnicity, &values::ETHNICITY);
        if self.role == Role::Association {
            const NO_RECORD: Fate =
                (Outcome::Unsupported, "a carer known by association has no record that could hold it");
            for column in [Column::Ethnicity, Column::GpName, Column::GpCode, Column::Died] {
                self.fate_of_unsupported(column, NO_RECORD);
            }
        }
        gender
    }

    /// A cell that reaches nothing: the only fate below "mapped", so it is set outright.
    fn fate_of_unsupported(&mut self, column: Column, fate: Fate) {
        if let Some(at) = BLOCK.iter().position(|c| *c == column)
            && let Some(slot) = self.fates.get_mut(at)
        {
            *slot = fate;
        }
    }

    fn read_dates(&mut self, file: &mut File<'_>, row: &Row<'_>) {
        let mut days = [None; 4];
        let columns = [Column::PeriodStart, Column::PeriodEnd, Column::Born, Column::Died];
        for (slot, column) in days.iter_mut().zip(columns) {
            if let Some(cell) = file.date(row, column) {
                self.fate(column, cell.fate);
                *slot = cell.day;
            }
        }
        file.demand(row, Column::PeriodStart);
        file.demand(row, Column::PeriodEnd);
        let [from, mut to, mut born, mut died] = days;
        if let (Some(start), Some(end)) = (from, to)
            && end.ymd() < start.ymd()
        {
            file.tell(row, Column::PeriodEnd, &rules::PERIOD_REVERSED);
            self.fate(Column::PeriodEnd, (Outcome::Rejected, "before the period's start"));
            to = None;
        }
        let reference = to.or(file.today);
        if let (Some(day), Some(reference)) = (born, reference) {
            let rule = if day.ymd() > reference.ymd() {
                Some(&rules::BIRTH_FUTURE)
            } else if years_between(day, reference) > AGE_YEARS_MAX {
                Some(&rules::BIRTH_AGE)
            } else {
                None
            };
            if let Some(rule) = rule {
                file.tell(row, Column::Born, rule);
                self.fate(Column::Born, (Outcome::Rejected, "no plausible date of birth"));
                born = None;
            } else if years_between(day, reference) < ADULT_YEARS {
                self.refuse(&rules::CHILD, Column::Born);
            }
        }
        if let Some(day) = died {
            let rule = if born.is_some_and(|born| day.ymd() < born.ymd()) {
                Some(&rules::DEATH_BEFORE_BIRTH)
            } else if file.today.is_some_and(|today| day.ymd() > today.ymd()) {
                Some(&rules::DEATH_FUTURE)
            } else {
                None
            };
            if let Some(rule) = rule {
                file.tell(row, Column::Died, rule);
                self.fate(Column::Died, (Outcome::Rejected, "no possible date of death"));
                died = None;
            }
        }
        self.period = (from, to);
        (self.born, self.died) = (born, died);
    }

    fn read_rest(&mut self, file: &mut File<'_>, row: &Row<'_>) {
        if let Some(leaf) = row.cell(Column::Postcode)
            && !is_postcode(leaf.text)
        {
            file.tell(row, Column::Postcode, &rules::POSTCODE);
        }
        if let Some(leaf) = row.cell(Column::GpCode) {
            self.practice = OdsCode::parse(leaf.text);
            if self.practice.is_none() {
                file.tell(row, Column::GpCode, &rules::GP_CODE);
                self.fate(Column::GpCode, (Outcome::Rejected, "not an organisation code"));
            }
        }
    }

    /// Compares with earlier rows of the file.
    fn compare(&mut self, file: &mut File<'_>, row: &Row<'_>, gender: u8) {
        let period = (self.period.0.map(|d| d.ymd()), self.period.1.map(|d| d.ymd()));
        let nhs = self.nhs.as_ref().map(NhsNumber::as_str);
        let born = self.born.map(|d| d.ymd());
        let name = name_of(row);
        let stated = crate::census::Stated { nhs, born, period, gender, name: name.as_deref() };
        let found = file.census.person(&self.key, &stated);
        if self.own_id && [found.nhs, found.born, found.gender, found.name].iter().filter(|c| **c).count() > 1
        {
            // Kept apart by what tells them apart, which is the same when the file comes again.
            let whole = |column| row.cell(column).map_or("", |leaf| leaf.text);
            self.key = format!(
                "{}|another|{}|{}|{}",
                self.key,
                born.map_or(String::new(), |(y, m, d)| format!("{y}-{m}-{d}")),
                whole(Column::LastName),
                whole(Column::FirstName)
            );
            let _ = file.census.person(&self.key, &stated);
            self.own_id = false;
            self.fate(Column::LaPersonId, (Outcome::Rejected, "the id is an earlier person's in this file"));
            file.tell(row, Column::LaPersonId, &rules::TWO_PEOPLE);
            return;
        }
        for (breach, column, rule) in [
            (found.nhs, Column::NhsNumber, &rules::TWO_NHS),
            (found.ids, Column::LaPersonId, &rules::TWO_IDS),
            (found.gender, Column::Gender, &rules::TWO_GENDERS),
            (found.born, Column::Born, &rules::TWO_BIRTHS),
        ] {
            if breach {
                file.tell(row, column, rule);
            }
        }
    }

    fn read_links(&mut self, file: &mut File<'_>, row: &Row<'_>) {
        let own = row.cell(Column::LaPersonId).map(|leaf| leaf.text);
        for (column, which) in LINKED.into_iter().zip(0..) {
            let Some(leaf) = row.cell(column) else { continue };
            if self.role == Role::ServiceUser {
                file.tell(row, column, &rules::NOT_APPLICABLE);
                self.fate_of_unsupported(
                    column,
                    (Outcome::Unsupported, "links belong to carers, and the person is none"),
                );
            } else if is_scientific(leaf.text) {
                file.tell(row, column, &rules::LINKED_ROUNDED);
                self.fate(column, (Outcome::Rejected, "digits of the id are lost"));
            } else if Some(leaf.text) == own {
                file.tell(row, column, &rules::LINKED_SELF);
                self.fate(column, (Outcome::Rejected, "the linked person is the carer"));
            } else {
                if let Some(slot) = self.linked.get_mut(which) {
                    *slot = true;
                }
                let key = format!("{}/{}", self.la_code, leaf.text);
                let at = file.heading.at(column).unwrap_or_default();
                let span = file.span_of(leaf.id);
                file.census.link(&key, crate::census::Link { row: row.number, column: at, span });
            }
        }
        if self.role == Role::Association && !self.linked.contains(&true) {
            file.tell(row, Column::Linked1, &rules::LINKED_NONE);
        }
    }

    /// Claims the fates of this row's cells of a person. `first` leaves what is written to the writing.
    pub fn claim(&self, file: &mut File<'_>, row: &Row<'_>, first: bool) {
        for (column, fate) in BLOCK.into_iter().zip(self.fates) {
            let Some(leaf) = row.cell(column) else { continue };
            let written_each_time =
                matches!(column, Column::PeriodStart | Column::PeriodEnd | Column::ClientType)
                    && self.role != Role::Association;
            if fate != MAPPED || !(first || written_each_time) {
                file.claim(Some(leaf), fate);
            }
        }
    }

    /// The linked people that are to be written, with their cells.
    pub fn links<'a>(&self, row: &Row<'a>) -> Vec<Leaf<'a>> {
        let mut links: Vec<Leaf<'a>> = Vec::new();
        for (column, wanted) in LINKED.into_iter().zip(self.linked) {
            if let Some(leaf) = row.cell(column).filter(|_| wanted) {
                links.push(leaf);
            }
        }
        links
    }

    /// A coded cell of the person, without telling what is wrong with it again.
    pub fn coded_again<'a>(
        row: &Row<'a>,
        column: Column,
        codes: &'static values::Codes,
    ) -> Option<Coded<'a>> {
        let leaf = row.cell(column)?;
        let (target, index) = match codes.find(leaf.text) {
            values::Found::Exact(value) | values::Found::CaseOnly(value) => (value.target, value.index),
            values::Found::Unknown => (None, crate::census::OTHER_VALUE),
        };
        Some(Coded { leaf, target, index })
    }
}

/// What of a person's name tells two people apart: the family name and the first letter of the given name.
fn name_of(row: &Row<'_>) -> Option<String> {
    let letters = |column| {
        let text = row.cell(column).map_or("", |leaf| leaf.text);
        text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect::<String>()
    };
    let (last, first) = (letters(Column::LastName), letters(Column::FirstName));
    let initial = first.chars().next()?;
    (!last.is_empty()).then(|| format!("{last} {initial}"))
}

/// The digits of a number that a spreadsheet wrote: `9.990000018E9`. `None` where digits are missing: they can't be known.
fn spreadsheet(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['E', 'e'])?;
    let (whole, fraction) = mantissa.split_once('.')?;
    let exponent = exponent.trim_start_matches('+').trim_start_matches('0');
    (whole.len() == 1 && exponent == "9" && fraction.len() == 9).then(|| format!("{whole}{fraction}"))
}

/// The form of a postcode: area and district, then a digit and two letters. Form only; whether it was issued
/// is for a directory to say.
pub fn is_postcode(text: &str) -> bool {
    let compact: Vec<u8> = text.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_uppercase()).collect();
    if !(5..=7).contains(&compact.len()) {
        return false;
    }
    let (out, inward) = compact.split_at(compact.len() - 3);
    let letters = out.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let tail = out.get(letters..).unwrap_or_default();
    (1..=2).contains(&letters)
        && tail.first().is_some_and(u8::is_ascii_digit)
        && tail.iter().all(u8::is_ascii_alphanumeric)
        && inward.first().is_some_and(u8::is_ascii_digit)
        && inward.iter().skip(1).all(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_spreadsheet_wrote() {
        assert_eq!(spreadsheet("9.990000018E9").as_deref(), Some("9990000018"));
        assert_eq!(spreadsheet("9.990000018E+09").as_deref(), Some("9990000018"));
        assert_eq!(spreadsheet("9.99E+09"), None);
    }

    #[test]
    fn postcodes() {
        for text in ["ZZ99 3VZ", "zz993vz", "W1A 1AA", "M1 1AE"] {
            assert!(is_postcode(text), "{text}");
        }
        for text in ["ZZ99", "99 3VZ", "unknown", "ZZ99 3V3"] {
            assert!(!is_postcode(text), "{text}");
        }
    }
}
