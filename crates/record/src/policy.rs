//! What differs by adapter: how an update is to be read, and whether a message is a whole record.

use causeway_fhir::systems;
use serde_json::{Map, Value};

/// Adapters whose updates leave out what did not change. HL7 v2.4 chapter 2.10: a field that is empty is
/// unchanged, one that holds `""` is deleted.
const PARTIAL_UPDATES: &[&str] = &["hl7v2"];
/// Types to which that applies: what an ADT message tells again and again of the same thing.
const PARTIAL_TYPES: &[&str] = &["Patient", "Encounter"];
/// Adapters whose message is the whole record that a source holds of a person: what an older one held and the
/// newer does not was taken out there.
const SNAPSHOTS: &[&str] = &["gp2gp"];
/// Types that a snapshot does not supersede for being absent: the person themselves, and how facts came here.
const NEVER_SUPERSEDED: &[&str] = &["Patient", "Provenance"];
/// Elements of which only one of several forms may be present.
const CHOICES: &[&str] = &["deceased", "multipleBirth"];

/// Whether a message of this adapter is a whole record.
pub(crate) fn is_snapshot(adapter: &str) -> bool {
    SNAPSHOTS.contains(&adapter)
}

/// Whether a snapshot supersedes resources of this type.
pub(crate) fn can_be_superseded(kind: &str) -> bool {
    !NEVER_SUPERSEDED.contains(&kind)
}

/// The adapter that a resource's own tag names, else that of its message.
fn adapter_of<'a>(resource: &'a Map<String, Value>, adapter: &'a str) -> &'a str {
    let tags = resource.get("meta").and_then(|m| m.get("tag")).and_then(Value::as_array);
    tags.into_iter()
        .flatten()
        .find(|tag| tag.get("system").and_then(Value::as_str) == Some(systems::TAG_SOURCE))
        .and_then(|tag| tag.get("code").and_then(Value::as_str))
        .unwrap_or(adapter)
}

/// Whether an update of this resource tells only what changed.
pub(crate) fn is_partial_update(kind: &str, resource: &Map<String, Value>, adapter: &str) -> bool {
    PARTIAL_TYPES.contains(&kind) && PARTIAL_UPDATES.contains(&adapter_of(resource, adapter))
}

/// An update that tells only what changed, laid over what was known, per top-level element: an element that
/// the update has replaces the known one whole; one that it has not stays. A deletion is an element that
/// holds a data-absent-reason extension instead of a value (`_birthDate`, or a list of one such element): it
/// replaces the value like any other. Extensions are replaced by URL.
pub(crate) fn overlay(known: Map<String, Value>, update: Map<String, Value>) -> Map<String, Value> {
    let mut out = known;
    let told: Vec<String> = update.keys().cloned().collect();
    let tells = |name: &str| told.iter().any(|t| t == name);
    for (name, value) in update {
        if let Some(choice) = CHOICES.iter().find(|c| name.trim_start_matches('_').starts_with(**c)) {
            out.retain(|other, _| tells(other) || !other.trim_start_matches('_').starts_with(*choice));
        }
        match name.strip_prefix('_') {
            // A value without its own companion drops the companion that was known, and the other way round.
            None if !tells(&format!("_{name}")) => drop(out.shift_remove(&format!("_{name}"))),
            Some(bare) if !tells(bare) => drop(out.shift_remove(bare)),
            _ => {}
        }
        let value = match (name.as_str(), out.get_mut("extension"), value) {
            ("extension", Some(Value::Array(known)), Value::Array(new)) => {
                let url = |e: &Value| e.get("url").and_then(Value::as_str).map(str::to_owned);
                let urls: Vec<_> = new.iter().map(url).collect();
                let mut all: Vec<Value> = known.drain(..).filter(|e| !urls.contains(&url(e))).collect();
                all.extend(new);
                Value::Array(all)
            }
            (_, _, value) => value,
        };
        out.insert(name, value);
    }
    out
}

/// Whether a resource is shown only with its history: entered in error, or a result that was cancelled.
pub(crate) fn is_withdrawn(kind: &str, resource: &Map<String, Value>) -> bool {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("");
    let status = text("status");
    let is_result = matches!(kind, "Observation" | "DiagnosticReport");
    if status == "entered-in-error" || (is_result && status == "cancelled") {
        return true;
    }
    let verification =
        resource.get("verificationStatus").and_then(|v| v.get("coding")).and_then(Value::as_array);
    verification
        .into_iter()
        .flatten()
        .any(|coding| coding.get("code").and_then(Value::as_str) == Some("entered-in-error"))
}

/// Whether the source corrected it.
pub(crate) fn is_corrected(resource: &Map<String, Value>) -> bool {
    matches!(resource.get("status").and_then(Value::as_str), Some("corrected" | "amended" | "appended"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    #[test]
    fn absent_stays_present_replaces_marked_deletes() {
        let absent = json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "not-applicable"}]});
        let known = map(
            json!({"id": "p", "gender": "female", "birthDate": "1941-02-03", "deceasedBoolean": false,
            "telecom": [{"value": "1"}], "extension": [{"url": "a", "valueCode": "1"}, {"url": "b", "valueCode": "2"}]}),
        );
        let update = map(
            json!({"id": "p", "_birthDate": absent, "telecom": [absent], "deceasedDateTime": "2025-01-01",
            "extension": [{"url": "b", "valueCode": "3"}]}),
        );
        let out = Value::Object(overlay(known, update));
        assert_eq!(
            out,
            json!({"id": "p", "gender": "female", "_birthDate": absent, "telecom": [absent],
            "deceasedDateTime": "2025-01-01",
            "extension": [{"url": "a", "valueCode": "1"}, {"url": "b", "valueCode": "3"}]})
        );
    }

    #[test]
    fn a_value_told_again_ends_its_deletion() {
        let out = overlay(map(json!({"_gender": {"extension": []}})), map(json!({"gender": "male"})));
        assert_eq!(Value::Object(out), json!({"gender": "male"}));
    }
}
