//! Invariants of data types.

use super::Object;
use super::{Invariant, error, has, has_choice, in_order, narrative, number, text};
use serde_json::Value;

pub(crate) const UCUM: &str = "http://unitsofmeasure.org";

pub(super) const ALL: &[Invariant] = &[
    error(
        "ext-1",
        "Extension",
        "an extension must have either a value or extensions of its own, not both",
        |o| has(o, "extension") != has_choice(o, "value"),
    ),
    error("per-1", "Period", "the start must not be later than the end", |o| in_order(o, "start", "end")),
    error("qty-3", "Quantity", "a code for the unit needs a system", |o| !has(o, "code") || has(o, "system")),
    error("sqty-1", "SimpleQuantity", "a simple quantity must not have a comparator", |o| {
        !has(o, "comparator")
    }),
    error("age-1", "Age", "an age must be positive, with a code of UCUM", |o| {
        ucum(o) && number(o, "value").is_none_or(|n| n > 0.0)
    }),
    error("dis-1", "Distance", "a distance needs a code of UCUM", ucum),
    error("drt-1", "Duration", "the code of a duration needs a value and the system UCUM", |o| {
        !has(o, "code") || (has(o, "value") && text(o, "system") == Some(UCUM))
    }),
    error("cnt-3", "Count", "a count must be whole, with the code 1 of UCUM", |o| {
        ucum(o)
            && text(o, "code").is_none_or(|c| c == "1")
            && number(o, "value").is_none_or(|n| n.fract() == 0.0)
    }),
    error("rng-2", "Range", "the low value must not be above the high one", range),
    error("rat-1", "Ratio", "a ratio has both numerator and denominator, or neither and an extension", |o| {
        has(o, "numerator") == has(o, "denominator") && (has(o, "numerator") || has(o, "extension"))
    }),
    error("att-1", "Attachment", "data needs a content type", |o| !has(o, "data") || has(o, "contentType")),
    error("cpt-2", "ContactPoint", "a value needs a system", |o| !has(o, "value") || has(o, "system")),
    error("exp-1", "Expression", "an expression or a reference must be given", |o| {
        has(o, "expression") || has(o, "reference")
    }),
    error("tim-1", "Timing.repeat", "a duration needs its unit", |o| {
        !has(o, "duration") || has(o, "durationUnit")
    }),
    error("tim-2", "Timing.repeat", "a period needs its unit", |o| !has(o, "period") || has(o, "periodUnit")),
    error("tim-4", "Timing.repeat", "a duration must not be negative", |o| {
        number(o, "duration").is_none_or(|n| n >= 0.0)
    }),
    error("tim-5", "Timing.repeat", "a period must not be negative", |o| {
        number(o, "period").is_none_or(|n| n >= 0.0)
    }),
    error("tim-6", "Timing.repeat", "a longest period needs a period", |o| {
        !has(o, "periodMax") || has(o, "period")
    }),
    error("tim-7", "Timing.repeat", "a longest duration needs a duration", |o| {
        !has(o, "durationMax") || has(o, "duration")
    }),
    error("tim-8", "Timing.repeat", "a highest count needs a count", |o| {
        !has(o, "countMax") || has(o, "count")
    }),
    error("tim-9", "Timing.repeat", "an offset needs a when other than a meal itself", |o| {
        let meal = |v: &Value| matches!(v.as_str(), Some("C" | "CM" | "CD" | "CV"));
        !has(o, "offset") || o.get("when").and_then(Value::as_array).is_some_and(|w| !w.iter().any(meal))
    }),
    error("tim-10", "Timing.repeat", "a time of day and a when exclude each other", |o| {
        !has(o, "timeOfDay") || !has(o, "when")
    }),
    error("txt-1", "Narrative", "a narrative may hold basic formatting only", |o| {
        text(o, "div").is_none_or(narrative::is_basic)
    }),
    error("txt-2", "Narrative", "a narrative must hold some text or image", |o| {
        text(o, "div").is_none_or(narrative::has_content)
    }),
];

fn ucum(object: &Object) -> bool {
    (has(object, "code") || !has(object, "value")) && text(object, "system").is_none_or(|s| s == UCUM)
}

/// Compared only where both ends have the same unit.
fn range(object: &Object) -> bool {
    let end = |key: &str| object.get(key).and_then(Value::as_object);
    let (Some(low), Some(high)) = (end("low"), end("high")) else { return true };
    let same = ["unit", "system", "code"].iter().all(|k| low.get(*k) == high.get(*k));
    match (number(low, "value"), number(high, "value")) {
        (Some(low), Some(high)) if same => low <= high,
        _ => true,
    }
}
