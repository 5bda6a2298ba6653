//! References between resources, by number.
//!
//! A target is the `rid` of the resource that is referred to, so that the index of a message's references lies beside
//! that of the message before and not at a random place for each. What is not known as a resource (yet) has a negative
//! number, that of its row in `unmet`; when it is told, its references get its `rid` ([`met`]).
//!
//! The targets of a Provenance are most of a bundle and most of all references: they are kept as sets of 64 neighbours,
//! `ix_target(rid, block, mask)`: bit n of `mask` stands for the resource with `rid` = `block` × 64 + n.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::error::Result;
use crate::reference::key_of;

use crate::paths::cut;

/// The parameter whose targets are kept in `ix_target` too.
pub(crate) const TARGET: &str = "target";

/// Every reference with parameter and number of its target, for reading those of one resource.
pub(crate) const VIEW: &str = "
CREATE VIEW link AS
  SELECT rid, param, target FROM ix_ref UNION ALL
  SELECT t.rid, 'target', t.block*64 + b.n FROM ix_target t JOIN bit b ON ((t.mask >> b.n) & 1) = 1;
";

/// A condition of `ix_target y` that holds for sets that have the number in an expression.
pub(crate) fn in_set(number: &str) -> String {
    format!("y.block=({number})>>6 AND ((y.mask >> (({number}) & 63)) & 1)=1")
}

/// A reference as it is compared: type and id, or its text where it has none.
fn spelling(reference: &str) -> String {
    key_of(reference).map_or_else(|| cut(reference).to_owned(), |key| key.reference())
}

/// The number of a reference's target; `None` where nothing refers to it and it is not known.
pub(crate) fn number(db: &Connection, reference: &str) -> Result<Option<i64>> {
    if let Some(key) = key_of(reference) {
        let mut find = db.prepare_cached("SELECT rid FROM resource WHERE id=?1 AND type=?2")?;
        if let Some(rid) = find.query_row([&key.id, &key.kind], |row| row.get(0)).optional()? {
            return Ok(Some(rid));
        }
    }
    let mut find = db.prepare_cached("SELECT -number FROM unmet WHERE target=?1")?;
    Ok(find.query_row([spelling(reference)], |row| row.get(0)).optional()?)
}

/// The numbers of targets of any type that have this id.
pub(crate) fn numbers_of_id(db: &Connection, id: &str) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached(
        "SELECT rid FROM resource WHERE id=?1
         UNION ALL SELECT -number FROM unmet WHERE substr(target, instr(target,'/')+1)=?1",
    )?;
    let rows = find.query_map([id], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Gives the references that waited for a resource its number.
pub(crate) fn met(db: &Connection, reference: &str, rid: i64) -> Result<()> {
    let mut find = db.prepare_cached("SELECT number FROM unmet WHERE target=?1")?;
    let Some(number) = find.query_row([reference], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(());
    };
    db.prepare_cached("UPDATE ix_ref SET target=?2 WHERE target=-?1")?.execute([number, rid])?;
    db.prepare_cached("DELETE FROM unmet WHERE number=?1")?.execute([number])?;
    Ok(())
}

/// Writes references.
pub(crate) struct Links<'d> {
    db: &'d Connection,
    add: CachedStatement<'d>,
    /// Numbers by spelling.
    known: HashMap<String, i64>,
    /// Sets of the Provenance that is being written, by block.
    sets: BTreeMap<i64, i64>,
}

impl<'d> Links<'d> {
    pub(crate) fn new(db: &'d Connection, known: HashMap<String, i64>) -> Result<Self> {
        let add = db.prepare_cached("INSERT OR IGNORE INTO ix_ref VALUES(?1,?2,?3)")?;
        Ok(Self { db, add, known, sets: BTreeMap::new() })
    }

    /// Adds a reference of a resource.
    pub(crate) fn add(&mut self, rid: i64, param: &str, reference: &str) -> Result<()> {
        let number = match self.known.get(reference) {
            Some(number) => *number,
            None => self.look_up(reference)?,
        };
        if param == TARGET && number > 0 {
            *self.sets.entry(number >> 6).or_default() |= 1 << (number & 63);
        } else {
            self.add.execute(params![rid, param, number])?;
        }
        Ok(())
    }

    fn look_up(&mut self, reference: &str) -> Result<i64> {
        let number = match number(self.db, reference)? {
            Some(number) => number,
            None => {
                self.db
                    .prepare_cached("INSERT INTO unmet(target) VALUES(?1)")?
                    .execute([spelling(reference)])?;
                -self.db.last_insert_rowid()
            }
        };
        self.known.insert(reference.to_owned(), number);
        Ok(number)
    }

    /// Writes what was gathered of a resource.
    pub(crate) fn end(&mut self, rid: i64) -> Result<()> {
        for (block, mask) in std::mem::take(&mut self.sets) {
            self.db
                .prepare_cached("INSERT OR REPLACE INTO ix_target VALUES(?1,?2,?3)")?
                .execute(params![rid, block, mask])?;
        }
        Ok(())
    }
}
