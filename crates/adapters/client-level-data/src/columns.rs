//! The fifty columns, and how a heading row is read.

use std::collections::HashMap;
use std::sync::LazyLock;

use causeway_core::{Issue, IssueCode, Severity};

macro_rules! columns {
    ($($name:ident $heading:literal,)*) => {
        /// A column of client level data. Source: CLD specification, Release 1 (headings) and Release 2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Column {
            $(#[doc = concat!("`", $heading, "`")] $name,)*
        }

        impl Column {
            /// All columns in the order of the specification.
            pub const ALL: [Column; 50] = [$(Column::$name,)*];

            /// The heading as the specification spells it.
            pub fn heading(self) -> &'static str {
                match self { $(Column::$name => $heading,)* }
            }
        }
    };
}

columns! {
    LaCode "LA Code",
    PeriodStart "Reporting Period Start Date",
    PeriodEnd "Reporting Period End Date",
    NhsNumber "NHS Number",
    LaPersonId "LA Person Unique Identifier",
    FirstName "First Name",
    LastName "Last Name",
    GpName "GP Practice Name",
    GpCode "GP Practice Code",
    Gender "Gender",
    Ethnicity "Ethnicity",
    Born "Date of Birth",
    Died "Date of Death",
    ClientType "Client Type",
    SupportReason "Primary Support Reason",
    Postcode "Postcode",
    Accommodation "Accommodation Status",
    Employment "Employment Status",
    HasCarer "Has Unpaid Carer",
    Autism "Autism Spectrum Disorder (ASD)",
    Visual "Visual Impairment",
    Hearing "Hearing Impairment",
    Dementia "Dementia",
    Funding "Client Funding Status",
    EventType "Event Type",
    EventReference "Event Reference",
    EventStart "Event Start Date",
    EventEnd "Event End Date",
    Description "Event Description",
    Outcome "Event Outcome",
    Route "Request: Route of Access",
    AssessmentType "Assessment Type",
    EligibleNeeds "Eligible Needs Identified",
    AssessmentMethod "Method of Assessment",
    HoursCaring "Total Hrs Caring per week",
    CaredFor "No. of adults being cared for",
    Linked1 "Adult 1 Linked Person_ID",
    Linked2 "Adult 2 Linked Person_ID",
    Linked3 "Adult 3 Linked Person_ID",
    ServiceType "Service Type",
    Component "Service Component",
    Delivery "Delivery Mechanism",
    ProviderName "Provider CQC Location Name",
    ProviderId "Provider CQC Location ID",
    ReviewReason "Review Reason",
    OutcomesAchieved "Review Outcomes Achieved",
    ReviewMethod "Method of Review",
    UnitCost "Unit Cost",
    CostFrequency "Cost Frequency (Unit Type)",
    PlannedUnits "Planned units per week",
}

impl Column {
    /// Number of columns.
    pub const COUNT: usize = Self::ALL.len();

    /// Columns whose absence from the heading leaves nothing that could be translated.
    const INDISPENSABLE: [Column; 7] = [
        Column::LaCode,
        Column::NhsNumber,
        Column::LaPersonId,
        Column::ClientType,
        Column::EventType,
        Column::EventStart,
        Column::Born,
    ];

    /// The column of a heading, whatever its capitals, blanks, hyphens and underscores.
    fn of(heading: &str) -> Option<Self> {
        static FOLDED: LazyLock<HashMap<String, Column>> =
            LazyLock::new(|| Column::ALL.into_iter().map(|c| (fold(c.heading()), c)).collect());
        if heading.len() > HEADING_BYTES_MAX {
            return None;
        }
        FOLDED.get(&fold(causeway_adapter::table::bare(heading))).copied()
    }
}

/// Whether a cell names a column.
pub fn names_a_column(cell: &str) -> bool {
    Column::of(cell).is_some()
}

/// Bytes of a cell that may name a column, with what a spreadsheet leaves around it.
const HEADING_BYTES_MAX: usize = 128;

/// How many cells that name columns make a row a heading.
pub const HEADING_CELLS: usize = 8;

/// Letters and digits only, in lower case.
fn fold(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A heading row that was understood.
#[derive(Debug)]
pub struct Heading {
    /// The column at each place of the source; `None` for a heading that is not of the specification.
    pub places: Vec<Option<Column>>,
    /// Names of the places for positions. A heading that is not known is named by its number, for it may be
    /// anything, also a person's name in a file without a heading row.
    pub names: Vec<String>,
    /// Place of each column in the source.
    source: [Option<u16>; Column::COUNT],
    /// One past the place of the last heading that is not blank.
    width: usize,
    /// What is unusual about it.
    pub issues: Vec<Issue>,
}

fn fatal(rule: &'static str, text: impl Into<std::borrow::Cow<'static, str>>) -> Issue {
    Issue::new(Severity::Fatal, IssueCode::Structure, rule, text)
}

impl Heading {
    /// Reads the cells of the first row.
    ///
    /// # Errors
    /// A fatal issue where the row is no heading, where a column occurs twice, where a column that can't be
    /// missed is missing, or where a column is missing beside a heading that is not known: it may be that
    /// column under another name, and which one would be a guess.
    pub fn read<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Self, Issue> {
        Self::read_for(cells, |_| false)
    }

    /// The same, where the site's own tables know headings of their own (`is_sites`).
    ///
    /// # Errors
    /// As [`Heading::read`].
    pub fn read_for<'a>(
        cells: impl Iterator<Item = &'a str>,
        is_sites: impl Fn(&str) -> bool,
    ) -> Result<Self, Issue> {
        let mut heading = Self {
            places: Vec::new(),
            names: Vec::new(),
            source: [None; Column::COUNT],
            width: 0,
            issues: Vec::new(),
        };
        let mut spelt_otherwise = false;
        let mut unknown = 0;
        for (at, cell) in cells.enumerate() {
            let column = Column::of(cell);
            if let Some(column) = column {
                spelt_otherwise |= cell != column.heading();
                let slot = heading.source.get_mut(column as usize);
                if slot.is_some_and(|slot| slot.replace(at as u16).is_some()) {
                    return Err(fatal(
                        "heading-column-twice",
                        format!("the column {} occurs twice", column.heading()),
                    ));
                }
            } else if !cell.trim().is_empty() && !is_sites(cell.trim()) {
                unknown += 1;
            }
            if !cell.trim().is_empty() {
                heading.width = at + 1;
            }
            heading.places.push(column);
            heading.names.push(match column {
                Some(column) => column.heading().to_owned(),
                None if is_sites(cell.trim()) => cell.trim().to_owned(),
                None => format!("column {}", at + 1),
            });
        }
        let missing: Vec<Column> =
            Column::ALL.into_iter().filter(|column| heading.at(*column).is_none()).collect();
        heading.judge(&missing, unknown)?;
        let mut note = |severity, rule, text: String| {
            heading.issues.push(Issue::new(severity, IssueCode::Structure, rule, text));
        };
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|column| column.heading()).collect();
            note(
                Severity::Warning,
                "heading-column-missing",
                format!("the file has no column {}", names.join(", ")),
            );
        }
        if unknown > 0 {
            note(
                Severity::Warning,
                "heading-column-unknown",
                format!(
                    "{unknown} columns of the file are not of the specification; they are not translated"
                ),
            );
        }
        if spelt_otherwise {
            note(
                Severity::Information,
                "heading-spelling",
                "some headings differ from the specification in capitals, blanks or punctuation".to_owned(),
            );
        }
        Ok(heading)
    }

    fn judge(&self, missing: &[Column], unknown: usize) -> Result<(), Issue> {
        if missing.len() > Column::COUNT / 2 {
            return Err(fatal("heading-missing", "the first row is not a heading of client level data"));
        }
        if let Some(column) = missing.iter().find(|column| Column::INDISPENSABLE.contains(column)) {
            return Err(fatal(
                "heading-column-missing",
                format!("the file has no column {}, which can't be missed", column.heading()),
            ));
        }
        match missing.first() {
            Some(column) if unknown > 0 => Err(fatal(
                "heading-column-unclear",
                format!(
                    "the column {} is missing and a heading is not known, so what that column holds is not clear",
                    column.heading()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Number of columns that have a heading, up to the last one: blank cells after it are a spreadsheet's.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Place of a column in the source.
    pub fn at(&self, column: Column) -> Option<u16> {
        self.source.get(column as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_found_whatever_their_spelling() {
        assert_eq!(Column::of("adult 1 linked person id"), Some(Column::Linked1));
        assert_eq!(Column::of(" NO. OF ADULTS BEING CARED FOR"), Some(Column::CaredFor));
        assert_eq!(Column::of("Adult 4 Linked Person_ID"), None);
    }

    #[test]
    fn a_missing_column_beside_an_unknown_one_is_refused() {
        let all = Column::ALL.map(Column::heading);
        assert!(Heading::read(all.into_iter()).is_ok_and(|h| h.issues.is_empty()));
        let without = all.into_iter().filter(|h| *h != "GP Practice Name");
        assert!(Heading::read(without.clone()).is_ok_and(|h| h.issues.len() == 1));
        let swapped = Heading::read(without.chain(["Surgery"]));
        assert_eq!(swapped.map(|_| ()).map_err(|i| i.rule), Err("heading-column-unclear"));
        let twice = Heading::read(all.into_iter().chain(["Gender"]));
        assert_eq!(twice.map(|_| ()).map_err(|i| i.rule), Err("heading-column-twice"));
    }

    #[test]
    fn a_first_row_of_data_is_not_echoed() {
        let issue = Heading::read(["998", "Larkspur", "Edith"].into_iter()).map(|_| ()).unwrap_err();
        assert_eq!(issue.rule, "heading-missing");
        assert!(!issue.text.contains("Larkspur"));
    }
}
