//! The one thread of this broker that writes. Requests that arrive while it waits for the server are committed together
//! with the next commit, each under a savepoint of its own, so that one that is refused takes nothing of the others with
//! it. The row of `meta` is held from the first statement to the commit: brokers write one after the other, so that
//! numbers rise in commit order (a page that was read never misses a message) and the audit has one chain.

use crate::conn::{self, Conn, at_us, get, p};
use crate::content::Names;
use crate::fault::Result;
use crate::head::{HEAD, Head, head};
use crate::later::{Cell, Table};
use crate::shared::Shared;
use crate::{limits, seal};
use causeway_exchange::effects::cut;
use causeway_exchange::{AuditEntry, EngineError, NewAudit};
use causeway_seal::Key;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Counts that rise once the commit is done.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) acknowledged: u64,
    pub(crate) expired: u64,
}

impl Aftermath {
    fn absorb(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.acknowledged += other.acknowledged;
        self.expired += other.expired;
    }
}

/// One request's view of the transaction.
pub(crate) struct Tx<'a> {
    pub(crate) conn: &'a mut Conn,
    /// The caller's time, or the highest ever given if that is later; microseconds.
    pub(crate) now: i64,
    pub(crate) head: &'a mut Head,
    pub(crate) after: &'a mut Aftermath,
    pub(crate) fresh: &'a mut Fresh,
    /// Key of the audit trail's seals.
    pub(crate) key: Option<&'a Key>,
}

/// Which messages and requests of a batch are not in the database, asked once for all.
#[derive(Default)]
pub(crate) struct Fresh {
    messages: HashSet<String>,
    keys: HashSet<(String, String)>,
}

impl Fresh {
    fn of(conn: &mut Conn, batch: &[Box<dyn Job>]) -> Result<Self> {
        let names: Vec<&Names> = batch.iter().filter_map(|job| job.names()).collect();
        if names.len() < 2 {
            return Ok(Self::default());
        }
        // What the server can't compare is left to be refused by itself.
        let plain = |text: &str| !text.contains('\0');
        let mut messages: HashSet<String> =
            names.iter().map(|n| n.message.clone()).filter(|id| plain(id)).collect();
        let mut keys: HashSet<(String, String)> = names.iter().filter_map(|n| n.key.clone()).collect();
        keys.retain(|(sender, request)| plain(sender) && plain(request));
        let asked: Vec<&String> = messages.iter().collect();
        let there =
            conn.all("SELECT id FROM message WHERE id = ANY($1)", p![asked], |r| get::<String>(r, 0))?;
        let (senders, requests): (Vec<&String>, Vec<&String>) = keys.iter().map(|(s, r)| (s, r)).unzip();
        let sql = "SELECT sender, request_id FROM idempotency JOIN unnest($1::text[], $2::text[]) AS asked(sender, request_id)
          USING (sender, request_id)";
        let known =
            conn.all(sql, p![senders, requests], |r| Ok((get::<String>(r, 0)?, get::<String>(r, 1)?)))?;
        for id in there {
            messages.remove(&id);
        }
        for key in known {
            keys.remove(&key);
        }
        Ok(Self { messages, keys })
    }

    /// Whether no message has this id; it is taken as one that has it from now on.
    pub(crate) fn message(&mut self, id: &str) -> bool {
        self.messages.remove(id)
    }

    /// Whether this request is known not to have come before; it is taken as one that has from now on.
    pub(crate) fn request(&mut self, sender: &str, request_id: &str) -> bool {
        self.keys.remove(&(sender.to_owned(), request_id.to_owned()))
    }
}

impl Tx<'_> {
    /// Appends to the audit chain.
    pub(crate) fn audit(&mut self, audit: &NewAudit) -> Result<()> {
        let seq = self.head.audit_seq + 1;
        let previous = self.head.audit_hash;
        let hash = AuditEntry::hash_of(seq.cast_unsigned(), at_us(self.now)?, audit, &previous);
        let row = vec![
            Cell::number(seq),
            Cell::number(self.now),
            Cell::text(&audit.actor),
            Cell::text(&audit.action),
            Cell::text(&audit.entity),
            Cell::text(&audit.detail),
            Cell::bytes(&previous),
            Cell::bytes(&hash),
            Cell::Bytes(self.key.map(|key| seal::of_entry(key, seq, &hash).to_vec())),
        ];
        self.conn.later(Table::Audit, row)?;
        self.head.audit_seq = seq;
        self.head.audit_hash = hash;
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
        self.head.event += 1;
        let row = vec![
            Cell::number(owner),
            Cell::number(self.head.event),
            Cell::number(self.now),
            Cell::text(kind),
            Cell::text(actor),
            Cell::text(cut(detail)),
        ];
        self.conn.later(Table::Event, row)
    }
}

/// A request to the writer.
trait Job: Send {
    fn now(&self) -> i64;
    /// What it accepts is known by.
    fn names(&self) -> Option<&Names>;
    /// Does its part; whether it is to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    /// Sends the answer: its own result, or why nothing was committed.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct FnJob<T, F, D> {
    now: i64,
    names: Option<Names>,
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

    fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = work(tx);
        let kept = result.as_ref().map(drop).map_err(Clone::clone);
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
    /// Starts the thread with its connection; `token` is the last fencing token given out.
    pub(crate) fn start(mut conn: Conn, shared: Arc<Shared>, token: i64) -> Result<Self> {
        conn.look_for_rows()?;
        let (queue, requests) = sync_channel(limits::QUEUE_REQUESTS);
        let thread = std::thread::Builder::new()
            .name("causeway-pg-writer".to_owned())
            .spawn(move || Loop { conn: Some(conn), shared, token, unsure: false }.run(&requests))
            .map_err(|e| crate::fault::io(&e))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// The writer of an engine that only reads: it refuses everything.
    pub(crate) fn none() -> Self {
        Self { queue: None, thread: None }
    }

    /// Queues a request; `done` is called on the writer's thread after the commit.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.submit_named(None, now, work, done);
    }

    /// The same of a request that accepts a message.
    pub(crate) fn submit_named<T: Send + 'static>(
        &self,
        names: Option<Names>,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let job = FnJob { now: now.as_microsecond(), names, work: Some(work), result: None, done };
        let job: Box<dyn Job> = Box::new(job);
        let (refused, why) = match &self.queue {
            None => (job, "this broker follows another one and writes nothing"),
            Some(queue) => match queue.send(job) {
                Ok(()) => return,
                Err(refused) => (refused.0, "writer has ended"),
            },
        };
        refused.answer(Err(EngineError::Stopped(why.to_owned())));
    }

    /// Queues a request and waits for its commit.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        answer(self.begin(now, work))
    }

    /// Queues a request; [`answer`] waits for its commit.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Receiver<Result<T>> {
        let (answer, wait) = sync_channel(1);
        self.submit(now, work, move |result| {
            // Whoever asked may have gone.
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
    /// `None` after the connection was lost: the next batch connects again, to whichever server now leads.
    conn: Option<Conn>,
    shared: Arc<Shared>,
    /// The last fencing token of a commit that is known.
    token: i64,
    /// Whether the last commit may have been made though it was not answered.
    unsure: bool,
}

impl Loop {
    fn run(mut self, requests: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = requests.recv() {
            let mut batch = vec![first];
            while batch.len() < limits::BATCH_REQUESTS {
                match requests.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
            self.process(batch);
        }
        if let Some(conn) = self.conn.as_mut().filter(|_| self.shared.options.alone) {
            conn.unlock();
        }
    }

    fn process(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let mut after = Aftermath::default();
        let shared = Arc::clone(&self.shared);
        // Leases that an unanswered commit gave out are nobody's. Only where no other engine gives out any.
        let orphans = (self.unsure && shared.options.alone).then_some(self.token);
        let outcome =
            self.connected().and_then(|conn| transact(conn, &shared, orphans, &mut batch, &mut after));
        let stats = &self.shared.stats;
        match &outcome {
            Ok(token) => {
                (self.token, self.unsure) = (*token, false);
                stats.commits.fetch_add(1, Ordering::Relaxed);
                stats.requests.fetch_add(batch.len() as u64, Ordering::Relaxed);
                stats.accepted.fetch_add(after.accepted, Ordering::Relaxed);
                stats.duplicates.fetch_add(after.duplicates, Ordering::Relaxed);
                stats.acknowledged.fetch_add(after.acknowledged, Ordering::Relaxed);
                stats.expired.fetch_add(after.expired, Ordering::Relaxed);
            }
            Err(_) => {
                self.unsure = true;
                // One that another has replaced must not hold that one's lock.
                let keep = self.shared.still_reigns().is_ok()
                    && self.conn.as_mut().is_some_and(|conn| conn.roll_back().is_ok());
                if !keep {
                    self.conn = None;
                }
            }
        }
        let outcome = outcome.map(drop);
        for job in batch {
            job.answer(outcome.clone());
        }
    }

    fn connected(&mut self) -> Result<&mut Conn> {
        self.shared.still_reigns()?;
        if self.conn.as_ref().is_none_or(Conn::is_closed) {
            self.conn = None;
            let mut conn = Conn::open(&self.shared.reach)?;
            if self.shared.options.alone && !conn.lock()? {
                // Another broker's, or our own of before, which the server has not missed yet.
                if let Some(reign) = conn.first("SELECT reign FROM meta", p![], |r| get::<i64>(r, 0))? {
                    self.shared.reigns(reign)?;
                }
                return Err(conn::taken());
            }
            conn.look_for_rows()?;
            self.conn = Some(conn);
        }
        self.conn.as_mut().ok_or_else(conn::no_connection)
    }
}

/// Makes ready again what was leased with a token above this one: those leases were given out by a commit whose answer did
/// not come, so nobody works on them. Not a loss, and no attempt.
fn take_back(conn: &mut Conn, after: i64) -> Result<u64> {
    conn.run(
        "UPDATE work SET state='ready', lease_until=NULL, worker=NULL, attempts=greatest(attempts-1, 0)
         WHERE state='leased' AND token > $1",
        p![after],
    )
}

/// Runs all requests of a batch in one transaction. The last fencing token given out.
fn transact(
    conn: &mut Conn,
    shared: &Shared,
    orphans: Option<i64>,
    batch: &mut [Box<dyn Job>],
    after: &mut Aftermath,
) -> Result<i64> {
    conn.batch("BEGIN")?;
    let lock = format!("{HEAD} FOR UPDATE");
    let mut head = conn.first(&lock, p![], head)?.ok_or(EngineError::Corrupt("meta"))?;
    shared.reigns(head.reign)?;
    shared.judge(&head.standbys)?;
    let key = shared.options.key.as_ref();
    seal::judge(key, &head)?;
    if let Some(after) = orphans {
        take_back(conn, after)?;
    }
    let alone = batch.len() == 1;
    let mut fresh = Fresh::of(conn, batch)?;
    for job in batch.iter_mut() {
        // One alone is rolled back with the transaction, unless nothing was written.
        conn.begin_request(!alone);
        let (kept, changes) = (head.clone(), conn.changes);
        let mut own = Aftermath::default();
        head.high_water = head.high_water.max(job.now());
        let mut tx = Tx {
            now: head.high_water,
            conn: &mut *conn,
            head: &mut head,
            after: &mut own,
            fresh: &mut fresh,
            key,
        };
        match job.run(&mut tx) {
            Ok(()) => {
                conn.end_request(true)?;
                after.absorb(&own);
            }
            Err(error) if alone => {
                // What the server refuses leaves a transaction that nothing more can be done in.
                let broken = matches!(error, EngineError::Storage(_) | EngineError::Invalid(_));
                if conn.changes != changes || broken {
                    return Err(error);
                }
                conn.end_request(false)?;
                head = kept;
            }
            Err(_) => {
                // Fails only where the connection is gone, and the whole transaction with it.
                conn.end_request(false)?;
                head = kept;
            }
        }
    }
    let sealed = key.map(|key| seal::of_head(key, head.audit_seq, &head.audit_hash).to_vec());
    conn.run(
        "UPDATE meta SET high_water=$1, token=$2, audit_seq=$3, audit_hash=$4, message_seq=$5, event_seq=$6, work_seq=$7,
           expectation_seq=$8, audit_seal=$9",
        p![
            head.high_water,
            head.token,
            head.audit_seq,
            &head.audit_hash[..],
            head.message,
            head.event,
            head.work,
            head.expectation,
            sealed
        ],
    )?;
    conn.commit()?;
    Ok(head.token)
}
