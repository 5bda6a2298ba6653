//! What a step changes: one value, applied in one transaction; and what comes in with such a value: an accept, an upload, a failure.

use crate::message::{Checksum, IdempotencyKey, MessageId, NewMessage, Payload, Staged};
use crate::state::State;
use crate::work::{NewExpectation, NewWork, NextStep, Settle};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer that a request got, kept for its retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status or, for other doors, the nearest.
    pub status: u16,
    /// Media type of the body; empty without one.
    pub media_type: String,
    /// The body (at most some kilobytes; a large answer belongs into the translation's outputs).
    pub body: Vec<u8>,
}

/// Everything one step changes besides the message itself: all of it commits, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// New state of the message.
    pub state: Option<State>,
    /// Status code and description of a final failure (e.g. `14`, `Message not collected …`).
    pub failure: Option<(String, String)>,
    /// The number by which the sender knows the message; kept where it is given.
    pub control_id: Option<String>,
    /// Whom the message turned out to be about ([`crate::NewMessage::person_key`]); kept where it is given.
    pub person_key: Option<String>,
    /// Translation to keep with the message; replaces an earlier one (which stays in the audit by its digest).
    pub translation: Option<Translation>,
    /// Work to queue for this message.
    pub work: Vec<NewWork>,
    /// Derived messages (a translated bundle for a recipient's mailbox, a business acknowledgement).
    pub messages: Vec<Accept>,
    /// Acknowledgements to be watched for.
    pub expectations: Vec<NewExpectation>,
    /// Expected acknowledgements that came; also of other messages.
    pub settled: Vec<Settle>,
    /// First answer for the message's idempotency key. A second one is ignored.
    pub answer: Option<Answer>,
    /// Timeline events of the message.
    pub events: Vec<NewEvent>,
    /// Audit entries.
    pub audit: Vec<NewAudit>,
}

/// A translation as kept with the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translation {
    /// Adapter that made it.
    pub adapter: String,
    /// Format and version it detected.
    pub format: String,
    /// Version of the program that made it.
    pub version: String,
    /// The outputs, in order (bundles, mostly).
    pub outputs: Vec<StoredOutput>,
    /// Ledger as JSON.
    pub ledger: Vec<u8>,
    /// Issues as JSON (`OperationOutcome` or the adapter's list).
    pub issues: Vec<u8>,
    /// The format's own acknowledgement, if it has one.
    pub acknowledgement: Option<StoredOutput>,
    /// Counts for lists, without opening the ledger.
    pub summary: TranslationSummary,
    /// What is too large to be held in memory, in pieces: then `outputs` is empty, and `ledger` has the totals only.
    pub pieces: Vec<Piece>,
}

impl Translation {
    /// Outputs, wherever they are.
    #[must_use]
    pub fn output_count(&self) -> u64 {
        let pieces = self.pieces_of(PieceKind::Outputs).map(|p| p.count).sum::<u64>();
        pieces + self.outputs.len() as u64
    }

    /// The pieces of a kind, in order.
    pub fn pieces_of(&self, kind: PieceKind) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |p| p.kind == kind)
    }
}

/// What a piece of a translation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// Outputs.
    Outputs,
    /// Items of the ledger.
    Ledger,
}

/// Several outputs, or items of the ledger, of a translation that is too large for memory. What it looks like within
/// is the service's affair; an engine keeps its bytes, with the translation and as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it holds.
    pub kind: PieceKind,
    /// Number of its first output or item, from 0.
    pub first: u64,
    /// How many it holds.
    pub count: u64,
    /// Its bytes, made durable by [`crate::Accepting::stage`] before the translation names them.
    pub content: Staged,
}

/// What the parts of a translation are kept under: see [`crate::Contents::translation_digests`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TranslationDigests {
    /// SHA-256 of each output that is kept by itself, in order.
    pub outputs: Vec<Checksum>,
    /// SHA-256 of the issues.
    pub issues: Checksum,
}

/// A translation without the bytes of its outputs: see [`crate::Contents::translation_head`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TranslationHead {
    /// All but the outputs, which are left empty.
    pub translation: Translation,
    /// The outputs that are kept one by one, in order; none where they are in pieces.
    pub outputs: Vec<OutputFacts>,
}

impl TranslationHead {
    /// Outputs, wherever they are.
    #[must_use]
    pub fn output_count(&self) -> u64 {
        self.translation.output_count() + self.outputs.len() as u64
    }
}

/// What is known of an output without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFacts {
    /// Name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

/// One stored output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOutput {
    /// Name (`bundle`, the record's number, …).
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// The bytes; verified against their SHA-256 on every read.
    pub bytes: Vec<u8>,
}

/// Counts of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TranslationSummary {
    /// Records read, and of these rejected.
    pub records: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Source items in all.
    pub items: u64,
    /// Items mapped without loss.
    pub mapped: u64,
    /// Items that say something: all but the structural ones. 0 in what an earlier version wrote.
    #[serde(default)]
    pub telling: u64,
    /// Of these the ones whose meaning is in the output: mapped, mapped with loss, and what decides.
    #[serde(default)]
    pub carried: u64,
    /// Items for which no outcome is known (must be 0).
    pub unexplained: u64,
    /// Issues of severity error or fatal.
    pub errors: u64,
    /// Issues of severity warning.
    pub warnings: u64,
}

/// What an event on a timeline says. The words are kept as text, so an older program shows newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKind(pub String);

/// Event kinds that engines write themselves.
impl EventKind {
    /// Message accepted.
    pub const ACCEPTED: &str = "accepted";
    /// Upload begun.
    pub const UPLOADING: &str = "uploading";
    /// Collected and confirmed by the recipient.
    pub const ACKNOWLEDGED: &str = "acknowledged";
    /// Left the inbox uncollected.
    pub const EXPIRED: &str = "expired";
    /// Content deleted.
    pub const PURGED: &str = "purged";
    /// A work item was done.
    pub const DONE: &str = "work-done";
    /// A work item failed and will be tried again.
    pub const RETRY: &str = "work-retry";
    /// A work item was parked.
    pub const PARKED: &str = "work-parked";
    /// A parked work item was released by a person.
    pub const UNPARKED: &str = "work-unparked";
    /// A parked work item was given up by a person.
    pub const DISCARDED: &str = "work-discarded";
    /// A new delivery of the same message was ordered.
    pub const REPLAYED: &str = "replayed";
    /// An expected acknowledgement came.
    pub const SETTLED: &str = "acknowledgement-came";
    /// An expected acknowledgement is overdue.
    pub const OVERDUE: &str = "acknowledgement-overdue";
}

impl From<&str> for EventKind {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A timeline event to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventKind,
    /// Who or what did it: an organisation code, an adapter, a destination, a user.
    pub actor: String,
    /// One plain sentence or a small JSON; no patient data. Cut at [`crate::limits::MAX_DETAIL_BYTES`].
    pub detail: String,
}

/// A detail of an event or a failure, cut at a character to [`crate::limits::MAX_DETAIL_BYTES`].
#[must_use]
pub fn cut(text: &str) -> &str {
    let mut end = text.len().min(crate::limits::MAX_DETAIL_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

impl NewEvent {
    /// An event.
    #[must_use]
    pub fn new(kind: &str, actor: &str, detail: &str) -> Self {
        Self { kind: kind.into(), actor: actor.to_owned(), detail: detail.to_owned() }
    }
}

/// A timeline event as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Commit order.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Message it belongs to (a timeline shows derived messages too).
    pub message: MessageId,
    /// What, who, detail.
    pub event: NewEvent,
}

/// An audit entry to be chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// Who (organisation, user, `causeway`).
    pub actor: String,
    /// What, as a short word (`message-accepted`, `record-read`, `break-glass`).
    pub action: String,
    /// On what: a message id, a document, a record's key. Never an NHS number in clear.
    pub entity: String,
    /// The rest, e.g. the IHE BALP AuditEvent as JSON.
    pub detail: String,
}

/// An audit entry as kept: `hash = SHA-256(previous hash ‖ canonical form of the entry)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Position in the chain, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The entry.
    pub audit: NewAudit,
    /// Hash of the entry before (zeros for the first).
    pub previous: Checksum,
    /// Its own hash.
    pub hash: Checksum,
}

impl AuditEntry {
    /// The hash of an entry: SHA-256 over the previous hash, the sequence and the time in microseconds (both
    /// big-endian, 8 bytes) and each text with its length in front (8 bytes, big-endian), so no two entries
    /// share a form.
    #[must_use]
    pub fn hash_of(seq: u64, at: Timestamp, audit: &NewAudit, previous: &Checksum) -> Checksum {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(seq.to_be_bytes());
        hash.update(at.as_microsecond().to_be_bytes());
        for text in [&audit.actor, &audit.action, &audit.entity, &audit.detail] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().into()
    }
}

/// Action of the entry that says up to where the trail was deleted because its time was over; its entity is `exchange`.
pub const AUDIT_ENDED: &str = "audit-ended";

/// Where the trail goes on from after its oldest entries were deleted: the detail of an [`AUDIT_ENDED`] entry, as JSON. The
/// chain of what is left begins at this hash, so it holds as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEnd {
    /// Number of the last entry that was deleted; all before it were too.
    pub through: u64,
    /// Its hash, in hexadecimal: it covers all that were deleted.
    pub hash: String,
    /// When it was written.
    pub until: Timestamp,
    /// Keyed digest of number and hash, where the data have a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

impl AuditEnd {
    /// Reads an entry's detail; `None` where it is none.
    #[must_use]
    pub fn read(detail: &str) -> Option<Self> {
        serde_json::from_str(detail).ok()
    }

    /// The hash that the chain goes on from; `None` where it is none.
    #[must_use]
    pub fn root(&self) -> Option<Checksum> {
        data_encoding::HEXLOWER.decode(self.hash.as_bytes()).ok()?.try_into().ok()
    }
}

/// Result of checking the audit chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCheck {
    /// Entries read until the end or the break.
    pub entries: u64,
    /// Hash of the last good entry: publish it elsewhere, and cutting off the end shows too.
    pub head: Checksum,
    /// The first entry at which the chain does not hold.
    pub broken_at: Option<AuditBreak>,
}

/// Where and how the audit chain breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditBreak {
    /// Position of the first bad entry.
    pub seq: u64,
    /// What is wrong.
    pub why: &'static str,
}

/// A message to be accepted, with everything that must be in the same transaction.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The message.
    pub message: NewMessage,
    /// Its content.
    pub payload: Payload,
    /// Idempotency key; `None` where the door has none.
    pub key: Option<IdempotencyKey>,
    /// Work, events, audit, expectations and, for a synchronous door, the translation and the answer.
    /// With a key and no `effects.answer`, retries get [`AcceptOutcome::InProgress`] until an answer is
    /// recorded by [`crate::Queue::apply`], `complete` or `fail`.
    pub effects: Effects,
}

/// What became of an accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptOutcome {
    /// New, committed and flushed; its commit sequence.
    Accepted {
        /// Commit sequence.
        seq: u64,
    },
    /// The same request was answered before (same content): that message and its first answer.
    Replayed {
        /// First message.
        id: MessageId,
        /// First answer, also where it was a failure.
        answer: Answer,
    },
    /// The same request is being processed and has no answer yet (425).
    InProgress {
        /// First message.
        id: MessageId,
    },
    /// The request id was used before with other content (409, never a replay).
    Conflict {
        /// First message.
        id: MessageId,
    },
}

/// The start of a chunked upload; the first chunk comes with it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The message; it stays in state uploading until finished.
    pub message: NewMessage,
    /// Announced number of chunks, at least 1.
    pub total: u32,
    /// Chunk 1.
    pub first: Payload,
    /// Effects at the start (events, audit). Work belongs into `finish_upload`.
    pub effects: Effects,
}

/// A failure of a work item.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Short code (`http-503`, `mllp-ar`, `unreadable`).
    pub code: String,
    /// One sentence; no patient data.
    pub detail: String,
    /// What next.
    pub next: NextStep,
    /// More to change with it (an answer, a state, the partial translation).
    pub effects: Effects,
}
