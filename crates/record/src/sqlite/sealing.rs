//! Seals of the record's pages, and reading it whole to see whether it is as it was written.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_seal::{Checked, Finding, Key, Pages, SealError, check, check_settling, seal_path};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use crate::bundle::unpacked;
use crate::error::Result;
use crate::limits;

/// The record, as findings name it.
const FILE: &str = "record.sqlite";
/// What to do about a damaged record.
pub(crate) const REBUILD: &str =
    "stop the exchange and make the record anew from the messages (causeway rebuild-record --data DIR)";
/// What to do about seals that can't be written.
const SEALS: &str = "look at the disk and the rights of the data folder, then start the exchange again";
/// Findings named one by one; the rest is counted.
const NAMED: usize = 20;

/// The key of the record's data; an error where it is sealed and the key is missing.
pub(super) fn key(path: &Path) -> Result<Option<Key>> {
    let key = Key::of_database(path)?;
    if key.is_none() && seal_path(path).exists() {
        return Err(SealError::NoKey.into());
    }
    Ok(key)
}

/// Compares the pages with their seals while nobody has the record open.
pub(super) fn before_open(path: &Path, key: Option<&Key>) -> Result<Vec<Finding>> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    match key {
        Some(_) if seal_path(path).exists() && !path.exists() => {
            // The record was there: a new one is made beside the old one's seals.
            let _ = std::fs::remove_file(seal_path(path));
            Ok(vec![Finding::new(FILE, "the file of the record is missing; the record is empty", REBUILD)])
        }
        Some(key) if size <= limits::SEAL_CHECK_BYTES => {
            Ok(check(path, key)?.map(|checked| page_findings(None, &checked)).unwrap_or_default())
        }
        _ => Ok(Vec::new()),
    }
}

fn page_findings(db: Option<&Connection>, checked: &Checked) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some((held, sealed)) = checked.log {
        let what = format!(
            "the write-ahead log holds {held} of {sealed} sealed frames: it was cut, damaged or removed, and commits are lost"
        );
        found.push(Finding::new(format!("{FILE}-wal frame {}", held + 1), what, REBUILD));
    }
    for page in checked.wrong.iter().take(NAMED) {
        let sql = "SELECT name FROM dbstat WHERE pageno=?1";
        let owner = db.and_then(|db| db.query_row(sql, [page], |r| r.get::<_, String>(0)).ok());
        let owner = owner.map(|name| format!(" ({name})")).unwrap_or_default();
        found.push(Finding::new(format!("{FILE} page {page}{owner}"), "is not as it was written", REBUILD));
    }
    if let Some(more) = checked.wrong.len().checked_sub(NAMED).filter(|n| *n > 0) {
        found.push(Finding::new(FILE, format!("{more} more pages are not as they were written"), REBUILD));
    }
    found
}

/// Committed frames of the log.
pub(super) fn frames(db: &Connection) -> Option<u32> {
    db.prepare_cached("PRAGMA wal_checkpoint(NOOP)").and_then(|mut s| s.query_row([], |r| r.get(1))).ok()
}

/// Why seals could not be written, if so.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    pub(super) fn note(&self, error: &SealError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
    }
}

/// What seals the pages, for those that copy the log back.
#[derive(Clone, Debug)]
pub(super) struct Sealer {
    pub(super) pages: Arc<Pages>,
    pub(super) failure: Failure,
}

/// The seals of an open record.
#[derive(Debug)]
pub(super) struct Seals {
    sealer: Sealer,
    file: File,
    found: Vec<Finding>,
    database: std::path::PathBuf,
}

impl Seals {
    /// Opens the seals of a record that has a key.
    pub(super) fn open(
        path: &Path,
        key: Option<Key>,
        found: Vec<Finding>,
        db: &Connection,
    ) -> Result<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        // The log is copied back here only, after its pages are sealed.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let file = File::open(path)
            .map_err(|error| SealError::File { file: FILE.to_owned(), kind: error.kind() })?;
        let pages = Arc::new(Pages::open(path, &file, key, || frames(db))?);
        let sealer = Sealer { pages, failure: Failure::default() };
        Ok(Some(Self { sealer, file, found, database: path.to_owned() }))
    }

    pub(super) fn found(&self) -> &[Finding] {
        &self.found
    }

    pub(super) fn sealer(&self) -> Sealer {
        self.sealer.clone()
    }

    pub(super) fn examine(&self) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        if let Some(why) = self.sealer.failure.0.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            found.push(Finding::new(
                format!("{FILE}-seal"),
                format!("seals could not be written: {why}"),
                SEALS,
            ));
        }
        let looker = Connection::open_with_flags(&self.database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        looker.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let wrong = self.sealer.pages.check(&self.file, || frames(&looker))?;
        found.extend(page_findings(Some(&looker), &Checked { wrong, ..Checked::default() }));
        Ok(found)
    }
}

/// Copies the log back and empties it.
pub(super) fn empty_log(seals: Option<&Seals>, db: &Connection) -> Result<()> {
    let held = seals.map(|seals| seals.sealer.pages.hold(|| frames(db))).transpose()?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(held);
    Ok(())
}

/// A message that the record holds something of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTold {
    /// Its id in the exchange.
    pub message: String,
    /// The digests of what was applied of it ([`crate::applied_digest`]).
    pub applied: Vec<[u8; 32]>,
}

pub(super) fn messages(db: &Connection) -> Result<Vec<MessageTold>> {
    let sql =
        "SELECT m.id, a.digest FROM message m LEFT JOIN applied a ON a.mid=m.mid ORDER BY m.id, a.digest";
    let mut list = db.prepare(sql)?;
    let mut rows = list.query([])?;
    let mut all: Vec<MessageTold> = Vec::new();
    while let Some(row) = rows.next()? {
        let (message, digest): (String, Option<[u8; 32]>) = (row.get(0)?, row.get(1)?);
        match all.last_mut() {
            Some(last) if last.message == message => last.applied.extend(digest),
            _ => all.push(MessageTold { message, applied: digest.into_iter().collect() }),
        }
    }
    Ok(all)
}

/// What SQLite and the digests of stored versions say, beside what the pages' seals said.
pub(super) fn contents(db: &Connection, mut found: Vec<Finding>) -> Result<Vec<Finding>> {
    let said = db
        .prepare("PRAGMA integrity_check(20)")
        .and_then(|mut s| s.query_map([], |r| r.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>());
    // Its words name pages and indexes, never a value.
    for what in said.unwrap_or_else(|_| vec!["the check could not be run".to_owned()]) {
        if what != "ok" {
            found.push(Finding::new(FILE, what, REBUILD));
        }
    }
    Ok(found)
}

/// Examines a record from its files, also while another process has it open. Nothing is changed.
///
/// # Errors
/// The record can't be read at all.
pub fn examine(path: &Path) -> Result<Vec<Finding>> {
    let key = key(path)?;
    if !path.exists() {
        return Ok(vec![Finding::new(FILE, "the file of the record is missing", REBUILD)]);
    }
    let checked = key.as_ref().map(|key| check_settling(path, key)).transpose()?.flatten();
    let db = reader(path)?;
    let pages = match &checked {
        Some(checked) => page_findings(Some(&db), checked),
        None if key.is_some() => {
            vec![Finding::new(format!("{FILE}-seal"), "the seals of the record are missing", REBUILD)]
        }
        None => Vec::new(),
    };
    contents(&db, pages)
}

fn reader(path: &Path) -> Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    super::configure(&db)?;
    Ok(db)
}

/// Every message that a record's file holds something of.
///
/// # Errors
/// The record can't be read.
pub fn told(path: &Path) -> Result<Vec<MessageTold>> {
    messages(&reader(path)?)
}

/// What retention of a record's file would do: see [`super::Record::due`].
///
/// # Errors
/// The record can't be read.
pub fn due(
    path: &Path,
    before: jiff::Timestamp,
    held: &std::collections::BTreeSet<String>,
) -> Result<super::DueRecords> {
    super::ending::due(&reader(path)?, before, held)
}

/// Copies a record's file, which another process may write, into a new one, flushed.
///
/// # Errors
/// The record can't be read or the copy can't be written.
pub fn copy(path: &Path, to: &Path) -> Result<()> {
    copy_to(&reader(path)?, to)
}

/// The digest of a record's file: see [`super::Record::digest`].
///
/// # Errors
/// The record can't be read.
pub fn digest_of(path: &Path) -> Result<[u8; 32]> {
    digest(&reader(path)?)
}

/// What people decided about who is who, as a record's file has it: when, who, what, and the ids of the Patients.
///
/// # Errors
/// The record can't be read.
pub fn decisions_of_people(path: &Path) -> Result<Vec<String>> {
    let db = reader(path)?;
    let sql = "SELECT at, actor, kind, patient, reason FROM decision WHERE message='' AND actor<>'record' ORDER BY number";
    let mut list = db.prepare(sql)?;
    let rows = list.query_map([], |r| {
        let at = super::read::time(r, 0)?;
        let [actor, kind, patient, reason]: [String; 4] = [r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?];
        Ok(format!("{at} {actor} {kind} Patient/{patient} ({reason})"))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Copies the record into a new file, flushed.
pub(super) fn copy_to(db: &Connection, file: &Path) -> Result<()> {
    let text = file.to_string_lossy();
    db.execute("VACUUM INTO ?1", [&*text])?;
    let flushed = File::open(file).and_then(|f| f.sync_all());
    flushed.map_err(|error| SealError::File { file: FILE.to_owned(), kind: error.kind() }.into())
}

/// What the digest reads: nothing that is a number given by this record, nor when it took something in.
const SAYS: [&str; 3] = [
    // The standing resources and those of the past, with the text of each.
    "SELECT r.type, r.id, r.state, r.withdrawn, r.patient, v.state, v.content
     FROM resource r JOIN version v ON v.rid=r.rid ORDER BY r.type, r.id, v.version",
    // Which Patients are one person: by the least of their ids.
    "SELECT m.patient, (SELECT min(o.patient) FROM member o WHERE o.pid=m.pid) FROM member m ORDER BY m.patient",
    // What was applied.
    "SELECT m.id, a.digest FROM message m JOIN applied a ON a.mid=m.mid ORDER BY m.id, a.digest",
];

pub(super) fn digest(db: &Connection) -> Result<[u8; 32]> {
    use rusqlite::types::ValueRef;
    let mut hash = Sha256::new();
    for sql in SAYS {
        let mut list = db.prepare(sql)?;
        let columns = list.column_count();
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let bytes = match row.get_ref(column)? {
                    ValueRef::Null => Vec::new(),
                    ValueRef::Integer(n) => n.to_be_bytes().to_vec(),
                    ValueRef::Real(n) => n.to_be_bytes().to_vec(),
                    // What is said, however it is kept; a digest may begin like what is packed.
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        unpacked(bytes).unwrap_or_else(|_| bytes.to_vec())
                    }
                };
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    Ok(hash.finalize().into())
}
