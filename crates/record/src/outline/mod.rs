//! What is kept beside a resource's text so that it is found: everything that its elements say and the database need not be
//! asked for. It is made where bundles are read, beside the writer.

use causeway_core::Sector;
use serde_json::{Map, Value};

use crate::facts::keys::Times;
use crate::identity::identifiers_of;
use crate::model::Key;
use crate::params::PATIENT;
use crate::paths::{cut, walk};
use crate::sections::section_of;
use crate::tables::Identifier;
use crate::{dates, describe, paths, policy};

pub(crate) mod rows;

use rows::{Rows, tokens};

/// See the module.
#[derive(Debug)]
pub(crate) struct Outline {
    /// Id of the Patient that it is about; empty where it is about none, or about several.
    pub patient: String,
    /// The identifier of the Patient, where no resource is named.
    pub named: Option<Identifier>,
    pub withdrawn: bool,
    pub place: Place,
    pub tags: Vec<Label>,
    pub rows: Rows,
}

impl Outline {
    pub(crate) fn of(key: &Key, map: &Map<String, Value>, sector: Sector, times: &Times) -> Self {
        let patient = paths::patient_of(&key.kind, map);
        Self {
            named: if patient.is_empty() { identifier_of(map) } else { None },
            patient,
            withdrawn: policy::is_withdrawn(&key.kind, map),
            place: Place::of(key, map, sector, times),
            tags: tags(map),
            rows: rows::rows(&key.kind, map),
        }
    }
}

/// What is kept beside a resource so that a page finds it: its part and its time.
#[derive(Debug)]
pub(crate) struct Place {
    /// Empty where it is no entry of its own.
    pub part: &'static str,
    /// Beginning of its date in microseconds since 1970; the least number where none is told.
    pub low: i64,
    /// Its date, where another resource tells it: a specimen or a report.
    pub elsewhere: String,
}

impl Place {
    pub(crate) fn of(key: &Key, map: &Map<String, Value>, sector: Sector, times: &Times) -> Self {
        let own = describe::date(map);
        let elsewhere = if own.is_empty() { times.get(key).to_owned() } else { String::new() };
        let date = if own.is_empty() { &elsewhere } else { &own };
        let low = dates::range(date).map_or(i64::MIN, |(low, _)| low);
        Self { part: section_of(&key.kind, map, sector).unwrap_or(""), low, elsewhere }
    }
}

/// Parameter, code, system.
pub(crate) type Label = (&'static str, String, String);

/// The tags of a resource, in order.
pub(crate) fn tags(map: &Map<String, Value>) -> Vec<Label> {
    let mut set = Vec::new();
    walk(map, "meta.tag", &mut |tag| {
        tokens(tag, &mut |system, code| set.push(("_tag", cut(code).to_owned(), system.to_owned())));
    });
    set.sort_unstable();
    set.dedup();
    set
}

/// The identifier of the Patient that a resource is about, where it names one and no resource.
pub(crate) fn identifier_of(map: &Map<String, Value>) -> Option<Identifier> {
    let mut found = Vec::new();
    for path in PATIENT {
        walk(map, path, &mut |value| {
            let of_patient = value.get("type").and_then(Value::as_str) == Some("Patient");
            if of_patient && value.get("reference").is_none() {
                found.extend(value.get("identifier").cloned());
            }
        });
    }
    let mut holder = Map::new();
    holder.insert("identifier".to_owned(), Value::Array(found));
    let known = identifiers_of(&holder);
    match known.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}
