//! The value sets of both releases: what a value means and which release spells it so.

use std::collections::HashMap;
use std::sync::OnceLock;

use causeway_terminology::{Map, Relationship, Target};

/// In which releases a spelling is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Releases {
    /// Release 1 only (from 1 April 2023).
    One,
    /// Release 2 only (DHSC's processes from October 2025).
    Two,
    /// Both.
    Both,
}

/// One spelling of one value.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// What it means; `None` for a spelling that is known to have no safe match.
    pub target: Option<&'static Target>,
    /// Where it is valid.
    pub releases: Releases,
    /// Number of the meaning within its set, from 1: two spellings of one meaning share it.
    pub index: u8,
}

/// How a text was found.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// As a release spells it.
    Exact(Value),
    /// As a release spells it but for capitals or blanks: the meaning is certain, a strict reader refuses it.
    CaseOnly(Value),
    /// Not at all.
    Unknown,
}

/// A value set with its two indexes.
#[derive(Debug)]
pub struct Codes {
    map: Map,
    index: OnceLock<Index>,
}

#[derive(Debug)]
struct Index {
    exact: HashMap<&'static str, Value>,
    folded: HashMap<String, Value>,
}

impl Codes {
    const fn new(name: &'static str, csv: &'static str) -> Self {
        Self { map: Map::new(name, csv), index: OnceLock::new() }
    }

    /// The table.
    pub const fn map(&'static self) -> &'static Map {
        &self.map
    }

    /// Looks a text up.
    pub fn find(&'static self, text: &str) -> Found {
        let index = self.index.get_or_init(|| self.build());
        match index.exact.get(text) {
            Some(value) => Found::Exact(*value),
            None => index.folded.get(&fold(text)).map_or(Found::Unknown, |value| Found::CaseOnly(*value)),
        }
    }

    fn build(&'static self) -> Index {
        let mut exact = HashMap::new();
        let mut folded = HashMap::new();
        let mut meanings: Vec<&str> = Vec::new();
        for (code, target) in self.map.codes() {
            let position = meanings.iter().position(|known| *known == target.code);
            let number = position.unwrap_or_else(|| {
                meanings.push(target.code);
                meanings.len() - 1
            });
            let releases = match target.note {
                note if note.starts_with("release 1") => Releases::One,
                note if note.starts_with("release 2") => Releases::Two,
                _ => Releases::Both,
            };
            let usable = !matches!(target.relationship, Relationship::Unmatched | Relationship::Narrower);
            let value =
                Value { target: usable.then_some(target), releases, index: (number + 1).min(254) as u8 };
            exact.insert(code, value);
            folded.insert(fold(code), value);
        }
        Index { exact, folded }
    }
}

/// Lower case, blanks collapsed.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

macro_rules! tables {
    ($($name:ident $file:literal,)*) => {
        $(
            #[doc = concat!("The value set in `maps/", $file, ".csv`.")]
            pub static $name: Codes = Codes::new(concat!("client-level-data-", $file), include_str!(concat!("../maps/", $file, ".csv")));
        )*
        /// All value sets.
        pub static ALL: &[&Map] = &[$($name.map(),)*];
    };
}

tables! {
    ACCOMMODATION "accommodation-status",
    ASSESSMENT_TYPE "assessment-type",
    CLIENT_TYPE "client-type",
    COST_FREQUENCY "cost-frequency",
    DELIVERY "delivery-mechanism",
    ELIGIBLE_NEEDS "eligible-needs",
    EMPLOYMENT "employment-status",
    ETHNICITY "ethnicity",
    EVENT_TYPE "event-type",
    FUNDING "funding-status",
    GENDER "gender",
    HEARING "hearing-impairment",
    METHOD "method",
    OUTCOME "event-outcome",
    OUTCOMES_ACHIEVED "outcomes-achieved",
    REVIEW_REASON "review-reason",
    ROUTE "route-of-access",
    COMPONENT "service-component",
    SERVICE_TYPE "service-type",
    SUPPORT_REASON "support-reason",
    VISUAL "visual-impairment",
    YES_NO "yes-no-unknown",
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(found: Found) -> Option<&'static str> {
        match found {
            Found::Exact(v) | Found::CaseOnly(v) => v.target.map(|t| t.code),
            Found::Unknown => None,
        }
    }

    #[test]
    fn both_releases_are_known_and_told_apart() {
        for (text, releases) in [
            ("Service User", Releases::One),
            ("Service user", Releases::Two),
            ("Carer known by association", Releases::One),
        ] {
            assert!(matches!(CLIENT_TYPE.find(text), Found::Exact(v) if v.releases == releases), "{text}");
        }
        assert!(
            matches!(OUTCOME.find("Admitted to hospital"), Found::Exact(v) if v.releases == Releases::Both)
        );
    }

    #[test]
    fn capitals_alone_are_recognised_as_such() {
        let found = CLIENT_TYPE.find("SERVICE  user");
        assert!(matches!(found, Found::CaseOnly(_)));
        assert_eq!(code(found), Some("SU"));
        assert!(matches!(ETHNICITY.find("Martian"), Found::Unknown));
        assert_eq!(code(ETHNICITY.find("White")), None);
    }

    #[test]
    fn the_merge_of_release_2_has_a_code_of_its_own() {
        assert_eq!(code(OUTCOME.find("Progress to assessment")), Some("PRO-ASS"));
        assert_eq!(code(OUTCOME.find("Progress to assessment, review or reassessment")), Some("PRO-ARR"));
    }
}
