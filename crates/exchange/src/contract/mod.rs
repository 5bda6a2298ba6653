//! The fourteen clauses that every engine passes. An engine's tests give a [`Place`] (where its data is, and how
//! to damage it) and expand [`crate::contract_tests`]: one named test per clause.
//!
//! | # | clause |
//! |---|---|
//! | 1 | accept is atomic and flushed |
//! | 2 | idempotency per (sender, request id), first answer replayed |
//! | 3 | chunks durable and verified |
//! | 4 | order by commit sequence, pages at a cost that does not grow |
//! | 5 | acknowledgement idempotent and final |
//! | 6 | claims leased with a fencing token, retries, parking while other keys flow |
//! | 7 | expiry gives exactly one non-delivery report; deletion leaves a tombstone |
//! | 8 | replay is a flagged, audited new delivery of the same message |
//! | 9 | SHA-256 checked on every read; audit chained, break located |
//! | 10 | refuses early when space is short |
//! | 11 | online backup, verified restore, schema version |
//! | 12 | reports its durability |
//! | 13 | keeps a large translation in pieces, read and verified one at a time |
//! | 14 | what was given out and never came back is a suspect: alone, resting, parked in the end |

mod accepting;
mod keeping;
mod moving;
mod pieces;

pub use accepting::{accept_is_atomic, chunks_are_durable, idempotency, order_and_pages};
pub use keeping::{backup_and_schema, integrity, refuses_when_space_is_short, reports_durability};
pub use moving::{
    acknowledgement_is_final, audit_ends, expiry_and_retention, leases_and_parking, lost_leases_are_counted,
    replay_is_flagged,
};
pub use pieces::translation_in_pieces;

use crate::effects::Accept;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::message::{InboxQuery, MessageId, NewMessage, Payload};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;

/// Where an engine's data is, empty at first. Only one engine is open at a time.
pub trait Place {
    /// Opens the engine on the data; again after it was dropped, as after a restart.
    fn open(&self) -> Result<Box<dyn Engine>, EngineError>;
    /// Opens it with a space reserve that can't be met.
    fn open_without_space(&self) -> Result<Box<dyn Engine>, EngineError>;
    /// Opens a backup as restored data.
    fn restore(&self, backup: &std::path::Path) -> Result<Box<dyn Engine>, EngineError>;
    /// A directory that doesn't exist yet.
    fn scratch(&self) -> PathBuf;
    /// Flips one bit of a message's stored content. The engine is closed.
    fn damage_payload(&self, id: &MessageId);
    /// Changes one audit entry without its hash. The engine is closed.
    fn damage_audit(&self, seq: u64);
    /// Marks the data as written by a newer version. The engine is closed.
    fn make_newer(&self);
}

/// Expands to one test per clause. `$place` is an expression that makes a fresh [`Place`].
#[macro_export]
macro_rules! contract_tests {
    ($place:expr) => {
        $crate::contract_tests!(@each $place;
            accept_is_atomic, idempotency, chunks_are_durable, order_and_pages, acknowledgement_is_final,
            leases_and_parking, lost_leases_are_counted, expiry_and_retention, audit_ends, replay_is_flagged, integrity,
            refuses_when_space_is_short, backup_and_schema, reports_durability, translation_in_pieces);
    };
    (@each $place:expr; $($clause:ident),*) => {
        $(#[test]
        fn $clause() {
            $crate::contract::$clause(&$place);
        })*
    };
}

/// A time to start from.
pub(crate) fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

/// So many hours after the start.
pub(crate) fn hours(count: i64) -> Timestamp {
    start() + SignedDuration::from_hours(count)
}

pub(crate) fn id(text: &str) -> MessageId {
    MessageId::new(text).expect("an id")
}

/// A message from mailbox A to mailbox B.
pub(crate) fn letter(name: &str) -> NewMessage {
    let mut message = NewMessage::new(id(name), "A99990", "mesh");
    message.mailbox_from = Some("A".to_owned());
    message.mailbox_to = Some("B".to_owned());
    message.inbox = true;
    message.workflow = Some("LETTER".to_owned());
    message.subject = Some("a subject".to_owned());
    message
}

pub(crate) fn accept(message: NewMessage, content: &[u8]) -> Accept {
    Accept { message, payload: Payload::Bytes(content.to_vec()), key: None, effects: Effects::default() }
}

pub(crate) fn page(mailbox: &str, after: Option<u64>, limit: usize) -> InboxQuery {
    InboxQuery { mailbox: mailbox.to_owned(), after, limit, filter: None }
}

/// Ids waiting in a mailbox.
pub(crate) fn waiting(engine: &dyn Engine, mailbox: &str) -> Vec<String> {
    let page = engine.inbox(&page(mailbox, None, 500)).expect("a page");
    assert_eq!(page.waiting, page.entries.len() as u64, "the count agrees with the page");
    page.entries.into_iter().map(|e| e.id.to_string()).collect()
}
