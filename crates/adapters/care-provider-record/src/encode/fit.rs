//! Makes what was read fit the schema: what does not fit is taken out and listed, so that the record is always valid
//! as far as the bundle lets it be.

use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use causeway_json::shape::{Object, Shape};
use serde_json::Value;

/// The value without what its shape does not allow; `None` where nothing valid is left.
pub fn fit(value: Value, object: &Object, left: &mut Vec<Issue>) -> Value {
    let Value::Object(members) = value else { return value };
    let mut kept = serde_json::Map::new();
    for (name, member) in members {
        let path = format!("/{name}");
        match object.fields.iter().find(|field| field.name == name) {
            Some(field) => {
                if let Some(member) = shaped(member, &field.shape, &path, left) {
                    kept.insert(name, member);
                }
            }
            None => {
                kept.insert(name, member);
            }
        }
    }
    for field in object.fields.iter().filter(|f| f.required && !kept.contains_key(f.name)) {
        tell(left, format!("/{}", field.name), "the record must have this and the bundle has it not");
    }
    Value::Object(kept)
}

fn tell(left: &mut Vec<Issue>, path: String, why: &'static str) {
    let issue = Issue::new(Severity::Error, IssueCode::Required, "does-not-fit", why);
    left.push(issue.at(Position::new(path, Span::default())));
}

/// As deep as the shape, which is finite.
fn shaped(value: Value, shape: &Shape, path: &str, left: &mut Vec<Issue>) -> Option<Value> {
    let fits = match (shape, &value) {
        (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) => true,
        (Shape::Text { min, max }, Value::String(text)) => (*min..=*max).contains(&text.chars().count()),
        (Shape::Form(form), Value::String(text)) => (form.test)(text),
        (Shape::Code(codes), Value::String(code)) => codes.contains(&code.as_str()),
        (Shape::Integer { min, max }, Value::Number(n)) => {
            n.as_i64().is_some_and(|n| (*min..=*max).contains(&n))
        }
        (Shape::Number { min, max }, Value::Number(n)) => n.as_f64().is_some_and(|n| n >= *min && n <= *max),
        (Shape::List { of, min, max }, Value::Array(_)) => return list(value, of, *min, *max, path, left),
        (Shape::Object(object), Value::Object(_)) => return inner(value, object, path, left),
        _ => false,
    };
    if fits {
        return Some(value);
    }
    tell(left, path.to_owned(), "the value does not fit the record's schema (too long, or not of its form)");
    None
}

fn list(
    value: Value,
    of: &Shape,
    min: usize,
    max: usize,
    path: &str,
    left: &mut Vec<Issue>,
) -> Option<Value> {
    let Value::Array(elements) = value else { return None };
    let kept: Vec<Value> = elements
        .into_iter()
        .enumerate()
        .filter_map(|(index, element)| shaped(element, of, &format!("{path}/{index}"), left))
        .take(max)
        .collect();
    (kept.len() >= min.max(1)).then_some(Value::Array(kept))
}

fn inner(value: Value, object: &Object, path: &str, left: &mut Vec<Issue>) -> Option<Value> {
    let Value::Object(members) = value else { return None };
    let mut kept = serde_json::Map::new();
    for (name, member) in members {
        let below = format!("{path}/{name}");
        let Some(field) = object.fields.iter().find(|field| field.name == name) else { continue };
        if let Some(member) = shaped(member, &field.shape, &below, left) {
            kept.insert(name, member);
        }
    }
    let missing = object.fields.iter().any(|f| f.required && !kept.contains_key(f.name))
        || !object.any_of.is_empty() && !object.any_of.iter().any(|name| kept.contains_key(*name));
    if missing && path != "/subject" && path != "/provider" && path != "/subject/address" {
        tell(left, path.to_owned(), "the item lacks what the record's schema demands, so it was left behind");
        return None;
    }
    if missing {
        tell(left, path.to_owned(), "the record must say more here than the bundle says");
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}
