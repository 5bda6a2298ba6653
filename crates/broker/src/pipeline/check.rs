//! The check of translated bundles against R4 and UK Core. What breaks a rule is marked and told, never dropped.

use causeway_core::NhsNumber;
use causeway_fhir::systems::{CAUSEWAY_ISSUE, NHS_NUMBER};
use causeway_profile::{Finding, Severity};
use serde_json::{Value, json};

use crate::limits::CHECK_FINDINGS_MAX;
use crate::state::AppState;

/// Code system of the tag that marks a resource which breaks a rule of R4.
pub(crate) const TAG_CHECK: &str = "https://fhir.causeway.example/CodeSystem/check";
/// The tag's code.
pub(crate) const TAG_INVALID: &str = "r4-invalid";

/// Persons that are noted of one translation.
const PERSONS_NOTED: usize = 2;

/// What the check says of one translation.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Findings as elements of `OperationOutcome.issue`.
    pub(crate) issues: Vec<Value>,
    /// Errors found, also those beyond the limit of what is kept.
    pub(crate) errors: u64,
    /// Warnings found.
    pub(crate) warnings: u64,
    /// Resources marked.
    pub(crate) marked: u64,
    /// Digests of the first persons in it, without repetition: two are enough to know that it is about several.
    pub(crate) persons: Vec<String>,
}

impl Checked {
    /// Checks one bundle; gives its bytes back, changed only where a resource had to be marked, and what they say.
    pub(crate) fn bundle(
        &mut self,
        state: &AppState,
        number: u64,
        json: Vec<u8>,
    ) -> (Vec<u8>, Option<Value>) {
        let Ok(mut bundle) = serde_json::from_slice::<Value>(&json) else {
            self.errors += 1;
            self.issues.push(issue("error", "r4/json", "the bundle is not readable as JSON", number, ""));
            return (json, None);
        };
        self.note_persons(state, &bundle);
        let report = causeway_profile::check_value(&bundle);
        let mut broken = Vec::new();
        for finding in &report.findings {
            match finding.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Information => continue,
            }
            if finding.severity == Severity::Error
                && let Some(entry) = entry_of(finding)
                && broken.last() != Some(&entry)
            {
                broken.push(entry);
            }
            if self.issues.len() < CHECK_FINDINGS_MAX {
                let severity = finding.severity.code();
                self.issues.push(issue(severity, &finding.rule, &finding.text, number, &finding.path));
            }
        }
        broken.sort_unstable();
        broken.dedup();
        if broken.is_empty() {
            return (json, Some(bundle));
        }
        for entry in broken {
            self.marked += u64::from(mark(&mut bundle, entry));
        }
        match serde_json::to_vec(&bundle) {
            Ok(marked) => (marked, Some(bundle)),
            Err(_) => (json, None),
        }
    }

    fn note_persons(&mut self, state: &AppState, bundle: &Value) {
        if self.persons.len() >= PERSONS_NOTED {
            return;
        }
        let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        for patient in entries.iter().map(|e| &e["resource"]).filter(|r| r["resourceType"] == "Patient") {
            let digest = person_of(state, patient);
            if self.persons.len() < PERSONS_NOTED && !self.persons.contains(&digest) {
                self.persons.push(digest);
            }
        }
    }
}

/// The digest of the person that a Patient is about: by NHS number, else by its first identifier, else by id.
fn person_of(state: &AppState, patient: &Value) -> String {
    let identifiers = patient["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = identifiers
        .iter()
        .filter(|i| i["system"] == NHS_NUMBER)
        .find_map(|i| NhsNumber::parse(i["value"].as_str()?).ok());
    if let Some(number) = number {
        return state.person_digest(number);
    }
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    match identifiers.first() {
        Some(first) => state.digest(&format!("{}|{}", text(&first["system"]), text(&first["value"]))),
        None => state.digest(&text(&patient["id"])),
    }
}

/// The entry that a finding is about.
fn entry_of(finding: &Finding) -> Option<usize> {
    finding.path.strip_prefix("Bundle.entry[")?.split_once(']')?.0.parse().ok()
}

fn mark(bundle: &mut Value, entry: usize) -> bool {
    let Some(resource) = bundle["entry"].get_mut(entry).and_then(|e| e.get_mut("resource")) else {
        return false;
    };
    let Some(object) = resource.as_object_mut() else { return false };
    let meta = object.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return false };
    let tags = meta.entry("tag").or_insert_with(|| json!([]));
    let Some(tags) = tags.as_array_mut() else { return false };
    tags.push(json!({"system": TAG_CHECK, "code": TAG_INVALID, "display": "Breaks a rule of FHIR R4"}));
    true
}

fn issue(severity: &str, rule: &str, text: &str, number: u64, path: &str) -> Value {
    let mut issue = json!({
        "severity": severity,
        "code": if rule.starts_with("r4/") { "structure" } else { "invariant" },
        "details": {"coding": [{"system": CAUSEWAY_ISSUE, "code": rule}], "text": text},
        "diagnostics": format!("bundle {}: {}", number + 1, if path.is_empty() { "whole" } else { path }),
    });
    if !path.is_empty() {
        issue["expression"] = json!([path]);
    }
    issue
}
