//! What others refer to, in words.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::describe;
use crate::paths::first_text;

/// A labelled line: a note, an answer, a goal, a mitigation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is, such as `Note` or the question's own words; empty where the text speaks for itself.
    pub label: String,
    /// The source's words.
    pub text: String,
}

/// Resources that others refer to, by reference: medicines, practitioners, organisations, places.
pub(crate) type Related = HashMap<String, Map<String, Value>>;

/// A resource that is held inside another.
pub(super) fn contained<'m>(map: &'m Map<String, Value>, id: &str) -> Option<&'m Map<String, Value>> {
    let all = map.get("contained")?.as_array()?;
    all.iter().filter_map(Value::as_object).find(|c| c.get("id").and_then(Value::as_str) == Some(id))
}

/// A reference in words: its display, else the name of what it leads to. A raw reference is no word.
pub(crate) fn reference_in_words(
    reference: &Map<String, Value>,
    map: &Map<String, Value>,
    related: &Related,
) -> String {
    let display = first_text(reference, &["display"]);
    if !display.is_empty() {
        return display.to_owned();
    }
    let target = first_text(reference, &["reference"]);
    let found = match target.strip_prefix('#') {
        Some(id) => contained(map, id),
        None => related.get(target),
    };
    found.map(name_of).unwrap_or_default()
}

/// The name of an organisation, a person or a place.
pub(crate) fn name_of(resource: &Map<String, Value>) -> String {
    match resource.get("name") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(_)) => describe::name(resource),
        _ => first_text(resource, &["code.text", "code.coding.display", "practitioner.display"]).to_owned(),
    }
}
