//! A person: Patient with telephones and addresses.

use causeway_adapter::Composer;
use causeway_core::{Leaf, NhsNumber, NhsNumberError, Outcome, When, common};
use causeway_fhir::types::{self, Verification};
use causeway_fhir::{Coding, Ref, Writer, systems};

use crate::extract::{Extract, Person, date};
use crate::limits::AGE_YEARS_MAX;
use crate::rules;
use crate::tables::{Row, Table};

/// Identifier system of a council's own ids.
pub fn system(c: &Composer<'_>, name: &str) -> String {
    systems::local(&c.context.sender.code, name)
}

/// Writes the person as Patient.
pub fn write(c: &mut Composer<'_>, extract: &Extract<'_>, person: &Person) -> Option<Ref> {
    let row = extract.rows.get(person.row)?;
    let nhs = nhs_number(c, row);
    let born = born(c, row);
    check_name(c, row);
    let gender = gender(c, row);
    let ids = (system(c, "person"), system(c, "person-legacy"));
    let mine = |table| {
        person.rows.iter().filter_map(|at| extract.rows.get(*at)).filter(move |row| row.table == table)
    };
    let addresses = addresses(c, mine(Table::Addresses));
    Some(c.resource("Patient", row.text("person_id"), |w| {
        nationality(w, row);
        w.array("identifier", |w| {
            match nhs {
                Some((leaf, Ok(number))) => {
                    types::nhs_number(w, number, leaf, (), Verification::PresentNotTraced, ());
                }
                Some((leaf, Err(error))) => {
                    w.element(|w| types::invalid_nhs_number(w, leaf, (), error));
                }
                None => {}
            }
            if let Some(id) = row.cell("person_id") {
                types::identifier(w, &ids.0, id);
            }
            if let Some(legacy) = row.cell("person_id_legacy") {
                w.element(|w| {
                    w.fixed("use", "old");
                    types::identifier_body(w, &ids.1, legacy.text, legacy);
                });
            }
        });
        name(w, row, true);
        w.array("telecom", |w| {
            for phone in mine(Table::Telephones) {
                telephone(w, phone);
            }
            email(w, row);
        });
        match (gender, row.cell("gender")) {
            (Some(gender), leaf) => w.string("gender", gender, leaf),
            (None, Some(leaf)) => types::unmapped_code(w, "gender", "unknown", leaf),
            (None, None) => {}
        }
        if let (Some(born), Some(leaf)) = (born, row.cell("date_of_birth")) {
            w.date("birthDate", &born, leaf);
        }
        w.array("address", |w| {
            for (row, ended) in &addresses {
                address(w, row, *ended);
            }
        });
        // They decided that the record may be published at all.
        w.mapped((row.cell("restricted"), row.cell("context_flag")));
    }))
}

fn nationality(w: &mut Writer, row: &Row<'_>) {
    w.array("extension", |w| {
        types::extension(w, "http://hl7.org/fhir/StructureDefinition/patient-nationality", |w| {
            w.array("extension", |w| {
                types::extension(w, "code", |w| {
                    if let Some(leaf) = row.cell("nationality") {
                        types::concept_text(w, "valueCodeableConcept", leaf);
                    }
                });
            });
        });
    });
}

/// `HumanName` of a row with `title`, `first_name`, `last_name`, `full_name`.
pub fn name(w: &mut Writer, row: &Row<'_>, official: bool) {
    let parts = [row.cell("full_name"), row.cell("last_name"), row.cell("first_name"), row.cell("title")];
    if parts.iter().all(Option::is_none) {
        return;
    }
    let [full, last, first, title] = parts;
    w.array("name", |w| {
        w.element(|w| {
            if official {
                w.fixed("use", "official");
            }
            w.leaf_opt("text", full);
            w.leaf_opt("family", last);
            for (key, part) in [("given", first), ("prefix", title)] {
                if let Some(part) = part {
                    w.array(key, |w| w.value(part.text, part));
                }
            }
        });
    });
}

/// An e-mail address as an element of `telecom`.
pub fn email(w: &mut Writer, row: &Row<'_>) {
    if let Some(leaf) = row.cell("email_address") {
        w.element(|w| {
            w.fixed("system", "email");
            w.leaf("value", leaf);
        });
    }
}

fn telephone(w: &mut Writer, row: &Row<'_>) {
    let Some(number) = row.cell("telephone_number") else { return };
    w.mapped(row.cell("person_id"));
    w.element(|w| {
        w.fixed("system", "phone");
        if has_lost_zero(number.text) {
            w.issue(Some(number.id), common::PHONE_ZERO.issue());
        }
        w.leaf("value", number);
        let kind = row.cell("telephone_number_type");
        let code = match row.text("telephone_number_type").to_ascii_lowercase().as_str() {
            "home" => "home",
            "work" => "work",
            "mobile" => "mobile",
            _ => "",
        };
        w.string("use", code, kind);
    });
}

/// Whether a number is one of the UK without the zero that it begins with: ten digits, or nine of a few old exchanges. Source:
/// Ofcom's national numbering plan.
fn has_lost_zero(number: &str) -> bool {
    let digits: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(
            (digits.len(), digits.as_bytes().first()),
            (10, Some(b'1'..=b'3' | b'7')) | (9, Some(b'1'))
        )
}

fn nhs_number<'a>(
    c: &mut Composer<'_>,
    row: &Row<'a>,
) -> Option<(Leaf<'a>, Result<NhsNumber, NhsNumberError>)> {
    let leaf = row.cell("nhs_id")?;
    // The column is numeric in the council's database, so leading zeros are lost on the way.
    let digits = leaf.text.bytes().all(|b| b.is_ascii_digit()) && (7..10).contains(&leaf.text.len());
    let padded = digits.then(|| NhsNumber::parse(&format!("{:0>10}", leaf.text)).ok()).flatten();
    if padded.is_some() {
        c.issue_at(leaf.id, rules::NHS_PADDED.issue());
    }
    Some((leaf, padded.map_or_else(|| NhsNumber::parse(leaf.text), Ok)))
}

fn born(c: &mut Composer<'_>, row: &Row<'_>) -> Option<When> {
    let leaf = row.cell("date_of_birth")?;
    let born = date(c, Some(leaf))?;
    let today = c.context.zone.to_datetime(c.context.received).date();
    let (year, month, day) = born.ymd();
    let future = (year, month as i8, day as i8) > (today.year(), today.month(), today.day());
    if future || today.year() - year > AGE_YEARS_MAX {
        c.issue_at(leaf.id, rules::BIRTH.issue());
        c.claim(leaf, Outcome::Rejected, "no plausible date of birth");
        return None;
    }
    Some(born)
}

fn check_name(c: &mut Composer<'_>, row: &Row<'_>) {
    let Some(full) = row.cell("full_name") else { return };
    let lower = full.text.to_lowercase();
    let absent = |name: &str| !row.text(name).is_empty() && !lower.contains(&row.text(name).to_lowercase());
    if absent("first_name") || absent("last_name") {
        c.issue_at(full.id, rules::NAME_CONFLICT.issue());
    }
}

fn gender(c: &mut Composer<'_>, row: &Row<'_>) -> Option<&'static str> {
    let leaf = row.cell("gender")?;
    match leaf.text {
        "M" | "m" => Some("male"),
        "F" | "f" => Some("female"),
        word if word.eq_ignore_ascii_case("male") => Some("male"),
        word if word.eq_ignore_ascii_case("female") => Some("female"),
        _ => {
            c.issue_at(leaf.id, rules::GENDER.issue());
            None
        }
    }
}

type Addresses<'r, 'a> = Vec<(&'r Row<'a>, Option<(When, Leaf<'a>)>)>;

fn addresses<'r, 'a: 'r>(c: &mut Composer<'_>, rows: impl Iterator<Item = &'r Row<'a>>) -> Addresses<'r, 'a> {
    let (mut displayed, mut open) = (false, false);
    let mut found = Vec::new();
    for row in rows {
        let end = row.cell("end_date");
        let ended = date(c, end).zip(end);
        if ended.is_none() {
            let display = is_display(row);
            if display && displayed {
                c.issue_at(row.at("is_display_address"), rules::DISPLAY_TWICE.issue());
            } else if open {
                c.issue_at(row.first, rules::ADDRESS_TWICE.issue());
            }
            displayed |= display;
            open = true;
        }
        found.push((row, ended));
    }
    found
}

/// A flag of the extract: it writes Y and N, spreadsheets write other words. `None` for anything else.
pub fn yes(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "1" => Some(true),
        "n" | "no" | "false" | "0" | "" => Some(false),
        _ => None,
    }
}

fn is_display(row: &Row<'_>) -> bool {
    yes(row.text("is_display_address")) == Some(true)
}

fn address(w: &mut Writer, row: &Row<'_>, ended: Option<(When, Leaf<'_>)>) {
    w.element(|w| {
        w.array("extension", |w| {
            let Some(uprn) = row.cell("unique_id") else { return };
            types::extension(w, &types::ukcore_extension("AddressKey"), |w| {
                w.array("extension", |w| {
                    types::extension(w, "type", |w| {
                        let kind = "https://fhir.hl7.org.uk/CodeSystem/UKCore-AddressKeyType";
                        let uprn = Coding::new(kind, "UPRN", "Unique Property Reference Number");
                        types::concept_fixed(w, "valueCodeableConcept", uprn);
                    });
                    types::extension(w, "value", |w| w.leaf("valueString", uprn));
                });
            });
        });
        match ended {
            Some(_) => w.fixed("use", "old"),
            None if is_display(row) => w.string("use", "home", row.cell("is_display_address")),
            None => {}
        }
        w.decides(row.cell("is_display_address"), "which address is the one to be shown");
        w.leaf_opt("text", row.cell("address"));
        w.leaf_opt("postalCode", row.cell("post_code"));
        types::period(w, "period", None::<(When, ())>, ended);
        w.mapped(row.cell("person_id"));
    });
}
