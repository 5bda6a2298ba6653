//! The embedded engine: SQLite with a write-ahead log, one writer thread with group commit, readers apart,
//! large content in content-addressed files. It passes the contract of `causeway_exchange::contract`.
//!
//! One process holds a data directory at a time (a lock file says so); stock tools can read the database.

mod accept;
mod audit_end;
mod blobs;
mod chain;
mod check;
mod checkpoint;
mod copy;
mod documents;
mod engine;
mod erase;
mod examine;
mod fault;
mod inbox;
mod kept;
pub mod limits;
mod made;
mod prepare;
mod queue;
mod read;
mod rows;
mod schema;
mod sealing;
mod shared;
mod sweep;
mod upload;
mod writer;

pub use check::content_file_name;
pub use copy::{Copied, Reader, copy, forget_seals};
pub use erase::ERASED;
pub use examine::examine;
pub use kept::Outgoing;
pub use shared::Options;

use crate::blobs::{Blobs, sync_dir};
use crate::fault::{Result, io};
use crate::shared::Shared;
use crate::writer::{Head, Writer};
use causeway_exchange::message::Checksum;
use causeway_exchange::{Durability, EngineError};
use causeway_seal::Finding;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// The embedded engine. Dropping it finishes what is queued and checkpoints the log.
pub struct Store {
    // Before the lock: the writer must have ended when the lock is given up.
    writer: Writer,
    shared: Arc<Shared>,
    durability: Durability,
    /// What was found to be damaged at open.
    found: Vec<Finding>,
    /// What of the audit trail was sealed at open although it does not hold.
    accepted: Option<chain::Accepted>,
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("durability", &self.durability).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens (and makes) a data directory: locks it, migrates the schema, sweeps unnamed content files,
    /// measures a flush.
    ///
    /// # Errors
    /// [`EngineError::NewerSchema`]; [`EngineError::Storage`] where the directory is in use, can't be written or
    /// SQLite is older than 3.51.3.
    pub fn open(options: Options) -> Result<Self> {
        if rusqlite::version_number() < limits::MIN_SQLITE {
            return Err(EngineError::Storage("SQLite is older than 3.51.3".to_owned()));
        }
        fs::create_dir_all(&options.directory).map_err(|e| io(&e))?;
        let lock = lock_directory(&options.directory)?;
        let blobs = Blobs::open(&options.directory, options.reserve)?;
        let key = sealing::key(&options)?;
        let sealed = sealing::before_open(&options, key.as_ref())?;
        let mut conn = shared::open_writer(&options)?;
        schema::migrate(&mut conn)?;
        sync_dir(&options.directory)?;
        check::sweep_orphans(&conn, &blobs)?;
        check::end_leases(&conn)?;
        let durability = Durability {
            engine: format!("SQLite {}", rusqlite::version()),
            mode: if options.flush { "WAL, synchronous=FULL" } else { "WAL, synchronous=NORMAL" }.to_owned(),
            durable: options.flush,
            flush_p50_us: shared::measure_flush(&options.directory)?,
            schema: schema::version(&conn)?,
        };
        let head = Head::load(&conn)?;
        let inboxes = inbox::Inboxes::load(&conn)?;
        let documents = documents::Documents::load(&conn)?;
        let database = File::open(options.database()).map_err(|e| io(&e))?;
        let opened = sealing::open(&options, key, sealed, &conn, &database)?;
        let shared = Arc::new(Shared::new(options, blobs, inboxes, documents, opened.pages, database)?);
        let writer = Writer::start(conn, head, Arc::clone(&shared), opened.chain)?;
        let (found, accepted) = (opened.found, opened.accepted);
        Ok(Self { writer, shared, durability, found, accepted, _lock: lock })
    }

    /// What was found to be damaged when the data were opened. Seals made since may have covered it: it is for the caller
    /// to remember until a person has looked at it.
    #[must_use]
    pub fn found_at_open(&self) -> &[Finding] {
        &self.found
    }

    /// Writes down that a person accepted the data as they are, for this reason, and what of the audit trail does not hold.
    ///
    /// # Errors
    /// The entry can't be written.
    pub fn resealed(&self, actor: &str, reason: &str, now: jiff::Timestamp) -> Result<()> {
        use causeway_exchange::Audit as _;
        let entry = causeway_exchange::NewAudit {
            actor: actor.to_owned(),
            action: chain::RESEALED.to_owned(),
            entity: "exchange".to_owned(),
            detail: chain::told(reason, self.accepted.as_ref()),
        };
        self.audit(vec![entry], now)
    }

    /// Reads everything and says what is not as it was written: pages against their seals, the audit trail against its
    /// seals, every content against its digest.
    ///
    /// # Errors
    /// The data can't be read at all.
    pub fn examine(&self) -> Result<Vec<Finding>> {
        examine::running(&self.shared)
    }

    /// Opens a backup in place of lost data: copies it into an empty directory, checks every byte, opens it.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] where the backup does not verify; nothing is opened then.
    pub fn restore(backup: &Path, options: Options) -> Result<Self> {
        let source = Options::new(backup);
        if source.directory == options.directory || options.database().exists() {
            return Err(EngineError::Invalid("restore needs an empty directory"));
        }
        let from = Blobs::open(backup, 0)?;
        let conn = shared::open_reader(&source.database())?;
        if !causeway_exchange::VerifyReport::is_clean(&check::verify(&conn, &from)?) {
            return Err(EngineError::Corrupt("backup"));
        }
        drop(conn);
        fs::create_dir_all(&options.directory).map_err(|e| io(&e))?;
        let to = Blobs::open(&options.directory, 0)?;
        for digest in from.list()? {
            copy_file(&from.path(&digest), &to.path(&digest))?;
        }
        copy_file(&source.database(), &options.database())?;
        let store = Self::open(options)?;
        if !causeway_exchange::Operation::verify(&store)?.is_clean() {
            return Err(EngineError::Corrupt("restored copy"));
        }
        Ok(store)
    }

    /// Refuses new content where space is short or accepting has stopped. Where space is short, the write-ahead log
    /// gives up what it can: else a log that grew under load could keep the space that it waits for.
    fn admit(&self) -> Result<()> {
        self.shared.admit().inspect_err(|error| {
            if matches!(error, EngineError::SpaceLow { .. }) && self.shared.ask_to_shrink() {
                self.shrink();
            }
        })
    }

    /// Wakes the writer, which shrinks the log where it was asked to.
    fn shrink(&self) {
        self.writer.submit(jiff::Timestamp::UNIX_EPOCH, false, |_| Ok(()), |_: Result<()>| {});
    }

    /// Removes content files that no message names any more, after the commit that took the names away.
    fn drop_files(&self, files: &[Checksum]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        self.shared.blobs.remove(files, &|digest| self.shared.read(|conn| check::is_named(conn, digest)))
    }
}

fn lock_directory(directory: &Path) -> Result<File> {
    let lock = File::create(directory.join("lock")).map_err(|e| io(&e))?;
    lock.try_lock()
        .map_err(|_| EngineError::Storage("data directory is in use by another process".to_owned()))?;
    Ok(lock)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map_err(|e| io(&e))?;
    File::open(to).and_then(|f| f.sync_all()).map_err(|e| io(&e))?;
    to.parent().map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use super::{Options, Store};
    use causeway_exchange::{
        Accept, Accepting, Contents, Effects, EngineError, MessageId, NewMessage, Operation, Payload, Queue,
    };
    use jiff::Timestamp;
    use sha2::Digest as _;

    #[test]
    fn the_log_gives_up_its_space_where_space_is_short() {
        let directory = std::env::temp_dir().join(format!("causeway-store-shrink-{}", std::process::id()));
        let store = Store::open(Options { reserve: 1, ..Options::new(&directory) }).expect("opens");
        // Nothing that packing makes smaller.
        let bytes: Vec<u8> = (0..20_000_u64)
            .flat_map(|n| <[u8; 32]>::from(sha2::Sha256::digest(n.to_le_bytes())))
            .take(500_000)
            .collect();
        let accept = Accept {
            message: NewMessage::new(MessageId::new("M1").expect("an id"), "A99990", "http"),
            payload: Payload::Bytes(bytes),
            key: None,
            effects: Effects::default(),
        };
        store.accept(accept, Timestamp::UNIX_EPOCH).expect("accepts");
        let log = || std::fs::metadata(directory.join("causeway.db-wal")).map_or(0, |m| m.len());
        assert!(log() > 500_000);
        assert!(store.shared.ask_to_shrink(), "asked for the first time");
        assert!(!store.shared.ask_to_shrink(), "not again at once");
        store.shrink();
        for _ in 0..200 {
            if log() == 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(log(), 0);
        assert_eq!(
            store.content(&MessageId::new("M1").expect("an id"), 500_000).expect("content").bytes.len(),
            500_000
        );
        drop(store);
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn a_failed_flush_stops_accepting_and_reading_goes_on() {
        let directory = std::env::temp_dir().join(format!("causeway-store-stop-{}", std::process::id()));
        let store = Store::open(Options { reserve: 1, ..Options::new(&directory) }).expect("opens");
        let letter = |name| Accept {
            message: NewMessage::new(MessageId::new(name).expect("an id"), "A99990", "http"),
            payload: Payload::Bytes(b"x".to_vec()),
            key: None,
            effects: Effects::default(),
        };
        store.accept(letter("M1"), Timestamp::UNIX_EPOCH).expect("accepts");
        store.shared.stop_if_failed(&EngineError::Stopped("flush failed".to_owned()));
        let refused = Err(EngineError::Stopped("flush failed".to_owned()));
        assert_eq!(store.accept(letter("M2"), Timestamp::UNIX_EPOCH), refused);
        let id = MessageId::new("M1").expect("an id");
        let effects = Effects::default();
        assert!(matches!(store.apply(&id, effects, Timestamp::UNIX_EPOCH), Err(EngineError::Stopped(_))));
        assert!(store.metrics().expect("metrics").stopped);
        assert!(store.content(&id, 10).is_ok());
        drop(store);
        std::fs::remove_dir_all(directory).expect("removed");
    }
}
