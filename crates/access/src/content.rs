//! What a resource says: its wording, narratives and attachments.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::labels;
use crate::words::Words;

/// The wording by which a resource says what it is: by it others may name it.
pub(crate) fn own_words(resource: &Value, into: &mut BTreeSet<String>) {
    for name in ["code", "medicationCodeableConcept", "vaccineCode", "type", "valueCodeableConcept"] {
        labels::walk(&resource[name], &mut |name, value| {
            if matches!(name, "display" | "text")
                && let Some(text) = value.as_str()
            {
                let text = text.trim().to_lowercase();
                if text.chars().count() >= WORDS_MIN && text.contains(' ') {
                    into.insert(text);
                }
            }
        });
    }
}

/// Whether a value is a narrative.
pub(crate) fn is_narrative(value: &Value) -> bool {
    value.as_object().is_some_and(|map| labels::member(map, "div").is_some())
}

/// Removes every narrative below.
pub(crate) fn drop_narratives(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |changed, v| drop_narratives(v) | changed),
        Value::Object(map) => {
            let before = map.len();
            map.retain(|_, v| !is_narrative(v));
            let mut changed = map.len() != before;
            for value in map.values_mut() {
                changed |= drop_narratives(value);
            }
            changed
        }
        _ => false,
    }
}

/// Shortest wording of a withheld item that is looked for in others.
const WORDS_MIN: usize = 8;

/// Whether a container says nothing of its own, beside what it holds.
pub(crate) fn says_nothing_itself(kind: &str, resource: &Value) -> bool {
    let has = |names: &[&str]| names.iter().any(|n| resource.get(*n).is_some());
    !match kind {
        "Encounter" => has(&["reasonCode", "hospitalization", "serviceType", "class", "type"]),
        "Appointment" => has(&["reasonCode", "serviceType", "start"]),
        "EpisodeOfCare" => true,
        "CarePlan" => has(&["description", "note"]),
        "ClinicalImpression" => has(&["summary", "description", "note"]),
        "QuestionnaireResponse" => has(&["item"]),
        "DiagnosticReport" => has(&["conclusion", "conclusionCode", "presentedForm"]),
        _ => false,
    }
}

/// Whether a text in it names one of these, its narratives aside. Attachments that are text are read.
pub(crate) fn names(value: &Value, words: &Words) -> bool {
    if words.is_empty() {
        return false;
    }
    match value {
        Value::String(text) => words.are_in(text),
        Value::Array(list) => list.iter().any(|v| names(v, words)),
        Value::Object(map) => {
            if let (Some(data), Some(kind)) =
                (map.get("data").and_then(Value::as_str), map.get("contentType").and_then(Value::as_str))
                && kind.starts_with("text/")
                && let Ok(bytes) = STANDARD.decode(data)
                && words.are_in(&String::from_utf8_lossy(&bytes))
            {
                return true;
            }
            map.values().any(|value| !is_narrative(value) && names(value, words))
        }
        _ => false,
    }
}

/// Whether a narrative in it names one of these.
pub(crate) fn narratives_name(value: &Value, words: &Words) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|v| narratives_name(v, words)),
        Value::Object(map) => map.values().any(|v| match v.get("div").and_then(Value::as_str) {
            Some(div) => words.are_in(div),
            None => narratives_name(v, words),
        }),
        _ => false,
    }
}

/// A document or attachment whose content can't be searched.
pub(crate) fn is_opaque(kind: &str, resource: &Value) -> bool {
    let opaque = |attachment: &Value| {
        let kind = attachment["contentType"].as_str().unwrap_or_default();
        !(kind.starts_with("text/") && attachment.get("data").is_some())
    };
    match kind {
        "Binary" => opaque(resource),
        "DocumentReference" => {
            let contents = resource["content"].as_array().into_iter().flatten();
            contents
                .map(|c| &c["attachment"])
                .any(|a| (a.get("data").is_some() || a.get("url").is_some()) && opaque(a))
        }
        "DiagnosticReport" => resource["presentedForm"].as_array().into_iter().flatten().any(opaque),
        "Media" => opaque(&resource["content"]),
        _ => false,
    }
}

pub(crate) fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

pub(crate) fn date_of(resource: &Value) -> String {
    let period = resource["period"]["start"].as_str();
    period.or(resource["start"].as_str()).unwrap_or_default().to_owned()
}
