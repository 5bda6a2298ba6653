//! Rows to values.

use crate::fault::{Result, db};
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    AckKind, AckOutcome, AuditEntry, Expectation, Message, MessageId, MessageKind, NewAudit, NewExpectation,
    NewMessage, NewWork, PieceKind, State, WorkId, WorkItem, WorkKind, WorkState,
};
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Type};
use rusqlite::{Connection, Row, ToSql};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is only passed through, as one JSON column.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Rest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partner_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender_checksum: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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

impl ToSql for Rest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(self)
            .map(ToSqlOutput::from)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
    }
}

/// A stored word as a value.
pub(crate) fn stored<T>(column: usize, text: &str, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    parse(text).ok_or(rusqlite::Error::InvalidColumnType(column, "unknown word".to_owned(), Type::Text))
}

fn word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    stored(column, row.get_ref(column)?.as_str()?, parse)
}

/// A stored message id.
pub(crate) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    word(row, column, |t| MessageId::new(t).ok())
}

/// A stored time.
pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let micros = row.get(column)?;
    Timestamp::from_microsecond(micros).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, micros))
}

fn maybe_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    match row.get::<_, Option<i64>>(column)? {
        None => Ok(None),
        Some(_) => time(row, column).map(Some),
    }
}

/// A stored count.
pub(crate) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// Columns that [`message`] reads.
pub(crate) const MESSAGE: &str = "seq, id, kind, state, inbox, sender, door, mailbox_from, mailbox_to, workflow,
  local_id, correlation_id, person_key, linked, received_at, changed_at, acknowledged_at,
  CASE WHEN waiting > 0 THEN expires_at END, size, sha256, chunks, content_deleted_at, failure_code, failure_text,
  rest, control_id";

/// A message.
pub(crate) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let rest: Rest = word(row, 24, |t| serde_json::from_str(t).ok())?;
    let failure = row.get::<_, Option<String>>(22)?.zip(row.get(23)?);
    Ok(Message {
        seq: count(row, 0)?,
        state: word(row, 3, State::parse)?,
        received_at: time(row, 14)?,
        changed_at: time(row, 15)?,
        acknowledged_at: maybe_time(row, 16)?,
        expires_at: maybe_time(row, 17)?,
        size: count(row, 18)?,
        sha256: row.get(19)?,
        chunks: row.get(20)?,
        content_deleted_at: maybe_time(row, 21)?,
        failure,
        control_id: row.get(25)?,
        new: NewMessage {
            id: id(row, 1)?,
            kind: if row.get_ref(2)?.as_str()? == "data" { MessageKind::Data } else { MessageKind::Report },
            sender: row.get(5)?,
            door: row.get(6)?,
            mailbox_from: row.get(7)?,
            mailbox_to: row.get(8)?,
            inbox: row.get(4)?,
            workflow: row.get(9)?,
            local_id: row.get(10)?,
            correlation_id: row.get(11)?,
            partner_id: rest.partner_id,
            subject: rest.subject,
            file_name: rest.file_name,
            media_type: rest.media_type,
            content_encoding: rest.content_encoding,
            sender_checksum: rest.sender_checksum,
            person_key: row.get(12)?,
            linked: row.get::<_, Option<String>>(13)?.map(|_| id(row, 13)).transpose()?,
            headers: rest.headers,
        },
    })
}

/// Columns that [`work`] reads, from `work w JOIN message m`.
pub(crate) const WORK: &str =
    "w.id, m.id, w.kind, w.destination, w.order_key, w.state, w.not_before, w.attempts,
  w.replay, w.queued_at, w.error_code, w.error_text, w.detail, w.lost, w.tries";

/// A work item.
pub(crate) fn work(row: &Row<'_>) -> rusqlite::Result<WorkItem> {
    Ok(WorkItem {
        id: WorkId(count(row, 0)?),
        message: id(row, 1)?,
        state: word(row, 5, WorkState::parse)?,
        attempts: row.get(7)?,
        lost: row.get(13)?,
        tries: row.get(14)?,
        queued_at: time(row, 9)?,
        last_error: row.get::<_, Option<String>>(10)?.zip(row.get(11)?),
        work: NewWork {
            kind: word(row, 2, WorkKind::parse)?,
            destination: row.get(3)?,
            order_key: row.get(4)?,
            not_before: Some(time(row, 6)?),
            detail: row.get(12)?,
            replay: row.get(8)?,
        },
    })
}

/// Columns that [`expectation`] reads, from `expectation e JOIN message m`.
pub(crate) const EXPECTATION: &str =
    "e.id, m.id, e.kind, e.expected_from, e.reference, e.deadline, e.outcome,
  e.settled_at, e.code, e.overdue_since, e.handled_by, e.handled_at, e.note";

/// An expectation.
pub(crate) fn expectation(row: &Row<'_>) -> rusqlite::Result<Expectation> {
    let settled = match row.get::<_, Option<String>>(6)? {
        None => None,
        Some(outcome) => {
            let outcome = if outcome == "positive" { AckOutcome::Positive } else { AckOutcome::Negative };
            Some((outcome, time(row, 7)?, row.get(8)?))
        }
    };
    let handled = match row.get::<_, Option<String>>(10)? {
        None => None,
        Some(by) => Some((by, time(row, 11)?, row.get(12)?)),
    };
    Ok(Expectation {
        id: count(row, 0)?,
        message: id(row, 1)?,
        expected: NewExpectation {
            kind: word(row, 2, AckKind::parse)?,
            from: row.get(3)?,
            reference: row.get(4)?,
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
pub(crate) fn audit(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        seq: count(row, 0)?,
        at: time(row, 1)?,
        audit: NewAudit { actor: row.get(2)?, action: row.get(3)?, entity: row.get(4)?, detail: row.get(5)? },
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// Bits of a part's key below its role: more than an upload has chunks or a translation outputs.
const PART_NUMBER_BITS: u32 = 17;
/// Bits of a part's key below its owner.
const PART_OWNER_BITS: u32 = 20;

/// Place of a role among a message's parts; what a translation made comes after the body.
fn role_place(role: &str) -> i64 {
    match role {
        "body" => 0,
        "acknowledgement" => 1,
        "issues" => 2,
        "ledger" => 3,
        OUTPUT_PIECE => 5,
        LEDGER_PIECE => 6,
        _ => 4,
    }
}

/// Role of a content file that holds several outputs.
pub(crate) const OUTPUT_PIECE: &str = "outputs";
/// Role of a content file that holds a stretch of the ledger.
pub(crate) const LEDGER_PIECE: &str = "ledger-items";

/// The role of a kind of piece.
pub(crate) fn piece_role(kind: PieceKind) -> &'static str {
    match kind {
        PieceKind::Outputs => OUTPUT_PIECE,
        PieceKind::Ledger => LEDGER_PIECE,
    }
}

/// Key of a part: parts lie in the order of their owner, role and number, so nothing else need index them.
/// `None` where a number is beyond what a key holds.
pub(crate) fn part_key(owner: i64, role: &str, number: i64) -> Option<i64> {
    let fits =
        (0..1 << (62 - PART_OWNER_BITS)).contains(&owner) && (0..1 << PART_NUMBER_BITS).contains(&number);
    fits.then_some((owner << PART_OWNER_BITS) | (role_place(role) << PART_NUMBER_BITS) | number)
}

/// First and last possible key of a message's body.
pub(crate) fn body_keys(owner: i64) -> [i64; 2] {
    let first = owner << PART_OWNER_BITS;
    [first, first + (1 << PART_NUMBER_BITS) - 1]
}

/// First and last possible key of what a translation made of a message.
pub(crate) fn made_keys(owner: i64) -> [i64; 2] {
    let first = owner << PART_OWNER_BITS;
    [first + (1 << PART_NUMBER_BITS), first + (1 << PART_OWNER_BITS) - 1]
}

/// One stored piece of content.
pub(crate) struct Piece {
    pub(crate) row: i64,
    pub(crate) number: i64,
    pub(crate) sha256: Checksum,
    pub(crate) size: u64,
    pub(crate) in_file: bool,
}

/// Columns that [`piece`] reads.
pub(crate) const PIECE: &str = "id, number, sha256, size, bytes IS NULL";

/// A piece, without its bytes.
pub(crate) fn piece(row: &Row<'_>) -> rusqlite::Result<Piece> {
    Ok(Piece {
        row: row.get(0)?,
        number: row.get(1)?,
        sha256: row.get(2)?,
        size: count(row, 3)?,
        in_file: row.get(4)?,
    })
}

/// All rows of a query.
pub(crate) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    conn.prepare_cached(sql).and_then(|mut s| s.query_map(params, read)?.collect()).map_err(|e| db(&e))
}
