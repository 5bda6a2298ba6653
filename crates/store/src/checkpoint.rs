//! Copying the write-ahead log back into the database beside the writer, so that accepting does not wait for it.
//!
//! SQLite's own checkpoint runs in the commit that fills the log and takes as long as several hundred commits. Here a
//! thread of its own copies most of the log (passive checkpoints on its own connection, then a flush of the database
//! file); the writer only finishes the short rest between two commits, whereupon SQLite begins the log anew. Where
//! the thread doesn't keep up, the log grows to a limit and then the writer does it all, as SQLite would.

use crate::fault::{Result, db, io};
use crate::limits::{BUSY_WAIT, CHECKPOINT_LOG_TIMES, CHECKPOINT_REST_PART, SHRINK_WAIT};
use crate::shared::{Shared, open_writer};
use causeway_exchange::EngineError;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Frames in the log, and how many of them are in the database already.
struct Log {
    frames: i64,
    copied: i64,
}

impl Log {
    fn rest(&self) -> i64 {
        self.frames - self.copied
    }

    /// Runs `PRAGMA wal_checkpoint` in a mode: `NOOP` only looks, `PASSIVE` copies what no reader holds.
    fn after(conn: &Connection, sql: &'static str) -> Result<Self> {
        conn.prepare_cached(sql)
            .and_then(|mut s| s.query_row([], |r| Ok(Self { frames: r.get(1)?, copied: r.get(2)? })))
            .map_err(|e| db(&e))
    }
}

/// Copies the whole log and cuts its file, where no reader holds it. What fails is tried again with the next refusal.
pub(crate) fn shrink(conn: &Connection, shared: &Shared) {
    let cut = conn
        .busy_timeout(SHRINK_WAIT)
        .map_err(|e| db(&e))
        .and_then(|()| Log::after(conn, "PRAGMA wal_checkpoint(TRUNCATE)"));
    let restored = conn.busy_timeout(BUSY_WAIT).map_err(|e| db(&e));
    if let Err(EngineError::Stopped(why)) = cut.map(drop).and(restored) {
        shared.stop(&why);
    }
}

const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The thread that copies.
pub(crate) struct Checkpointer {
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread with a connection of its own.
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Self> {
        let conn = open_writer(&shared.options)?;
        let (bell, rings) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("causeway-checkpt".to_owned())
            .spawn(move || run(&conn, &shared, &rings))
            .map_err(|e| io(&e))?;
        Ok(Self { bell: Some(bell), thread: Some(thread) })
    }

    /// Called by the writer after each commit. A failure of the copy itself is no failure of the commit: what is
    /// committed is in the log. A failed flush stops accepting.
    pub(crate) fn after_commit(&self, conn: &Connection, shared: &Shared) {
        let finished = Log::after(conn, LOOK).and_then(|log| {
            let pages = shared.options.checkpoint_pages;
            if log.frames < i64::from(pages) {
                return Ok(());
            }
            let most = i64::from(pages) * i64::from(CHECKPOINT_LOG_TIMES);
            if log.rest() <= i64::from(pages / CHECKPOINT_REST_PART) || log.frames > most {
                return Log::after(conn, COPY).map(drop);
            }
            if let Some(bell) = &self.bell {
                // Full: it has been rung and will look.
                let _ = bell.try_send(());
            }
            Ok(())
        });
        if let Err(EngineError::Stopped(why)) = finished {
            shared.stop(&why);
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

fn run(conn: &Connection, shared: &Shared, rings: &Receiver<()>) {
    while rings.recv().is_ok() {
        if let Err(EngineError::Stopped(why)) = copy(conn, shared) {
            shared.stop(&why);
        }
    }
}

/// Copies until the rest is short, or a reader holds what is left.
fn copy(conn: &Connection, shared: &Shared) -> Result<()> {
    let mut copied = -1;
    loop {
        let log = Log::after(conn, COPY)?;
        // SQLite flushes the database only when all of the log is copied; flushed here, little is left for then.
        shared.flush()?;
        if log.rest() <= i64::from(shared.options.checkpoint_pages / CHECKPOINT_REST_PART / 2)
            || log.copied <= copied
        {
            return Ok(());
        }
        copied = log.copied;
    }
}
