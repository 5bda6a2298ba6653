//! Whom a search is about: the Patients of the persons that it names.

use rusqlite::Connection;

use super::super::people;
use super::query::Query;
use crate::error::Result;
use crate::{limits, reference};

/// Limits the query to these Patients as well.
pub(super) fn narrow(query: &mut Query, patients: Vec<String>) {
    query.patients = Some(match query.patients.take() {
        None => patients,
        Some(before) => before.into_iter().filter(|p| patients.contains(p)).collect(),
    });
}

/// All Patients of the persons of these Patients.
pub(super) fn persons_of(db: &Connection, references: &[String]) -> Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for reference in references {
        let id = reference::key_of(reference).map_or_else(|| reference.clone(), |key| key.id);
        let found = match people::whose(db, &id)? {
            Some(pid) => people::members(db, pid)?,
            None => vec![id],
        };
        out.extend(found.into_iter().filter(|p| !out.contains(p)).collect::<Vec<_>>());
    }
    Ok(out)
}

/// All Patients of the persons who have one of these identifiers.
pub(super) fn patients_with(db: &Connection, tokens: &[String]) -> Result<Vec<String>> {
    let mut find = db.prepare_cached(
        "SELECT r.id FROM ix_token i JOIN resource r ON r.rid=i.rid
         WHERE i.code=?1 AND i.param='identifier' AND (?2 IS NULL OR i.system=?2) AND r.type='Patient'
         ORDER BY r.rid LIMIT ?3",
    )?;
    let mut out = Vec::new();
    for token in tokens {
        let (system, code) = match token.split_once('|') {
            Some((system, code)) => (Some(system), code),
            None => (None, token.as_str()),
        };
        let rows =
            find.query_map(rusqlite::params![code, system, limits::MEMBERS_MAX as i64], |row| row.get(0))?;
        out.extend(rows.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    persons_of(db, &out)
}
