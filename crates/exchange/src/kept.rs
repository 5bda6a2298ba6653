//! The rows that an engine keeps, so that another engine can take them over: tables, columns, and a digest of a table
//! that does not depend on the order of its rows.

use crate::error::EngineError;
use crate::message::Checksum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// None.
    Null,
    /// A whole number: counts, microseconds since 1970, and 0 or 1 of a flag.
    Number(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Number,
    /// Yes or no, as a number.
    Flag,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// A table that every engine keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns. The first [`Table::key`] of them tell one row from another.
    pub columns: &'static [(&'static str, Kind)],
    /// Number of key columns.
    pub key: usize,
}

use Kind::{Bytes as B, Flag as F, Number as N, Text as T};

/// The tables, a row's owner before the row. The counters that stand in no table are in [`Head`]; what follows from the
/// rows (the order of an inbox, how many wait in it) is made anew.
pub const TABLES: [Table; 10] = [
    Table {
        name: "message",
        key: 1,
        columns: &[
            ("seq", N),
            ("id", T),
            ("kind", T),
            ("state", T),
            ("waiting", N),
            ("inbox", F),
            ("sender", T),
            ("door", T),
            ("mailbox_from", T),
            ("mailbox_to", T),
            ("workflow", T),
            ("local_id", T),
            ("correlation_id", T),
            ("person_key", T),
            ("linked", T),
            ("received_at", N),
            ("changed_at", N),
            ("acknowledged_at", N),
            ("expires_at", N),
            ("size", N),
            ("sha256", B),
            ("chunks", N),
            ("present", N),
            ("content_deleted_at", N),
            ("failure_code", T),
            ("failure_text", T),
            ("rest", T),
            ("accepted_event", N),
            ("control_id", T),
        ],
    },
    // `bytes` as they were given, not packed; none where the content is kept apart.
    Table {
        name: "part",
        key: 3,
        columns: &[
            ("owner", N),
            ("place", N),
            ("number", N),
            ("role", T),
            ("name", T),
            ("media_type", T),
            ("sha256", B),
            ("size", N),
            ("bytes", B),
        ],
    },
    Table {
        name: "translation",
        key: 1,
        columns: &[("owner", N), ("adapter", T), ("format", T), ("version", T), ("summary", T)],
    },
    Table {
        name: "event",
        key: 2,
        columns: &[("owner", N), ("seq", N), ("at", N), ("kind", T), ("actor", T), ("detail", T)],
    },
    Table {
        name: "work",
        key: 1,
        columns: &[
            ("id", N),
            ("owner", N),
            ("kind", T),
            ("destination", T),
            ("order_key", T),
            ("state", T),
            ("not_before", N),
            ("lease_until", N),
            ("token", N),
            ("worker", T),
            ("attempts", N),
            ("lost", N),
            ("replay", F),
            ("queued_at", N),
            ("error_code", T),
            ("error_text", T),
            ("detail", T),
            ("tries", N),
        ],
    },
    Table {
        name: "expectation",
        key: 1,
        columns: &[
            ("id", N),
            ("owner", N),
            ("kind", T),
            ("expected_from", T),
            ("reference", T),
            ("deadline", N),
            ("outcome", T),
            ("settled_at", N),
            ("code", T),
            ("overdue_since", N),
            ("handled_by", T),
            ("handled_at", N),
            ("note", T),
        ],
    },
    Table {
        name: "idempotency",
        key: 2,
        columns: &[
            ("sender", T),
            ("request_id", T),
            ("owner", N),
            ("message", T),
            ("sha256", B),
            ("at", N),
            ("status", N),
            ("media_type", T),
            ("body", B),
        ],
    },
    Table { name: "once", key: 2, columns: &[("scope", T), ("value", T), ("until", N)] },
    Table { name: "config", key: 2, columns: &[("kind", T), ("key", T), ("version", N), ("json", T)] },
    Table {
        name: "audit",
        key: 1,
        columns: &[
            ("seq", N),
            ("at", N),
            ("actor", T),
            ("action", T),
            ("entity", T),
            ("detail", T),
            ("previous", B),
            ("hash", B),
        ],
    },
];

/// The counters that an engine goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Highest time ever given, in microseconds since 1970.
    pub high_water: i64,
    /// Last fencing token.
    pub token: i64,
    /// Entries of the audit chain.
    pub audit_seq: i64,
    /// Hash of the last of them.
    pub audit_hash: Checksum,
    /// Last number given to a message, event and work item.
    pub numbers: [i64; 3],
}

/// Takes a row; an error ends the reading.
pub type Take<'a> = &'a mut dyn FnMut(Vec<Value>) -> Result<(), EngineError>;

/// What is kept, read by the engine that takes it over. Nobody writes it meanwhile.
pub trait Kept {
    /// The counters.
    ///
    /// # Errors
    /// The data can't be read.
    fn head(&self) -> Result<Head, EngineError>;

    /// Hands over the rows of a table in the order of its key, those after a key where one is given.
    ///
    /// # Errors
    /// The data can't be read; [`EngineError::Corrupt`] where a content does not have its digest; what `take` says.
    fn rows(&self, table: &Table, after: Option<&[Value]>, take: Take<'_>) -> Result<(), EngineError>;

    /// Digest and size of every content that is kept apart from the rows.
    ///
    /// # Errors
    /// The data can't be read.
    fn apart(&self) -> Result<Vec<(Checksum, u64)>, EngineError>;

    /// One of them. Its digest is for the reader to compare.
    ///
    /// # Errors
    /// It can't be read.
    fn content(&self, sha256: &Checksum) -> Result<Box<dyn Read + Send>, EngineError>;
}

/// Rows of a table and the sum of their digests: the same for the same rows in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Sum of their SHA-256 digests, modulo 2^256.
    pub digest: Checksum,
}

impl Sum {
    /// Adds a row.
    pub fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        for value in row {
            let (kind, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Number(number) => (1, &number.to_be_bytes()),
                Value::Text(text) => (2, text.as_bytes()),
                Value::Bytes(bytes) => (3, bytes),
            };
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let mut carry = 0u16;
        for (sum, one) in self.digest.iter_mut().zip(hash.finalize()).rev() {
            let [high, low] = (u16::from(*sum) + u16::from(one) + carry).to_be_bytes();
            (carry, *sum) = (u16::from(high), low);
        }
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Sum, TABLES, Value};

    #[test]
    fn a_sum_tells_rows_and_not_their_order() {
        let row = |text: &str, number| vec![Value::Text(text.to_owned()), Value::Number(number), Value::Null];
        let sum = |rows: &[Vec<Value>]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row));
            sum
        };
        let (a, b, c) = (row("a", 1), row("b", 2), row("c", -3));
        let all = sum(&[a.clone(), b.clone(), c.clone()]);
        assert_eq!(all, sum(&[c.clone(), a.clone(), b.clone()]));
        for other in
            [vec![a.clone(), b.clone()], vec![a.clone(), b.clone(), b.clone()], vec![a, b, row("c", 3)]]
        {
            assert_ne!(all, sum(&other));
        }
        // Where one value ends is part of the digest.
        let pair = |one: &str, two: &str| sum(&[vec![Value::Text(one.into()), Value::Text(two.into())]]);
        assert_ne!(pair("ab", "c"), pair("a", "bc"));
        assert_ne!(sum(&[vec![Value::Null]]), sum(&[vec![Value::Text(String::new())]]));
    }

    #[test]
    fn the_key_of_a_table_is_of_its_columns() {
        for table in TABLES {
            assert!((1..=table.columns.len()).contains(&table.key), "{}", table.name);
        }
    }
}
