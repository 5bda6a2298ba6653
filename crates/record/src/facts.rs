//! Keys under which the same fact, told by another source, is recognised.
//!
//! Two resources tell the same fact where kind, day (London), value with comparator and unit are equal and
//! they share a coding or the wording of what it is about. That is deliberately narrow: a fact that is not
//! recognised is shown twice, one that is grouped wrongly would hide a fact.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::dates;
use crate::model::Key;
use crate::paths::{first_text, walk};

/// Times of results that have none of their own: when the specimen was collected, else when the report says,
/// else when the report was issued. A laboratory tells the time there and not with each result.
#[derive(Debug, Default)]
pub(crate) struct Times(HashMap<String, String>);

impl Times {
    /// From the resources of one message, or of one person.
    pub(crate) fn of<'r>(resources: impl Iterator<Item = (&'r Key, &'r Map<String, Value>)> + Clone) -> Self {
        let mut specimens = HashMap::new();
        for (key, map) in resources.clone().filter(|(key, _)| key.kind == "Specimen") {
            let time = first_text(map, &["collection.collectedDateTime", "collection.collectedPeriod.start"]);
            if !time.is_empty() {
                specimens.insert(key.reference(), time.to_owned());
            }
        }
        let mut out = HashMap::new();
        let of_specimen =
            |map: &Map<String, Value>| specimens.get(first_text(map, &["specimen.reference"])).cloned();
        for (key, map) in resources.clone().filter(|(key, _)| key.kind == "DiagnosticReport") {
            let told = first_text(map, &["effectiveDateTime", "effectivePeriod.start"]);
            let told = if told.is_empty() { None } else { Some(told.to_owned()) };
            let issued = first_text(map, &["issued"]);
            let Some(time) =
                of_specimen(map).or(told).or_else(|| Some(issued.to_owned()).filter(|t| !t.is_empty()))
            else {
                continue;
            };
            walk(map, "result.reference", &mut |result| {
                out.extend(result.as_str().map(|result| (result.to_owned(), time.clone())));
            });
            out.insert(key.reference(), time);
        }
        for (key, map) in resources.filter(|(key, _)| key.kind == "Observation") {
            if let Some(time) = of_specimen(map) {
                out.insert(key.reference(), time);
            }
        }
        Self(out)
    }

    /// The time of a resource; empty where none is told.
    pub(crate) fn get(&self, key: &Key) -> &str {
        self.0.get(&key.reference()).map_or("", String::as_str)
    }
}

/// Bytes kept of a key's SHA-256.
const KEY_BYTES: usize = 16;

/// Keys of one resource.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Same fact.
    pub keys: Vec<Vec<u8>>,
    /// Same thing measured, whatever the value: where two sources differ here, they contradict each other.
    pub slots: Vec<Vec<u8>>,
    /// Minute since 1970, where the time is told that closely.
    pub minute: Option<i64>,
}

/// The keys of a resource; none for types that are not grouped. `elsewhere` is its time where it has none of
/// its own.
pub(crate) fn of(kind: &str, map: &Map<String, Value>, elsewhere: &str) -> Facts {
    let (time, value) = match kind {
        "Observation" => (
            first_text(map, &["effectiveDateTime", "effectivePeriod.start", "effectiveInstant"]),
            value_of(map),
        ),
        "DiagnosticReport" => {
            (first_text(map, &["effectiveDateTime", "effectivePeriod.start"]), Some(String::new()))
        }
        "Immunization" => (first_text(map, &["occurrenceDateTime"]), Some(String::new())),
        "Condition" => (first_text(map, &["onsetDateTime", "onsetPeriod.start"]), Some(String::new())),
        "AllergyIntolerance" => ("", Some(String::new())),
        _ => return Facts::default(),
    };
    let time = if time.is_empty() { elsewhere } else { time };
    let day = match (kind, dates::day(time)) {
        ("AllergyIntolerance", _) => String::new(),
        (_, Some(day)) => day,
        (_, None) => return Facts::default(),
    };
    let names = names(map);
    let minute = dates::minute(time);
    let key = |parts: &[&str]| {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().take(KEY_BYTES).copied().collect::<Vec<u8>>()
    };
    let keys = match &value {
        Some(value) => names.iter().map(|name| key(&[kind, name, &day, value])).collect(),
        None => Vec::new(),
    };
    // Only a time that is told to the minute makes two values a contradiction and not two measurements.
    let slots = match (kind, minute, &value) {
        ("Observation", Some(minute), Some(_)) => {
            names.iter().map(|name| key(&["slot", name, &minute.to_string()])).collect()
        }
        _ => Vec::new(),
    };
    Facts { keys, slots, minute }
}

/// What it is about: each coding, and each wording.
fn names(map: &Map<String, Value>) -> Vec<String> {
    let concept = map.get("code").or_else(|| map.get("vaccineCode"));
    let Some(Value::Object(concept)) = concept else { return Vec::new() };
    let mut names = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for coding in concept.get("coding").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or("");
        if !part("code").is_empty() {
            add(format!("{}|{}", part("system"), code_of(part("system"), part("code"))));
        }
        add_wording(part("display"), &mut add);
    }
    add_wording(concept.get("text").and_then(Value::as_str).unwrap_or(""), &mut add);
    names
}

fn add_wording(text: &str, add: &mut dyn FnMut(String)) {
    let words = words(text);
    if !words.is_empty() {
        add(format!("text {words}"));
    }
}

/// A code as it is compared: a Read version 2 code without the two digits of its term.
fn code_of<'a>(system: &str, code: &'a str) -> &'a str {
    match code.get(..5) {
        Some(five) if system == causeway_fhir::systems::READ_V2 && code.len() == 7 => five,
        _ => code,
    }
}

/// Letters and digits in lower case, one blank between words.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The value of an observation with its comparator and unit, and its components' in order. `None` where it
/// has no value of its own: a heading, of which nothing can be said to be the same.
fn value_of(map: &Map<String, Value>) -> Option<String> {
    let mut out = one_value(map).unwrap_or_default();
    let components = map.get("component").and_then(Value::as_array);
    for component in components.into_iter().flatten().filter_map(Value::as_object) {
        let code = first_text(component, &["code.coding.code", "code.text"]);
        if let Some(value) = one_value(component) {
            out.push_str(&format!("\n{code}={value}"));
        }
    }
    (!out.is_empty()).then_some(out)
}

fn one_value(map: &Map<String, Value>) -> Option<String> {
    if let Some(quantity) = map.get("valueQuantity").and_then(Value::as_object) {
        let number = match quantity.get("value")? {
            Value::Number(number) => decimal(&number.to_string()),
            _ => return None,
        };
        let comparator = first_text(quantity, &["comparator"]);
        return Some(format!("{comparator}{number} {}", unit(first_text(quantity, &["unit", "code"]))));
    }
    for name in ["valueInteger", "valueBoolean", "valueDateTime", "valueTime"] {
        if let Some(value) = map.get(name) {
            return Some(value.to_string());
        }
    }
    let text = first_text(
        map,
        &[
            "valueString",
            "valueCodeableConcept.text",
            "valueCodeableConcept.coding.display",
            "valueCodeableConcept.coding.code",
        ],
    );
    let words = words(text);
    (!words.is_empty()).then_some(words)
}

/// A decimal without zeros that don't count: 7.10 and 7.1 are one value. Anything with an exponent stays.
fn decimal(text: &str) -> String {
    if !text.contains('.') || text.contains(['e', 'E']) {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A unit in one spelling: no blanks, lower case, powers of ten as `10*`.
fn unit(text: &str) -> String {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    plain.replace("x10", "10").replace("10^", "10*").replace("**", "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(value: Value) -> Facts {
        value.as_object().map(|map| of("Observation", map, "")).unwrap_or_default()
    }

    fn same(a: &Facts, b: &Facts) -> bool {
        a.keys.iter().any(|k| b.keys.contains(k))
    }

    #[test]
    fn spelling_does_not_matter_but_value_unit_comparator_and_day_do() {
        let with = |value: &str, unit: &str, comparator: &str, time: &str| {
            let value: Value = serde_json::from_str(value).unwrap();
            keys(json!({"code": {"text": "Serum  Sodium"}, "effectiveDateTime": time,
                "valueQuantity": {"value": value, "unit": unit, "comparator": comparator}}))
        };
        let one = with("140.0", "10^9/L", "", "2025-03-01");
        assert!(same(&one, &with("140", "x10*9/l", "", "2025-03-01T09:00:00Z")));
        assert!(!same(&one, &with("140.1", "10^9/L", "", "2025-03-01")));
        assert!(!same(&one, &with("140", "g/L", "", "2025-03-01")));
        assert!(!same(&one, &with("140", "10^9/L", "<", "2025-03-01")));
        assert!(!same(&one, &with("140", "10^9/L", "", "2025-03-02")));
    }

    #[test]
    fn what_has_no_value_or_no_day_has_no_key() {
        assert!(keys(json!({"code": {"text": "a"}, "effectiveDateTime": "2025-03-01"})).keys.is_empty());
        assert!(
            keys(json!({"code": {"text": "a"}, "effectiveDateTime": "2025", "valueString": "x"}))
                .keys
                .is_empty()
        );
    }
}
