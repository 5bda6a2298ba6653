//! Copying the write-ahead log back into the database beside the writer.
//!
//! SQLite's own checkpoint runs in the commit that fills the log, and every message behind it waits. Here a thread copies
//! most of the log on a connection of its own; the writer copies only the short rest between two commits, whereupon
//! SQLite begins the log anew. Where the thread does not keep up, SQLite's own comes at a longer log. What fails here
//! fails no commit, for what is committed is in the log: it is tried again after the next.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::Result;
use crate::limits::{
    BUSY_MILLIS, CHECKPOINT_LOG_TIMES, CHECKPOINT_PAGES, CHECKPOINT_REST_PAGES, SEAL_MILLIS,
};

use super::sealing::{Sealer, frames};

/// Frames in the log that are not in the database, and all.
struct Log {
    rest: i64,
    frames: i64,
}

impl Log {
    /// `NOOP` only looks, `PASSIVE` copies what no reader holds.
    fn after(db: &Connection, sql: &str) -> rusqlite::Result<Self> {
        db.prepare_cached(sql)?.query_row([], |row| {
            let (frames, copied): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(Self { rest: frames - copied, frames })
        })
    }
}

const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The thread that copies. It ends with its record.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    sealer: Option<Sealer>,
}

impl Checkpointer {
    /// Starts the thread; without one, the writer copies. Of sealed data the thread also keeps the seals up with commits.
    pub(crate) fn start(path: &Path, sealer: Option<Sealer>) -> Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_millis(BUSY_MILLIS))?;
        db.execute_batch("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;")?;
        if sealer.is_some() {
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        let pin = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let (bell, rings) = sync_channel(1);
        let thread = std::thread::Builder::new().name("record-checkpt".to_owned());
        let own = sealer.clone();
        let thread = thread.spawn(move || run(&db, &pin, own.as_ref(), &rings)).ok();
        Ok(Self { bell: thread.is_some().then_some(bell), thread, sealer })
    }

    /// Called by the writer after each commit.
    pub(crate) fn after_commit(&self, db: &Connection) {
        let Ok(log) = Log::after(db, LOOK) else { return };
        if log.frames < i64::from(CHECKPOINT_PAGES) {
            return;
        }
        match &self.bell {
            Some(bell) if log.rest > i64::from(CHECKPOINT_REST_PAGES) => {
                // Full: it has been rung and will look.
                let _ = bell.try_send(());
            }
            _ => self.copy_now(db, log.frames > i64::from(CHECKPOINT_PAGES * CHECKPOINT_LOG_TIMES)),
        }
    }

    /// What the writer copies itself. Where the thread seals or copies just now, it is left to it, unless the log has grown
    /// beyond its bound.
    fn copy_now(&self, db: &Connection, must: bool) {
        let Some(Sealer { pages, failure }) = &self.sealer else { return drop(Log::after(db, COPY)) };
        let held = if must { pages.hold(|| frames(db)).map(Some) } else { pages.try_hold(|| frames(db)) };
        match held {
            Ok(Some(_held)) => drop(Log::after(db, COPY)),
            Ok(None) => {}
            Err(error) => failure.note(&error),
        }
    }

    /// Ends the thread.
    pub(crate) fn end(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(db: &Connection, pin: &Connection, sealer: Option<&Sealer>, rings: &Receiver<()>) {
    loop {
        match rings.recv_timeout(Duration::from_millis(SEAL_MILLIS)) {
            Ok(()) => copy(db, pin, sealer),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(Sealer { pages, failure }) = sealer
                    && let Err(error) = pages.keep_up(|| frames(db))
                {
                    failure.note(&error);
                }
            }
        }
    }
}

/// Copies until the rest is short, or a reader holds what is left.
fn copy(db: &Connection, pin: &Connection, sealer: Option<&Sealer>) {
    let mut rest = i64::MAX;
    while let Some(log) = copy_sealed(db, pin, sealer) {
        if log.rest <= i64::from(CHECKPOINT_REST_PAGES / 2) || log.rest >= rest {
            break;
        }
        rest = log.rest;
    }
}

/// Copies what is sealed, beside a writer that goes on committing: a reader of this moment keeps later frames from being
/// copied, and the log from beginning anew, before they are sealed.
fn copy_sealed(db: &Connection, pin: &Connection, sealer: Option<&Sealer>) -> Option<Log> {
    let Some(Sealer { pages, failure }) = sealer else { return Log::after(db, COPY).ok() };
    let pinned = pin.unchecked_transaction().ok()?;
    pinned.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).ok()?;
    match pages.hold(|| frames(db)) {
        Ok(_held) => Log::after(db, COPY).ok(),
        Err(error) => {
            failure.note(&error);
            None
        }
    }
}
