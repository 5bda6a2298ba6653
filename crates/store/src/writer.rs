//! The one thread that writes. Requests that arrive while it is flushing are committed together with the next
//! flush; one that may be refused half-way has its own savepoint, so that it takes nothing of the others with
//! it. Answers leave after the commit.

use crate::checkpoint::{self, Checkpointer};
use crate::documents::DocumentChange;
use crate::fault::{Result, db};
use crate::inbox::Change;
use crate::limits;
use crate::shared::Shared;
use causeway_exchange::effects::cut;
use causeway_exchange::message::Checksum;
use causeway_exchange::{AuditEntry, EngineError, NewAudit};
use causeway_seal::Chain;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Instant;

/// What the writer carries from request to request; kept in table `meta`.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) high_water: i64,
    pub(crate) token: i64,
    pub(crate) audit_seq: i64,
    pub(crate) audit_hash: Checksum,
    /// Last numbers given to a message, an event and a work item; never given again.
    pub(crate) message: i64,
    pub(crate) event: i64,
    pub(crate) work: i64,
}

impl Head {
    pub(crate) fn load(conn: &Connection) -> Result<Self> {
        let sql =
            "SELECT high_water, token, audit_seq, audit_hash, message_seq, event_seq, work_seq FROM meta";
        conn.query_row(sql, [], |r| {
            Ok(Self {
                high_water: r.get(0)?,
                token: r.get(1)?,
                audit_seq: r.get(2)?,
                audit_hash: r.get(3)?,
                message: r.get(4)?,
                event: r.get(5)?,
                work: r.get(6)?,
            })
        })
        .map_err(|e| db(&e))
    }

    fn save(&self, conn: &Connection) -> Result<()> {
        conn.prepare_cached(
            "UPDATE meta SET high_water=?1, token=?2, audit_seq=?3, audit_hash=?4, message_seq=?5, event_seq=?6,
               work_seq=?7",
        )
        .and_then(|mut s| {
            s.execute(params![
                self.high_water,
                self.token,
                self.audit_seq,
                self.audit_hash,
                self.message,
                self.event,
                self.work
            ])
        })
        .map(|_| ())
        .map_err(|e| db(&e))
    }
}

/// What becomes visible outside the database once the commit is done.
#[derive(Default)]
pub(crate) struct Aftermath {
    /// Changes of the inboxes.
    pub(crate) inboxes: Vec<Change>,
    /// Changes of the configuration.
    pub(crate) documents: Vec<DocumentChange>,
    /// Hashes of the entries that the audit trail has grown by.
    audited: Vec<Checksum>,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) acknowledged: u64,
    pub(crate) expired: u64,
}

impl Aftermath {
    fn absorb(&mut self, other: Self) {
        self.inboxes.extend(other.inboxes);
        self.documents.extend(other.documents);
        self.audited.extend(other.audited);
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.acknowledged += other.acknowledged;
        self.expired += other.expired;
    }

    fn publish(self, shared: &Shared) {
        let stats = &shared.stats;
        stats.accepted.fetch_add(self.accepted, Ordering::Relaxed);
        stats.duplicates.fetch_add(self.duplicates, Ordering::Relaxed);
        stats.acknowledged.fetch_add(self.acknowledged, Ordering::Relaxed);
        stats.expired.fetch_add(self.expired, Ordering::Relaxed);
        shared.inboxes.apply(self.inboxes);
        shared.documents.apply(self.documents);
    }
}

/// One request's view of the transaction.
pub(crate) struct Tx<'a> {
    pub(crate) conn: &'a Connection,
    /// The caller's time, or the highest ever given if that is later; microseconds.
    pub(crate) now: i64,
    pub(crate) head: &'a mut Head,
    pub(crate) after: &'a mut Aftermath,
}

impl Tx<'_> {
    /// Runs a statement; the number of rows it changed.
    pub(crate) fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        self.conn.prepare_cached(sql).and_then(|mut s| s.execute(params)).map_err(|e| db(&e))
    }

    /// First row, if any.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        use rusqlite::OptionalExtension;
        self.conn
            .prepare_cached(sql)
            .and_then(|mut s| s.query_row(params, read).optional())
            .map_err(|e| db(&e))
    }

    /// Appends to the audit chain.
    pub(crate) fn audit(&mut self, audit: &NewAudit) -> Result<()> {
        let seq = self.head.audit_seq + 1;
        let at = Timestamp::from_microsecond(self.now).map_err(|_| EngineError::Invalid("time"))?;
        let previous = self.head.audit_hash;
        let hash = AuditEntry::hash_of(seq.cast_unsigned(), at, audit, &previous);
        self.run(
            "INSERT INTO audit(seq, at, actor, action, entity, detail, previous, hash) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
            params![seq, self.now, audit.actor, audit.action, audit.entity, audit.detail, previous, hash],
        )?;
        self.head.audit_seq = seq;
        self.head.audit_hash = hash;
        self.after.audited.push(hash);
        Ok(())
    }

    /// A short audit entry.
    pub(crate) fn note(&mut self, actor: &str, action: &str, entity: &str, detail: &str) -> Result<()> {
        self.audit(&NewAudit {
            actor: actor.to_owned(),
            action: action.to_owned(),
            entity: entity.to_owned(),
            detail: detail.to_owned(),
        })
    }

    /// A timeline event.
    pub(crate) fn event(&mut self, owner: i64, kind: &str, actor: &str, detail: &str) -> Result<()> {
        let detail = cut(detail);
        self.head.event += 1;
        self.run(
            "INSERT INTO event(owner, seq, at, kind, actor, detail) VALUES (?1,?2,?3,?4,?5,?6)",
            params![owner, self.head.event, self.now, kind, actor, detail],
        )
        .map(|_| ())
    }
}

/// A request to the writer.
trait Job: Send {
    fn now(&self) -> i64;
    /// Whether it may be refused after it has written something.
    fn guarded(&self) -> bool;
    /// Does its part; whether it is to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> std::result::Result<(), EngineError>;
    /// Sends the answer: its own result, or why nothing was committed.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct FnJob<T, F, D> {
    now: i64,
    guarded: bool,
    work: Option<F>,
    result: Option<Result<T>>,
    done: D,
}

impl<T: Send, F, D> Job for FnJob<T, F, D>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Send,
    D: FnOnce(Result<T>) + Send,
{
    fn now(&self) -> i64 {
        self.now
    }

    fn guarded(&self) -> bool {
        self.guarded
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = work(tx);
        let kept = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let result = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (Some(ok), Ok(())) => ok,
            (_, Err(why)) => Err(why),
            (None, Ok(())) => Err(EngineError::Storage("request was not run".to_owned())),
        };
        (self.done)(result);
    }
}

/// The way to the writer.
pub(crate) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread with its connection.
    pub(crate) fn start(
        conn: Connection,
        head: Head,
        shared: Arc<Shared>,
        chain: Option<Chain>,
    ) -> Result<Self> {
        let (queue, requests) = sync_channel(limits::QUEUE_REQUESTS);
        let checkpointer = Checkpointer::start(Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("causeway-writer".to_owned())
            .spawn(move || Loop { conn, head, shared, checkpointer, chain, last: 1 }.run(&requests))
            .map_err(|e| crate::fault::io(&e))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a request; `done` is called on the writer's thread after the commit. `guarded`: it may be
    /// refused after it has written something, and so needs a savepoint of its own. (One savepoint for each
    /// request would halve the rate: SQLite copies every page that is changed under it.)
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        now: Timestamp,
        guarded: bool,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let job = FnJob { now: now.as_microsecond(), guarded, work: Some(work), result: None, done };
        let Some(queue) = &self.queue else { return };
        if let Err(refused) = queue.send(Box::new(job)) {
            refused.0.answer(Err(EngineError::Stopped("writer has ended".to_owned())));
        }
    }

    /// Queues a request with a savepoint and waits for its commit.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.wait(now, true, work)
    }

    /// Queues a request and waits for its commit.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        now: Timestamp,
        guarded: bool,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        answer(self.begin(now, guarded, work))
    }

    /// Queues a request; [`answer`] waits for its commit.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        now: Timestamp,
        guarded: bool,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Receiver<Result<T>> {
        let (answer, wait) = sync_channel(1);
        self.submit(now, guarded, work, move |result| {
            let _ = answer.send(result);
        });
        wait
    }
}

/// Waits for the outcome of a request that was begun.
pub(crate) fn answer<T>(wait: Receiver<Result<T>>) -> Result<T> {
    wait.recv().unwrap_or_else(|_| Err(EngineError::Stopped("writer has ended".to_owned())))
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Loop {
    conn: Connection,
    head: Head,
    shared: Arc<Shared>,
    checkpointer: Checkpointer,
    /// Seals of the audit trail, where the data have a key.
    chain: Option<Chain>,
    /// Requests in the last batch. As many callers are likely to come back; half of them are waited for, as the
    /// others prepare theirs while these are written.
    last: usize,
}

impl Loop {
    fn run(mut self, requests: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = requests.recv() {
            let batch = self.collect(first, requests);
            self.last = batch.len();
            self.process(batch);
        }
        drop(self.checkpointer);
        // A clean end leaves an empty log; after a crash the next open replays it.
        let _ = checkpoint::cut(&self.conn, &self.shared);
        if let Some(chain) = &self.chain {
            let _ = chain.flush();
        }
    }

    fn collect(&self, first: Box<dyn Job>, requests: &Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
        let options = &self.shared.options;
        let mut batch = vec![first];
        let until = Instant::now() + options.batch_wait;
        while batch.len() < options.max_batch {
            match requests.try_recv() {
                Ok(job) => batch.push(job),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) if batch.len() * 2 >= self.last => break,
                Err(TryRecvError::Empty) => {
                    let left = until.saturating_duration_since(Instant::now());
                    match requests.recv_timeout(left) {
                        Ok(job) => batch.push(job),
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                    }
                }
            }
        }
        batch
    }

    fn process(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let mut after = Aftermath::default();
        let before = self.head.clone();
        let outcome = match self.shared.stopped() {
            Some(why) => Err(EngineError::Stopped(why)),
            None => self.transact(&mut batch, &mut after),
        };
        match &outcome {
            Ok(()) => {
                self.shared.stats.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.stats.requests.fetch_add(batch.len() as u64, Ordering::Relaxed);
                if let Some(chain) = &mut self.chain
                    && let Err(error) = chain.seal(&after.audited)
                {
                    // Committed all the same; what has no seal gets it at the next open.
                    self.shared.seal_failed(&error);
                    self.chain = None;
                }
                after.publish(&self.shared);
            }
            Err(error) => {
                self.head = before;
                if let EngineError::Stopped(why) = error {
                    self.shared.stop(why);
                }
                if !self.conn.is_autocommit() {
                    let _ = self.conn.execute_batch("ROLLBACK");
                }
            }
        }
        for job in batch {
            job.answer(outcome.clone());
        }
        if outcome.is_ok() {
            self.checkpointer.after_commit(&self.conn, &self.shared);
        }
        if self.shared.shrink.swap(false, Ordering::Relaxed) {
            checkpoint::shrink(&self.conn, &self.shared);
        }
    }

    fn transact(&mut self, batch: &mut [Box<dyn Job>], after: &mut Aftermath) -> Result<()> {
        self.step("BEGIN IMMEDIATE")?;
        let alone = batch.len() == 1;
        for job in batch.iter_mut() {
            let savepoint = job.guarded() && !alone;
            if savepoint {
                self.step("SAVEPOINT request")?;
            }
            let mut own = Aftermath::default();
            let kept = self.head.clone();
            let changes = self.conn.total_changes();
            self.head.high_water = self.head.high_water.max(job.now());
            let mut tx =
                Tx { conn: &self.conn, now: self.head.high_water, head: &mut self.head, after: &mut own };
            match job.run(&mut tx) {
                Ok(()) => after.absorb(own),
                Err(error) => {
                    // A full disk or an I/O error ends the whole transaction.
                    if self.conn.is_autocommit() || matches!(error, EngineError::Stopped(_)) {
                        return Err(error);
                    }
                    self.head = kept;
                    if savepoint {
                        self.step("ROLLBACK TO request")?;
                    } else if self.conn.total_changes() != changes {
                        return Err(error);
                    }
                }
            }
            if savepoint {
                self.step("RELEASE request")?;
            }
        }
        self.head.save(&self.conn)?;
        self.step("COMMIT").map_err(|error| match error {
            // Out of space is known before the flush; anything else may be a failed one.
            EngineError::SpaceLow { .. } => error,
            other => EngineError::Stopped(format!("commit failed: {other}")),
        })
    }

    fn step(&self, sql: &str) -> Result<()> {
        self.conn.prepare_cached(sql).and_then(|mut s| s.execute([])).map(|_| ()).map_err(|e| db(&e))
    }
}
