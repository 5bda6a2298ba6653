//! A search as understood.

use rusqlite::types::Value as Sql;

use super::super::view::View;
use crate::error::{RecordError, Result};

/// A search as understood.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(super) conditions: Vec<Condition>,
    /// Patients that it is limited to; `None` where it names no person.
    pub(super) patients: Option<Vec<String>>,
    /// Whether it asks for statuses, and so also for what was withdrawn.
    pub(super) asks_status: bool,
    pub(super) count: usize,
    pub(super) sort: Vec<SortKey>,
    pub(super) page: Option<Vec<Sql>>,
    pub view: View,
    pub includes: Vec<Include>,
    pub(super) only_count: bool,
    pub(super) total: Option<bool>,
    pub unknown: Vec<String>,
    /// Whether of each person's Patients one is found, for all of them.
    pub one_per_person: bool,
    /// Whether Patients are asked for by ids that sources gave.
    pub(super) by_source: bool,
}

impl Query {
    /// Whether it is limited to people of whom none is known.
    pub(super) fn nobody(&self) -> bool {
        self.patients.as_ref().is_some_and(Vec::is_empty)
    }
}

/// A condition, as SQL that holds for `r`, and, where it can, as a query that gives `rid`s by itself.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Sql>,
    /// The same as `SELECT rid …`.
    pub(super) driver: Option<String>,
    /// Whether it holds for a large part of all resources, and so is a bad beginning.
    pub(super) weak: bool,
    /// Where it is answered of a person by `coded`: the code and perhaps the system of each alternative.
    pub(super) codes: Vec<(String, Option<String>)>,
}

/// What the answer is ordered by; last of all by `rid`.
#[derive(Debug)]
pub(super) struct SortKey {
    pub(super) by: SortBy,
    pub(super) descending: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum SortBy {
    Rid,
    Updated,
    Date(&'static str),
    Text(&'static str),
}

#[derive(Debug)]
pub(crate) struct Include {
    pub kind: String,
    pub param: String,
    pub reverse: bool,
}

pub(super) fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(RecordError::Search(text.into()))
}
