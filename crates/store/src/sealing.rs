//! Seals of the database and of the audit trail: opened with the data, where `evidence.key` lies beside them.

use crate::chain::{ABSENT, Accepted, root, seal_as_it_is};
use crate::checkpoint;
use crate::fault::{Result, db, io, sealed as failed};
use crate::limits;
use crate::rows;
use crate::shared::Options;
use causeway_exchange::AuditEntry;
use causeway_exchange::message::Checksum;
use causeway_seal::{Chain, Checked, Finding, Key, Pages, SealError, check, seal_path};
use rusqlite::Connection;
use std::fs::File;
use std::path::PathBuf;

/// What to do about a damaged database.
pub(crate) const RESTORE: &str = "stop the exchange, keep a copy of the folder, and put the last good backup in its place (causeway restore); \
     to go on with the data as they are: causeway verify --data DIR --reseal REASON";
/// What to do about seals that can't be written.
pub(crate) const SEALS: &str =
    "look at the disk and the rights of the data folder, then start the exchange again";

/// The seal file of the audit trail.
pub(crate) fn chain_path(options: &Options) -> PathBuf {
    options.directory.join("audit-seal")
}

/// The key of the data; an error where they are sealed and it is missing.
pub(crate) fn key(options: &Options) -> Result<Option<Key>> {
    let database = options.database();
    let key = Key::of_database(&database).map_err(|e| failed(&e))?;
    if key.is_none() && (seal_path(&database).exists() || chain_path(options).exists()) {
        return Err(failed(&SealError::NoKey));
    }
    Ok(key)
}

/// What was there before the data were opened.
pub(crate) struct Before {
    sealed: bool,
    found: Vec<Finding>,
}

/// Compares the pages with their seals while nobody has the database open.
pub(crate) fn before_open(options: &Options, key: Option<&Key>) -> Result<Before> {
    let database = options.database();
    let sealed = seal_path(&database).exists();
    let mut before = Before { sealed, found: Vec::new() };
    let size = std::fs::metadata(&database).map_or(0, |m| m.len());
    if let Some(key) = key
        && sealed
        && size <= limits::SEAL_CHECK_BYTES
        && let Some(checked) = check(&database, key).map_err(|e| failed(&e))?
    {
        before.found = page_findings(None, "exchange/causeway.db", &checked);
    }
    Ok(before)
}

/// Pages that differ, in words; with the tables that they belong to where the database can still say so.
pub(crate) fn page_findings(conn: Option<&Connection>, file: &str, checked: &Checked) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some((held, sealed)) = checked.log {
        let what = format!(
            "the write-ahead log holds {held} of {sealed} sealed frames: it was cut, damaged or removed, and commits are lost"
        );
        found.push(Finding::new(format!("{file}-wal frame {}", held + 1), what, RESTORE));
    }
    for page in checked.wrong.iter().take(limits::FINDINGS_NAMED) {
        let owner =
            conn.and_then(|conn| owner(conn, *page)).map(|name| format!(" ({name})")).unwrap_or_default();
        found.push(Finding::new(format!("{file} page {page}{owner}"), "is not as it was written", RESTORE));
    }
    if let Some(more) = checked.wrong.len().checked_sub(limits::FINDINGS_NAMED).filter(|n| *n > 0) {
        found.push(Finding::new(file, format!("{more} more pages are not as they were written"), RESTORE));
    }
    found
}

/// The table or index that a page belongs to.
fn owner(conn: &Connection, page: u32) -> Option<String> {
    conn.query_row("SELECT name FROM dbstat WHERE pageno=?1", [page], |r| r.get(0)).ok()
}

/// Seals of open data.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) pages: Option<Pages>,
    pub(crate) chain: Option<Chain>,
    pub(crate) found: Vec<Finding>,
    /// What of the audit trail was sealed although it does not hold.
    pub(crate) accepted: Option<Accepted>,
}

/// Opens the seals, makes those that are missing, and seals what was committed without.
pub(crate) fn open(
    options: &Options,
    key: Option<Key>,
    before: Before,
    conn: &Connection,
    database: &File,
) -> Result<Opened> {
    let Some(key) = key else { return Ok(Opened::default()) };
    let Before { sealed, mut found } = before;
    let pages = Pages::open(&options.database(), database, key.clone(), || checkpoint::frames(conn))
        .map_err(|e| failed(&e))?;
    let path = chain_path(options);
    let chain = match Chain::open(&path, key.clone()).map_err(|e| failed(&e))? {
        Some(chain) => Some(chain),
        None if sealed => {
            let what = "the seals of the audit trail are missing";
            found.push(Finding::new("exchange/audit-seal", what, RESTORE));
            None
        }
        None => Some(Chain::make(&path, key.clone()).map_err(|e| failed(&e))?),
    };
    let mut accepted = None;
    let chain = match chain {
        None => None,
        Some(mut chain) if options.reseal => {
            accepted = seal_as_it_is(conn, &mut chain, &key)?;
            Some(chain)
        }
        Some(mut chain) => match catch_up(conn, &mut chain, &key)? {
            None => Some(chain),
            Some(finding) => {
                found.push(finding);
                None
            }
        },
    };
    if let Some(chain) = &chain {
        chain.flush().map_err(|e| failed(&e))?;
    }
    crate::blobs::sync_dir(&options.directory)?;
    Ok(Opened { pages: Some(pages), chain, found, accepted })
}

/// Seals the entries that have no seal yet (of before there were seals, or of the moment before a crash), where each
/// follows from the one before.
fn catch_up(conn: &Connection, chain: &mut Chain, key: &Key) -> Result<Option<Finding>> {
    let place = |seq: u64| format!("exchange/causeway.db audit entry {seq}");
    let mut seq = chain.sealed();
    let mut previous = [0; 32];
    let root = root(conn, Some(key))?;
    if seq < root.through {
        // What was deleted when its time was over has a seal that says so.
        for _ in seq..root.through {
            chain.seal(&[ABSENT]).map_err(|e| failed(&e))?;
        }
        (seq, previous) = (root.through, root.hash);
    } else if seq > 0 {
        let sql = "SELECT hash FROM audit WHERE seq=?1";
        let last: Option<Checksum> = rows::all(conn, sql, [seq.cast_signed()], |r| r.get(0))?.pop();
        match last {
            None => {
                let what = "this entry was sealed and is missing: the end of the trail was cut off";
                return Ok(Some(Finding::new(place(seq), what, RESTORE)));
            }
            Some(hash) => previous = hash,
        }
    }
    loop {
        let sql = format!("SELECT {} FROM audit WHERE seq>?1 ORDER BY seq LIMIT 1000", rows::AUDIT);
        let entries: Vec<AuditEntry> = rows::all(conn, &sql, [seq.cast_signed()], rows::audit)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let mut hashes = Vec::with_capacity(entries.len());
        for entry in entries {
            seq += 1;
            let expected = AuditEntry::hash_of(seq, entry.at, &entry.audit, &previous);
            if entry.seq != seq || entry.previous != previous || entry.hash != expected {
                return Ok(Some(Finding::new(place(seq), "does not follow from the entry before", RESTORE)));
            }
            previous = entry.hash;
            hashes.push(entry.hash);
        }
        chain.seal(&hashes).map_err(|e| failed(&e))?;
    }
}

/// Makes all seals anew for the data as they are. The caller has asked a person why.
pub(crate) fn forget(options: &Options) -> Result<()> {
    for path in [seal_path(&options.database()), chain_path(options)] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&error)),
            _ => {}
        }
    }
    Ok(())
}

/// Result of a query as a database error.
pub(crate) fn said<T>(result: rusqlite::Result<T>) -> Result<T> {
    result.map_err(|e| db(&e))
}
