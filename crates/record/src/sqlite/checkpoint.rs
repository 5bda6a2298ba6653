//! Copying the write-ahead log back into the database beside the writer.
//!
//! SQLite's own checkpoint runs in the commit that fills the log, and every message behind it waits. Here a thread copies
//! most of the log on a connection of its own; the writer copies only the short rest between two commits, whereupon
//! SQLite begins the log anew. Where the thread does not keep up, SQLite's own comes at a longer log. What fails here
//! fails no commit, for what is committed is in the log: it is tried again after the next.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::Result;
use crate::limits::{BUSY_MILLIS, CHECKPOINT_PAGES, CHECKPOINT_REST_PAGES};

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
}

impl Checkpointer {
    /// Starts the thread; without one, the writer copies.
    pub(crate) fn start(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_millis(BUSY_MILLIS))?;
        db.execute_batch("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;")?;
        let (bell, rings) = sync_channel(1);
        let thread = std::thread::Builder::new().name("record-checkpt".to_owned());
        let thread = thread.spawn(move || copy(&db, &rings)).ok();
        Ok(Self { bell: thread.is_some().then_some(bell), thread })
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
            _ => drop(Log::after(db, COPY)),
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Copies at each ring until the rest is short, or a reader holds what is left.
fn copy(db: &Connection, rings: &Receiver<()>) {
    while rings.recv().is_ok() {
        let mut rest = i64::MAX;
        while let Ok(log) = Log::after(db, COPY) {
            if log.rest <= i64::from(CHECKPOINT_REST_PAGES / 2) || log.rest >= rest {
                break;
            }
            rest = log.rest;
        }
    }
}
