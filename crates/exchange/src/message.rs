//! Messages, their payloads and the pages they are listed in.

use crate::error::EngineError;
use crate::limits;
use crate::state::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

/// A SHA-256 digest.
pub type Checksum = [u8; 32];

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A message's one id, whichever door it came through: upper-case letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(String);

impl MessageId {
    /// Takes an id as text; letters are put in upper case (MESH does the same with ids in paths).
    ///
    /// # Errors
    /// [`EngineError::Invalid`] where it is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, EngineError> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > limits::MAX_MESSAGE_ID_CHARS || !text.bytes().all(ok) {
            return Err(EngineError::Invalid("message id"));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// An id in the style of MESH: UTC time to the microsecond and six hexadecimal digits of `random`
    /// (`20260302090000000000_00C0DE`). Two in the same microsecond may clash; accept refuses the second.
    #[must_use]
    pub fn mesh_style(now: Timestamp, random: u32) -> Self {
        let time = now.strftime("%Y%m%d%H%M%S");
        let micros = now.subsec_microsecond().unsigned_abs();
        Self(format!("{time}{micros:06}_{:06X}", random & 0x00ff_ffff))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for MessageId {
    type Error = EngineError;
    fn try_from(text: String) -> Result<Self, EngineError> {
        Self::new(&text)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.0
    }
}

/// Data, or a report about another message (MESH `Mex-MessageType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// An ordinary message.
    Data,
    /// A report; it has no sender and, where it is a non-delivery report, no body. See `linked`.
    Report,
}

/// What is known of a message when it comes in. Everything but the id, sender and door may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The id, made by the door (MESH style or UUIDv7).
    pub id: MessageId,
    /// Data or report.
    pub kind: MessageKind,
    /// Organisation code of the authenticated sender; empty for reports.
    pub sender: String,
    /// Door it came through: `http`, `mesh`, `mllp`, `fhir-messaging`, `file`, `broker`.
    pub door: String,
    /// Sender's mailbox; where a non-delivery report goes.
    pub mailbox_from: Option<String>,
    /// Recipient's mailbox.
    pub mailbox_to: Option<String>,
    /// Whether it waits in the inbox of `mailbox_to` for collection (expiry applies) or is only the broker's.
    pub inbox: bool,
    /// MESH workflow id or the like.
    pub workflow: Option<String>,
    /// Sender's own id of it; need not be unique.
    pub local_id: Option<String>,
    /// Correlation id, kept through answers (`X-Correlation-Id`, `Mex-PartnerID` is separate).
    pub correlation_id: Option<String>,
    /// `Mex-PartnerID`.
    pub partner_id: Option<String>,
    /// `Mex-Subject`.
    pub subject: Option<String>,
    /// `Mex-FileName`.
    pub file_name: Option<String>,
    /// Media type of the content.
    pub media_type: Option<String>,
    /// `Content-Encoding` of the content as stored (`gzip`).
    pub content_encoding: Option<String>,
    /// `Mex-Content-Checksum`, as the sender gave it (not verified: its algorithm is free).
    pub sender_checksum: Option<String>,
    /// Per-person key: deliveries that share it keep their order. A digest, never an NHS number in clear.
    pub person_key: Option<String>,
    /// Message that this one is about or was derived from.
    pub linked: Option<MessageId>,
    /// Everything else that must come out again (`mex-…` headers, format hints).
    pub headers: BTreeMap<String, String>,
}

impl NewMessage {
    /// A data message with nothing but the three things that are always known.
    #[must_use]
    pub fn new(id: MessageId, sender: &str, door: &str) -> Self {
        Self {
            id,
            kind: MessageKind::Data,
            sender: sender.to_owned(),
            door: door.to_owned(),
            mailbox_from: None,
            mailbox_to: None,
            inbox: false,
            workflow: None,
            local_id: None,
            correlation_id: None,
            partner_id: None,
            subject: None,
            file_name: None,
            media_type: None,
            content_encoding: None,
            sender_checksum: None,
            person_key: None,
            linked: None,
            headers: BTreeMap::new(),
        }
    }
}

/// A message as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Commit sequence: the order of messages, rising, with gaps.
    pub seq: u64,
    /// What came in.
    pub new: NewMessage,
    /// Where it stands.
    pub state: State,
    /// When it was accepted (or its upload began).
    pub received_at: Timestamp,
    /// When the state last changed.
    pub changed_at: Timestamp,
    /// When the recipient acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// When it leaves the inbox if not acknowledged; `None` where it isn't in one.
    pub expires_at: Option<Timestamp>,
    /// Bytes of the whole content.
    pub size: u64,
    /// SHA-256 of the whole content; of nothing while uploading.
    pub sha256: Checksum,
    /// Number of chunks the content is kept in: 1 where it came whole, 0 for a report without a body.
    pub chunks: u32,
    /// When the content was deleted (tombstone).
    pub content_deleted_at: Option<Timestamp>,
    /// Reason of a final failure (status code and description), if any.
    pub failure: Option<(String, String)>,
    /// The number by which its sender knows it, as the content says (MSH-10, UNB, the id of an HL7 v3 message).
    pub control_id: Option<String>,
}

/// (Sender, request id): unique; kept for at least the retention period.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Authenticated sender.
    pub sender: String,
    /// `X-Request-Id`, `Idempotency-Key`, MSH-10, MessageHeader id, …
    pub request_id: String,
}

/// Content of a message or chunk on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// No content at all (a report).
    None,
    /// In memory. Fine to some megabytes; the engine puts the large ones in files itself.
    Bytes(Vec<u8>),
    /// Streamed to the engine before by [`crate::Accepting::stage`].
    Staged(Staged),
}

/// Content that the engine already holds durably, not yet part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    /// Its digest, which is also its address.
    pub sha256: Checksum,
    /// Its length in bytes.
    pub size: u64,
}

/// What became of a chunk; both are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkOutcome {
    /// The same bytes were there already.
    pub repeated: bool,
    /// All announced chunks are present now: the door calls `finish_upload`.
    pub complete: bool,
}

/// Content on its way out. Every byte was verified against the stored SHA-256 before the first is handed
/// out, and is verified again while streaming: a read error of kind `InvalidData` means that it changed.
pub struct PayloadReader {
    /// Length in bytes.
    pub size: u64,
    /// Digest of what will be read.
    pub sha256: Checksum,
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
}

impl fmt::Debug for PayloadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadReader").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Content read into memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their digest, verified.
    pub sha256: Checksum,
}

/// MESH workflow filter: `W`, `!W`, `W*`, `!W*`, `*W*`, `!*W*`; `*W` is read as "ends with W".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// `!` in front: everything that doesn't match.
    pub negated: bool,
    /// `*` in front.
    pub open_start: bool,
    /// `*` at the end.
    pub open_end: bool,
    /// The text between.
    pub text: String,
}

impl WorkflowFilter {
    /// Reads the grammar. Never fails: any text is some filter.
    #[must_use]
    pub fn parse(filter: &str) -> Self {
        let (negated, rest) = filter.strip_prefix('!').map_or((false, filter), |r| (true, r));
        let (open_start, rest) = rest.strip_prefix('*').map_or((false, rest), |r| (true, r));
        let (open_end, rest) = rest.strip_suffix('*').map_or((false, rest), |r| (true, r));
        Self { negated, open_start, open_end, text: rest.to_owned() }
    }

    /// Whether a workflow passes it.
    #[must_use]
    pub fn matches(&self, workflow: &str) -> bool {
        let text = self.text.as_str();
        let hit = match (self.open_start, self.open_end) {
            (false, false) => workflow == text,
            (false, true) => workflow.starts_with(text),
            (true, false) => workflow.ends_with(text),
            (true, true) => workflow.contains(text),
        };
        hit != self.negated
    }
}

/// Which page of an inbox.
#[derive(Debug, Clone)]
pub struct InboxQuery {
    /// The mailbox.
    pub mailbox: String,
    /// Continue after this sequence; `None` from the start.
    pub after: Option<u64>,
    /// At most so many entries (1 to [`limits::MAX_INBOX_PAGE`]; other values are brought into range).
    pub limit: usize,
    /// Workflow filter.
    pub filter: Option<WorkflowFilter>,
}

/// One message of an inbox page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Commit sequence: what `after` takes.
    pub seq: u64,
    /// The message.
    pub id: MessageId,
    /// Its workflow.
    pub workflow: Option<String>,
}

/// A page of an inbox in commit order. May be empty under a filter while `next` is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InboxPage {
    /// The entries.
    pub entries: Vec<InboxEntry>,
    /// Where the next page continues; `None` at the end.
    pub next: Option<u64>,
    /// Messages waiting in the inbox, whatever the filter.
    pub waiting: u64,
}

/// A search over all messages, also finished ones. All conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct MessageQuery {
    /// Recipient's mailbox.
    pub mailbox_to: Option<String>,
    /// Sender's mailbox.
    pub mailbox_from: Option<String>,
    /// Sending organisation.
    pub sender: Option<String>,
    /// State.
    pub state: Option<State>,
    /// Workflow, exact.
    pub workflow: Option<String>,
    /// Local id, exact (use with `mailbox_from` or `sender`).
    pub local_id: Option<String>,
    /// A number by which the sender knows it, exact: its control id or its local id.
    pub reference: Option<String>,
    /// Linked or derived from this message.
    pub linked: Option<MessageId>,
    /// Per-person key.
    pub person_key: Option<String>,
    /// Only messages in or once in an inbox (`Some(true)`), or only the broker's own (`Some(false)`).
    pub inbox: Option<bool>,
    /// Without those that a corrected message stands in for, unless that failed too.
    pub uncorrected: bool,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Page key: sequence below it (newest first) or above it (oldest first).
    pub after: Option<u64>,
    /// Oldest first; newest first otherwise.
    pub oldest_first: bool,
    /// At most so many (1 to [`limits::MAX_SEARCH_PAGE`]).
    pub limit: usize,
}

#[cfg(test)]
mod tests {
    use super::{MessageId, WorkflowFilter};

    #[test]
    fn ids_are_upper_case_and_bounded() {
        assert_eq!(MessageId::new("20260101abc_def-1").map(String::from), Ok("20260101ABC_DEF-1".to_owned()));
        assert!(MessageId::new("").is_err());
        assert!(MessageId::new("a/b").is_err());
        assert!(MessageId::new(&"A".repeat(65)).is_err());
    }

    #[test]
    fn mesh_ids_sort_by_time() {
        let at = |t: &str| t.parse::<jiff::Timestamp>().expect("a time");
        let first = MessageId::mesh_style(at("2026-03-02T09:00:00.123456Z"), 0xc0de);
        assert_eq!(first.as_str(), "20260302090000123456_00C0DE");
        assert!(first < MessageId::mesh_style(at("2026-03-02T09:00:01Z"), 0));
        assert_eq!(MessageId::new(first.as_str()), Ok(first));
    }

    #[test]
    fn filter_grammar() {
        for (filter, workflow, passes) in [
            ("W", "W", true),
            ("W", "W2", false),
            ("!W", "W", false),
            ("!W", "X", true),
            ("W*", "W_ACK", true),
            ("!W*", "W_ACK", false),
            ("*A*", "W_ACK", true),
            ("!*A*", "W", true),
            ("*_ACK", "W_ACK", true),
            ("*_ACK", "W_AC", false),
            ("*", "", true),
            ("", "", true),
        ] {
            assert_eq!(WorkflowFilter::parse(filter).matches(workflow), passes, "{filter} {workflow}");
        }
    }
}
