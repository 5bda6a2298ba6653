//! A row of the table of codes: what a code of the sender's means.

use causeway_profile::{Severity, check_value};
use causeway_terminology::{Relationship, map};
use serde_json::json;

use crate::row::Row;

/// What a code means elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// `None` where the row says that there is no code for it.
    pub(crate) target: Option<Target>,
    /// Words of the source code, for the text of a concept that has none.
    pub(crate) source_display: String,
}

/// A code to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
}

/// Beginnings of systems that identify people, organisations and messages, or labels of protection: no code systems.
const NO_CODE_SYSTEMS: [&str; 5] = [
    "https://fhir.nhs.uk/Id/",
    "http://fhir.nhs.net/Id/",
    "https://fhir.causeway.example/Id/",
    "https://fhir.causeway.example/CodeSystem/",
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
];

impl Code {
    /// Columns, those of the adapters' own tables.
    pub(crate) const COLUMNS: [&'static str; 9] = map::COLUMNS;

    /// The ones that must be there.
    pub(crate) const NEEDED: [&'static str; 6] =
        ["source_system", "source_code", "target_system", "target_code", "target_display", "authority"];

    /// Reads a row; the error says what is wrong with it.
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, String> {
        for column in ["source_system", "source_code", "authority"] {
            if row.cell(column).is_empty() {
                return Err(format!("{column} is empty"));
            }
        }
        let relationship = match row.cell("relationship") {
            "" => Relationship::Equivalent,
            text => Relationship::parse(text)
                .ok_or("relationship is none of: equivalent, wider, narrower, inexact, unmatched")?,
        };
        let source_display = row.cell("source_display").to_owned();
        let [system, code, display] = ["target_system", "target_code", "target_display"].map(|c| row.cell(c));
        if relationship == Relationship::Unmatched {
            return match (system, code) {
                ("", "") => Ok(Self { target: None, source_display }),
                _ => Err("relationship: a row that is unmatched has no target".to_owned()),
            };
        }
        if !is_uri(system) {
            return Err("target_system is no absolute URI".to_owned());
        }
        if NO_CODE_SYSTEMS.iter().any(|start| system.starts_with(start)) {
            return Err("target_system is no system of clinical or administrative codes".to_owned());
        }
        if !is_code(code) {
            return Err("target_code is empty, too long, or has blanks where a code may have none".to_owned());
        }
        if display.is_empty() {
            return Err("target_display is empty: nobody can read the code without it".to_owned());
        }
        judged(system, code, display)?;
        // A target that says more than the source would be invented.
        let target = (relationship != Relationship::Narrower).then(|| Target {
            system: system.to_owned(),
            code: code.to_owned(),
            display: display.to_owned(),
        });
        Ok(Self { target, source_display })
    }
}

/// Whether R4 and its code systems, as far as they are known here, take the coding.
fn judged(system: &str, code: &str, display: &str) -> Result<(), String> {
    let coding = json!({"system": system, "code": code, "display": display});
    let probe = json!({"resourceType": "Basic", "id": "a", "code": {"coding": [coding]}});
    if causeway_profile::Definitions::uk_core().lacks(system, code) {
        return Err("target_code is not in its code system".to_owned());
    }
    let report = check_value(&probe);
    let about_code = |f: &&causeway_profile::Finding| {
        f.severity == Severity::Error || f.severity == Severity::Warning && f.path.contains("coding")
    };
    match report.findings.iter().find(about_code) {
        Some(finding) => {
            Err(format!("target_code: the target is not valid ({}): {}", finding.rule, finding.text))
        }
        None => Ok(()),
    }
}

/// Whether a text is an absolute URI without blanks.
pub(crate) fn is_uri(text: &str) -> bool {
    let scheme = ["http://", "https://", "urn:oid:", "urn:uuid:", "urn:iso:", "urn:ietf:"];
    scheme.iter().any(|s| text.strip_prefix(s).is_some_and(|rest| !rest.is_empty()))
        && text
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '<' | '>' | '|' | '\\'))
}

/// Whether a text has the form of a FHIR `code`.
fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= 255
        && text.split(' ').all(|word| !word.is_empty() && !word.chars().any(char::is_whitespace))
}
