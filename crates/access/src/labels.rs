//! Labels of an item: what about it stands against showing it, found in the resource and in the restricted codes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::restricted::Restricted;

/// Confidentiality codes of HL7.
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// SNOMED CT concepts of flags that the person and carers must not be shown: adult safeguarding referral.
const SAFEGUARDING: &[&str] = &["514331000000104"];

/// Words of safeguarding flags as sources write them, in lower case.
const SAFEGUARDING_WORDS: &[(&str, &str)] = &[
    ("alleged perpetrator", "alleged-perpetrator"),
    ("marac", "marac"),
    ("mappa", "marac"),
    ("safeguarding", "safeguarding"),
    ("child protection plan", "safeguarding"),
    ("not to be visited unaccompanied", "third-party"),
];

/// Codes by which a resource gets a label, restricted ones aside.
pub(crate) fn marked_codes() -> impl Iterator<Item = &'static str> {
    SAFEGUARDING.iter().copied()
}

/// Words by which a resource gets a label, restricted terms aside.
pub(crate) fn marked_words() -> impl Iterator<Item = &'static str> {
    SAFEGUARDING_WORDS.iter().map(|(word, _)| *word)
}

/// Every label that policies may speak of.
pub const KNOWN: &[&str] = &[
    "alleged-perpetrator",
    "legally-restricted",
    "location",
    "marac",
    "safeguarding",
    "safety-only",
    "source-confidential",
    "source-very-confidential",
    "third-party",
    "withhold-from-person",
];

/// A set of labels.
pub type Labels = BTreeSet<String>;

/// The labels of a resource.
pub fn of(resource: &Value, restricted: &Restricted) -> Labels {
    let mut labels = Labels::new();
    // A label on a Patient is about where the person is: it is a flag of the person (step 3), not of this item.
    let own =
        if resource["resourceType"] == "Patient" { &Value::Null } else { &resource["meta"]["security"] };
    for label in own.as_array().into_iter().flatten() {
        let (system, code) = (label["system"].as_str(), label["code"].as_str().unwrap_or_default());
        match (system, code) {
            (Some(CONFIDENTIALITY) | None, "R") => labels.insert("source-confidential".to_owned()),
            (Some(CONFIDENTIALITY) | None, "V") => labels.insert("source-very-confidential".to_owned()),
            (_, "REDACTED" | "NOPAT" | "NOPATIENT") => labels.insert("withhold-from-person".to_owned()),
            (_, "NORELINK" | "NODSCLCD" | "NOAUTH") => labels.insert("source-very-confidential".to_owned()),
            (_, "safety-only") => labels.insert("safety-only".to_owned()),
            _ => false,
        };
    }
    if restricted_code(resource, restricted) {
        labels.insert("legally-restricted".to_owned());
    }
    if matches!(
        resource["resourceType"].as_str(),
        Some("Flag" | "DetectedIssue" | "RiskAssessment" | "Condition")
    ) {
        let mut codes = false;
        walk(&resource["code"], &mut |name, value| {
            codes |= name == "code" && value.as_str().is_some_and(|c| SAFEGUARDING.contains(&c));
        });
        if codes {
            labels.insert("safeguarding".to_owned());
        }
        let mut text = String::new();
        for part in ["code", "category"] {
            walk(&resource[part], &mut |name, value| {
                if matches!(name, "text" | "display")
                    && let Some(t) = value.as_str()
                {
                    text.push_str(&t.to_lowercase());
                    text.push('\n');
                }
            });
        }
        for (word, label) in SAFEGUARDING_WORDS {
            if text.contains(word) {
                labels.insert((*label).to_owned());
            }
        }
    }
    labels
}

/// Whether any coding in it is restricted, or any of its texts names one by its term. Narratives and what references display
/// are left to [`crate::withhold`], which cuts them out: they must not hide what else a resource says.
pub(crate) fn restricted_code(resource: &Value, restricted: &Restricted) -> bool {
    match resource {
        Value::Array(list) => list.iter().any(|v| restricted_code(v, restricted)),
        Value::Object(map) => {
            if let Some(code) = member(map, "code").and_then(Value::as_str)
                && restricted.has(member(map, "system").and_then(Value::as_str), code)
            {
                return true;
            }
            if member(map, "div").is_some() {
                return false;
            }
            let reference = member(map, "reference").is_some();
            map.iter()
                .any(|(name, value)| !(reference && name == "display") && restricted_code(value, restricted))
        }
        Value::String(text) => restricted.names(text),
        _ => false,
    }
}

/// A member of an object. Most have so few that looking at each costs less than hashing the name.
pub(crate) fn member<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    const FEW: usize = 12;
    match map.len() {
        0..FEW => map.iter().find(|(own, _)| *own == name).map(|(_, value)| value),
        _ => map.get(name),
    }
}

/// Calls `f` with each named value below, objects and arrays included.
pub(crate) fn walk<'v>(value: &'v Value, f: &mut dyn FnMut(&'v str, &'v Value)) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| walk(v, f)),
        Value::Object(map) => {
            for (name, value) in map {
                f(name, value);
                walk(value, f);
            }
        }
        _ => {}
    }
}
