//! The engine: what keeps messages, queues, audit and configuration, in parts that an engine implements one by one.
//! SQLite embedded stands behind them today; `contract` holds any engine to its clauses.
//!
//! Calls block until the data is flushed; asynchronous callers use [`Accepting::accept_then`] or a blocking
//! thread. Time is always given by the caller: no engine reads the clock for a decision, so five days can
//! pass in one call. An engine remembers the highest time it was ever given (also over a restart) and reads
//! an earlier one as that: a clock that steps back steals no lease and shows no event before its cause.

use crate::effects::{Accept, AcceptOutcome, Failure, Upload};
use crate::effects::{
    AuditCheck, AuditEntry, Effects, Event, NewAudit, NewEvent, PieceKind, StoredOutput, Translation,
    TranslationDigests, TranslationHead,
};
use crate::error::EngineError;
use crate::limits;
use crate::message::{
    ChunkOutcome, Content, IdempotencyKey, InboxPage, InboxQuery, Message, MessageId, MessageQuery, Payload,
    PayloadReader, Staged,
};
use crate::work::{AckKind, Expectation, Lease, NewWork, WorkId, WorkItem, WorkKind, WorkQuery};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// Result of an engine call.
pub type Result<T> = std::result::Result<T, EngineError>;

/// Called with an accept's outcome, after the commit, on the engine's own thread: must not block.
pub type Done = Box<dyn FnOnce(Result<AcceptOutcome>) + Send>;

/// Called with an acknowledgement's outcome, as [`Done`] is with an accept's.
pub type Acknowledged = Box<dyn FnOnce(Result<bool>) + Send>;

/// Takes messages in: whole, streamed, or in chunks. Every method that changes something answers after the change is
/// committed and flushed, here as in the other parts.
pub trait Accepting: Send + Sync {
    /// Accepts a message: message, inbox entry, idempotency key, effects (work, events, audit, expectations,
    /// translation) and one audit entry in one transaction. The engine itself adds the `accepted` event.
    ///
    /// # Errors
    /// [`EngineError::IdInUse`], [`EngineError::SpaceLow`], [`EngineError::Stopped`], [`EngineError::Invalid`].
    fn accept(&self, accept: Accept, now: Timestamp) -> Result<AcceptOutcome>;

    /// The same without waiting: `done` gets the outcome after the commit.
    fn accept_then(&self, accept: Accept, now: Timestamp, done: Done) {
        done(self.accept(accept, now));
    }

    /// What a retry of this request would get, without a payload at hand (e.g. before reading the body).
    /// `None` where the key is new.
    fn lookup(&self, key: &IdempotencyKey) -> Result<Option<AcceptOutcome>>;

    /// Streams large content to the engine in bounded memory; durable when it returns. Use the result as
    /// [`Payload::Staged`] in the same process; what is never used is swept at the next open.
    ///
    /// # Errors
    /// [`EngineError::TooLarge`] above `limit` bytes, [`EngineError::SpaceLow`], read errors as `Storage`.
    fn stage(&self, content: &mut dyn Read, limit: u64) -> Result<Staged>;

    /// Gives staged content up that nothing will name; what a message names meanwhile stays.
    fn unstage(&self, content: &[Staged]) -> Result<()>;

    /// Begins a chunked upload; chunk 1 and the announced total are durable when it returns.
    fn begin_upload(&self, upload: Upload, now: Timestamp) -> Result<()>;

    /// Stores chunk `number` (from 1). Repeating the same bytes is fine, at any time and in any order.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::ChunkOutOfRange`], [`EngineError::ChunkDiffers`],
    /// [`EngineError::UploadFinalised`].
    fn put_chunk(
        &self,
        id: &MessageId,
        number: u32,
        content: Payload,
        now: Timestamp,
    ) -> Result<ChunkOutcome>;

    /// Finishes an upload: verifies every chunk, computes the whole content's SHA-256, and accepts the message
    /// with `effects` in one transaction. `lenient` accepts with chunks missing (sandbox behaviour: reading
    /// the hole gives `NotFound`). Calling it again is idempotent.
    ///
    /// # Errors
    /// [`EngineError::ChunksMissing`]; [`EngineError::ChecksumMismatch`] where `expect` is given and differs.
    fn finish_upload(
        &self,
        id: &MessageId,
        lenient: bool,
        expect: Option<[u8; 32]>,
        effects: Effects,
        now: Timestamp,
    ) -> Result<u64>;

    /// Uses a one-time value (MESH token, JWT `jti`) up to `until`; `false` where it was used before.
    fn use_once(&self, scope: &str, value: &str, until: Timestamp, now: Timestamp) -> Result<bool>;
}

/// What is known of messages, without a byte of what they hold: what a person's care is about can not be read here.
pub trait Facts: Send + Sync {
    /// A message's facts, also of a finished or purged one.
    fn message(&self, id: &MessageId) -> Result<Option<Message>>;

    /// What happened to a message, and to those derived from it, in commit order.
    fn timeline(&self, id: &MessageId) -> Result<Vec<Event>>;

    /// The same within bounds: a message's first `limit` events, and the first `limit` of those derived from it.
    fn timeline_start(&self, id: &MessageId, limit: usize) -> Result<Vec<Event>>;

    /// Messages by any of their properties, paged (tracking, sent box, rich boxes, lists).
    fn search(&self, query: &MessageQuery) -> Result<Vec<Message>>;

    /// How many messages a search finds in all pages, up to [`limits::COUNT_MAX`] and one more: that many means "more".
    fn count(&self, query: &MessageQuery) -> Result<u64>;

    /// What a sender has begun to upload and not finished.
    fn unfinished(&self, sender: &str) -> Result<Unfinished>;
}

/// Uploads in chunks that are not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unfinished {
    /// How many.
    pub uploads: u64,
    /// Bytes of the chunks that came.
    pub bytes: u64,
}

/// What messages hold and what was made of it: originals, translations, bundles. Everything here is about people.
pub trait Contents: Send + Sync {
    /// The whole content as a stream (chunks one after the other), verified before the first byte.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::ContentDeleted`], [`EngineError::WrongState`] while uploading,
    /// [`EngineError::ChunksMissing`] (lenient upload), [`EngineError::Corrupt`].
    fn payload(&self, id: &MessageId) -> Result<PayloadReader>;

    /// One chunk (from 1) as a stream, verified before the first byte.
    fn chunk(&self, id: &MessageId, number: u32) -> Result<PayloadReader>;

    /// The same of a message that the caller has just read, which saves reading it again.
    ///
    /// # Errors
    /// As [`Contents::chunk`], judged by the message as given.
    fn chunk_of(&self, message: &Message, number: u32) -> Result<PayloadReader> {
        self.chunk(&message.new.id, number)
    }

    /// The whole content in memory.
    ///
    /// # Errors
    /// [`EngineError::TooLarge`] where it is larger than `limit` bytes, else as [`Contents::payload`].
    fn content(&self, id: &MessageId, limit: u64) -> Result<Content> {
        let mut payload = self.payload(id)?;
        if payload.size > limit {
            return Err(EngineError::TooLarge(limit));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(payload.size).unwrap_or(0));
        payload.reader.read_to_end(&mut bytes).map_err(|_| EngineError::Corrupt("payload"))?;
        Ok(Content { bytes, sha256: payload.sha256 })
    }

    /// The translation kept with a message; every part verified. Its pieces are named and not read: see
    /// [`Contents::piece`].
    fn translation(&self, id: &MessageId) -> Result<Option<Translation>>;

    /// The same without the outputs' bytes: for lists and pages.
    fn translation_head(&self, id: &MessageId) -> Result<Option<TranslationHead>>;

    /// The digests under which it is kept, without reading any of it; `None` without a translation.
    fn translation_digests(&self, id: &MessageId) -> Result<Option<TranslationDigests>>;

    /// One output (from 0) of a translation that is not in pieces, verified. `None` where there is no such output.
    fn output(&self, id: &MessageId, number: u64) -> Result<Option<StoredOutput>>;

    /// The bytes of one piece (from 0 within its kind) of a message's translation, verified. `None` where there is no
    /// such piece.
    fn piece(&self, id: &MessageId, kind: PieceKind, number: u32) -> Result<Option<Vec<u8>>>;
}

/// Mailboxes.
pub trait Inbox: Send + Sync {
    /// A page of a mailbox's waiting messages in commit order, at a cost that depends on the page only.
    fn inbox(&self, query: &InboxQuery) -> Result<InboxPage>;

    /// The recipient confirms a message; it leaves the inbox for ever. Idempotent: `false` where it was
    /// acknowledged before. Settles a transport expectation of the message.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] also where the message isn't addressed to `mailbox`;
    /// [`EngineError::Transition`] after expiry.
    fn acknowledge(&self, mailbox: &str, id: &MessageId, actor: &str, now: Timestamp) -> Result<bool>;

    /// The same without waiting: `done` gets the outcome after the commit.
    fn acknowledge_then(
        &self,
        mailbox: &str,
        id: &MessageId,
        actor: &str,
        now: Timestamp,
        done: Acknowledged,
    ) {
        done(self.acknowledge(mailbox, id, actor, now));
    }
}

/// Work that is to be done on messages, and steps outside the queue.
pub trait Queue: Send + Sync {
    /// Changes a message without a lease (synchronous doors, administration).
    fn apply(&self, id: &MessageId, effects: Effects, now: Timestamp) -> Result<()>;

    /// Writes one event.
    fn record_event(&self, id: &MessageId, event: NewEvent, now: Timestamp) -> Result<()> {
        self.apply(id, Effects { events: vec![event], ..Effects::default() }, now)
    }

    /// Leases up to `limit` due items of a kind, in order. An item whose lease ran out never came back: it may have
    /// killed the process that held it. It is claimed again as a suspect (`lost` above 0), with [`limits::SUSPECTS_TOGETHER`]
    /// others at most and from its second loss on alone, and parked with the cause [`crate::work::PROCESS_DIED`] once it was
    /// lost [`limits::LOST_LEASES_MAX`] times in a row.
    /// With `destination`, only for that one.
    fn claim(
        &self,
        kind: WorkKind,
        destination: Option<&str>,
        worker: &str,
        lease: SignedDuration,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Lease>>;

    /// Makes a lease last until `until`.
    ///
    /// # Errors
    /// [`EngineError::StaleLease`].
    fn extend(&self, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<()>;

    /// Finishes an item and applies its effects, in one transaction; the next item of its key becomes ready.
    ///
    /// # Errors
    /// [`EngineError::StaleLease`] (nothing changed).
    fn complete(&self, lease: &Lease, effects: Effects, now: Timestamp) -> Result<()>;

    /// Finishes several items, each in a transaction of its own as far as it can fail; one flush may serve them
    /// all. An outcome for each, in order.
    fn complete_all(&self, ends: Vec<(Lease, Effects)>, now: Timestamp) -> Vec<Result<()>> {
        ends.into_iter().map(|(lease, effects)| self.complete(&lease, effects, now)).collect()
    }

    /// Records a failure and what next.
    ///
    /// # Errors
    /// [`EngineError::StaleLease`] (nothing changed).
    fn fail(&self, lease: &Lease, failure: Failure, now: Timestamp) -> Result<()>;

    /// The same of several items; flushes may be shared. An outcome for each, in order.
    fn fail_all(&self, ends: Vec<(Lease, Failure)>, now: Timestamp) -> Vec<Result<()>> {
        ends.into_iter().map(|(lease, failure)| self.fail(&lease, failure, now)).collect()
    }

    /// Lists work items in commit order (dead letters with state parked).
    fn work(&self, query: &WorkQuery) -> Result<Vec<WorkItem>>;

    /// Releases a parked item: ready at `at`, attempts from zero; audited.
    fn unpark(&self, item: WorkId, actor: &str, at: Timestamp, now: Timestamp) -> Result<()>;

    /// Gives up a parked item with a reason: its key flows on, the message goes to error; audited.
    fn discard(&self, item: WorkId, actor: &str, reason: &str, now: Timestamp) -> Result<()>;

    /// Orders new work for a message that was processed before (same id, flagged `replay`, audited).
    /// A message in an inbox isn't put back there; that needs a derived message.
    ///
    /// # Errors
    /// [`EngineError::ContentDeleted`] after retention.
    fn replay(
        &self,
        id: &MessageId,
        work: Vec<NewWork>,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<()>;
}

/// Acknowledgements that are waited for.
pub trait Watch: Send + Sync {
    /// Expectations of any message with this kind and reference (an incoming acknowledgement looks here).
    fn expectations_for(&self, kind: AckKind, reference: &str) -> Result<Vec<Expectation>>;

    /// Expectations of one message.
    fn expectations(&self, id: &MessageId) -> Result<Vec<Expectation>>;

    /// Marks up to [`limits::MAX_SWEEP`] open expectations past their deadline as overdue (event on the
    /// timeline, once each) and returns those newly marked.
    fn sweep_overdue(&self, now: Timestamp) -> Result<Vec<Expectation>>;

    /// The overdue or negative ones that nobody has handled, oldest first, with number above `after`.
    fn overdue(&self, after: Option<u64>, limit: usize) -> Result<Vec<Expectation>>;

    /// A person takes one out of the queue, with a note; audited.
    fn handle_overdue(&self, expectation: u64, actor: &str, note: &str, now: Timestamp) -> Result<()>;
}

/// Configuration as data, changed by people.
pub trait Configuration: Send + Sync {
    /// A document (kinds: `route`, `mailbox`, `organisation`, `endpoint`, `workflow`, …) with its version.
    fn config(&self, kind: &str, key: &str) -> Result<Option<(u64, String)>>;

    /// All documents of a kind, by key.
    fn configs(&self, kind: &str) -> Result<Vec<(String, u64, String)>>;

    /// Writes a document (`None` removes it); audited with its digest. `expect`: only where its version is
    /// still this (0: does not exist yet). Returns the new version.
    ///
    /// # Errors
    /// [`EngineError::VersionConflict`], [`EngineError::TooLarge`].
    fn put_config(
        &self,
        kind: &str,
        key: &str,
        json: Option<&str>,
        expect: Option<u64>,
        actor: &str,
        now: Timestamp,
    ) -> Result<u64>;
}

/// The audit trail: a chain of entries that only grows.
pub trait Audit: Send + Sync {
    /// Appends audit entries that belong to no message (sign-in, record read, export).
    fn audit(&self, entries: Vec<NewAudit>, now: Timestamp) -> Result<()>;

    /// Audit entries above `after`, in chain order, optionally of one entity.
    fn audit_entries(
        &self,
        entity: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>>;

    /// Reads the whole chain and says where it breaks.
    fn verify_audit(&self) -> Result<AuditCheck>;
}

/// What time and operators ask for.
pub trait Operation: Send + Sync {
    /// Takes up to [`limits::MAX_SWEEP`] messages whose time is over out of their inboxes: undeliverable, and
    /// exactly one report (no sender, no body, `linked` to the original) into the sender's mailbox if it has
    /// one, in one transaction. Uploads that stood still that long end the same way without a report, and
    /// their chunks are deleted. Reports
    /// expire without a report. Returns the expired messages; call until it is empty.
    fn expire(&self, now: Timestamp) -> Result<Vec<MessageId>>;

    /// Deletes the content and translations of up to [`limits::MAX_SWEEP`] messages received more than
    /// `retention` ago that nothing waits for (no open work, not in an inbox); the message's facts, timeline
    /// and audit stay. What a hold is on ([`HOLD`]) stays whole. Old idempotency keys and nonces go too. Returns how many;
    /// call until 0.
    fn purge(&self, retention: SignedDuration, now: Timestamp) -> Result<usize>;

    /// Deletes up to [`limits::MAX_AUDIT_SWEEP`] of the oldest entries of the audit trail, those written before this time,
    /// but never its last one; an entry ([`crate::AUDIT_ENDED`]) says up to where, and keeps the hash that the rest of the
    /// chain goes on from. Nothing is deleted while a hold is on anything ([`HOLD`]): what it keeps needs its evidence.
    /// Returns how many; call until 0.
    fn end_audit(&self, before: Timestamp, now: Timestamp) -> Result<usize>;

    /// Messages that were taken into the record, in the order in which they were first taken in.
    fn recorded(&self) -> Result<Vec<Recorded>>;

    /// Counters and gauges.
    fn metrics(&self) -> Result<Metrics>;

    /// What the engine does to keep data, measured at open.
    fn durability(&self) -> Durability;

    /// Writes a consistent copy into an empty directory while the engine goes on working, then verifies it.
    fn backup(&self, directory: &Path) -> Result<BackupReport>;

    /// Reads everything: database integrity, every payload's SHA-256, the audit chain.
    fn verify(&self) -> Result<VerifyReport>;

    /// Sandbox only: removes all messages, or those to one mailbox (what it sent stays with the recipients, as in
    /// the MESH sandbox). Audit stays, and says so.
    fn reset(&self, mailbox: Option<&str>, actor: &str, now: Timestamp) -> Result<()>;
}

/// An engine as everything but the pipeline sees it: all parts but [`Contents`].
pub trait Desk: Accepting + Facts + Inbox + Queue + Watch + Configuration + Audit + Operation {}

impl<T: Accepting + Facts + Inbox + Queue + Watch + Configuration + Audit + Operation + ?Sized> Desk for T {}

/// A whole engine: all parts. A second engine and a test double are written part by part.
pub trait Engine: Desk + Contents {}

impl<T: Desk + Contents + ?Sized> Engine for T {}

/// How long a message waits in an inbox.
#[must_use]
pub fn inbox_lifetime() -> SignedDuration {
    SignedDuration::from_hours(24 * limits::EXPIRY_DAYS)
}

/// How long content is kept.
#[must_use]
pub fn retention() -> SignedDuration {
    SignedDuration::from_hours(24 * limits::RETENTION_DAYS)
}

/// Kind of the configuration documents that keep a message from being deleted or erased; the key is its id, or
/// [`HOLD_ALL`].
pub const HOLD: &str = "hold";
/// Key of the hold on every message.
pub const HOLD_ALL: &str = "*";

/// A message that was taken into the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: String,
    /// Whether its translation is kept in pieces.
    pub in_pieces: bool,
    /// Whether work on the record is still to be done for it.
    pub pending: bool,
    /// Whether its content is still there.
    pub present: bool,
    /// Whether it was erased.
    pub erased: bool,
}

/// What retention would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// Messages whose content would be deleted, oldest first: id and time of reception in microseconds since 1970.
    pub messages: Vec<(String, i64)>,
    /// Messages that a hold keeps.
    pub held: u64,
    /// Messages that something waits for.
    pub waiting: u64,
}

/// An exchange's data, read beside the process that may write them.
pub trait Reading: Send {
    /// Messages that were taken into the record, in the order in which they were first taken in.
    fn recorded(&self) -> Result<Vec<Recorded>>;

    /// The ids of all messages.
    fn ids(&self) -> Result<BTreeSet<String>>;

    /// The outputs of a message's translation that is not in pieces, in order.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] where a content does not have its digest.
    fn outputs(&self, id: &str) -> Result<Vec<Vec<u8>>>;

    /// Number of entries of the audit trail, and the hash of the last in hexadecimal.
    fn audit_head(&self) -> Result<(u64, String)>;

    /// A digest over all that the exchange holds, hexadecimal: the same for two copies of the same data.
    fn digest(&self) -> Result<String>;

    /// Messages received before a time whose content is still there: what retention would do about them.
    fn due(&self, before: Timestamp) -> Result<Due>;

    /// How many entries of the audit trail were written before a time, and whether a hold keeps them.
    fn audit_due(&self, before: Timestamp) -> Result<(u64, bool)>;

    /// The holds: key and document.
    fn holds(&self) -> Result<Vec<(String, String)>>;
}

/// What an engine does to keep data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// Engine and its version (`SQLite 3.53.2`).
    pub engine: String,
    /// How it flushes (`WAL, synchronous=FULL`).
    pub mode: String,
    /// Whether an acknowledged message survives a power cut (on a disk that tells the truth).
    pub durable: bool,
    /// Median time of a write and flush of 4 kB in the data directory, measured at open, in microseconds.
    pub flush_p50_us: u64,
    /// Schema version of the data.
    pub schema: u32,
}

/// Counters since open, and gauges.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Messages accepted since open.
    pub accepted: u64,
    /// Messages of all times, copies for mailboxes and uploads included: the last number that was given to one.
    pub kept: u64,
    /// Messages in state error now: refused, or given up by a person.
    pub failed: u64,
    /// Messages that were not collected in time.
    pub undeliverable: u64,
    /// Retries answered from the first answer, in progress or refused as conflicts.
    pub duplicates: u64,
    /// Messages acknowledged by recipients.
    pub acknowledged: u64,
    /// Messages expired.
    pub expired: u64,
    /// Calls refused because space was short.
    pub refused_space: u64,
    /// Commits, and requests in them.
    pub commits: u64,
    /// Requests committed.
    pub committed_requests: u64,
    /// Reads that found corrupt bytes.
    pub corrupt_reads: u64,
    /// Queues by kind.
    pub queues: Vec<QueueGauge>,
    /// Mailboxes with waiting messages.
    pub mailboxes: Vec<MailboxGauge>,
    /// Open expectations.
    pub expectations_open: u64,
    /// Overdue or negative and not handled.
    pub expectations_overdue: u64,
    /// Bytes free in the data directory.
    pub free_bytes: u64,
    /// Bytes that must stay free.
    pub reserve_bytes: u64,
    /// Whether accepting has stopped after a failed flush.
    pub stopped: bool,
    /// The latest time the engine was ever given. Where it is ahead of the caller's clock, leases and retries
    /// stand still until the clock has caught up: alarm on it.
    pub latest_time: Option<Timestamp>,
}

/// Depth of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueGauge {
    /// Kind.
    pub kind: WorkKind,
    /// Items that may be claimed, now or later.
    pub ready: u64,
    /// Items behind others of their key.
    pub waiting: u64,
    /// Items held by workers.
    pub leased: u64,
    /// Items parked.
    pub parked: u64,
    /// When the oldest item that isn't parked was queued.
    pub oldest: Option<Timestamp>,
}

/// A mailbox's backlog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxGauge {
    /// The mailbox.
    pub mailbox: String,
    /// Messages waiting.
    pub waiting: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// Messages in it.
    pub messages: u64,
    /// Content files in it.
    pub files: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// The check of the copy.
    pub verified: VerifyReport,
}

/// What a full check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Messages read.
    pub messages: u64,
    /// Payloads, chunks and translation parts read.
    pub payloads: u64,
    /// Messages (or the database) with bytes that don't match.
    pub corrupt: Vec<String>,
    /// The audit chain.
    pub audit: AuditCheck,
}

impl VerifyReport {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.corrupt.is_empty() && self.audit.broken_at.is_none()
    }
}
