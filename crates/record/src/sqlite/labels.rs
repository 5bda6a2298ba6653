//! Tags of source and organisation (`_tag`): thousands of resources have the same, so each has the number of its set.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::outline::Label;

/// Finds and makes sets.
#[derive(Default)]
pub(crate) struct Labels(HashMap<Vec<Label>, i64>);

impl Labels {
    /// The number of a set ([`tags`](crate::outline::tags)); 0 where it is empty.
    pub(crate) fn number(&mut self, db: &Connection, set: Vec<Label>) -> Result<i64> {
        if set.is_empty() {
            return Ok(0);
        }
        if let Some(number) = self.0.get(&set) {
            return Ok(*number);
        }
        let mut digest = Sha256::new();
        for part in set.iter().flat_map(|(param, code, system)| [*param, code, system]) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut find = db.prepare_cached("SELECT number FROM label_set WHERE digest=?1")?;
        let number = match find.query_row([digest], |row| row.get(0)).optional()? {
            Some(number) => number,
            None => {
                db.prepare_cached("INSERT INTO label_set(digest) VALUES(?1)")?.execute([digest])?;
                let number = db.last_insert_rowid();
                let mut insert = db.prepare_cached("INSERT OR IGNORE INTO label VALUES(?1,?2,?3,?4)")?;
                for (param, code, system) in &set {
                    insert.execute(params![number, param, code, system])?;
                }
                number
            }
        };
        self.0.insert(set, number);
        Ok(number)
    }
}
