//! Rows to the exchange's values.

use crate::conn::{at_us, count, digest, get, maybe_time, small, time, word};
use crate::fault::Result;
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    AckKind, AckOutcome, AuditEntry, Event, EventKind, Expectation, Message, MessageId, MessageKind,
    NewAudit, NewEvent, NewExpectation, NewMessage, NewWork, PieceKind, State, WorkId, WorkItem, WorkKind,
    WorkState,
};
use postgres::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is only passed through, as one JSON column.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Rest {
    partner_id: Option<String>,
    subject: Option<String>,
    file_name: Option<String>,
    media_type: Option<String>,
    content_encoding: Option<String>,
    sender_checksum: Option<String>,
    headers: BTreeMap<String, String>,
}

impl Rest {
    pub(crate) fn of(message: &NewMessage) -> Self {
        Self {
            partner_id: message.partner_id.clone(),
            subject: message.subject.clone(),
            file_name: message.file_name.clone(),
            media_type: message.media_type.clone(),
            content_encoding: message.content_encoding.clone(),
            sender_checksum: message.sender_checksum.clone(),
            headers: message.headers.clone(),
        }
    }
}

/// A stored message id.
pub(crate) fn id(row: &Row, column: usize) -> Result<MessageId> {
    word(row, column, |t| MessageId::new(t).ok())
}

/// Columns that [`message`] reads.
pub(crate) const MESSAGE: &str = "seq, id, kind, state, inbox, sender, door, mailbox_from, mailbox_to, workflow,
  local_id, correlation_id, person_key, linked, received_at, changed_at, acknowledged_at,
  CASE WHEN waiting > 0 THEN expires_at END, size, sha256, chunks, content_deleted_at, failure_code, failure_text,
  rest, control_id";

/// A message.
pub(crate) fn message(row: &Row) -> Result<Message> {
    let rest: Rest = word(row, 24, |t| serde_json::from_str(t).ok())?;
    let failure = get::<Option<String>>(row, 22)?.zip(get(row, 23)?);
    Ok(Message {
        seq: count(row, 0)?,
        state: word(row, 3, State::parse)?,
        received_at: time(row, 14)?,
        changed_at: time(row, 15)?,
        acknowledged_at: maybe_time(row, 16)?,
        expires_at: maybe_time(row, 17)?,
        size: count(row, 18)?,
        sha256: digest(row, 19)?,
        chunks: small(row, 20)?,
        content_deleted_at: maybe_time(row, 21)?,
        failure,
        control_id: get(row, 25)?,
        new: NewMessage {
            id: id(row, 1)?,
            kind: if get::<&str>(row, 2)? == "data" { MessageKind::Data } else { MessageKind::Report },
            sender: get(row, 5)?,
            door: get(row, 6)?,
            mailbox_from: get(row, 7)?,
            mailbox_to: get(row, 8)?,
            inbox: get(row, 4)?,
            workflow: get(row, 9)?,
            local_id: get(row, 10)?,
            correlation_id: get(row, 11)?,
            partner_id: rest.partner_id,
            subject: rest.subject,
            file_name: rest.file_name,
            media_type: rest.media_type,
            content_encoding: rest.content_encoding,
            sender_checksum: rest.sender_checksum,
            person_key: get(row, 12)?,
            linked: get::<Option<&str>>(row, 13)?.map(|_| id(row, 13)).transpose()?,
            headers: rest.headers,
        },
    })
}

/// Columns that [`work`] reads, from `work w JOIN message m`.
pub(crate) const WORK: &str =
    "w.id, m.id, w.kind, w.destination, w.order_key, w.state, w.not_before, w.attempts,
  w.replay, w.queued_at, w.error_code, w.error_text, w.detail, w.lost, w.tries";

/// A work item.
pub(crate) fn work(row: &Row) -> Result<WorkItem> {
    Ok(WorkItem {
        id: WorkId(count(row, 0)?),
        message: id(row, 1)?,
        state: word(row, 5, WorkState::parse)?,
        attempts: small(row, 7)?,
        lost: small(row, 13)?,
        tries: small(row, 14)?,
        queued_at: time(row, 9)?,
        last_error: get::<Option<String>>(row, 10)?.zip(get(row, 11)?),
        work: NewWork {
            kind: word(row, 2, WorkKind::parse)?,
            destination: get(row, 3)?,
            order_key: get(row, 4)?,
            not_before: Some(time(row, 6)?),
            detail: get(row, 12)?,
            replay: get(row, 8)?,
        },
    })
}

/// Columns that [`expectation`] reads, from `expectation e JOIN message m`.
pub(crate) const EXPECTATION: &str =
    "e.id, m.id, e.kind, e.expected_from, e.reference, e.deadline, e.outcome,
  e.settled_at, e.code, e.overdue_since, e.handled_by, e.handled_at, e.note";

/// An expectation.
pub(crate) fn expectation(row: &Row) -> Result<Expectation> {
    let settled = match get::<Option<&str>>(row, 6)? {
        None => None,
        Some("positive") => Some((AckOutcome::Positive, time(row, 7)?, get(row, 8)?)),
        Some(_) => Some((AckOutcome::Negative, time(row, 7)?, get(row, 8)?)),
    };
    let handled = match get::<Option<String>>(row, 10)? {
        None => None,
        Some(by) => Some((by, time(row, 11)?, get(row, 12)?)),
    };
    Ok(Expectation {
        id: count(row, 0)?,
        message: id(row, 1)?,
        expected: NewExpectation {
            kind: word(row, 2, AckKind::parse)?,
            from: get(row, 3)?,
            reference: get(row, 4)?,
            deadline: time(row, 5)?,
        },
        settled,
        overdue_since: maybe_time(row, 9)?,
        handled,
    })
}

/// Columns that [`audit`] reads.
pub(crate) const AUDIT: &str = "seq, at, actor, action, entity, detail, previous, hash";

/// An audit entry.
pub(crate) fn audit(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        seq: count(row, 0)?,
        at: time(row, 1)?,
        audit: NewAudit {
            actor: get(row, 2)?,
            action: get(row, 3)?,
            entity: get(row, 4)?,
            detail: get(row, 5)?,
        },
        previous: digest(row, 6)?,
        hash: digest(row, 7)?,
    })
}

/// An event of a timeline: place, time, message, kind, actor, detail.
pub(crate) fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        seq: count(row, 0)?,
        at: at_us(get(row, 1)?)?,
        message: id(row, 2)?,
        event: NewEvent { kind: EventKind(get(row, 3)?), actor: get(row, 4)?, detail: get(row, 5)? },
    })
}

/// Role of large content that holds several outputs.
pub(crate) const OUTPUT_PIECE: &str = "outputs";
/// Role of large content that holds a stretch of the ledger.
pub(crate) const LEDGER_PIECE: &str = "ledger-items";

/// The role of a kind of piece.
pub(crate) fn piece_role(kind: PieceKind) -> &'static str {
    match kind {
        PieceKind::Outputs => OUTPUT_PIECE,
        PieceKind::Ledger => LEDGER_PIECE,
    }
}

/// Place of the body among a message's parts; what a translation made comes after it.
pub(crate) const BODY: i64 = 0;

/// Place of a role among a message's parts.
pub(crate) fn place(role: &str) -> i64 {
    match role {
        "body" => BODY,
        "acknowledgement" => 1,
        "issues" => 2,
        "ledger" => 3,
        OUTPUT_PIECE => 5,
        LEDGER_PIECE => 6,
        _ => 4,
    }
}

/// A stored part, without its bytes.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) owner: i64,
    pub(crate) place: i64,
    pub(crate) number: i64,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) sha256: Checksum,
    pub(crate) size: u64,
    /// In `content`, not in its row.
    pub(crate) apart: bool,
}

/// Columns that [`part`] reads.
pub(crate) const PART: &str = "owner, place, number, role, name, media_type, sha256, size, bytes IS NULL";

/// A part, without its bytes.
pub(crate) fn part(row: &Row) -> Result<Part> {
    Ok(Part {
        owner: get(row, 0)?,
        place: get(row, 1)?,
        number: get(row, 2)?,
        role: get(row, 3)?,
        name: get(row, 4)?,
        media_type: get(row, 5)?,
        sha256: digest(row, 6)?,
        size: count(row, 7)?,
        apart: get(row, 8)?,
    })
}
