//! Reading data that another process may have open: for a copy to take away, and for comparing the exchange with the record.

use crate::blobs::{Blobs, hex, sync_dir};
use crate::check::hash_file;
use crate::erase::HELD;
use crate::fault::{Result, db, io};
use crate::prepare::verified;
use crate::rows;
use crate::sealing::said;
use crate::shared::{Options, open_reader};
use causeway_exchange::message::Checksum;
use causeway_exchange::{Due, EngineError, Reading, Recorded};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

/// A data directory, opened for reading only.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    root: std::path::PathBuf,
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Messages.
    pub messages: u64,
    /// Content files.
    pub files: u64,
    /// Entries of the audit trail.
    pub audit_entries: u64,
    /// Hash of the last of them, hexadecimal.
    pub audit_head: String,
    /// Digest over all that the exchange holds, hexadecimal.
    pub digest: String,
}

impl Reader {
    /// Opens the data.
    ///
    /// # Errors
    /// There are none, or they can't be read.
    pub fn open(directory: &Path) -> Result<Self> {
        let options = Options::new(directory);
        if !options.database().exists() {
            return Err(EngineError::NotFound("exchange/causeway.db"));
        }
        Ok(Self { conn: open_reader(&options.database())?, root: directory.to_owned() })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }
}

impl Reading for Reader {
    fn recorded(&self) -> Result<Vec<Recorded>> {
        recorded(&self.conn)
    }

    fn ids(&self) -> Result<BTreeSet<String>> {
        Ok(rows::all(&self.conn, "SELECT id FROM message", [], |r| r.get(0))?.into_iter().collect())
    }

    fn outputs(&self, id: &str) -> Result<Vec<Vec<u8>>> {
        let blobs = Blobs::read_only(&self.root);
        let sql = "SELECT p.sha256, p.bytes, p.size FROM message m JOIN part p
                   ON p.id BETWEEN (m.seq<<20) AND (m.seq<<20)+1048575 WHERE m.id=?1 AND p.role='output' ORDER BY p.id";
        let found: Vec<(Checksum, Option<Vec<u8>>, u64)> =
            rows::all(&self.conn, sql, [id], |r| Ok((r.get(0)?, r.get(1)?, rows::count(r, 2)?)))?;
        let whole = |(digest, bytes, size): (Checksum, Option<Vec<u8>>, u64)| {
            let bytes = match bytes {
                Some(bytes) => bytes,
                None => fs::read(blobs.path(&digest)).map_err(|_| EngineError::Corrupt("payload file"))?,
            };
            verified(bytes, size, &digest).ok_or(EngineError::Corrupt("payload"))
        };
        found.into_iter().map(whole).collect()
    }

    fn audit_head(&self) -> Result<(u64, String)> {
        audit_head(&self.conn)
    }

    fn digest(&self) -> Result<String> {
        crate::examine::digest(&self.conn).map(|digest| hex(&digest))
    }

    fn due(&self, before: Timestamp) -> Result<Due> {
        let sql = format!(
            "SELECT id, received_at, {HELD}, waiting<>0 OR EXISTS (SELECT 1 FROM work w WHERE w.owner=message.seq)
             FROM message WHERE received_at<?1 AND content_deleted_at IS NULL AND chunks>0 ORDER BY seq"
        );
        let found: Vec<(String, i64, bool, bool)> =
            rows::all(&self.conn, &sql, [before.as_microsecond()], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
            })?;
        let mut due = Due::default();
        for (id, at, held, waits) in found {
            match (held, waits) {
                (true, _) => due.held += 1,
                (_, true) => due.waiting += 1,
                _ => due.messages.push((id, at)),
            }
        }
        Ok(due)
    }

    fn audit_due(&self, before: Timestamp) -> Result<(u64, bool)> {
        self.audit_entries_due(before)
    }

    fn holds(&self) -> Result<Vec<(String, String)>> {
        let sql = "SELECT key, json FROM config WHERE kind='hold' AND json IS NOT NULL ORDER BY key";
        rows::all(&self.conn, sql, [], |r| Ok((r.get(0)?, r.get(1)?)))
    }
}

/// Messages that were taken into the record, in the order in which they were first taken in.
pub(crate) fn recorded(conn: &Connection) -> Result<Vec<Recorded>> {
    let sql = "SELECT m.id, EXISTS(SELECT 1 FROM part p WHERE p.id BETWEEN (m.seq<<20) AND (m.seq<<20)+1048575 AND p.role='outputs'),
          EXISTS(SELECT 1 FROM work w WHERE w.owner=m.seq AND w.kind='record'), m.content_deleted_at IS NULL,
          coalesce(m.failure_code='erased' AND m.content_deleted_at IS NOT NULL, 0)
        FROM (SELECT owner, min(seq) AS first FROM event WHERE kind='recorded' GROUP BY owner) e
        JOIN message m ON m.seq=e.owner ORDER BY e.first";
    rows::all(conn, sql, [], |r| {
        Ok(Recorded {
            id: r.get(0)?,
            in_pieces: r.get(1)?,
            pending: r.get(2)?,
            present: r.get(3)?,
            erased: r.get(4)?,
        })
    })
}

fn audit_head(conn: &Connection) -> Result<(u64, String)> {
    let (entries, hash): (u64, Checksum) =
        said(conn.query_row("SELECT audit_seq, audit_hash FROM meta", [], |r| {
            Ok((rows::count(r, 0)?, r.get(1)?))
        }))?;
    Ok((entries, hex(&hash)))
}

/// Copies the exchange into an empty directory while another process may write it. The record was copied before: what was
/// taken into it since is ordered again in the copy, and taking it in once more changes nothing. Every content of the copy
/// has been compared with its digest.
///
/// # Errors
/// The data can't be read or the copy can't be written; nothing that was there is overwritten.
pub fn copy(directory: &Path, out: &Path, in_record: &BTreeSet<String>) -> Result<Copied> {
    let source = Reader::open(directory)?;
    fs::create_dir_all(out).map_err(|e| io(&e))?;
    if fs::read_dir(out).map_err(|e| io(&e))?.next().is_some() {
        return Err(EngineError::Invalid("the place of the copy is not empty"));
    }
    let target = Options::new(out).database();
    let text = target.to_str().ok_or(EngineError::Invalid("the path of the copy is not UTF-8"))?;
    let from = Blobs::read_only(directory);
    let to = Blobs::open(out, 0)?;
    for attempt in 0.. {
        source.conn.execute("VACUUM INTO ?1", [text]).map_err(|e| db(&e))?;
        match files(&target, &from, &to) {
            Ok(()) => break,
            // Retention took a file away meanwhile: a copy of a later moment does not name it.
            Err(EngineError::NotFound(_)) if attempt < COPIES => {
                fs::remove_file(&target).map_err(|e| io(&e))?;
            }
            Err(error) => return Err(error),
        }
    }
    let copy = Connection::open(&target).map_err(|e| db(&e))?;
    order_again(&copy, in_record)?;
    File::open(&target).and_then(|f| f.sync_all()).map_err(|e| io(&e))?;
    sync_dir(out)?;
    let verified = crate::check::verify(&copy, &to)?;
    if !verified.is_clean() {
        return Err(EngineError::Corrupt("data that were copied: causeway verify says where"));
    }
    let (audit_entries, audit_head) = audit_head(&copy)?;
    let digest = hex(&crate::examine::digest(&copy)?);
    let files = to.list()?.len() as u64;
    Ok(Copied { messages: verified.messages, files, audit_entries, audit_head, digest })
}

/// Times that a copy is begun again.
const COPIES: usize = 5;

fn files(database: &Path, from: &Blobs, to: &Blobs) -> Result<()> {
    let copy = open_reader(database)?;
    let named: Vec<Checksum> =
        rows::all(&copy, "SELECT DISTINCT sha256 FROM part WHERE bytes IS NULL", [], |r| r.get(0))?;
    for digest in named {
        let path = to.path(&digest);
        match fs::copy(from.path(&digest), &path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(EngineError::NotFound("content file"));
            }
            Err(error) => return Err(io(&error)),
        }
        if hash_file(&path)? != digest {
            return Err(EngineError::Corrupt("payload file: causeway verify says of which message"));
        }
        File::open(&path).and_then(|f| f.sync_all()).map_err(|e| io(&e))?;
        path.parent().map_or(Ok(()), sync_dir)?;
    }
    Ok(())
}

/// Orders in a copy what its record does not have.
fn order_again(copy: &Connection, in_record: &BTreeSet<String>) -> Result<()> {
    let sql = "SELECT m.seq, m.id, EXISTS(SELECT 1 FROM part p WHERE p.id BETWEEN (m.seq<<20) AND (m.seq<<20)+1048575 AND p.role='outputs')
        FROM (SELECT owner, max(seq) AS last FROM event WHERE kind='recorded' GROUP BY owner) e JOIN message m ON m.seq=e.owner
        WHERE m.content_deleted_at IS NULL ORDER BY e.last";
    let all: Vec<(i64, String, bool)> = rows::all(copy, sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    for (owner, _, in_pieces) in all.into_iter().filter(|(_, id, _)| !in_record.contains(id)) {
        let destination = if in_pieces { "record-pieces" } else { "record" };
        said(copy.execute(
            "INSERT INTO work(id, owner, kind, destination, state, not_before, token, attempts, replay, queued_at, detail)
             SELECT work_seq+1, ?1, 'record', ?2, 'ready', high_water, 0, 0, 1, high_water, '' FROM meta",
            params![owner, destination],
        ))?;
        said(copy.execute("UPDATE meta SET work_seq=work_seq+1", []))?;
    }
    Ok(())
}

/// Forgets the seals of data that nobody has open, so that the next open makes them anew for the data as they are. The
/// caller has asked a person why.
///
/// # Errors
/// The data are in use, or the files can't be removed.
pub fn forget_seals(directory: &Path) -> Result<()> {
    let _lock = crate::lock_directory(directory)?;
    crate::sealing::forget(&Options::new(directory))
}
