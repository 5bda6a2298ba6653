//! What a Patient says of a person, which of several is displayed, and where they differ.

use std::collections::BTreeSet;

use causeway_core::NhsNumber;
use causeway_fhir::systems;
use serde_json::{Map, Value};

use crate::model::{Demographics, Difference, Member, Version};
use crate::paths::{first_text, fold, walk};

/// Codes of UK Core's NHS number verification status that mean "present and verified".
const VERIFIED: &[&str] = &["01", "number-present-and-verified"];

pub(crate) fn member(patient: String, replaced_by: String, version: Version) -> Member {
    let empty = Map::new();
    let map = version.resource.as_object().unwrap_or(&empty);
    Member {
        patient,
        demographics: demographics(map),
        replaced_by,
        inactive: map.get("active") == Some(&Value::Bool(false)),
        security: labels(map),
        source: version.source,
    }
}

/// The rule of display: see [`crate::Record::person`].
pub(crate) fn rank(member: &Member) -> (bool, bool, bool, jiff::Timestamp) {
    (
        member.replaced_by.is_empty() && !member.inactive,
        member.demographics.nhs_number_verified,
        !member.demographics.nhs_number.is_empty(),
        member.source.received,
    )
}

pub(crate) fn chosen(members: &[Member]) -> Option<&Member> {
    members.iter().max_by_key(|m| rank(m))
}

/// Security labels: system and code.
pub(crate) fn labels(map: &Map<String, Value>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let labels = map.get("meta").and_then(|m| m.get("security")).and_then(Value::as_array);
    for label in labels.into_iter().flatten() {
        let text = |name: &str| label.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        out.push((text("system"), text("code")));
    }
    out
}

/// What a Patient says, for display.
fn demographics(map: &Map<String, Value>) -> Demographics {
    let names = map.get("name").and_then(Value::as_array);
    let rank = |name: &&Value| match name.get("use").and_then(Value::as_str) {
        Some("official") => 0,
        Some("usual") => 1,
        None => 2,
        _ => 3,
    };
    let name = names.into_iter().flatten().min_by_key(rank).and_then(Value::as_object);
    let mut out = Demographics {
        birth_date: first_text(map, &["birthDate"]).to_owned(),
        gender: first_text(map, &["gender"]).to_owned(),
        deceased: match map.get("deceasedBoolean") {
            Some(Value::Bool(true)) => "true".to_owned(),
            _ => first_text(map, &["deceasedDateTime"]).to_owned(),
        },
        general_practice: first_text(
            map,
            &[
                "generalPractitioner.display",
                "generalPractitioner.identifier.value",
                "generalPractitioner.reference",
            ],
        )
        .to_owned(),
        ..Demographics::default()
    };
    if let Some(name) = name {
        out.family = first_text(name, &["family"]).to_owned();
        out.given = joined(name, &["given"], " ");
        out.name = match first_text(name, &["text"]) {
            "" => joined(name, &["prefix", "given", "family", "suffix"], " "),
            text => text.to_owned(),
        };
    }
    let addresses = map.get("address").and_then(Value::as_array);
    let ended = |a: &&Value| a.get("use").and_then(Value::as_str) == Some("old");
    if let Some(address) = addresses.into_iter().flatten().min_by_key(ended).and_then(Value::as_object) {
        let parts = joined(address, &["line", "city", "district", "postalCode"], ", ");
        out.address = if parts.is_empty() { first_text(address, &["text"]).to_owned() } else { parts };
    }
    walk(map, "telecom.value", &mut |value| out.telecom.extend(value.as_str().map(str::to_owned)));
    identifiers(map, &mut out);
    out
}

fn joined(map: &Map<String, Value>, paths: &[&str], between: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for path in paths {
        walk(map, path, &mut |value| parts.extend(value.as_str().filter(|t| !t.is_empty())));
    }
    parts.join(between)
}

fn identifiers(map: &Map<String, Value>, out: &mut Demographics) {
    for identifier in map.get("identifier").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or("");
        let number = NhsNumber::parse(text("value")).ok().filter(|_| text("system") == systems::NHS_NUMBER);
        match number {
            Some(number) if text("use") != "old" && out.nhs_number.is_empty() => {
                out.nhs_number = number.as_str().to_owned();
                out.nhs_number_verified = is_verified(identifier);
            }
            _ => out.identifiers.push((text("system").to_owned(), text("value").to_owned())),
        }
    }
}

/// Whether an extension of the identifier says that the number is verified (UK Core, NHS number
/// verification status).
fn is_verified(identifier: &Value) -> bool {
    let extensions = identifier.get("extension").and_then(Value::as_array);
    let concepts = extensions.into_iter().flatten().filter_map(|e| e.get("valueCodeableConcept"));
    concepts
        .filter_map(|c| c.get("coding").and_then(Value::as_array))
        .flatten()
        .filter_map(|coding| coding.get("code").and_then(Value::as_str))
        .any(|code| VERIFIED.contains(&code))
}

/// Where the sources differ.
pub(crate) fn differences(members: &[Member]) -> Vec<Difference> {
    type Pick = fn(&Demographics) -> String;
    let elements: [(&'static str, Pick); 5] = [
        ("birthDate", |d| d.birth_date.clone()),
        ("gender", |d| d.gender.clone()),
        ("family", |d| fold(&d.family)),
        ("nhsNumber", |d| d.nhs_number.clone()),
        ("deceased", |d| d.deceased.clone()),
    ];
    let standing: Vec<&Member> = members.iter().filter(|m| m.replaced_by.is_empty()).collect();
    let mut out = Vec::new();
    for (element, pick) in elements {
        let told: BTreeSet<String> =
            standing.iter().map(|m| pick(&m.demographics)).filter(|v| !v.is_empty()).collect();
        if told.len() > 1 {
            let values = standing
                .iter()
                .map(|m| (pick(&m.demographics), m.source.organisation.clone()))
                .filter(|(value, _)| !value.is_empty())
                .collect();
            out.push(Difference { element, values });
        }
    }
    out
}
