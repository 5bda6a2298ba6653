//! Values that can't be right, or are written as nobody should read them: told as every adapter tells them, and mended where
//! what is meant is certain.

use causeway_adapter::{Context, Rule};
use causeway_core::{Leaf, NhsNumber, When, common, identifier, snomed};
use causeway_fhir::systems;
use causeway_json::Node;
use serde_json::{Value, json};

use crate::DEPTH_MAX;

/// Dates of birth after the day of receipt, and identifiers that are doubtful as they are written.
pub(crate) fn doubtful<'t>(node: Node<'t>, context: &Context) -> Vec<(Leaf<'t>, Rule)> {
    let last = causeway_core::likely::last_day(context.received);
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for (name, child) in node.members() {
            match (name, child.leaf()) {
                ("birthDate", Some(leaf)) if is_future(leaf.text, context) => {
                    found.push((leaf, common::BIRTH_FUTURE));
                }
                ("birthDate", Some(leaf)) => {
                    let born = When::iso(leaf.text, &context.zone).ok();
                    let rule =
                        born.and_then(|born| causeway_adapter::birth::past_doubt(context.received, &born));
                    found.extend(rule.map(|rule| (leaf, *rule)));
                }
                ("deceasedDateTime", Some(leaf)) => {
                    let date = |text: &str| When::iso(text, &context.zone).ok();
                    let born = node.string_of("birthDate").and_then(date);
                    let doubtful = date(leaf.text).is_some_and(|died| {
                        causeway_adapter::birth::is_death_doubtful(context.received, &died, born.as_ref())
                    });
                    found.extend(doubtful.then_some((leaf, common::DEATH_DOUBTFUL)));
                }
                ("code", Some(leaf)) => {
                    let rule = snomed::doubt(node.string_of("system").unwrap_or_default(), leaf.text);
                    found.extend(rule.map(|rule| (leaf, *rule)));
                }
                // A date in a place that holds one: a version, a code or a word is none.
                (name, Some(leaf)) if leaf.text.as_bytes().get(4) == Some(&b'-') => {
                    let when = When::iso(leaf.text, &context.zone).ok();
                    // A vaccination's occurrence has happened; that of a request is a wish.
                    let past = name == "occurrenceDateTime" && node.get("vaccineCode").is_some();
                    let name = if past { "performedDateTime" } else { name };
                    let rule = when.and_then(|when| when.unlikely(name, last));
                    found.extend(rule.map(|rule| (leaf, *rule)));
                }
                ("identifier", None) => {
                    for one in child.elements().chain(child.is_object().then_some(child)) {
                        let Some(leaf) = one.leaf_of("value") else { continue };
                        if let Some(rule) = identifier::doubt(leaf.text) {
                            found.push((leaf, *rule));
                        }
                        if digits(one.string_of("system"), leaf.text).is_some() {
                            found.push((leaf, common::NHS_SPACED));
                        } else if shown(leaf.text).is_some() {
                            found.push((leaf, common::IDENTIFIER_INVISIBLE));
                        }
                    }
                }
                _ => {}
            }
        }
        open.extend(node.children());
    }
    found.sort_by_key(|(leaf, _)| leaf.id);
    found
}

fn is_future(text: &str, context: &Context) -> bool {
    When::iso(text, &context.zone).is_ok_and(|when| when.earliest() > context.received.as_second())
}

/// Keeps a date of birth after the day of receipt as its text, as every adapter does.
pub(crate) fn unborn(bundle: &mut Value, context: &Context) {
    for entry in bundle["entry"].as_array_mut().into_iter().flatten() {
        let Some(resource) = entry["resource"].as_object_mut() else { continue };
        let Some(text) = resource.get("birthDate").and_then(Value::as_str).map(str::to_owned) else {
            continue;
        };
        if !is_future(&text, context) {
            continue;
        }
        resource.remove("birthDate");
        let own = resource.entry("_birthDate").or_insert_with(|| json!({}));
        let url = format!("{}/StructureDefinition/source-text", systems::CAUSEWAY);
        let said = json!({"url": url, "valueString": text});
        match own["extension"].as_array_mut() {
            Some(list) => list.push(said),
            None => own["extension"] = json!([said]),
        }
    }
}

/// The digits of an NHS number that something spaces out.
fn digits(system: Option<&str>, value: &str) -> Option<String> {
    let spaced = system == Some(systems::NHS_NUMBER) && NhsNumber::is_spaced(value);
    NhsNumber::parse(value).ok().filter(|_| spaced).map(|number| number.as_str().to_owned())
}

/// An identifier as it looks, where it holds what doesn't show.
fn shown(value: &str) -> Option<String> {
    let shown = identifier::visible(value);
    (shown.len() != value.len()).then(|| shown.into_owned())
}

/// Writes spaced NHS numbers by their digits, other identifiers as they look, and takes the system from what can be no code
/// of it.
pub(crate) fn unspaced(value: &mut Value, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(object) => {
            let said = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
            if snomed::is_no_code(said("system"), said("code")) {
                object.remove("system");
            }
            for (key, value) in object.iter_mut() {
                if key == "identifier" {
                    identifiers(value);
                }
                unspaced(value, depth + 1);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| unspaced(value, depth + 1)),
        _ => {}
    }
}

fn identifiers(value: &mut Value) {
    let list = match value {
        Value::Array(list) => list.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for one in list {
        let said = one["value"].as_str().and_then(|v| digits(one["system"].as_str(), v).or_else(|| shown(v)));
        if let (Some(digits), Some(object)) = (said, one.as_object_mut()) {
            object.insert("value".to_owned(), Value::String(digits));
        }
    }
}
