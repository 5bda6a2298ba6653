//! Work items, leases, and the acknowledgements that are waited for.

use crate::message::MessageId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkKind {
    /// Translate, check and route a message.
    Translate,
    /// Deliver to an endpoint.
    Deliver,
    /// Put into the integrated record.
    Record,
    /// Tell a subscriber (FHIR Subscription, webhook).
    Notify,
}

impl WorkKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Translate, Self::Deliver, Self::Record, Self::Notify];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Translate => "translate",
            Self::Deliver => "deliver",
            Self::Record => "record",
            Self::Notify => "notify",
        }
    }

    /// The kind for a stored word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

impl fmt::Display for WorkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Number of a work item; rising in commit order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkId(pub u64);

/// Work to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWork {
    /// What.
    pub kind: WorkKind,
    /// Where to (endpoint or route id); empty where it doesn't matter.
    pub destination: String,
    /// Order key, e.g. the message's person key: items of one kind, destination and key are done one after
    /// the other in commit order, and a parked one holds back its own key only. `None`: no order.
    pub order_key: Option<String>,
    /// Not before this time; `None` at once.
    pub not_before: Option<Timestamp>,
    /// Instructions for the worker (JSON; e.g. which output goes to which address).
    pub detail: String,
    /// Set by a replay.
    pub replay: bool,
}

impl NewWork {
    /// Work without an order key, due at once.
    #[must_use]
    pub fn new(kind: WorkKind, destination: &str) -> Self {
        Self {
            kind,
            destination: destination.to_owned(),
            order_key: None,
            not_before: None,
            detail: String::new(),
            replay: false,
        }
    }
}

/// Where a work item stands. Finished items leave the queue; their story is on the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkState {
    /// May be claimed when due.
    Ready,
    /// Behind an earlier item of its key.
    Waiting,
    /// A worker holds it.
    Leased,
    /// Failed for good or too often: waits for a person.
    Parked,
}

impl WorkState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Waiting, Self::Leased, Self::Parked];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Parked => "parked",
        }
    }

    /// The state for a stored word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// A work item as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// Its number.
    pub id: WorkId,
    /// Message.
    pub message: MessageId,
    /// What was asked for. `not_before` is the next attempt's time.
    pub work: NewWork,
    /// Where it stands.
    pub state: WorkState,
    /// Attempts begun so far.
    pub attempts: u32,
    /// Attempts that failed for its own sake ([`NextStep::Retry`]) since it was queued or a person released it.
    pub tries: u32,
    /// Times in a row that it was given out and never came back: above 0 it is a suspect, given out alone.
    pub lost: u32,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// Code and detail of the last failure.
    pub last_error: Option<(String, String)>,
}

/// A claim on a work item. The token fences: once another worker has claimed the item, this one's
/// `complete` and `fail` are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The item (state leased, `attempts` counts this one).
    pub item: WorkItem,
    /// Fencing token, rising with every claim.
    pub token: u64,
    /// When the lease runs out.
    pub until: Timestamp,
}

/// Code of an item that was parked because it never came back, or killed a process made for it.
pub const PROCESS_DIED: &str = "process-died";

/// What is to become of a failed item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Try again at this time (see `retry::Backoff`). Counts as one of its own tries.
    Retry(Timestamp),
    /// It was tried, and where it goes to was away: again at this time. Counts as an attempt, not as one of its own tries.
    Away(Timestamp),
    /// Nothing was tried, for something that it needs is away or the service stops: again at this time. Not counted as
    /// an attempt.
    Wait(Timestamp),
    /// A process that worked on it, and perhaps on others, died: a suspect, tried again alone. Counts as a lost
    /// lease does (`WorkItem::lost`).
    Suspect,
    /// Park it for a person.
    Park,
}

/// Which work items to list.
#[derive(Debug, Clone, Default)]
pub struct WorkQuery {
    /// Kind.
    pub kind: Option<WorkKind>,
    /// State; `Some(Parked)` lists the dead letters.
    pub state: Option<WorkState>,
    /// Message.
    pub message: Option<MessageId>,
    /// Destination.
    pub destination: Option<String>,
    /// Page key: items with a greater number.
    pub after: Option<WorkId>,
    /// At most so many (1 to [`crate::limits::MAX_SEARCH_PAGE`]).
    pub limit: usize,
}

/// The three acknowledgements that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AckKind {
    /// The receiver's system took the bytes (MESH acknowledge, HTTP 2xx, MLLP CA/AA).
    Transport,
    /// It could read them (ITK3 infrastructure acknowledgement, HL7 AA/AE/AR).
    Infrastructure,
    /// It could act on them (ITK3 business acknowledgement).
    Business,
}

impl AckKind {
    /// All kinds, in order.
    pub const ALL: [Self; 3] = [Self::Transport, Self::Infrastructure, Self::Business];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Infrastructure => "infrastructure",
            Self::Business => "business",
        }
    }

    /// The kind for a stored word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

/// What an acknowledgement said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AckOutcome {
    /// Positive.
    Positive,
    /// Negative: a person must look.
    Negative,
}

/// An acknowledgement to be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExpectation {
    /// Which.
    pub kind: AckKind,
    /// From whom: a mailbox, an organisation code, an endpoint.
    pub from: String,
    /// What the acknowledgement will refer to (message id, MSH-10, SenderReference); looked up by
    /// [`crate::Watch::expectations_for`].
    pub reference: String,
    /// When it is overdue.
    pub deadline: Timestamp,
}

/// An expectation as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its number.
    pub id: u64,
    /// Message that it belongs to.
    pub message: MessageId,
    /// What is waited for.
    pub expected: NewExpectation,
    /// What came, when, with which code; `None` while open.
    pub settled: Option<(AckOutcome, Timestamp, String)>,
    /// When it was put into the overdue queue.
    pub overdue_since: Option<Timestamp>,
    /// Who took it out of the overdue queue, when and with which note.
    pub handled: Option<(String, Timestamp, String)>,
}

/// An acknowledgement that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Message whose acknowledgement it is.
    pub message: MessageId,
    /// Which.
    pub kind: AckKind,
    /// Who gave it, spelt as the expectation spells it ([`NewExpectation::from`]): of several receivers of one message
    /// each answers for itself. `None` settles what is expected of anybody.
    pub from: Option<String>,
    /// What it said. The first one stands; a later one is on the timeline only.
    pub outcome: AckOutcome,
    /// Its code (`20013`, `AA`, `200`).
    pub code: String,
}
