//! Pointers in one SQLite file: one writer, each change flushed before it is acknowledged.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use crate::query::Search;
use crate::rules::Pointer;

/// Newest schema version.
const VERSION: u32 = 2;
/// Milliseconds that a call waits for another process.
const BUSY_MILLIS: u64 = 5_000;

const SCHEMA: &str = "
CREATE TABLE pointer(
  id TEXT PRIMARY KEY,
  nhs_number TEXT NOT NULL,
  custodian TEXT NOT NULL,
  kind TEXT NOT NULL,               -- system|code
  category TEXT NOT NULL,           -- system|code
  created TEXT NOT NULL,            -- instant
  resource TEXT NOT NULL            -- the DocumentReference
) STRICT, WITHOUT ROWID;
CREATE INDEX pointer_of_person ON pointer(nhs_number, category, kind, created, id);
";

/// Version 2: the SHA-256 of each row, so that damage is found. Rows of before have none until they are changed.
const V2: &str = "ALTER TABLE pointer ADD COLUMN sha256 BLOB;";

/// The columns of a pointer.
const COLUMNS: &str = "id, nhs_number, custodian, kind, category, created, resource";

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed; the code is its extended result code.
    #[error("the pointers can't be read or written (SQLite {0})")]
    Database(i32),
    /// The file was written by a newer version.
    #[error("the pointers were written by a newer version of the program (schema {0})")]
    Newer(u32),
    /// What is kept can't be read.
    #[error("a pointer that is kept can't be read")]
    Damaged,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.sqlite_error().map_or(0, |e| e.extended_code))
    }
}

type Result<T> = std::result::Result<T, StoreError>;

/// Whether a pointer was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is there now.
    New,
    /// One with its id was there before; nothing was changed.
    Duplicate,
    /// One that it replaces is gone; nothing was changed.
    TargetGone,
}

/// The pointers.
#[derive(Debug)]
pub struct Store {
    db: Mutex<Connection>,
}

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_millis(BUSY_MILLIS))?;
        db.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
        db.execute_batch("PRAGMA synchronous=FULL;")?;
        let version: u32 = db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        match version {
            0 => db.execute_batch(&format!("BEGIN;{SCHEMA}{V2}PRAGMA user_version={VERSION};COMMIT;"))?,
            1 => db.execute_batch(&format!("BEGIN;{V2}PRAGMA user_version={VERSION};COMMIT;"))?,
            VERSION => {}
            newer => return Err(StoreError::Newer(newer)),
        }
        Ok(Self { db: Mutex::new(db) })
    }

    /// Copies the pointers of one moment into a new file; others may write meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; there is such a file already.
    pub fn copy_to(&self, path: &Path) -> Result<()> {
        self.lock().execute("VACUUM INTO ?1", [path.to_string_lossy()])?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pointer with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, id: &str) -> Result<Option<Pointer>> {
        get(&self.lock(), id)
    }

    /// Keeps a pointer in place of those that it replaces, in one transaction. `lenient`: it does not matter whether these
    /// are there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn create(&self, pointer: &Pointer, replaced: &[String], lenient: bool) -> Result<Kept> {
        let mut db = self.lock();
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if get(&tx, &pointer.id)?.is_some() {
            return Ok(Kept::Duplicate);
        }
        insert(&tx, pointer)?;
        for id in replaced {
            let gone = tx.execute("DELETE FROM pointer WHERE id=?1", [id])? == 0;
            if gone && !lenient {
                return Ok(Kept::TargetGone);
            }
        }
        tx.commit()?;
        Ok(Kept::New)
    }

    /// Puts a pointer in place of the one with its id, if that is still as it was. `false` where it is not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn update(&self, pointer: &Pointer, old: &Pointer) -> Result<bool> {
        let mut db = self.lock();
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if get(&tx, &pointer.id)?.as_ref() != Some(old) {
            return Ok(false);
        }
        tx.execute("DELETE FROM pointer WHERE id=?1", [&pointer.id])?;
        insert(&tx, pointer)?;
        tx.commit()?;
        Ok(true)
    }

    /// Removes a pointer. `false` where there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete(&self, id: &str) -> Result<bool> {
        Ok(self.lock().execute("DELETE FROM pointer WHERE id=?1", [id])? > 0)
    }

    /// Every pointer that a search finds, by category, type, time and id. Its page is cut by who asks, after what may not
    /// be shown was left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, search: &Search) -> Result<Vec<Pointer>> {
        let db = self.lock();
        let mut all = db.prepare_cached(
            "SELECT id, nhs_number, custodian, kind, category, created, resource FROM pointer
             WHERE nhs_number=?1 ORDER BY category, kind, created, id",
        )?;
        let mut rows = all.query([&search.nhs_number])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let pointer = read(row)?;
            let by = search.custodian.as_ref().is_none_or(|c| *c == pointer.custodian);
            if by && search.types.contains(&pointer.kind) {
                found.push(pointer);
            }
        }
        Ok(found)
    }
}

fn insert(db: &Connection, p: &Pointer) -> Result<()> {
    let mut statement = db.prepare_cached(
        "INSERT INTO pointer(id, nhs_number, custodian, kind, category, created, resource, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let resource = p.resource.to_string();
    let row = [&p.id, &p.nhs_number, &p.custodian, &p.kind, &p.category, &p.created, &resource];
    let sum = digest(&row.map(String::as_bytes));
    statement.execute(params![
        p.id,
        p.nhs_number,
        p.custodian,
        p.kind,
        p.category,
        p.created,
        resource,
        sum
    ])?;
    Ok(())
}

/// The digest of a row: each column with its length before it.
fn digest(columns: &[&[u8]; 7]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for column in columns {
        hash.update((column.len() as u64).to_be_bytes());
        hash.update(column);
    }
    hash.finalize().into()
}

/// What is wrong with a file of pointers, a sentence each: the database by its own check, and each row by its digest. A file
/// that is not there is good. Nothing is written; others may write meanwhile.
///
/// # Errors
/// [`StoreError`]: it can't be read at all.
pub fn examine(path: &Path) -> Result<Vec<String>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.busy_timeout(Duration::from_millis(BUSY_MILLIS))?;
    db.execute_batch("PRAGMA query_only=ON;")?;
    let version: u32 = db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    if version == 0 || version > VERSION {
        return Err(StoreError::Newer(version));
    }
    let mut found: Vec<String> = Vec::new();
    let mut check = db.prepare("PRAGMA integrity_check(20)")?;
    let mut told = check.query([])?;
    while let Some(row) = told.next()? {
        if row.get::<_, String>(0)? != "ok" {
            found.push("the database is damaged".to_owned());
        }
    }
    found.dedup();
    if version < 2 {
        return Ok(found);
    }
    let mut rows = db.prepare(&format!("SELECT {COLUMNS}, sha256 FROM pointer"))?;
    let mut rows = rows.query([])?;
    let (mut number, mut wrong) = (0u64, 0u64);
    while let Some(row) = rows.next()? {
        number += 1;
        let mut columns: [&[u8]; 7] = [b""; 7];
        for (at, column) in columns.iter_mut().enumerate() {
            *column = match row.get_ref(at)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
                _ => b"",
            };
        }
        let kept = row.get_ref(7)?;
        wrong += u64::from(kept != ValueRef::Null && kept != ValueRef::Blob(&digest(&columns)));
    }
    if wrong > 0 {
        found.push(format!("{wrong} of {number} pointers are not as they were written"));
    }
    Ok(found)
}

fn get(db: &Connection, id: &str) -> Result<Option<Pointer>> {
    let mut statement = db.prepare_cached(
        "SELECT id, nhs_number, custodian, kind, category, created, resource FROM pointer WHERE id=?1",
    )?;
    let found = statement.query_row([id], |row| Ok(read(row))).optional()?;
    found.transpose()
}

fn read(row: &Row<'_>) -> Result<Pointer> {
    let resource: String = row.get(6)?;
    Ok(Pointer {
        id: row.get(0)?,
        nhs_number: row.get(1)?,
        custodian: row.get(2)?,
        kind: row.get(3)?,
        category: row.get(4)?,
        created: row.get(5)?,
        resource: serde_json::from_str(&resource).map_err(|_| StoreError::Damaged)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointer(id: &str) -> Pointer {
        Pointer {
            id: id.to_owned(),
            nhs_number: "9990000018".to_owned(),
            custodian: "ZZ901".to_owned(),
            kind: "s|a".to_owned(),
            resource: json!({"id": id}),
            ..Pointer::default()
        }
    }

    #[test]
    fn a_changed_byte_is_found_and_what_was_written_by_version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointers.sqlite");
        assert_eq!(examine(&path).unwrap(), Vec::<String>::new(), "there is none yet");
        let store = Store::open(&path).unwrap();
        for n in 0..20 {
            store.create(&pointer(&format!("A-{n}")), &[], false).unwrap();
        }
        assert_eq!(examine(&path).unwrap(), Vec::<String>::new(), "the control, while it is open");
        store
            .lock()
            .execute("UPDATE pointer SET resource = replace(resource, 'A-7', 'A-8') WHERE id = 'A-7'", [])
            .unwrap();
        assert_eq!(examine(&path).unwrap(), ["1 of 20 pointers are not as they were written"]);
        store.lock().execute_batch("ALTER TABLE pointer DROP COLUMN sha256; PRAGMA user_version=1;").unwrap();
        drop(store);
        assert_eq!(examine(&path).unwrap(), Vec::<String>::new());
        let store = Store::open(&path).unwrap();
        assert!(store.get("A-1").unwrap().is_some());
        assert_eq!(store.create(&pointer("A-20"), &[], false).unwrap(), Kept::New);
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[..100].copy_from_slice(&[0; 100]);
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(examine(&path).is_err(), "no database any more");
    }

    #[test]
    fn replacing_is_one_step_or_none() {
        let folder = std::env::temp_dir().join(format!("causeway-locator-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("pointers.sqlite");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.create(&pointer("A-1"), &[], false).unwrap(), Kept::New);
        assert_eq!(store.create(&pointer("A-1"), &[], false).unwrap(), Kept::Duplicate);
        let targets = ["A-1".to_owned(), "A-0".to_owned()];
        assert_eq!(store.create(&pointer("A-2"), &targets, false).unwrap(), Kept::TargetGone);
        drop(store);
        let store = Store::open(&path).unwrap();
        assert!(
            store.get("A-1").unwrap().is_some() && store.get("A-2").unwrap().is_none(),
            "nothing was changed"
        );
        assert_eq!(store.create(&pointer("A-2"), &targets, true).unwrap(), Kept::New);
        assert!(store.get("A-1").unwrap().is_none());
        let copy = folder.join("copy.sqlite");
        store.copy_to(&copy).unwrap();
        assert!(store.copy_to(&copy).is_err(), "nothing is overwritten");
        assert!(Store::open(&copy).unwrap().get("A-2").unwrap().is_some());
        let mut changed = pointer("A-2");
        changed.resource = json!({"id": "A-2", "description": "new"});
        assert!(store.update(&changed, &pointer("A-2")).unwrap());
        assert!(!store.update(&changed, &pointer("A-2")).unwrap(), "changed meanwhile");
        assert!(store.delete("A-2").unwrap() && !store.delete("A-2").unwrap());
        drop(std::fs::remove_dir_all(folder));
    }
}
