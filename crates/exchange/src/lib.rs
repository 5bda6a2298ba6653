//! The broker's rules, with no engine, no format and no protocol in them: what a message is and which
//! states it may pass through, what an engine that keeps messages must promise, how messages are routed,
//! when a failed delivery is tried again and when a missing acknowledgement is overdue.
//!
//! * [`engine`]: the [`Engine`] trait; its promises are held by `contract` (feature `contract`).
//! * [`message`], [`work`], [`effects`]: the data that goes through it, each using only those before it.
//! * [`kept`]: what one engine hands over to another.
//! * [`state`], [`route`], [`retry`], [`watch`]: the rules.

#[cfg(feature = "contract")]
pub mod contract;
pub mod effects;
pub mod engine;
pub mod error;
pub mod kept;
pub mod limits;
pub mod message;
pub mod retry;
pub mod route;
pub mod state;
pub mod watch;
pub mod work;

pub use effects::{
    AUDIT_ENDED, Accept, AcceptOutcome, Answer, AuditBreak, AuditCheck, AuditEnd, AuditEntry, Effects, Event,
    EventKind, Failure, NewAudit, NewEvent, OutputFacts, Piece, PieceKind, StoredOutput, Translation,
    TranslationDigests, TranslationHead, TranslationSummary, Upload,
};
pub use engine::{
    Accepting, Audit, Configuration, Contents, Desk, Engine, Facts, Inbox, Operation, Queue, Unfinished,
    Watch,
};
pub use engine::{
    BackupReport, Done, Due, Durability, MailboxGauge, Metrics, QueueGauge, Reading, Recorded, VerifyReport,
};
pub use engine::{HOLD, HOLD_ALL};
pub use error::EngineError;
pub use message::{
    Checksum, ChunkOutcome, Content, IdempotencyKey, InboxEntry, InboxPage, InboxQuery, Message, MessageId,
    MessageKind, MessageQuery, NewMessage, Payload, PayloadReader, Staged, WorkflowFilter, hex,
};
pub use state::State;
pub use work::{
    AckKind, AckOutcome, Expectation, Lease, NewExpectation, NewWork, NextStep, Settle, WorkId, WorkItem,
    WorkKind, WorkQuery, WorkState,
};
