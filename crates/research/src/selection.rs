//! What a request for data asks of a project's resources: types, a time, searches.

use std::collections::{BTreeMap, BTreeSet};

use causeway_record::meets;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// A part of what a project may have. Nothing that it says can show more than the whole would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Selection {
    /// Resource types; all where there is none.
    pub types: BTreeSet<String>,
    /// What the record took in after this.
    pub since: Option<Timestamp>,
    /// And not after this.
    pub until: Option<Timestamp>,
    /// By type: searches of which one must be met, each a list of parameters and values that must all be.
    pub filters: BTreeMap<String, Vec<Vec<(String, String)>>>,
}

impl Selection {
    /// Adds a search of one type, as `_typeFilter` has it: all of its parameters must be met.
    ///
    /// # Errors
    /// [`Error::Definition`] for a type or parameter that R4 has not, and for what looks beyond one resource.
    pub fn filter(&mut self, kind: &str, search: Vec<(String, String)>) -> Result<(), Error> {
        let wrong = |what: String| Error::Definition(format!("_typeFilter: {what}"));
        if !causeway_record::is_r4_type(kind) {
            return Err(wrong("R4 has no such resource type".to_owned()));
        }
        let probe = serde_json::json!({"resourceType": kind});
        for (name, value) in &search {
            if meets(&probe, name, value).is_none() {
                let name: String = name.chars().filter(char::is_ascii_graphic).take(64).collect();
                return Err(wrong(format!("{kind} can't be searched by {name} here")));
            }
        }
        self.filters.entry(kind.to_owned()).or_default().push(search);
        Ok(())
    }

    /// Whether the record took a resource in within the time that is asked.
    pub(crate) fn is_of_time(&self, resource: &Value) -> bool {
        let told = resource.pointer("/meta/lastUpdated").and_then(Value::as_str);
        let told = told.and_then(|text| text.parse::<Timestamp>().ok());
        // What has no time may be new.
        self.since.is_none_or(|since| told.is_none_or(|told| told > since))
            && self.until.is_none_or(|until| told.is_none_or(|told| told <= until))
    }

    /// Whether a resource, as it would leave, is asked for.
    pub(crate) fn takes(&self, resource: &Value) -> bool {
        let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let all = |search: &Vec<(String, String)>| {
            search.iter().all(|(name, value)| meets(resource, name, value) == Some(true))
        };
        (self.types.is_empty() || self.types.contains(kind))
            && self.filters.get(kind).is_none_or(|searches| searches.iter().any(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_searches_of_a_type_are_or_and_their_parameters_and() {
        let mut selection = Selection::default();
        let search = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
        };
        let first = search(&[("code", "http://snomed.info/sct|27113001"), ("status", "final")]);
        selection.filter("Observation", first).unwrap();
        selection.filter("Observation", search(&[("date", "ge2026-05")])).unwrap();
        let one = |code: &str, status: &str, date: &str| {
            selection.takes(&serde_json::json!({"resourceType": "Observation", "status": status, "effectiveDateTime": date,
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]}}))
        };
        assert!(one("27113001", "final", "2026-01"));
        assert!(!one("27113001", "amended", "2026-01"));
        assert!(one("1", "amended", "2026-06"));
        assert!(selection.takes(&serde_json::json!({"resourceType": "Condition"})));
        for (kind, name) in [("Observation", "colour"), ("Nothing", "code"), ("Observation", "subject.name")]
        {
            assert!(selection.clone().filter(kind, search(&[(name, "x")])).is_err(), "{kind} {name}");
        }
    }
}
