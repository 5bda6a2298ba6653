//! Values that are not in the form that R4 demands: put into it where what they mean is certain; a date that can't be read
//! costs itself alone and is kept as its text.

use causeway_adapter::Rule;
use causeway_core::{Leaf, Outcome, When, common, london};
use causeway_fhir::systems;
use causeway_fhir::types::{SOURCE_CODE, SOURCE_TEXT};
use causeway_fhir::writer::decimal;
use causeway_json::{Kind, Node};
use causeway_profile::schema::{Field, Shape, TypeRef};
use causeway_terminology::ucum;
use serde_json::{Map, Value, json};

use crate::{DEPTH_MAX, rules, stray};

/// What becomes of a value.
enum Fit {
    Repaired(Value),
    /// No date: its text is kept beside the value that is not there.
    Text,
    /// Words in the place of a number or a boolean: kept beside the value that is not there.
    Words,
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
            _ => Some(Fit::Words),
        },
        (Shape::Number, Value::String(text)) => {
            let digits = decimal(text.trim()).filter(|digits| field.accepts(digits));
            let number = digits.and_then(|digits| serde_json::from_str(&digits).ok());
            Some(number.map_or(Fit::Words, Fit::Repaired))
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
        _ if key != "comparator" => None,
        "≤" | "=<" | "&lt;=" | "at most" | "up to" => Some("<="),
        "≥" | "=>" | "&gt;=" | "at least" => Some(">="),
        "&lt;" | "less than" => Some("<"),
        "&gt;" | "greater than" | "more than" => Some(">"),
        _ => None,
    }
}

/// A number with its sign in the place of a number alone (`<5`): the comparator and the number.
fn compared(object: &Map<String, Value>) -> Option<(&'static str, Value)> {
    let text = object.get("value").and_then(Value::as_str).filter(|_| !object.contains_key("comparator"))?;
    signed(text)
}

fn signed(text: &str) -> Option<(&'static str, Value)> {
    let text = text.trim();
    let signs = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")];
    let (rest, code) = signs.iter().find_map(|(sign, code)| Some((text.strip_prefix(sign)?, *code)))?;
    let number = serde_json::from_str(&decimal(rest.trim())?).ok()?;
    Some((code, number))
}

/// Whether the comparator of a quantity can't be read, so that its number alone would say something else.
fn is_incomparable(ty: TypeRef, comparator: &str) -> bool {
    is_quantity(ty)
        && !comparator.trim().is_empty()
        && ty.field("comparator").is_some_and(|field| {
            !field.allows(comparator)
                && of_comparator("comparator", comparator.trim()).is_none()
                && field.closest(comparator).is_none()
        })
}

fn is_quantity(ty: TypeRef) -> bool {
    matches!(ty.name(), "Quantity" | "SimpleQuantity" | "Age" | "Count" | "Distance" | "Duration")
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

/// The usual code of a unit that is said to be UCUM and is spelt otherwise.
fn usual(ty: TypeRef, system: &str, code: &str) -> Option<&'static str> {
    ucum::respelt(code).filter(|_| is_quantity(ty) && system == systems::UCUM)
}

/// Whether what is said to be a code of UCUM is none.
fn is_no_unit(ty: TypeRef, system: &str, code: &str) -> bool {
    is_quantity(ty) && system == systems::UCUM && !code.is_empty() && !ucum::is_unit(code)
}

/// Whether a system is a name, where FHIR demands a URI.
fn is_relative(ty: TypeRef, system: Option<&str>) -> bool {
    (is_quantity(ty) || matches!(ty.name(), "Coding" | "Identifier"))
        && system.is_some_and(|system| !system.trim().is_empty() && causeway_profile::is_relative(system))
}

/// Whether an extension says by no URL what it means.
fn has_no_url(url: Option<&str>) -> bool {
    url.is_some_and(causeway_profile::is_relative)
}

/// Whether the size of an attachment is not that of the data beside it.
fn contradicts_data(ty: TypeRef, data: Option<&str>, size: Option<&str>) -> bool {
    let size = size.and_then(|size| size.trim_matches('"').trim().parse::<u64>().ok());
    ty.name() == "Attachment"
        && data.zip(size).is_some_and(|(data, size)| causeway_profile::size_differs(data, size))
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
            let mut mended = stray::mend(object, ty);
            let comparator = object.get("comparator").and_then(Value::as_str).unwrap_or_default();
            if is_incomparable(ty, comparator) {
                let of = |key: &str| match object.get(key) {
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                    None => String::new(),
                };
                let unit = if object.contains_key("unit") { "unit" } else { "code" };
                let words = ["comparator", "value", unit].map(of).join(" ");
                *object = Map::new();
                object.insert("extension".to_owned(), json!([source_text(words.trim())]));
                return true;
            }
            if let Some((code, number)) = compared(object).filter(|_| is_quantity(ty)) {
                object.insert("comparator".to_owned(), json!(code));
                object.insert("value".to_owned(), number);
                mended = true;
            }
            for (key, value) in object.iter_mut() {
                let Some(field) = ty.field(key) else { continue };
                match value {
                    Value::Array(_) | Value::Object(_) => mended |= mend(value, Some(field.ty()), depth + 1),
                    _ => found.extend(fit(field, key, value).map(|fit| (key.clone(), fit))),
                }
            }
            found.extend(
                is_relative(ty, object.get("system").and_then(Value::as_str))
                    .then(|| ("system".to_owned(), Fit::Text)),
            );
            mended |= !found.is_empty();
            let (data, size) = (object.get("data").and_then(Value::as_str), object.get("size"));
            if contradicts_data(ty, data, size.map(Value::to_string).as_deref()) {
                object.shift_remove("size");
                mended = true;
            }
            if ty.name() != "Extension"
                && let Some(Value::Array(list)) = object.get_mut("extension")
            {
                let before = list.len();
                list.retain(|one| !has_no_url(one.get("url").and_then(Value::as_str)));
                mended |= list.len() < before;
                if list.is_empty() {
                    object.shift_remove("extension");
                }
            }
            let said = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
            if let Some(code) = usual(ty, said("system"), said("code")) {
                mended = true;
                let words = object.insert("code".to_owned(), json!(code)).unwrap_or_default();
                object.entry("unit").or_insert(words);
            } else if is_no_unit(ty, said("system"), said("code")) {
                mended = true;
                if object.contains_key("unit") {
                    beside(object, "code", SOURCE_TEXT);
                } else if let Some(code) = object.remove("code") {
                    object.insert("unit".to_owned(), code);
                }
            }
            for (key, fit) in found {
                match fit {
                    Fit::Repaired(value) => {
                        object.insert(key, value);
                    }
                    Fit::Text | Fit::Words => beside(object, &key, SOURCE_TEXT),
                    Fit::Unknown => {
                        beside(object, &key, SOURCE_CODE);
                        object.insert(key, json!("unknown"));
                    }
                }
            }
            mended
        }
        _ => false,
    }
}

/// The extension that keeps the source's text.
pub(crate) fn source_text(text: &str) -> Value {
    json!({"url": SOURCE_TEXT, "valueString": text})
}

/// Moves a text into an extension of what is said beside its element; `extension` is its URL.
pub(crate) fn beside(object: &mut Map<String, Value>, key: &str, extension: &str) {
    let Some(text) = object.remove(key) else { return };
    let said = json!({"url": extension, "valueString": text});
    let own = object.entry(format!("_{key}")).or_insert_with(|| json!({}));
    match own["extension"].as_array_mut() {
        Some(list) => list.push(said),
        None => own["extension"] = json!([said]),
    }
}

/// What [`mend`] changes, for the account: items and rules.
pub(crate) fn mended(root: Node<'_>) -> Vec<stray::Told<'_>> {
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
        stray::mended(node, ty, &mut found);
        if let Some(comparator) = node.leaf_of("comparator").filter(|leaf| is_incomparable(ty, leaf.text)) {
            for leaf in node.leaves() {
                let rule = (leaf.id == comparator.id).then_some(rules::INCOMPARABLE);
                found.push((leaf, rule, Outcome::MappedWithLoss));
            }
            continue;
        }
        if is_relative(ty, node.string_of("system")) {
            found.extend(node.leaf_of("system").map(|leaf| lossy(leaf, common::SYSTEM_RELATIVE)));
        }
        if contradicts_data(ty, node.string_of("data"), node.leaf_of("size").map(|leaf| leaf.text)) {
            let told = |leaf| (leaf, Some(common::ATTACHMENT_SIZE), Outcome::Unsupported);
            found.extend(node.leaf_of("size").map(told));
        }
        let list = node.get("extension").filter(|_| ty.name() != "Extension");
        for one in list.into_iter().flat_map(Node::elements).filter(|one| has_no_url(one.string_of("url"))) {
            for (at, leaf) in one.leaves().enumerate() {
                found.push((leaf, (at == 0).then_some(common::EXTENSION_RELATIVE), Outcome::Unsupported));
            }
        }
        if let Some(code) = node.leaf_of("code") {
            let system = node.string_of("system").unwrap_or_default();
            if usual(ty, system, code.text).is_some() {
                found.push(lossy(code, common::UNIT_RESPELT));
            } else if is_no_unit(ty, system, code.text) {
                found.push(lossy(code, common::UNIT_UNKNOWN));
            }
        }
        for (key, child) in node.members() {
            let Some(field) = ty.field(key) else { continue };
            match (child.kind(), child.leaf()) {
                (Kind::Object | Kind::Array, _) => open.push((child, Some(field.ty()), depth + 1)),
                (kind, Some(leaf)) => {
                    let value = match kind {
                        Kind::Text => json!(leaf.text),
                        _ => serde_json::from_str(leaf.text).unwrap_or(Value::Null),
                    };
                    let is_signed = key == "value"
                        && is_quantity(ty)
                        && kind == Kind::Text
                        && node.get("comparator").is_none()
                        && signed(leaf.text).is_some();
                    found.extend(fit(field, key, &value).map(|fit| match fit {
                        Fit::Repaired(_) => lossy(leaf, of_time(&field, leaf)),
                        Fit::Words if is_signed => lossy(leaf, rules::VALUE_REPAIRED),
                        Fit::Words => lossy(leaf, rules::VALUE_WORDS),
                        Fit::Text => lossy(leaf, rules::DATE_INVALID),
                        Fit::Unknown => lossy(leaf, rules::CODE_UNKNOWN),
                    }));
                }
                _ => {}
            }
        }
    }
    found.sort_by_key(|(leaf, ..)| leaf.id);
    found
}

/// What is told of a repaired value: of a local time that was there twice or never, that it was.
fn of_time(field: &Field, leaf: Leaf<'_>) -> Rule {
    let is_time = matches!(field.ty().name(), "dateTime" | "instant");
    let doubt = When::iso(leaf.text.trim(), &london()).ok().filter(|_| is_time).and_then(|when| when.doubt());
    let doubtful = [common::LOCAL_TIME_TWICE, common::LOCAL_TIME_ABSENT];
    doubtful.into_iter().find(|rule| doubt == Some(rule.text)).unwrap_or(rules::VALUE_REPAIRED)
}

fn lossy(leaf: Leaf<'_>, rule: Rule) -> stray::Told<'_> {
    (leaf, Some(rule), Outcome::MappedWithLoss)
}
