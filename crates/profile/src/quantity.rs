//! Comparing values with the limits that a profile sets.

use crate::primitive::Moment;
use causeway_fhirpath::{Item, Node};
use serde_json::Value;
use std::cmp::Ordering;

/// How a value stands to a limit of the same kind; `None` where they can't be compared.
///
/// Quantities with the same unit compare by value; others are converted by the rules of UCUM.
pub(crate) fn compare(value: &Value, limit: &Value) -> Option<Ordering> {
    match (value, limit) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => match (Moment::parse(a), Moment::parse(b)) {
            (Some(a), Some(b)) => match (a.is_at_most(&b), b.is_at_most(&a)) {
                (Some(true), Some(true)) => Some(Ordering::Equal),
                (Some(true), _) => Some(Ordering::Less),
                (Some(false), _) => Some(Ordering::Greater),
                (None, _) => None,
            },
            _ => Some(a.cmp(b)),
        },
        (Value::Object(_), Value::Object(b)) if b.contains_key("code") || b.contains_key("unit") => {
            let quantity = |value| {
                let node = Node {
                    value: Some(value),
                    extra: None,
                    ty: crate::walk::expressions::type_of("Quantity"),
                };
                match node.system() {
                    Some(Item::Quantity(quantity)) => Some(quantity),
                    _ => None,
                }
            };
            quantity(value)?.compare(&*quantity(limit)?)
        }
        // A limit without a unit is meant for whatever unit the element has.
        (Value::Object(a), Value::Object(b)) => compare(a.get("value")?, b.get("value")?),
        _ => None,
    }
}
