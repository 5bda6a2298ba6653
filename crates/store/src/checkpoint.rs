//! Copying the write-ahead log back into the database beside the writer, so that accepting does not wait for it.
//!
//! SQLite's own checkpoint runs in the commit that fills the log and takes as long as several hundred commits. Here a
//! thread of its own copies most of the log (passive checkpoints on its own connection, then a flush of the database
//! file); the writer only finishes the short rest between two commits, whereupon SQLite begins the log anew. Where
//! the thread doesn't keep up, the log grows to a limit and then the writer does it all, as SQLite would.

use crate::fault::{Result, db, io};
use crate::limits::{BUSY_WAIT, CHECKPOINT_LOG_TIMES, CHECKPOINT_REST_PART, SEAL_EVERY, SHRINK_WAIT};
use crate::shared::{Shared, open_reader, open_writer};
use causeway_exchange::EngineError;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
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
    let cut = conn.busy_timeout(SHRINK_WAIT).map_err(|e| db(&e)).and_then(|()| cut(conn, shared));
    let restored = conn.busy_timeout(BUSY_WAIT).map_err(|e| db(&e));
    if let Err(EngineError::Stopped(why)) = cut.and(restored) {
        shared.stop(&why);
    }
}

/// Copies the whole log back and empties its file, where no reader holds it.
pub(crate) fn cut(conn: &Connection, shared: &Shared) -> Result<()> {
    let held = match &shared.pages {
        None => None,
        Some(pages) => match pages.hold(|| frames(conn)) {
            Ok(held) => Some(held),
            // Not copied: what is not sealed would look as if another had written it.
            Err(error) => {
                shared.seal_failed(&error);
                return Ok(());
            }
        },
    };
    Log::after(conn, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    drop(held);
    Ok(())
}

/// Committed frames of the log.
pub(crate) fn frames(conn: &Connection) -> Option<u32> {
    Log::after(conn, LOOK).ok().and_then(|log| u32::try_from(log.frames).ok())
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
        let pin = open_reader(&shared.options.database())?;
        let (bell, rings) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("causeway-checkpt".to_owned())
            .spawn(move || run(&conn, &pin, &shared, &rings))
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
                return copy_now(conn, shared);
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

/// What the writer copies itself, between two commits. Where the thread seals or copies just now, it is left to it.
fn copy_now(conn: &Connection, shared: &Shared) -> Result<()> {
    let Some(pages) = &shared.pages else { return Log::after(conn, COPY).map(drop) };
    match pages.try_hold(|| frames(conn)) {
        Ok(None) => Ok(()),
        Ok(Some(_held)) => Log::after(conn, COPY).map(drop),
        Err(error) => {
            shared.seal_failed(&error);
            Ok(())
        }
    }
}

fn run(conn: &Connection, pin: &Connection, shared: &Shared, rings: &Receiver<()>) {
    loop {
        let done = match rings.recv_timeout(SEAL_EVERY) {
            Ok(()) => copy(conn, pin, shared),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(Err(error)) = shared.pages.as_ref().map(|pages| pages.keep_up(|| frames(conn))) {
                    shared.seal_failed(&error);
                }
                Ok(())
            }
        };
        if let Err(EngineError::Stopped(why)) = done {
            shared.stop(&why);
        }
    }
}

/// Copies until the rest is short, or a reader holds what is left.
fn copy(conn: &Connection, pin: &Connection, shared: &Shared) -> Result<()> {
    let mut copied = -1;
    loop {
        let log = copy_sealed(conn, pin, shared)?;
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

/// Copies what is sealed, beside a writer that goes on committing: a reader of this moment keeps later frames from being
/// copied, and the log from beginning anew, before they are sealed.
fn copy_sealed(conn: &Connection, pin: &Connection, shared: &Shared) -> Result<Log> {
    let Some(pages) = &shared.pages else { return Log::after(conn, COPY) };
    let pinned = pin.unchecked_transaction().map_err(|e| db(&e))?;
    pinned.query_row("SELECT id FROM meta", [], |_| Ok(())).map_err(|e| db(&e))?;
    match pages.hold(|| frames(conn)) {
        Ok(_held) => Log::after(conn, COPY),
        Err(error) => {
            shared.seal_failed(&error);
            Log::after(conn, LOOK)
        }
    }
}
