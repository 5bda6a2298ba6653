//! Index rows of a resource, kept in the transaction of its version.
//!
//! Tags are no row of each resource: see [`labels`](super::labels).
//! References are numbers: see [`links`](super::links).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::{CachedStatement, Connection, params};
use serde_json::{Map, Value};

use crate::dates;
use crate::error::Result;
use crate::model::Key;
use crate::params::{self, Kind, Param};
use crate::paths::{cut, each, fold};

use super::links::Links;

/// Calls `f` with system and code of every token in an element.
pub(crate) fn tokens(value: &Value, f: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(code) => f("", code),
        Value::Bool(flag) => f("", if *flag { "true" } else { "false" }),
        Value::Object(map) => {
            let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or("");
            match map.get("coding") {
                Some(Value::Array(codings)) => codings.iter().for_each(|coding| tokens(coding, f)),
                _ if map.contains_key("value") => f(text("system"), text("value")),
                _ if map.contains_key("code") => f(text("system"), text("code")),
                _ => {}
            }
        }
        _ => {}
    }
}

/// The parameter whose rows are also kept by person, in `coded`.
pub(crate) const CODE: &str = "code";

/// Removes the rows of a resource, which is still about whom it was about.
pub(crate) fn clear(db: &Connection, rid: i64) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM coded WHERE rid=?1 AND (patient, code) IN (
           SELECT r.patient, x.code FROM ix_token x JOIN resource r ON r.rid=x.rid WHERE x.rid=?1 AND x.param='code')",
    )?
    .execute([rid])?;
    for table in ["ix_token", "ix_date", "ix_string", "ix_ref", "ix_target"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE rid=?1"))?.execute([rid])?;
    }
    Ok(())
}

/// Gives the codes of a resource, which was about nobody known, to whom it is about.
pub(crate) fn attach(db: &Connection, rid: i64, patient: &str) -> Result<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO coded SELECT ?2, code, rid, system FROM ix_token WHERE rid=?1 AND param='code'",
    )?
    .execute(params![rid, patient])?;
    Ok(())
}

/// The parameters that look into one element of a type, each with the rest of its path.
type Lookups = Vec<(&'static Param, &'static str)>;
/// By the first step of their paths.
type Plan = HashMap<&'static str, Lookups>;

/// What is looked for in each element of a type: one step over a resource's elements instead of one over the parameters,
/// most of which it has not. Types are R4's and those that are asked about, so few.
fn plan(kind: &str) -> &'static Plan {
    static PLANS: Mutex<Option<HashMap<String, &'static Plan>>> = Mutex::new(None);
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let plans = plans.get_or_insert_default();
    // Types that R4 has not share the parameters of the other types, and may be any.
    let kind = if crate::parameters::is_r4_type(kind) { kind } else { "" };
    if let Some(known) = plans.get(kind) {
        return known;
    }
    let mut made = Plan::new();
    for param in params::of_type(kind).filter(|p| !params::is_label(p.name)) {
        // `patient` and `subject` are the same elements and are answered from the resource's own column.
        if params::is_patient(param.name) {
            continue;
        }
        for path in param.paths {
            let (step, rest) = path.split_once('.').map_or((*path, ""), |(step, rest)| (step, rest));
            made.entry(step).or_default().push((param, rest));
        }
    }
    let made: &'static Plan = Box::leak(Box::new(made));
    plans.insert(kind.to_owned(), made);
    made
}

/// Writes the rows of resources.
pub(crate) struct Writer<'d> {
    db: &'d Connection,
    token: CachedStatement<'d>,
    date: CachedStatement<'d>,
    string: CachedStatement<'d>,
    links: Links<'d>,
}

impl<'d> Writer<'d> {
    /// With what is known of the numbers of resources.
    pub(crate) fn new(db: &'d Connection, known: HashMap<String, i64>) -> Result<Self> {
        Ok(Self {
            token: db.prepare_cached("INSERT OR IGNORE INTO ix_token VALUES(?1,?2,?3,?4)")?,
            db,
            date: db.prepare_cached("INSERT OR IGNORE INTO ix_date VALUES(?1,?2,?3,?4)")?,
            string: db.prepare_cached("INSERT OR IGNORE INTO ix_string VALUES(?1,?2,?3,?4)")?,
            links: Links::new(db, known)?,
        })
    }

    /// Writes the rows of a resource; the caller cleared those of the version before, and every resource of the message
    /// has its number.
    pub(crate) fn write(
        &mut self,
        rid: i64,
        key: &Key,
        patient: &str,
        map: &Map<String, Value>,
    ) -> Result<()> {
        let plan = plan(&key.kind);
        let mut values = Vec::new();
        for (name, element) in map {
            for (param, rest) in plan.get(name.as_str()).into_iter().flatten() {
                values.clear();
                each(element, rest, &mut |value| values.push(value));
                for value in &values {
                    self.value(rid, param, value)?;
                    if param.name == CODE && !patient.is_empty() {
                        self.code(rid, patient, value)?;
                    }
                }
            }
        }
        self.links.end(rid)
    }

    fn code(&mut self, rid: i64, patient: &str, value: &Value) -> Result<()> {
        let mut coded = self.db.prepare_cached("INSERT OR IGNORE INTO coded VALUES(?1,?2,?3,?4)")?;
        let mut failed = None;
        tokens(value, &mut |system, code| {
            if failed.is_none() {
                failed = coded.execute(params![patient, cut(code), rid, system]).err();
            }
        });
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Writes only its references: for a migration.
    pub(crate) fn references(&mut self, rid: i64, key: &Key, map: &Map<String, Value>) -> Result<()> {
        let plan = plan(&key.kind);
        let mut values = Vec::new();
        for (name, element) in map {
            let links = plan.get(name.as_str()).into_iter().flatten();
            for (param, rest) in links.filter(|(param, _)| param.kind == Kind::Reference) {
                values.clear();
                each(element, rest, &mut |value| values.push(value));
                for value in &values {
                    self.value(rid, param, value)?;
                }
            }
        }
        self.links.end(rid)
    }

    fn value(&mut self, rid: i64, param: &Param, value: &Value) -> Result<()> {
        match param.kind {
            Kind::Token => {
                let mut failed = None;
                tokens(value, &mut |system, code| {
                    if failed.is_none() {
                        failed = self.token.execute(params![rid, param.name, cut(code), system]).err();
                    }
                });
                failed.map_or(Ok(()), |error| Err(error.into()))
            }
            Kind::Date => {
                if let Some((low, high)) = dates::range_of(value) {
                    self.date.execute(params![rid, param.name, low, high])?;
                }
                Ok(())
            }
            Kind::Text => {
                if let Some(text) = value.as_str().filter(|t| !t.is_empty()) {
                    self.string.execute(params![rid, param.name, fold(text), cut(text)])?;
                }
                Ok(())
            }
            Kind::Reference => match value.get("reference").and_then(Value::as_str) {
                Some(reference) => self.links.add(rid, param.name, reference),
                None => Ok(()),
            },
        }
    }
}
