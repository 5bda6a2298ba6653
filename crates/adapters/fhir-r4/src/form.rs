//! Values that are not in the form that R4 demands: put into it where what they mean is certain; a date that can't be read
//! costs itself alone and is kept as its text.

use causeway_adapter::Rule;
use causeway_core::{Leaf, When, london};
use causeway_fhir::{systems::CAUSEWAY, writer::decimal};
use causeway_json::{Kind, Node};
use causeway_profile::schema::{Field, Shape, TypeRef};
use serde_json::{Map, Value, json};

use crate::{DEPTH_MAX, rules};

/// What becomes of a value.
enum Fit {
    Repaired(Value),
    /// No date: its text is kept beside the value that is not there.
    Text,
    /// No code of a list that has one for what is not known: that one, with the text beside it.
    Unknown,
}

/// `None` where the value stands as it is: it is right, or nobody can say what it means.
fn fit(field: Field, key: &str, value: &Value) -> Option<Fit> {
    let repaired = |value: Value| Some(Fit::Repaired(value));
    match (field.shape(), value) {
        (Shape::Text, Value::String(text))
            if matches!(field.ty().name(), "string" | "markdown") && text.contains(is_forbidden) =>
        {
            repaired(json!(text.replace(is_forbidden, "")))
        }
        (Shape::Text, Value::String(text)) => {
            if field.accepts(text) && field.allows(text) {
                return None;
            }
            let trimmed = text.trim();
            let when = || When::iso(trimmed, &london()).ok();
            let read = match field.ty().name() {
                "date" => when().map(|w| w.fhir_date()),
                "dateTime" => when().map(|w| w.fhir()),
                "instant" => when().and_then(|w| w.fhir_instant()),
                "time" => field.accepts(trimmed).then(|| trimmed.to_owned()),
                "code" => {
                    return match of_gender(key, trimmed)
                        .or_else(|| of_comparator(key, trimmed))
                        .or_else(|| field.closest(trimmed))
                    {
                        Some(code) => repaired(json!(code)),
                        None => field.allows("unknown").then_some(Fit::Unknown),
                    };
                }
                _ => return None,
            };
            Some(read.filter(|read| field.accepts(read)).map_or(Fit::Text, |read| Fit::Repaired(json!(read))))
        }
        (Shape::Text, Value::Number(number)) if matches!(field.ty().name(), "string" | "markdown") => {
            repaired(json!(number.to_string()))
        }
        (Shape::Boolean, Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => repaired(json!(true)),
            "false" => repaired(json!(false)),
            _ => None,
        },
        (Shape::Number, Value::String(text)) => {
            let digits = decimal(text.trim()).filter(|digits| field.accepts(digits))?;
            repaired(serde_json::from_str(&digits).ok()?)
        }
        _ => None,
    }
}

/// Control characters that R4 has in no text.
fn is_forbidden(c: char) -> bool {
    c.is_control() && !"\t\n\r".contains(c)
}

fn of_comparator(key: &str, text: &str) -> Option<&'static str> {
    match text {
        "≤" if key == "comparator" => Some("<="),
        "≥" if key == "comparator" => Some(">="),
        _ => None,
    }
}

fn of_gender(key: &str, text: &str) -> Option<&'static str> {
    let is_gender = key == "gender";
    Some(match text {
        "M" | "m" if is_gender => "male",
        "F" | "f" if is_gender => "female",
        "O" | "o" if is_gender => "other",
        "U" | "u" if is_gender => "unknown",
        _ => return None,
    })
}

fn type_of(given: Option<TypeRef>, resource: Option<&str>) -> Option<TypeRef> {
    resource.map_or(given, TypeRef::named)
}

/// Mends what a document holds; whether there was anything.
pub(crate) fn mend(value: &mut Value, ty: Option<TypeRef>, depth: usize) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |mended, one| mend(one, ty, depth + 1) | mended),
        Value::Object(object) => {
            let Some(ty) = type_of(ty, object.get("resourceType").and_then(Value::as_str)) else {
                return false;
            };
            let mut found = Vec::new();
            let mut mended = false;
            for (key, value) in object.iter_mut() {
                let Some(field) = ty.field(key) else { continue };
                match value {
                    Value::Array(_) | Value::Object(_) => mended |= mend(value, Some(field.ty()), depth + 1),
                    _ => found.extend(fit(field, key, value).map(|fit| (key.clone(), fit))),
                }
            }
            mended |= !found.is_empty();
            for (key, fit) in found {
                match fit {
                    Fit::Repaired(value) => {
                        object.insert(key, value);
                    }
                    Fit::Text => beside(object, &key, "source-text"),
                    Fit::Unknown => {
                        beside(object, &key, "source-code");
                        object.insert(key, json!("unknown"));
                    }
                }
            }
            mended
        }
        _ => false,
    }
}

/// Moves a text into an extension of what is said beside its element.
pub(crate) fn beside(object: &mut Map<String, Value>, key: &str, extension: &str) {
    let Some(text) = object.remove(key) else { return };
    let said = json!({"url": format!("{CAUSEWAY}/StructureDefinition/{extension}"), "valueString": text});
    let own = object.entry(format!("_{key}")).or_insert_with(|| json!({}));
    match own["extension"].as_array_mut() {
        Some(list) => list.push(said),
        None => own["extension"] = json!([said]),
    }
}

/// What [`mend`] changes, for the account: items and rules.
pub(crate) fn mended(root: Node<'_>) -> Vec<(Leaf<'_>, Rule)> {
    let mut found = Vec::new();
    let mut open = vec![(root, None::<TypeRef>, 0)];
    while let Some((node, ty, depth)) = open.pop() {
        if depth > DEPTH_MAX {
            continue;
        }
        if node.is_array() {
            open.extend(node.elements().map(|one| (one, ty, depth + 1)));
            continue;
        }
        let Some(ty) = type_of(ty, node.string_of("resourceType")) else { continue };
        for (key, child) in node.members() {
            let Some(field) = ty.field(key) else { continue };
            match (child.kind(), child.leaf()) {
                (Kind::Object | Kind::Array, _) => open.push((child, Some(field.ty()), depth + 1)),
                (kind, Some(leaf)) => {
                    let value = match kind {
                        Kind::Text => json!(leaf.text),
                        _ => serde_json::from_str(leaf.text).unwrap_or(Value::Null),
                    };
                    found.extend(fit(field, key, &value).map(|fit| match fit {
                        Fit::Repaired(_) => (leaf, rules::VALUE_REPAIRED),
                        Fit::Text => (leaf, rules::DATE_INVALID),
                        Fit::Unknown => (leaf, rules::CODE_UNKNOWN),
                    }));
                }
                _ => {}
            }
        }
    }
    found.sort_by_key(|(leaf, _)| leaf.id);
    found
}
