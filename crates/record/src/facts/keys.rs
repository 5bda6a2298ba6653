//! Names, values and times in the one spelling in which tellings are compared.

use std::collections::HashMap;

use serde_json::{Map, Value};

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

/// SNOMED CT findings that say there is no allergy: no known allergy, drug, food, environmental, latex; no
/// history of drug allergy.
pub(crate) const NO_KNOWN_ALLERGY: &[&str] = &[
    "716186003",
    "409137002",
    "429625007",
    "428607008",
    "1003774007",
    "160244002",
    "716184000",
    "716185004",
];

/// Codes that say of what kind an entry is and not what it is about: what a GP system writes where a code was lost on the
/// way (GP2GP, transfer-degraded entries), and headings. Two entries are not one thing because each has such a code.
const OF_ANYTHING: &[&str] = &[
    "196411000000103",
    "196421000000109",
    "196431000000106",
    "196441000000102",
    "196451000000104",
    "196461000000101",
    "196471000000108",
    // Allergy, drug allergy, food allergy, allergy to substance, propensity to adverse reactions (to drug, food, substance).
    "106190000",
    "416098002",
    "414285001",
    "419199007",
    "420134006",
    "419511003",
    "418471000",
    "418038007",
    // Medicinal product; clinical finding; disease.
    "763158003",
    "404684003",
    "64572001",
    // Read: history of drug allergy.
    "14L..",
];

/// Code systems whose codes say that nothing is said.
const OF_NOTHING: &[&str] = &[
    "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
];

/// What it is about: each coding, and each wording.
pub(crate) fn names(map: &Map<String, Value>) -> Vec<String> {
    let concept =
        map.get("code").or_else(|| map.get("vaccineCode")).or_else(|| map.get("medicationCodeableConcept"));
    let mut names = Vec::new();
    if let Some(Value::Object(concept)) = concept {
        add_names(concept, &mut names);
    }
    names
}

/// The codings and wordings of a concept.
pub(crate) fn add_names(concept: &Map<String, Value>, names: &mut Vec<String>) {
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for coding in concept.get("coding").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or("");
        let code = code_of(part("system"), part("code"));
        if OF_ANYTHING.contains(&code) || OF_NOTHING.contains(&part("system")) {
            continue;
        }
        if !code.is_empty() {
            add(format!("{}|{code}", part("system")));
        }
        add_wording(part("display"), &mut add);
    }
    add_wording(concept.get("text").and_then(Value::as_str).unwrap_or(""), &mut add);
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
pub(crate) fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The value of an observation with its comparator and unit, and its components' in order. `None` where it
/// has no value of its own: a heading, of which nothing can be said to be the same.
pub(crate) fn value_of(map: &Map<String, Value>) -> Option<String> {
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

/// A compared value in words: the lines of components with a semicolon between.
pub(crate) fn decimal_words(value: &str) -> String {
    value.trim().replace('\n', "; ")
}

/// A decimal without zeros that don't count: 7.10 and 7.1 are one value. Anything with an exponent stays.
fn decimal(text: &str) -> String {
    if !text.contains('.') || text.contains(['e', 'E']) {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A unit in one spelling: no blanks, lower case, powers of ten as `10*`.
pub(crate) fn unit(text: &str) -> String {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    plain.replace("x10", "10").replace("10^", "10*").replace("**", "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_code_that_fits_anything_names_nothing() {
        let concept = json!({"coding": [
            {"system": "http://snomed.info/sct", "code": "196461000000101", "display": "Transfer-degraded drug allergy"},
            {"system": "http://read.info/readv2", "code": "14L..00", "display": "H/O: drug allergy"},
            {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"},
            {"system": "http://read.info/readv2", "code": "44I5.00", "display": "Serum sodium"}], "text": "Amoxicillin"});
        let mut names = Vec::new();
        add_names(concept.as_object().unwrap(), &mut names);
        assert_eq!(names, ["http://read.info/readv2|44I5.", "text serum sodium", "text amoxicillin"]);
    }

    #[test]
    fn spelling_does_not_matter_but_value_unit_and_comparator_do() {
        let with = |value: &str, unit: &str, comparator: &str| {
            let value: Value = serde_json::from_str(value).unwrap();
            let quantity = json!({"valueQuantity": {"value": value, "unit": unit, "comparator": comparator}});
            value_of(quantity.as_object().unwrap()).unwrap()
        };
        let one = with("140.0", "10^9/L", "");
        assert_eq!(one, with("140", "x10*9/l", ""));
        assert_ne!(one, with("140.1", "10^9/L", ""));
        assert_ne!(one, with("140", "g/L", ""));
        assert_ne!(one, with("140", "10^9/L", "<"));
        assert_eq!(value_of(&Map::new()), None);
        assert_eq!(words("Serum  Sodium (mmol)"), "serum sodium mmol");
    }
}
