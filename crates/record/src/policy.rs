//! What differs by format: how an update is to be read, and what a whole record ends.

use causeway_core::Telling;
use causeway_fhir::systems;
use serde_json::{Map, Value};

/// Types of which a format that tells what changed ([`Telling::Delta`]) leaves out the rest: what an ADT message
/// tells again and again of the same thing.
const PARTIAL_TYPES: &[&str] = &["Patient", "Encounter"];
/// Types that a snapshot does not supersede for being absent: the person themselves, and how facts came here.
const NEVER_SUPERSEDED: &[&str] = &["Patient", "Provenance"];
/// Elements of which only one of several forms may be present.
const CHOICES: &[&str] = &["deceased", "multipleBirth"];

/// Whether a snapshot supersedes resources of this type.
pub(crate) fn can_be_superseded(kind: &str) -> bool {
    !NEVER_SUPERSEDED.contains(&kind)
}

/// Whether more than its text and its outline is asked of a resource of this type when it is taken in: who it is, or what an
/// update leaves of what was known.
pub(crate) fn is_asked_again(kind: &str) -> bool {
    PARTIAL_TYPES.contains(&kind)
}

/// Whether an update of this type tells only what changed.
pub(crate) fn is_partial_update(kind: &str, telling: Telling) -> bool {
    telling == Telling::Delta && PARTIAL_TYPES.contains(&kind)
}

/// An update that tells only what changed, laid over what was known, per top-level element: an element that
/// the update has replaces the known one whole; one that it has not stays. Differently:
///
/// - What the update deletes goes: elements named in a `source-deleted` extension, and elements that hold a
///   data-absent-reason extension instead of a value (`_birthDate`, or a list of one such element).
/// - Extensions are replaced by URL; `period` and `hospitalization` are themselves laid over; security labels
///   stay until the source deletes them.
/// - The status `unknown` is no news. A visit that is not over has no end.
pub(crate) fn overlay(mut known: Map<String, Value>, update: Map<String, Value>) -> Map<String, Value> {
    for path in deleted_paths(&update) {
        remove(&mut known, &path);
    }
    forget_deletions(&mut known, &update);
    // Who survives a merge stands, whatever an earlier merge in the other direction said.
    if has_link(&update, "replaces") && has_link(&known, "replaced-by") {
        known.shift_remove("active");
    }
    let known_labels = known.get("meta").and_then(|m| m.get("security")).cloned();
    let known_status = known.get("status").cloned();
    let mut out = lay_over(known, update);
    if let (Some(labels), Some(Value::Object(meta))) = (known_labels, out.get_mut("meta")) {
        meta.entry("security").or_insert(labels);
    }
    if let (Some(status), Some("unknown")) = (known_status, out.get("status").and_then(Value::as_str)) {
        out.insert("status".to_owned(), status);
    }
    out
}

fn has_link(patient: &Map<String, Value>, kind: &str) -> bool {
    let links = patient.get("link").and_then(Value::as_array).into_iter().flatten();
    links.into_iter().any(|link| link.get("type").and_then(Value::as_str) == Some(kind))
}

/// Statuses of a visit that is not over.
const NOT_OVER: &[&str] = &["planned", "arrived", "triaged", "in-progress", "onleave"];

fn lay_over(known: Map<String, Value>, update: Map<String, Value>) -> Map<String, Value> {
    let mut out = known;
    let told: Vec<String> = update.keys().cloned().collect();
    let tells = |name: &str| told.iter().any(|t| t == name);
    let not_over = update.get("status").and_then(Value::as_str).is_some_and(|s| NOT_OVER.contains(&s));
    if not_over {
        for path in ["period.end", "hospitalization.dischargeDisposition"] {
            remove(&mut out, path);
        }
    }
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
        let value = match (name.as_str(), out.get_mut(&name), value) {
            ("extension", Some(Value::Array(known)), Value::Array(new)) => {
                let urls: Vec<_> = new.iter().map(|e| url_of(e).to_owned()).collect();
                let mut all: Vec<Value> =
                    known.drain(..).filter(|e| !urls.iter().any(|url| url == url_of(e))).collect();
                all.extend(new);
                Value::Array(all)
            }
            (name, Some(Value::Object(known)), Value::Object(new)) if NESTED.contains(&name) => {
                Value::Object(lay_over(std::mem::take(known), new))
            }
            (_, _, value) => value,
        };
        out.insert(name, value);
    }
    out
}

/// Objects that are laid over and not replaced whole.
const NESTED: &[&str] = &["period", "hospitalization"];

fn url_of(extension: &Value) -> &str {
    extension.get("url").and_then(Value::as_str).unwrap_or("")
}

fn is_deletion(extension: &Value) -> bool {
    url_of(extension).strip_prefix(systems::CAUSEWAY) == Some("/StructureDefinition/source-deleted")
}

fn extensions(map: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    map.get("extension").and_then(Value::as_array).into_iter().flatten()
}

/// Elements that the update says its source deleted, without the type: `birthDate`, `period.end`,
/// `extension(religion)`.
fn deleted_paths(update: &Map<String, Value>) -> Vec<String> {
    extensions(update)
        .filter(|e| is_deletion(e))
        .filter_map(|e| e.get("valueString").and_then(Value::as_str))
        .filter_map(|path| path.split_once('.').map(|(_, rest)| rest.to_owned()))
        .collect()
}

/// Drops the known deletions of elements that are told again.
fn forget_deletions(known: &mut Map<String, Value>, update: &Map<String, Value>) {
    let Some(Value::Array(list)) = known.get_mut("extension") else { return };
    list.retain(|e| {
        let path = e.get("valueString").and_then(Value::as_str).unwrap_or("");
        let element = path.split('.').nth(1).unwrap_or("");
        !is_deletion(e) || !update.keys().any(|name| !element.is_empty() && name.starts_with(element))
    });
    if list.is_empty() {
        known.shift_remove("extension");
    }
}

/// Removes the element at a path: a choice in all its forms, `extension(x)` by the end of its URL.
fn remove(map: &mut Map<String, Value>, path: &str) {
    let (step, rest) = path.split_once('.').map_or((path, ""), |(step, rest)| (step, rest));
    if let Some(name) = step.strip_prefix("extension(").and_then(|s| s.strip_suffix(')')) {
        if let Some(Value::Array(list)) = map.get_mut("extension") {
            list.retain(|e| !url_of(e).to_lowercase().ends_with(&name.to_lowercase()));
        }
        return;
    }
    if !rest.is_empty() {
        if let Some(Value::Object(inner)) = map.get_mut(step) {
            remove(inner, rest);
            if inner.is_empty() {
                map.shift_remove(step);
            }
        }
        return;
    }
    let is_choice = CHOICES.contains(&step);
    map.retain(|name, _| {
        let bare = name.trim_start_matches('_');
        !(bare == step || (is_choice && bare.starts_with(step)))
    });
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
    fn what_the_source_deletes_goes_until_it_is_told_again() {
        let deletion = |path: &str| json!({"url": "https://fhir.causeway.example/StructureDefinition/source-deleted", "valueString": path});
        let known = map(json!({"birthDate": "1941-02-03", "deceasedBoolean": true, "gender": "female",
            "meta": {"security": [{"code": "R"}]},
            "extension": [{"url": "http://x/patient-religion", "valueString": "a"}, {"url": "http://x/other"}]}));
        let gone = [
            deletion("Patient.birthDate"),
            deletion("Patient.deceased"),
            deletion("Patient.extension(religion)"),
        ];
        let out = overlay(known, map(json!({"extension": gone, "meta": {"source": "m"}})));
        assert_eq!(
            Value::Object(out.clone()),
            json!({"gender": "female", "meta": {"source": "m", "security": [{"code": "R"}]},
                "extension": [{"url": "http://x/other"}, gone[0], gone[1], gone[2]]})
        );
        let out = overlay(out, map(json!({"birthDate": "1941-02-04"})));
        assert_eq!(out.get("extension").and_then(Value::as_array).map(Vec::len), Some(3));
        let out = overlay(out, map(json!({"extension": [deletion("Patient.meta.security")], "meta": {}})));
        assert_eq!(out.get("meta"), Some(&json!({})));
    }

    #[test]
    fn a_visit_keeps_its_beginning_and_loses_its_end_when_it_goes_on() {
        let admitted = map(
            json!({"status": "in-progress", "period": {"start": "a"}, "hospitalization": {"admitSource": {"text": "x"}}}),
        );
        let ended = overlay(
            admitted,
            map(
                json!({"status": "finished", "period": {"end": "b"}, "hospitalization": {"dischargeDisposition": {"text": "y"}}}),
            ),
        );
        assert_eq!(ended.get("period"), Some(&json!({"start": "a", "end": "b"})));
        let result = overlay(ended, map(json!({"status": "unknown"})));
        assert_eq!(result.get("status"), Some(&json!("finished")));
        let again = Value::Object(overlay(result, map(json!({"status": "in-progress"}))));
        assert_eq!(
            again,
            json!({"status": "in-progress", "period": {"start": "a"}, "hospitalization": {"admitSource": {"text": "x"}}})
        );
    }

    #[test]
    fn a_value_told_again_ends_its_deletion() {
        let out = overlay(map(json!({"_gender": {"extension": []}})), map(json!({"gender": "male"})));
        assert_eq!(Value::Object(out), json!({"gender": "male"}));
    }
}
