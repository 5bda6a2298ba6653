//! The whole record person by person, as it stood at one moment: for what reads everybody.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use crate::bundle::unpacked;
use crate::error::{RecordError, Result};

use super::{people, read};

/// The record as it stood when the snapshot was taken: what is written meanwhile is not seen.
#[derive(Debug)]
pub struct Snapshot<'d> {
    db: &'d Connection,
}

/// A person's place in the order of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number that the order follows.
    pub number: i64,
    /// Id of the person.
    pub person: String,
}

/// A resource as the record keeps it. It is parsed apart from the database, so that another thread can do that.
#[derive(Clone, Debug)]
pub struct Told {
    content: Vec<u8>,
    version: i64,
    at: Timestamp,
}

impl Told {
    /// How much of it is kept, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.content.len()
    }

    /// The resource with `meta.versionId` and `meta.lastUpdated`, when the record took this version in.
    ///
    /// # Errors
    /// It is damaged.
    pub fn resource(&self) -> Result<Value> {
        let text = unpacked(&self.content).map_err(|_| RecordError::Damaged)?;
        let mut map: Map<String, Value> = serde_json::from_slice(&text)?;
        if let Value::Object(meta) = map.entry("meta").or_insert_with(|| Value::Object(Map::new())) {
            meta.insert("versionId".to_owned(), Value::String(self.version.to_string()));
            meta.insert("lastUpdated".to_owned(), Value::String(self.at.to_string()));
        }
        Ok(Value::Object(map))
    }
}

impl<'d> Snapshot<'d> {
    pub(crate) fn new(db: &'d Connection) -> Self {
        Self { db }
    }

    /// The next persons after a number; from the first after 0. Persons who were merged into another are not among them.
    ///
    /// # Errors
    /// The database failed.
    pub fn people(&self, after: i64, limit: usize) -> Result<Vec<Place>> {
        let mut list = self.db.prepare_cached(
            "SELECT pid, id FROM person WHERE merged_into IS NULL AND pid>?1 ORDER BY pid LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows =
            list.query_map(params![after, limit], |r| Ok(Place { number: r.get(0)?, person: r.get(1)? }))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// All that stands about a person, in the order in which it was first told, without what its source withdrew.
    ///
    /// # Errors
    /// There is more than `most`, or the database failed.
    pub fn told_of(&self, person: &Place, most: usize) -> Result<Vec<Told>> {
        let mut list = self.db.prepare_cached(
            "SELECT v.content, v.version, v.at FROM resource r INDEXED BY resource_patient
             JOIN version v ON v.rid=r.rid AND v.version=r.version
             WHERE r.patient=?1 AND r.state='told' AND r.withdrawn=0 ORDER BY r.rid LIMIT ?2",
        )?;
        let mut out = Vec::new();
        for patient in people::members(self.db, person.number)? {
            let room = i64::try_from((most + 1).saturating_sub(out.len())).unwrap_or(i64::MAX);
            let mut rows = list.query(params![patient, room])?;
            while let Some(row) = rows.next()? {
                let content = match row.get_ref(0)? {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                    _ => return Err(RecordError::Damaged),
                };
                out.push(Told { content, version: row.get(1)?, at: read::time(row, 2)? });
            }
        }
        if out.len() > most {
            return Err(RecordError::Search(
                "there is more about a person than may be read at once".to_owned(),
            ));
        }
        Ok(out)
    }
}
