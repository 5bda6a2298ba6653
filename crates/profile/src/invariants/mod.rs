//! The specification's invariants, as functions named by their keys.
//!
//! Each takes the object that the invariant is stated on. Those that need the rest of the document (dom-2 to dom-5,
//! ref-1, bdl-*) and ele-1 are in the walk itself.

pub(crate) mod data_types;
pub(crate) mod narrative;
mod resources;
mod uk_core;

use crate::primitive::Moment;
use crate::report::Severity;
use serde_json::{Map, Value};

/// One invariant.
#[derive(Debug)]
pub(crate) struct Invariant {
    /// Its key in the specification.
    pub(crate) key: &'static str,
    /// The type that states it, by path for a backbone element; empty where only a profile states it.
    pub(crate) on: &'static str,
    pub(crate) severity: Severity,
    /// What it asks for.
    pub(crate) text: &'static str,
    /// True where the object keeps it.
    pub(crate) test: fn(&Object) -> bool,
}

/// An error-level invariant.
const fn error(
    key: &'static str,
    on: &'static str,
    text: &'static str,
    test: fn(&Object) -> bool,
) -> Invariant {
    Invariant { key, on, severity: Severity::Error, text, test }
}

/// A warning-level invariant.
const fn warning(
    key: &'static str,
    on: &'static str,
    text: &'static str,
    test: fn(&Object) -> bool,
) -> Invariant {
    Invariant { key, on, severity: Severity::Warning, text, test }
}

/// All invariants that types state.
pub(crate) fn all() -> impl Iterator<Item = &'static Invariant> {
    data_types::ALL.iter().chain(resources::ALL)
}

/// The invariant that a profile names.
pub(crate) fn named(key: &str) -> Option<&'static Invariant> {
    uk_core::ALL.iter().find(|i| i.key == key)
}

/// True for the key of an invariant that a base type states.
pub(crate) fn is_of_base(key: &str) -> bool {
    let walked = ["ele-", "dom-", "bdl-", "ref-"].iter().any(|prefix| key.starts_with(prefix));
    walked || all().any(|invariant| invariant.key == key)
}

/// True where a narrative keeps the rules of txt-1 and txt-2.
pub(crate) fn is_narrative(div: &str) -> bool {
    narrative::is_basic(div) && narrative::has_content(div)
}

/// True for an invariant of a type that is a function of this crate, or part of the walk.
pub(crate) fn is_function(key: &str, on: &str) -> bool {
    let walked = ["ele-", "dom-", "bdl-", "ref-"].iter().any(|prefix| key.starts_with(prefix));
    walked || all().any(|invariant| invariant.key == key && invariant.on == on)
}

/// True where a primitive element has a value or extensions, or a complex one is there.
fn has(object: &Object, key: &str) -> bool {
    object.keys().any(|k| k.strip_prefix('_').unwrap_or(k) == key)
}

/// The text of a member. Most objects of FHIR have few members: to look at each is cheaper than to hash the name.
fn text<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.iter().find(|(name, _)| *name == key).and_then(|(_, value)| value.as_str())
}

/// The items of a repeating element.
fn items<'o>(object: &'o Object, key: &str) -> impl Iterator<Item = &'o Object> {
    object.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// True where a choice element is there, under any type.
fn has_choice(object: &Object, stem: &str) -> bool {
    object.keys().any(|k| {
        let name = k.strip_prefix('_').unwrap_or(k);
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    })
}

/// True where a CodeableConcept has one of these codes of the system.
fn coded(object: &Object, key: &str, system: &str, codes: &[&str]) -> bool {
    let Some(concept) = object.get(key).and_then(Value::as_object) else { return false };
    items(concept, "coding")
        .any(|c| text(c, "system") == Some(system) && text(c, "code").is_some_and(|c| codes.contains(&c)))
}

/// A decimal as a number good enough to compare; `None` where absent.
fn number(object: &Object, key: &str) -> Option<f64> {
    object.get(key).and_then(Value::as_f64)
}

/// True where one time is missing, or the first is at most the second.
///
/// The published expressions compare with `<=`, which says nothing for times of different precision that are the same
/// as far as both go (`2024-01-02` and `2024-01-02T10:00:00Z`): then the rule is not kept. R5 softened that.
fn in_order(object: &Object, first: &str, second: &str) -> bool {
    let moment = |key: &str| text(object, key).and_then(Moment::parse);
    match (moment(first), moment(second)) {
        (Some(first), Some(second)) => first.is_at_most(&second).unwrap_or(false),
        _ => true,
    }
}

pub(crate) type Object = Map<String, Value>;
