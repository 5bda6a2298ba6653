//! What one source tells of one thing, in words, with what is compared.

use std::collections::{BTreeMap, HashMap};

use causeway_core::Sector;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::related::{Line, Related, contained, reference_in_words};
use super::{keys, lines};
use crate::model::{Key, Source, Version, VersionState};
use crate::paths::{first_text, walk};
use crate::{dates, demographics, describe, policy};

/// A numeric result, for a table and a chart. The digits are those of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// Comparator and digits as told: `<5`, `7.10`.
    pub value: String,
    /// Unit as told.
    pub unit: String,
    /// Reference range in words; empty where none is told.
    pub range: String,
    /// Lower end of the range, as told; empty where none.
    pub low: String,
    /// Upper end.
    pub high: String,
    /// Interpretation as told, such as `High`.
    pub flag: String,
    /// Whether the person measured it herself: such values and those of a clinic are two series.
    pub own: bool,
}

/// What one source tells of one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Telling {
    /// Which resource.
    pub key: Key,
    /// Version shown; more than 1 means that there is a history.
    pub version: u32,
    /// What it is about, in the source's words.
    pub title: String,
    /// Value, dose, outcome and the like.
    pub detail: String,
    /// Notes, answers, goals, risks, mitigations.
    pub lines: Vec<Line>,
    /// A number that was measured.
    pub measured: Option<Measured>,
    /// Date as told, at its own precision; empty where none is.
    pub date: String,
    /// Status as told.
    pub status: String,
    /// Who did or wrote it, where a name is told.
    pub by: String,
    /// Whether the source corrected or amended it.
    pub corrected: bool,
    /// What an earlier version of it said where that was another value: value and status.
    pub earlier: Vec<String>,
    /// Security labels: system and code.
    pub security: Vec<(String, String)>,
    /// Where it comes from.
    pub source: Source,
    /// What is compared with other sources' tellings: aspect and value, in words that can be shown.
    pub aspects: BTreeMap<&'static str, String>,
    /// Codings (`system|code`) and wordings of what it is about, as they are compared.
    #[serde(skip)]
    pub(crate) names: Vec<String>,
    /// Microseconds since 1970 of the date's beginning.
    #[serde(skip)]
    pub(crate) low: Option<i64>,
    /// London day, where told to the day.
    #[serde(skip)]
    pub(crate) day: Option<String>,
    /// Minute, where told that closely.
    #[serde(skip)]
    pub(crate) minute: Option<i64>,
    /// Value as compared; of a medicine its state.
    #[serde(skip)]
    pub(crate) compared: String,
}

/// Elements whose references name who did or wrote something, the most telling first.
const WHO: &[&str] = &[
    "performer",
    "asserter",
    "recorder",
    "requester",
    "author",
    "source",
    "participant",
    "owner",
    "informant",
];

/// Keys by which what sources tell of one thing is joined: two resources without a common one are never one fact. `related`
/// are Medications that it may refer to, by reference (`Medication/id`).
pub fn joins(resource: &Value, related: &HashMap<String, Map<String, Value>>) -> Vec<String> {
    let text = |name: &str| resource[name].as_str().unwrap_or_default();
    let version = Version {
        key: Key::new(text("resourceType"), text("id")),
        version: 1,
        state: VersionState::Told,
        at: Timestamp::UNIX_EPOCH,
        resource: resource.clone(),
        // By whom it is told makes no difference to what it is about.
        source: Source {
            organisation_code: String::new(),
            organisation_system: String::new(),
            organisation: String::new(),
            system: String::new(),
            sector: Sector::Health,
            telling: causeway_core::Telling::Event,
            received: Timestamp::UNIX_EPOCH,
            message: String::new(),
        },
    };
    telling(&version, "", related).map(|told| super::keys_of(&told)).unwrap_or_default()
}

/// A telling from a resource as it stands. `elsewhere` is its time where it has none of its own.
pub(crate) fn telling(version: &Version, elsewhere: &str, related: &Related) -> Option<Telling> {
    let map = version.resource.as_object()?;
    let kind = version.key.kind.as_str();
    let medication = medication_of(map, related);
    let title = match &medication {
        Some(concept) => describe::concept(concept),
        None => describe::title(kind, map),
    };
    let date = match describe::date(map) {
        none if none.is_empty() => elsewhere.to_owned(),
        date => date,
    };
    let mut names = keys::names(map);
    if let Some(concept) = &medication {
        keys::add_names(concept, &mut names);
    }
    let measured = measured(map);
    let mut out = Telling {
        title: if title.is_empty() { describe::fallback(kind, map) } else { title },
        detail: describe::detail(map),
        lines: lines::of(kind, map, related),
        compared: keys::value_of(map).unwrap_or_default(),
        low: dates::range(&date).map(|(low, _)| low),
        day: dates::day(&date),
        minute: dates::minute(&date),
        by: who(map, related),
        status: describe::status(map),
        corrected: policy::is_corrected(map),
        earlier: Vec::new(),
        security: demographics::labels(map),
        version: version.version,
        key: version.key.clone(),
        source: version.source.clone(),
        aspects: BTreeMap::new(),
        measured,
        names,
        date,
    };
    super::aspects(kind, map, &mut out);
    Some(out)
}

/// The medicine's own code, from wherever a reference leads: a contained resource or another one.
fn medication_of(map: &Map<String, Value>, related: &Related) -> Option<Map<String, Value>> {
    let reference = map.get("medicationReference")?.as_object()?;
    let target = first_text(reference, &["reference"]);
    let code = |resource: &Map<String, Value>| resource.get("code")?.as_object().cloned();
    let found = match target.strip_prefix('#') {
        Some(id) => contained(map, id).and_then(code),
        None => related.get(target).and_then(code),
    };
    found.or_else(|| {
        let text = first_text(reference, &["display", "identifier.value"]);
        (!text.is_empty()).then(|| Map::from_iter([("text".to_owned(), Value::String(text.to_owned()))]))
    })
}

fn who(map: &Map<String, Value>, related: &Related) -> String {
    for element in WHO {
        let list = match map.get(*element) {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => continue,
        };
        for entry in list.iter().filter_map(Value::as_object) {
            let inner =
                ["actor", "individual", "member"].into_iter().find_map(|name| entry.get(name)?.as_object());
            let name = reference_in_words(inner.unwrap_or(entry), map, related);
            if !name.is_empty() {
                return name;
            }
        }
    }
    String::new()
}

fn measured(map: &Map<String, Value>) -> Option<Measured> {
    let own = map.get("valueQuantity").and_then(Value::as_object);
    let component = || match map.get("component").and_then(Value::as_array).map(Vec::as_slice) {
        Some([one]) => one.get("valueQuantity").and_then(Value::as_object),
        _ => None,
    };
    let quantity = own.or_else(component)?;
    let digits = match quantity.get("value")? {
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let bound = |name: &str| {
        let mut found = String::new();
        walk(map, &format!("referenceRange.{name}.value"), &mut |v| {
            if found.is_empty() {
                found = v.to_string();
            }
        });
        found
    };
    let (low, high) = (bound("low"), bound("high"));
    let range = match (first_text(map, &["referenceRange.text"]), low.as_str(), high.as_str()) {
        ("", "", "") => String::new(),
        ("", "", high) => format!("up to {high}"),
        ("", low, "") => format!("from {low}"),
        ("", low, high) => format!("{low} to {high}"),
        (text, _, _) => text.to_owned(),
    };
    Some(Measured {
        value: format!("{}{digits}", first_text(quantity, &["comparator"])),
        unit: first_text(quantity, &["unit", "code"]).to_owned(),
        flag: first_text(
            map,
            &["interpretation.text", "interpretation.coding.display", "interpretation.coding.code"],
        )
        .to_owned(),
        range,
        low,
        high,
        own: describe::is_self_measured(map),
    })
}
