//! The configuration documents in force, kept in memory: doors and workers ask for them with every message, and they
//! change by a person's hand.

use crate::blobs::lock;
use crate::fault::Result;
use crate::rows;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A document's version and text.
type Document = (u64, String);

/// What a commit makes of a document: `None` removes it.
pub(crate) struct DocumentChange {
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) document: Option<Document>,
}

/// All documents by kind and key. Only the writer changes them, after its commit.
pub(crate) struct Documents {
    all: Mutex<BTreeMap<String, BTreeMap<String, Document>>>,
}

impl Documents {
    /// Reads those in force.
    pub(crate) fn load(conn: &Connection) -> Result<Self> {
        let sql = "SELECT kind, key, version, json FROM config WHERE json IS NOT NULL";
        let found = rows::all(conn, sql, [], |r| {
            let document = Some((rows::count(r, 2)?, r.get(3)?));
            Ok(DocumentChange { kind: r.get(0)?, key: r.get(1)?, document })
        })?;
        let documents = Self { all: Mutex::default() };
        documents.apply(found);
        Ok(documents)
    }

    /// Follows a commit.
    pub(crate) fn apply(&self, changes: Vec<DocumentChange>) {
        if changes.is_empty() {
            return;
        }
        let mut all = lock(&self.all);
        for DocumentChange { kind, key, document } in changes {
            let of_kind = all.entry(kind).or_default();
            match document {
                Some(document) => of_kind.insert(key, document),
                None => of_kind.remove(&key),
            };
        }
    }

    /// One document.
    pub(crate) fn one(&self, kind: &str, key: &str) -> Option<Document> {
        lock(&self.all).get(kind)?.get(key).cloned()
    }

    /// All of a kind, by key.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<(String, u64, String)> {
        let all = lock(&self.all);
        let documents = all.get(kind).into_iter().flatten();
        documents.map(|(key, (version, json))| (key.clone(), *version, json.clone())).collect()
    }
}
