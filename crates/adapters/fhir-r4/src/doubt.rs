//! Values that can't be right, or are written as nobody should read them: told as every adapter tells them, and mended where
//! what is meant is certain.

use causeway_adapter::{Context, Rule};
use causeway_core::{Leaf, NhsNumber, NhsNumberError, When, common, identifier, snomed};
use causeway_fhir::systems;
use causeway_fhir::types::SOURCE_TEXT;
use causeway_fhir::writer::{decimal, ordered};
use causeway_json::Node;
use serde_json::{Value, json};

use crate::form::{beside, source_text};
use crate::{DEPTH_MAX, rules};

/// Dates of birth after the day of receipt, and identifiers that are doubtful as they are written.
pub(crate) fn doubtful<'t>(node: Node<'t>, context: &Context) -> Vec<(Leaf<'t>, Rule)> {
    let last = causeway_core::likely::last_day(context.received);
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let texts = node.elements().chain(node.members().map(|(_, child)| child)).filter_map(Node::leaf);
        let is_lossy = |leaf: &Leaf<'_>| leaf.text.contains(char::REPLACEMENT_CHARACTER);
        found.extend(texts.filter(is_lossy).map(|leaf| (leaf, common::CHARACTER_LOST)));
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
                // An end that can't be one, and a range that can't: both are kept as their words.
                ("end", Some(leaf)) if is_no_end(node.string_of("start"), leaf.text, context) => {
                    found.push((leaf, rules::NO_END));
                }
                ("abatementDateTime", Some(leaf))
                    if is_no_end(node.string_of("onsetDateTime"), leaf.text, context) =>
                {
                    found.push((leaf, rules::NO_END));
                }
                (name, None) if is_range(name) && is_reversed(|end| number(child, end)) => {
                    let high = child.get("high").and_then(|high| high.leaf_of("value"));
                    found.extend(high.map(|leaf| (leaf, common::RANGE_REVERSED)));
                }
                ("referenceRange", None) => {
                    for range in child.elements().filter(|range| is_reversed(|end| number(*range, end))) {
                        let high = range.get("high").and_then(|high| high.leaf_of("value"));
                        found.extend(high.map(|leaf| (leaf, common::RANGE_REVERSED)));
                    }
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
                        if let Some(rule) = invalid(one.string_of("system"), leaf.text) {
                            found.push((leaf, rule));
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

/// Whether the end of a period is before its start, or a day that systems write for none.
fn is_no_end(start: Option<&str>, end: &str, context: &Context) -> bool {
    let when = |text: &str| When::iso(text, &context.zone).ok();
    when(end).is_some_and(|end| causeway_fhir::types::no_end(start.and_then(when).as_ref(), &end).is_some())
}

/// Whether an element is of the type Range, by its name: `valueRange`, `doseRange`. A reference range is none.
fn is_range(name: &str) -> bool {
    name.ends_with("Range") && name != "referenceRange"
}

fn number(range: Node<'_>, end: &str) -> Option<String> {
    range.get(end)?.leaf_of("value").map(|leaf| leaf.text.to_owned())
}

/// Whether the low end of a range is above its high end, which R4 forbids.
fn is_reversed(end: impl Fn(&str) -> Option<String>) -> bool {
    let number = |name: &str| end(name).and_then(|text| decimal(&text).map(std::borrow::Cow::into_owned));
    number("low").zip(number("high")).is_some_and(|(low, high)| !ordered(&low, &high))
}

/// Takes out ends and ranges that can't be, and keeps what they say beside the place where they stood.
pub(crate) fn ends(value: &mut Value, context: &Context, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(object) => {
            for (end, start) in [("end", "start"), ("abatementDateTime", "onsetDateTime")] {
                let said = |name: &str| object.get(name).and_then(Value::as_str);
                if said(end).is_some_and(|text| is_no_end(said(start), text, context)) {
                    beside(object, end, SOURCE_TEXT);
                }
            }
            for range in object.get_mut("referenceRange").and_then(Value::as_array_mut).into_iter().flatten()
            {
                let of = |end: &str| Some(range.get(end)?.get("value")?.to_string());
                if is_reversed(of) {
                    let words = [of("low"), of("high")].map(Option::unwrap_or_default).join(" - ");
                    let text = format!("{words} {}", range["high"]["unit"].as_str().unwrap_or_default());
                    if let Some(range) = range.as_object_mut() {
                        range.shift_remove("low");
                        range.shift_remove("high");
                        let said = range.entry("text").or_insert_with(|| json!(text.trim_end()));
                        if said.as_str().is_some_and(|said| said != text.trim_end()) {
                            let both = format!("{} ({})", said.as_str().unwrap_or_default(), text.trim_end());
                            *said = json!(both);
                        }
                    }
                }
            }
            for (_, range) in object.iter_mut().filter(|(key, _)| is_range(key)) {
                let of = |end: &str| Some(range.get(end)?.get("value")?.to_string());
                if is_reversed(of) {
                    let words = [of("low"), of("high")].map(Option::unwrap_or_default).join(" - ");
                    let unit = range["high"]["unit"].as_str().unwrap_or_default();
                    let text = format!("{words} {unit}");
                    *range = json!({"extension": [source_text(text.trim_end())]});
                }
            }
            object.iter_mut().for_each(|(_, value)| ends(value, context, depth + 1));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| ends(value, context, depth + 1)),
        _ => {}
    }
}

fn is_future(text: &str, context: &Context) -> bool {
    When::iso(text, &context.zone).is_ok_and(|when| when.earliest() > context.received.as_second())
}

/// Keeps a date of birth after the day of receipt as its text, as every adapter does.
pub(crate) fn unborn(bundle: &mut Value, context: &Context) {
    for entry in bundle["entry"].as_array_mut().into_iter().flatten() {
        let Some(resource) = entry["resource"].as_object_mut() else { continue };
        let born = resource.get("birthDate").and_then(Value::as_str);
        if born.is_some_and(|text| is_future(text, context)) {
            beside(resource, "birthDate", SOURCE_TEXT);
        }
    }
}

/// The digits of an NHS number that something spaces out.
fn digits(system: Option<&str>, value: &str) -> Option<String> {
    let spaced = system == Some(systems::NHS_NUMBER) && NhsNumber::is_spaced(value);
    NhsNumber::parse(value).ok().filter(|_| spaced).map(|number| number.as_str().to_owned())
}

/// Why what is said to be an NHS number is none.
fn invalid(system: Option<&str>, value: &str) -> Option<Rule> {
    let error = NhsNumber::parse(value).err().filter(|_| system == Some(systems::NHS_NUMBER))?;
    Some(match error {
        NhsNumberError::Shape => common::NHS_SHAPE,
        NhsNumberError::CheckDigit => common::NHS_CHECK_DIGIT,
        NhsNumberError::Filler => common::NHS_FILLER,
    })
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
        let is_none = one["value"].as_str().is_some_and(|v| invalid(one["system"].as_str(), v).is_some());
        if let Some(object) = one.as_object_mut().filter(|_| is_none) {
            // Nobody is found by it: kept as stated, as every adapter keeps it.
            object.insert("system".to_owned(), json!(systems::STATED_NHS_NUMBER));
            object.entry("type").or_insert_with(|| json!({"text": "NHS number as stated, not valid"}));
        }
        let said = one["value"].as_str().and_then(|v| digits(one["system"].as_str(), v).or_else(|| shown(v)));
        if let (Some(digits), Some(object)) = (said, one.as_object_mut()) {
            object.insert("value".to_owned(), Value::String(digits));
        }
    }
}
