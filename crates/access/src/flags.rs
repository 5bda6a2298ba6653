//! What sources told of a person's choices.

use serde_json::Value;

use crate::choices::{Change, Choice, TYPE_ONE_CODE};
use crate::meta::organisation_of;
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
