//! Index rows of a resource (`outline::rows`), kept in the transaction of its version.
//!
//! Tags are no row of each resource: see [`labels`](super::labels).
//! References are numbers: see [`links`](super::links).

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, params};

use crate::error::Result;
use crate::outline::rows::{Row, Rows};

use super::links::Links;

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
            db,
            token: db.prepare_cached("INSERT OR IGNORE INTO ix_token VALUES(?1,?2,?3,?4)")?,
            date: db.prepare_cached("INSERT OR IGNORE INTO ix_date VALUES(?1,?2,?3,?4)")?,
            string: db.prepare_cached("INSERT OR IGNORE INTO ix_string VALUES(?1,?2,?3,?4)")?,
            links: Links::new(db, known)?,
        })
    }

    /// Writes the rows of a resource; the caller cleared those of the version before, and every resource of the message
    /// has its number.
    pub(crate) fn write(&mut self, rid: i64, patient: &str, rows: &Rows) -> Result<()> {
        for (param, row) in &rows.rows {
            match row {
                Row::Token { code, system } => {
                    let (code, system) = (rows.text(*code), rows.text(*system));
                    self.token.execute(params![rid, param, code, system])?;
                    if *param == CODE && !patient.is_empty() {
                        self.db
                            .prepare_cached("INSERT OR IGNORE INTO coded VALUES(?1,?2,?3,?4)")?
                            .execute(params![patient, code, rid, system])?;
                    }
                }
                Row::Date { low, high } => {
                    self.date.execute(params![rid, param, low, high])?;
                }
                Row::Text { folded, text } => {
                    self.string.execute(params![rid, param, rows.text(*folded), rows.text(*text)])?;
                }
                Row::Link(reference) => self.links.add(rid, param, rows.text(*reference))?,
            }
        }
        self.links.end(rid)
    }
}
