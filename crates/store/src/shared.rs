//! What the writer, the readers and the callers share.

use crate::blobs::{Blobs, lock};
use crate::documents::Documents;
use crate::fault::{Result, db, io};
use crate::inbox::Inboxes;
use crate::limits;
use causeway_exchange::EngineError;
use causeway_seal::Pages;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How the engine is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of all data; made where it doesn't exist.
    pub directory: PathBuf,
    /// Flush every commit. `false` (SQLite `synchronous=NORMAL`) loses acknowledged messages in a power cut and
    /// exists for the control experiment only.
    pub flush: bool,
    /// Free bytes below which nothing new is accepted.
    pub reserve: u64,
    /// Most requests in one commit.
    pub max_batch: usize,
    /// Longest wait for more requests.
    pub batch_wait: Duration,
    /// Largest content kept in the row, in bytes.
    pub inline: usize,
    /// Pages in the write-ahead log before it is copied back.
    pub checkpoint_pages: u32,
    /// Most database pages (4 kB each); `None` without a limit.
    pub max_pages: Option<u32>,
    /// Seal the audit trail as it is, whatever of it does not hold: for a person who accepts it ([`crate::Store::resealed`]).
    pub reseal: bool,
}

impl Options {
    /// The usual options for a directory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            flush: true,
            reserve: limits::SPACE_RESERVE_BYTES,
            max_batch: limits::MAX_BATCH,
            batch_wait: limits::BATCH_WAIT,
            inline: limits::INLINE_BYTES,
            checkpoint_pages: limits::CHECKPOINT_PAGES,
            max_pages: None,
            reseal: false,
        }
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.join("causeway.db")
    }
}

/// Counters since open.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) accepted: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) refused_space: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) corrupt: AtomicU64,
}

/// Shared by all threads.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) blobs: Blobs,
    pub(crate) stats: Stats,
    /// Waiting messages by mailbox.
    pub(crate) inboxes: Inboxes,
    /// Configuration documents.
    pub(crate) documents: Documents,
    /// Seals of the database's pages, where the data have a key.
    pub(crate) pages: Option<Pages>,
    readers: Mutex<Vec<Connection>>,
    stopped: Mutex<Option<String>>,
    seal_failure: Mutex<Option<String>>,
    opened: Instant,
    /// When space was last looked for and found, in milliseconds since `opened`; 0: not.
    looked: AtomicU64,
    /// When the log was last asked to give up its space, in milliseconds since `opened`; 0: never.
    asked: AtomicU64,
    /// Whether the writer is to shrink the log.
    pub(crate) shrink: AtomicBool,
    /// The database's file, for flushing it. After the connections: closing any handle of a file gives up all locks
    /// that the process has on it (POSIX).
    pub(crate) database: File,
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        blobs: Blobs,
        inboxes: Inboxes,
        documents: Documents,
        pages: Option<Pages>,
        database: File,
    ) -> Result<Self> {
        Ok(Self {
            database,
            pages,
            options,
            blobs,
            stats: Stats::default(),
            inboxes,
            documents,
            readers: Mutex::new(Vec::new()),
            stopped: Mutex::new(None),
            seal_failure: Mutex::new(None),
            opened: Instant::now(),
            looked: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            shrink: AtomicBool::new(false),
        })
    }

    /// Flushes the database's file.
    pub(crate) fn flush(&self) -> Result<()> {
        self.database.sync_data().map_err(|e| EngineError::Stopped(format!("flush failed ({})", e.kind())))
    }

    /// Why accepting has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<String> {
        lock(&self.stopped).clone()
    }

    /// Stops accepting until the process is restarted; the first reason stays.
    pub(crate) fn stop(&self, why: &str) {
        lock(&self.stopped).get_or_insert_with(|| why.to_owned());
    }

    /// Refuses new content where space is short or accepting has stopped.
    pub(crate) fn admit(&self) -> Result<()> {
        if let Some(why) = self.stopped() {
            return Err(EngineError::Stopped(why));
        }
        // Space that was there a moment ago is there: a look costs as much as the hash of a message.
        let now = self.running_ms();
        let looked = self.looked.load(Ordering::Relaxed);
        if looked > 0 && now.saturating_sub(looked) < limits::SPACE_LOOK_MS {
            return Ok(());
        }
        let found = self.blobs.check_space();
        self.looked.store(if found.is_ok() { now } else { 0 }, Ordering::Relaxed);
        found.inspect_err(|_| {
            self.stats.refused_space.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Milliseconds since open, at least one.
    fn running_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Asks for the log to be shrunk; whether the writer is to be woken for it: not more often than
    /// [`limits::SHRINK_EVERY_MS`].
    pub(crate) fn ask_to_shrink(&self) -> bool {
        let (now, asked) = (self.running_ms(), self.asked.load(Ordering::Relaxed));
        if asked > 0 && now.saturating_sub(asked) < limits::SHRINK_EVERY_MS {
            return false;
        }
        self.asked.store(now, Ordering::Relaxed);
        self.shrink.store(true, Ordering::Relaxed);
        true
    }

    /// Runs a read on a connection of its own. A damaged database is an error of the read, not of the engine.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = lock(&self.readers).pop();
        let conn = match pooled {
            Some(conn) => conn,
            None => open_reader(&self.options.database())?,
        };
        let result = work(&conn);
        let mut readers = lock(&self.readers);
        if readers.len() < limits::READERS {
            readers.push(conn);
        }
        match result {
            Err(EngineError::Stopped(_)) => {
                self.stats.corrupt.fetch_add(1, Ordering::Relaxed);
                Err(EngineError::Corrupt("database"))
            }
            other => other,
        }
    }

    /// Seals could not be written: what is not sealed is not copied back, and whoever looks is told.
    pub(crate) fn seal_failed(&self, error: &causeway_seal::SealError) {
        lock(&self.seal_failure).get_or_insert_with(|| error.to_string());
    }

    /// Why seals could not be written, if so.
    pub(crate) fn seal_failure(&self) -> Option<String> {
        lock(&self.seal_failure).clone()
    }

    /// Counts and reports bytes that don't match their digest.
    pub(crate) fn corrupt(&self, what: &'static str) -> EngineError {
        self.stats.corrupt.fetch_add(1, Ordering::Relaxed);
        EngineError::Corrupt(what)
    }
}

/// A connection that can only read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| db(&e))?;
    conn.busy_timeout(limits::BUSY_WAIT).map_err(|e| db(&e))?;
    conn.set_prepared_statement_cache_capacity(limits::CACHED_STATEMENTS);
    // Else SQLite may compile a kept statement anew for each value that is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|e| db(&e))?;
    Ok(conn)
}

/// The writer's connection.
pub(crate) fn open_writer(options: &Options) -> Result<Connection> {
    let conn = Connection::open(options.database()).map_err(|e| db(&e))?;
    conn.busy_timeout(limits::BUSY_WAIT).map_err(|e| db(&e))?;
    conn.set_prepared_statement_cache_capacity(limits::CACHED_STATEMENTS);
    // Else SQLite may compile a kept statement anew for each value that is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|e| db(&e))?;
    let pragma =
        |name: &str, value: &dyn rusqlite::ToSql| conn.pragma_update(None, name, value).map_err(|e| db(&e));
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get(0)).map_err(|e| db(&e))?;
    if mode != "wal" {
        return Err(EngineError::Storage("write-ahead log is not available".to_owned()));
    }
    pragma("synchronous", if options.flush { &"FULL" } else { &"NORMAL" })?;
    pragma("cache_size", &-limits::CACHE_KIB)?;
    // What a savepoint would take back; in a file it was 40 % of all bytes written.
    pragma("temp_store", &"MEMORY")?;
    // What is deleted is overwritten: retention and erasure leave no text in free pages.
    conn.pragma_update_and_check(None, "secure_delete", 1, |_| Ok(())).map_err(|e| db(&e))?;
    // The log is copied back by `checkpoint` only, after its pages are sealed.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(|e| db(&e))?;
    // `checkpoint` does it.
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).map_err(|e| db(&e))?;
    conn.pragma_update_and_check(None, "journal_size_limit", limits::JOURNAL_BYTES.cast_signed(), |_| Ok(()))
        .map_err(|e| db(&e))?;
    if let Some(pages) = options.max_pages {
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(|e| db(&e))?;
    }
    Ok(conn)
}

/// Median time of a 4 kB write and flush in the directory, in microseconds.
pub(crate) fn measure_flush(directory: &Path) -> Result<u64> {
    let path = directory.join("flush-probe");
    let mut file = File::create(&path).map_err(|e| io(&e))?;
    let mut times = Vec::with_capacity(limits::FLUSH_PROBES);
    for _ in 0..limits::FLUSH_PROBES {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&[0x5a; 4096])).map_err(|e| io(&e))?;
        file.sync_data().map_err(|e| io(&e))?;
        times.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    std::fs::remove_file(&path).map_err(|e| io(&e))?;
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or(0))
}
