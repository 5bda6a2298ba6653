//! What sources told that stands for or against opening a person's record: her choices, a child's safeguarding.

use serde_json::Value;

use crate::choices::{Change, Choice, TYPE_ONE_CODE};
use crate::meta::organisation_of;
use crate::skim::Skimmed;
use crate::standing::Standing;

/// Adds the choices that sources told: a sensitive Patient, a type 1 opt-out in the GP record.
pub fn sourced_choices(resources: &[&Value], standing: &mut Standing) {
    let mut add = |choice: Choice, resource: &Value| {
        if !standing.choices.is_on(choice) && standing.choices.latest(choice).is_none() {
            standing.choices.history.push(Change {
                choice,
                on: true,
                at: jiff::Timestamp::UNIX_EPOCH,
                source: format!("told by {}", organisation_of(resource)),
            });
        }
    };
    for resource in resources {
        match resource["resourceType"].as_str() {
            Some("Patient") => {
                let labels = resource["meta"]["security"].as_array().into_iter().flatten();
                if labels
                    .filter_map(|l| l["code"].as_str())
                    .any(|c| matches!(c, "R" | "V" | "S" | "REDACTED"))
                {
                    add(Choice::Sensitive, resource);
                }
            }
            Some("Condition" | "Observation" | "Consent" | "Flag" | "Procedure")
                if tells_type_one(resource) =>
            {
                add(Choice::TypeOne, resource);
            }
            _ => {}
        }
    }
}

/// Whether a code in it is that of a type 1 opt-out.
pub(crate) fn tells_type_one(resource: &Value) -> bool {
    let mut found = false;
    crate::labels::walk(resource, &mut |name, value| found |= name == "code" && value == TYPE_ONE_CODE);
    found
}

/// Whether a source flags a safeguarding concern and the person is under 18.
pub(crate) fn is_safeguarded_child(all: &[Skimmed], now: jiff::Timestamp) -> bool {
    let today = now.to_string();
    let limit = today.get(..4).and_then(|y| y.parse::<i32>().ok()).map(|y| y - 18);
    let mut patients = all.iter().map(|one| &one.value).filter(|r| r["resourceType"] == "Patient");
    let is_child = patients.any(|r| {
        let born = r["birthDate"].as_str().unwrap_or_default();
        match (limit, born.get(..4).and_then(|y| y.parse::<i32>().ok())) {
            (Some(limit), Some(year)) if year == limit => {
                born.get(4..10).unwrap_or("-12-31") > today.get(4..10).unwrap_or_default()
            }
            (Some(limit), Some(year)) => year > limit,
            _ => false,
        }
    });
    is_child && all.iter().any(|one| crate::sections::section_of(&one.value, &one.adapter) == "safeguarding")
}
