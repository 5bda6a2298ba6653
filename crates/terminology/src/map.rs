//! One mapping table.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// How target relates to source (FHIR `concept-map-equivalence`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// The same meaning.
    Equivalent,
    /// The target says less.
    Wider,
    /// The target says more than the source: never used to translate, listed for completeness.
    Narrower,
    /// Overlapping.
    Inexact,
    /// No target: the code is known and has no place; it stays text.
    Unmatched,
}

impl Relationship {
    /// From its FHIR code.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "equivalent" | "equal" => Self::Equivalent,
            "wider" => Self::Wider,
            "narrower" => Self::Narrower,
            "inexact" => Self::Inexact,
            "unmatched" => Self::Unmatched,
            _ => return None,
        })
    }

    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Inexact => "inexact",
            Self::Unmatched => "unmatched",
        }
    }
}

/// One row of a table: what a source code means in FHIR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Words of the source code.
    pub source_display: &'static str,
    /// URI of the target's code system.
    pub system: &'static str,
    /// Target code; empty for [`Relationship::Unmatched`].
    pub code: &'static str,
    /// Its words.
    pub display: &'static str,
    /// How target relates to source.
    pub relationship: Relationship,
    /// Who says so.
    pub authority: &'static str,
    /// A remark.
    pub note: &'static str,
}

/// A mapping table in the CSV form `source_system,source_code,source_display,target_system,target_code,
/// target_display,relationship,authority,note`. Declared as a `static`, read at first use.
#[derive(Debug)]
pub struct Map {
    /// Name, kebab-case: `hl7v2-administrative-gender`.
    pub name: &'static str,
    /// The CSV, heading included.
    csv: &'static str,
    rows: OnceLock<Rows>,
}

#[derive(Debug)]
struct Rows {
    source_system: &'static str,
    by_code: HashMap<&'static str, Target>,
    order: Vec<&'static str>,
}

/// Columns of a table.
pub const COLUMNS: [&str; 9] = [
    "source_system",
    "source_code",
    "source_display",
    "target_system",
    "target_code",
    "target_display",
    "relationship",
    "authority",
    "note",
];

impl Map {
    /// A table over CSV text: `static GENDER: Map = Map::new("…", include_str!("../maps/gender.csv"));`
    pub const fn new(name: &'static str, csv: &'static str) -> Self {
        Self { name, csv, rows: OnceLock::new() }
    }

    fn rows(&self) -> &Rows {
        self.rows.get_or_init(|| Rows::read(self.csv))
    }

    /// The target of a source code, exactly as spelt; `None` where the table does not know the code or knows
    /// that it has no target.
    pub fn lookup(&self, code: &str) -> Option<&Target> {
        self.row(code).filter(|t| !matches!(t.relationship, Relationship::Unmatched | Relationship::Narrower))
    }

    /// The row of a source code, also one without a target.
    pub fn row(&self, code: &str) -> Option<&Target> {
        self.rows().by_code.get(code)
    }

    /// All source codes, in the table's order.
    pub fn codes(&self) -> impl Iterator<Item = (&'static str, &Target)> {
        let rows = self.rows();
        rows.order.iter().filter_map(|code| rows.by_code.get(code).map(|t| (*code, t)))
    }

    /// Faults of the table: wrong heading, short rows, unknown relationships, a code twice, a row without
    /// authority. Tests assert that there are none.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut seen = HashMap::new();
        for (number, fields) in read(self.csv).into_iter().enumerate() {
            let line = number + 1;
            if fields.len() != COLUMNS.len() {
                faults.push(format!("{}: row {line} has {} fields", self.name, fields.len()));
                continue;
            }
            if number == 0 {
                if fields.iter().zip(COLUMNS).any(|(f, c)| *f != c) {
                    faults.push(format!("{}: the heading is not the agreed one", self.name));
                }
                continue;
            }
            if Relationship::parse(fields[6]).is_none() {
                faults.push(format!("{}: row {line} has an unknown relationship", self.name));
            }
            if fields[7].is_empty() {
                faults.push(format!("{}: row {line} names no authority", self.name));
            }
            if let Some(first) = seen.insert(fields[1], line) {
                faults.push(format!("{}: row {line} repeats the code of row {first}", self.name));
            }
        }
        faults
    }

    /// The table as a FHIR R4 ConceptMap.
    pub fn concept_map(&self) -> Value {
        let mut groups: Vec<(&str, Vec<Value>)> = Vec::new();
        for (code, target) in self.codes() {
            let mut to = json!({"equivalence": target.relationship.code()});
            if !target.code.is_empty() {
                to["code"] = json!(target.code);
            }
            if !target.display.is_empty() {
                to["display"] = json!(target.display);
            }
            let comment = [target.authority, target.note].join("; ");
            to["comment"] = json!(comment.trim_end_matches("; "));
            let mut element = json!({"code": code, "target": [to]});
            if !target.source_display.is_empty() {
                element["display"] = json!(target.source_display);
            }
            match groups.iter_mut().find(|(system, _)| *system == target.system) {
                Some((_, elements)) => elements.push(element),
                None => groups.push((target.system, vec![element])),
            }
        }
        let source = self.rows().source_system;
        let group: Vec<Value> = groups
            .into_iter()
            .map(|(system, element)| {
                let mut group = json!({"source": source, "element": element});
                if !system.is_empty() {
                    group["target"] = json!(system);
                }
                group
            })
            .collect();
        json!({
            "resourceType": "ConceptMap",
            "id": self.name,
            "url": format!("{}/ConceptMap/{}", causeway_fhir::systems::CAUSEWAY, self.name),
            "name": self.name.replace('-', "_"),
            "status": "draft",
            "group": group,
        })
    }
}

impl Rows {
    fn read(csv: &'static str) -> Self {
        let mut by_code = HashMap::new();
        let mut order = Vec::new();
        let mut source_system = "";
        for fields in read(csv).into_iter().skip(1) {
            let [
                system,
                code,
                source_display,
                target_system,
                target_code,
                display,
                relation,
                authority,
                note,
            ] = fields[..]
            else {
                continue;
            };
            let Some(relationship) = Relationship::parse(relation) else { continue };
            source_system = system;
            let target = Target {
                source_display,
                system: target_system,
                code: target_code,
                display,
                relationship,
                authority,
                note,
            };
            if by_code.insert(code, target).is_none() {
                order.push(code);
            }
        }
        Self { source_system, by_code, order }
    }
}

/// Splits CSV whose text lives as long as the program, so that fields can be borrowed. A field in quotation
/// marks may hold commas; a doubled quotation mark within one is not needed by any table and is refused by
/// [`Map::faults`] through the field count.
fn read(csv: &'static str) -> Vec<Vec<&'static str>> {
    csv.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(split).collect()
}

fn split(line: &'static str) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (field, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            fields.push(field);
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        } else {
            match rest.split_once(',') {
                Some((field, next)) => {
                    fields.push(field);
                    rest = next;
                }
                None => {
                    fields.push(rest);
                    break;
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    static GENDER: Map = Map::new(
        "test-gender",
        "source_system,source_code,source_display,target_system,target_code,target_display,relationship,authority,note\n\
         urn:s,F,Female,http://hl7.org/fhir/administrative-gender,female,Female,equivalent,HL7,\n\
         urn:s,A,\"Ambiguous, said\",,,,unmatched,HL7,stays text\n",
    );

    #[test]
    fn rows_are_found_by_exact_code() {
        assert_eq!(GENDER.lookup("F").map(|t| t.code), Some("female"));
        assert!(GENDER.lookup("f").is_none());
        assert!(GENDER.lookup("A").is_none());
        assert_eq!(GENDER.row("A").map(|t| t.source_display), Some("Ambiguous, said"));
        assert!(GENDER.faults().is_empty());
    }

    #[test]
    fn it_exports_as_a_concept_map() {
        let map = GENDER.concept_map();
        assert_eq!(map["group"][0]["element"][0]["target"][0]["equivalence"], "equivalent");
        assert_eq!(map["group"][1]["element"][0]["code"], "A");
    }
}
