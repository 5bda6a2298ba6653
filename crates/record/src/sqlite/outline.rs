//! What is kept beside a resource's text so that it is found: everything that its elements say and the database need not be
//! asked for. It is made where bundles are read, beside the writer.

use causeway_core::Sector;
use serde_json::{Map, Value};

use crate::facts::keys::Times;
use crate::model::Key;
use crate::tables::Identifier;
use crate::{paths, policy};

use super::index::{self, Rows};
use super::labels::{self, Label};
use super::logical;
use super::summary::Place;

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
            named: if patient.is_empty() { logical::identifier_of(map) } else { None },
            patient,
            withdrawn: policy::is_withdrawn(&key.kind, map),
            place: Place::of(key, map, sector, times),
            tags: labels::tags(map),
            rows: index::rows(&key.kind, map),
        }
    }
}
