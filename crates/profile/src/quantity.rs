//! Comparing values with the limits that a profile sets.

use crate::primitive::Moment;
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
        (Value::Object(a), Value::Object(b)) => {
            let number = |o: &serde_json::Map<String, Value>| o.get("value").and_then(Value::as_f64);
            let unit = |o: &serde_json::Map<String, Value>| {
                let text = |key: &str| o.get(key).and_then(Value::as_str).map(str::to_owned);
                text("code").or_else(|| text("unit"))
            };
            let (x, y) = (number(a)?, number(b)?);
            match (unit(a), unit(b)) {
                (same, other) if same == other => x.partial_cmp(&y),
                // A limit without a unit is meant for whatever unit the element has.
                (_, None) => x.partial_cmp(&y),
                (Some(a), Some(b)) => ucum::convert(x, &a, &b).ok()?.partial_cmp(&y),
                (None, Some(_)) => None,
            }
        }
        _ => None,
    }
}
