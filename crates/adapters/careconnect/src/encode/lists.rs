//! The lists by which a reader of GP Connect finds what a record holds.

use causeway_adapter::Context;
use serde_json::{Map, Value, json};

use causeway_stu3::encode::kind;

/// Lists of a structured record: code, title, and the type whose resources they name.
/// Source: GP Connect Access Record Structured, resource List.
const LISTS: [(&str, &str, &str); 5] = [
    ("886921000000105", "Allergies and adverse reactions", "AllergyIntolerance"),
    ("933361000000108", "Medications and medical devices", "MedicationStatement"),
    ("717711000000103", "Problems", "Condition"),
    ("1102181000000102", "Immunisations", "Immunization"),
    ("1149501000000101", "List of consultations", "Encounter"),
];

/// Adds the lists that the record does not have, for what it holds.
pub(crate) fn complete(out: &mut Vec<Value>, entries: &[(&str, &Map<String, Value>)], context: &Context) {
    let says = |list: &Map<String, Value>, code: &str| {
        let codings = list.get("code").and_then(|c| c["coding"].as_array());
        codings.into_iter().flatten().any(|c| c["code"] == code)
    };
    let lists: Vec<&Map<String, Value>> =
        entries.iter().filter(|(_, r)| kind(r) == "List").map(|(_, r)| *r).collect();
    let patient = entries.iter().find(|(_, r)| kind(r) == "Patient");
    let patient = patient.and_then(|(_, r)| r.get("id")).and_then(Value::as_str).unwrap_or("");
    for (code, title, holds) in LISTS {
        let ids: Vec<&str> = entries
            .iter()
            .filter(|(_, r)| kind(r) == holds)
            .filter_map(|(_, r)| r.get("id").and_then(Value::as_str))
            .collect();
        if ids.is_empty() || lists.iter().any(|list| says(list, code)) {
            continue;
        }
        let items: Vec<Value> =
            ids.iter().map(|id| json!({"item": {"reference": format!("{holds}/{id}")}})).collect();
        out.push(json!({"resource": {
            "resourceType": "List",
            "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-List-1"]},
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": title}]},
            "subject": {"reference": format!("Patient/{patient}")},
            "date": context.received.to_string(),
            "entry": items,
        }}));
    }
}
