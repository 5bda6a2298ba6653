//! Reading: messages, pages, and content that is verified before a byte of it leaves.

use crate::conn::{Conn, Params, count, get, p};
use crate::content::sha256;
use crate::fault::Result;
use crate::rows::{self, Part};
use crate::shared::Shared;
use causeway_exchange::limits::{COUNT_MAX, MAX_INBOX_PAGE, MAX_INBOX_SCAN, MAX_SEARCH_PAGE};
use causeway_exchange::message::{Checksum, InboxEntry, Staged};
use causeway_exchange::{
    EngineError, Event, InboxPage, InboxQuery, Message, MessageId, MessageQuery, OutputFacts, PayloadReader,
    PieceKind, Recorded, State, StoredOutput, Translation, TranslationDigests, TranslationHead, WorkItem,
    WorkQuery,
};
use postgres::types::ToSql;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Error, ErrorKind, Read};
use std::sync::Arc;

/// A message's facts.
pub(crate) fn message(conn: &mut Conn, id: &MessageId) -> Result<Option<Message>> {
    conn.first(&format!("SELECT {} FROM message WHERE id=$1", rows::MESSAGE), p![id.as_str()], rows::message)
}

/// A statement that grows by conditions.
struct Where {
    sql: String,
    values: Vec<Box<dyn ToSql + Sync>>,
}

impl Where {
    fn and<T: ToSql + Sync + 'static>(&mut self, condition: &str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.sql.push_str(&format!(" AND {condition} ${}", self.values.len()));
        }
    }

    fn all<T>(
        self,
        conn: &mut Conn,
        end: &str,
        read: impl FnMut(&postgres::Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(AsRef::as_ref).collect();
        let params: Params<'_> = &values;
        conn.all(&format!("{}{end}", self.sql), params, read)
    }
}

/// A condition on `message`: a corrected one stands in for it, and that did not fail too.
pub(crate) const CORRECTED: &str =
    "EXISTS (SELECT 1 FROM message r WHERE r.linked = message.id AND r.kind = 'data'
  AND r.door = 'http' AND r.state NOT IN ('error', 'undeliverable'))";

/// The conditions of a search, after `select`.
fn conditions(select: &str, query: &MessageQuery) -> Where {
    let mut found = Where { sql: format!("{select} FROM message WHERE true"), values: Vec::new() };
    found.and("mailbox_to =", query.mailbox_to.clone());
    found.and("mailbox_from =", query.mailbox_from.clone());
    found.and("sender =", query.sender.clone());
    match query.state {
        // As a literal: these two have an index of their own, `message_failed`.
        Some(state @ (State::Error | State::Undeliverable)) => {
            found.sql.push_str(&format!(" AND state = '{}'", state.as_str()));
        }
        state => found.and("state =", state.map(State::as_str)),
    }
    found.and("workflow =", query.workflow.clone());
    found.and("local_id =", query.local_id.clone());
    if let Some(reference) = &query.reference {
        found.values.push(Box::new(reference.clone()));
        let at = found.values.len();
        found.sql.push_str(&format!(" AND (control_id = ${at} OR local_id = ${at})"));
    }
    if query.uncorrected {
        found.sql.push_str(&format!(" AND NOT {CORRECTED}"));
    }
    found.and("person_key =", query.person_key.clone());
    found.and("linked =", query.linked.as_ref().map(ToString::to_string));
    found.and("inbox =", query.inbox);
    found.and("received_at >=", query.since.map(jiff::Timestamp::as_microsecond));
    found.and("received_at <", query.until.map(jiff::Timestamp::as_microsecond));
    found.and(if query.oldest_first { "seq >" } else { "seq <" }, query.after.map(u64::cast_signed));
    found
}

/// Messages by their properties.
pub(crate) fn search(conn: &mut Conn, query: &MessageQuery) -> Result<Vec<Message>> {
    let found = conditions(&format!("SELECT {}", rows::MESSAGE), query);
    let order = if query.oldest_first { "ASC" } else { "DESC" };
    let limit = query.limit.clamp(1, MAX_SEARCH_PAGE);
    found.all(conn, &format!(" ORDER BY seq {order} LIMIT {limit}"), rows::message)
}

/// How many messages a search finds, up to [`COUNT_MAX`] and one more.
pub(crate) fn number(conn: &mut Conn, query: &MessageQuery) -> Result<u64> {
    let most = COUNT_MAX + 1;
    let found = conditions("SELECT count(*) FROM (SELECT 1", &MessageQuery { after: None, ..query.clone() });
    let counted = found.all(conn, &format!(" LIMIT {most}) AS found"), |row| count(row, 0))?;
    Ok(counted.first().copied().unwrap_or(0))
}

/// Work items in commit order.
pub(crate) fn work(conn: &mut Conn, query: &WorkQuery) -> Result<Vec<WorkItem>> {
    let mut found = Where {
        sql: format!("SELECT {} FROM work w JOIN message m ON m.seq=w.owner WHERE true", rows::WORK),
        values: Vec::new(),
    };
    found.and("w.id >", query.after.map(|a| a.0.cast_signed()));
    found.and("w.kind =", query.kind.map(causeway_exchange::WorkKind::as_str));
    found.and("w.state =", query.state.map(causeway_exchange::WorkState::as_str));
    found.and("m.id =", query.message.as_ref().map(ToString::to_string));
    found.and("w.destination =", query.destination.clone());
    let limit = query.limit.clamp(1, MAX_SEARCH_PAGE);
    found.all(conn, &format!(" ORDER BY w.id LIMIT {limit}"), rows::work)
}

/// A page of an inbox: one range of an index, and a count that is kept.
pub(crate) fn inbox(conn: &mut Conn, query: &InboxQuery) -> Result<InboxPage> {
    let limit = query.limit.clamp(1, MAX_INBOX_PAGE);
    let scan = if query.filter.is_some() { MAX_INBOX_SCAN } else { limit };
    conn.snapshot(|conn| {
        let waiting = conn
            .first("SELECT waiting FROM mailbox WHERE name=$1", p![query.mailbox], |r| count(r, 0))?
            .unwrap_or(0);
        let after = query.after.map_or(0, u64::cast_signed);
        let seen = conn.all(
            "SELECT seq, id, workflow FROM message WHERE waiting=1 AND mailbox_to=$1 AND seq>$2 ORDER BY seq LIMIT $3",
            p![query.mailbox, after, scan as i64 + 1],
            |r| Ok(InboxEntry { seq: count(r, 0)?, id: rows::id(r, 1)?, workflow: get(r, 2)? }),
        )?;
        let mut page = InboxPage { waiting, ..InboxPage::default() };
        let mut last = None;
        for (looked, entry) in seen.into_iter().enumerate() {
            if looked == scan || page.entries.len() == limit {
                // There is more than this page shows.
                page.next = last;
                break;
            }
            last = Some(entry.seq);
            let passes =
                query.filter.as_ref().is_none_or(|f| f.matches(entry.workflow.as_deref().unwrap_or_default()));
            if passes {
                page.entries.push(entry);
            }
        }
        Ok(page)
    })
}

/// What happened to a message and to those derived from it.
pub(crate) fn timeline(conn: &mut Conn, id: &MessageId) -> Result<Vec<Event>> {
    conn.all(
        "WITH told AS MATERIALIZED (SELECT * FROM message WHERE id=$1 OR linked=$1)
         SELECT e.seq, e.at, m.id, e.kind, e.actor, e.detail FROM told m JOIN event e ON e.owner=m.seq
         UNION ALL SELECT accepted_event, received_at, id, 'accepted', sender, door FROM told
         WHERE accepted_event IS NOT NULL ORDER BY 1",
        p![id.as_str()],
        rows::event,
    )
}

/// A message's first events and those of the first messages derived from it, so many of each.
pub(crate) fn timeline_start(conn: &mut Conn, id: &MessageId, limit: usize) -> Result<Vec<Event>> {
    const SQL: &str = "WITH derived AS MATERIALIZED (
           SELECT seq, id, accepted_event, received_at, sender, door FROM message
           WHERE linked=$1 AND id<>$1 ORDER BY seq LIMIT $2)
         SELECT * FROM (
           SELECT e.seq, e.at, m.id, e.kind, e.actor, e.detail FROM message m JOIN event e ON e.owner=m.seq
           WHERE m.id=$1 ORDER BY e.seq LIMIT $2) own
         UNION ALL SELECT accepted_event, received_at, id, 'accepted', sender, door FROM message
         WHERE id=$1 AND accepted_event IS NOT NULL
         UNION ALL SELECT * FROM (
           SELECT e.seq, e.at, m.id, e.kind, e.actor, e.detail FROM derived m JOIN event e ON e.owner=m.seq
           UNION ALL SELECT accepted_event, received_at, id, 'accepted', sender, door FROM derived
           WHERE accepted_event IS NOT NULL ORDER BY 1 LIMIT $2) theirs
         ORDER BY 1";
    conn.all(SQL, p![id.as_str(), i64::try_from(limit).unwrap_or(i64::MAX)], rows::event)
}

/// The parts of a message from one place among them to another.
pub(crate) fn parts(conn: &mut Conn, owner: i64, from: i64, to: i64) -> Result<Vec<Part>> {
    conn.all(
        &format!(
            "SELECT {} FROM part WHERE owner=$1 AND place BETWEEN $2 AND $3 ORDER BY owner, place, number",
            rows::PART
        ),
        p![owner, from, to],
        rows::part,
    )
}

/// The parts of a message's body.
pub(crate) fn body(conn: &mut Conn, owner: u64) -> Result<Vec<Part>> {
    parts(conn, owner.cast_signed(), rows::BODY, rows::BODY)
}

/// The first chunk number of 1 to `total` that isn't there.
pub(crate) fn first_missing(parts: &[Part], total: u32) -> Option<u32> {
    let there = parts.iter().map(|p| Some(p.number)).chain(std::iter::repeat(None));
    (1..=total).zip(there).find_map(|(want, have)| (have != Some(i64::from(want))).then_some(want))
}

/// Whether a message's content is there to be read.
fn has_content(found: &Message) -> Result<()> {
    if found.content_deleted_at.is_some() {
        return Err(EngineError::ContentDeleted);
    }
    if found.state == State::Uploading {
        return Err(EngineError::WrongState(found.state));
    }
    Ok(())
}

/// The piece of this kind that a part's row names.
fn piece(part: &Part, kind: PieceKind) -> Result<causeway_exchange::Piece> {
    let (first, count) = part
        .name
        .split_once(' ')
        .and_then(|(first, count)| Some((first.parse().ok()?, count.parse().ok()?)))
        .ok_or(EngineError::Corrupt("piece of a translation"))?;
    let content = Staged { sha256: part.sha256, size: part.size };
    Ok(causeway_exchange::Piece { kind, first, count, content })
}

impl Shared {
    /// One piece of a part's bytes: all of them where they are in its row. `None` after the last.
    fn stretch(&self, part: &Part, number: i64) -> Result<Option<Vec<u8>>> {
        self.read(|conn| {
            if part.apart {
                let sql = "SELECT c.bytes FROM content_head h JOIN content c ON c.id=h.id WHERE h.sha256=$1 AND c.number=$2";
                return conn.first(sql, p![&part.sha256[..], number], |r| get(r, 0));
            }
            if number > 0 {
                return Ok(None);
            }
            let sql = "SELECT bytes FROM part WHERE owner=$1 AND place=$2 AND number=$3";
            let bytes = conn.first(sql, p![part.owner, part.place, part.number], |r| get::<Option<Vec<u8>>>(r, 0))?;
            bytes.flatten().map(Some).ok_or(EngineError::ContentDeleted)
        })
    }

    /// Reads a whole part and compares its digest; what is read also goes into `whole`.
    pub(crate) fn check_part(&self, part: &Part, whole: &mut Sha256) -> Result<()> {
        let mut own = Sha256::new();
        for number in 0.. {
            let Some(bytes) = self.stretch(part, number)? else { break };
            own.update(&bytes);
            whole.update(&bytes);
        }
        if Checksum::from(own.finalize()) == part.sha256 { Ok(()) } else { Err(self.corrupt("payload")) }
    }

    /// Verified bytes of a part that is small by nature (outputs, ledger).
    pub(crate) fn whole(&self, part: &Part) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(part.size).unwrap_or(0));
        for number in 0.. {
            let Some(more) = self.stretch(part, number)? else { break };
            bytes.extend(more);
        }
        if sha256(&bytes) == part.sha256 { Ok(bytes) } else { Err(self.corrupt("translation")) }
    }

    fn readable(&self, id: &MessageId) -> Result<Message> {
        let found = self.read(|conn| message(conn, id))?.ok_or(EngineError::NotFound("message"))?;
        has_content(&found).map(|()| found)
    }

    /// A message's content as a stream.
    pub(crate) fn payload(self: &Arc<Self>, id: &MessageId) -> Result<PayloadReader> {
        let found = self.readable(id)?;
        let parts = self.read(|conn| body(conn, found.seq))?;
        if let Some(first) = first_missing(&parts, found.chunks) {
            return Err(EngineError::ChunksMissing { first, total: found.chunks });
        }
        self.stream(parts, found.size, found.sha256)
    }

    /// One chunk of a message as a stream.
    pub(crate) fn chunk(self: &Arc<Self>, id: &MessageId, number: u32) -> Result<PayloadReader> {
        let found = self.readable(id)?;
        let parts = self.read(|conn| body(conn, found.seq))?;
        let part = parts.into_iter().find(|p| p.number == i64::from(number));
        let part = part.ok_or(EngineError::NotFound("chunk"))?;
        let (size, digest) = (part.size, part.sha256);
        self.stream(vec![part], size, digest)
    }

    fn stream(self: &Arc<Self>, parts: Vec<Part>, size: u64, digest: Checksum) -> Result<PayloadReader> {
        // One part in a row (nearly every message) is verified while it is loaded.
        if let [part] = parts.as_slice()
            && !part.apart
        {
            let bytes = self.whole(part).map_err(|e| {
                if e == EngineError::Corrupt("translation") { EngineError::Corrupt("payload") } else { e }
            })?;
            if part.sha256 != digest {
                return Err(self.corrupt("payload"));
            }
            return Ok(PayloadReader { size, sha256: digest, reader: Box::new(Cursor::new(bytes)) });
        }
        let mut whole = Sha256::new();
        for part in &parts {
            self.check_part(part, &mut whole)?;
        }
        if Checksum::from(whole.finalize()) != digest {
            return Err(self.corrupt("payload"));
        }
        let reader = Verified {
            shared: Arc::clone(self),
            parts: parts.into_iter().collect(),
            number: 0,
            open: Cursor::new(Vec::new()),
            own: Sha256::new(),
        };
        Ok(PayloadReader { size, sha256: digest, reader: Box::new(reader) })
    }

    /// What stands in front of a translation, and its parts.
    fn made(&self, id: &MessageId) -> Result<(Option<Translation>, Vec<Part>)> {
        self.read(|conn| {
            conn.snapshot(|conn| {
                let found = message(conn, id)?.ok_or(EngineError::NotFound("message"))?;
                let owner = found.seq.cast_signed();
                let sql = "SELECT adapter, format, version, summary FROM translation WHERE owner=$1";
                let head = conn.first(sql, p![owner], |r| {
                    let summary = crate::conn::word(r, 3, |t| serde_json::from_str(t).ok())?;
                    let (adapter, format, version) = (get(r, 0)?, get(r, 1)?, get(r, 2)?);
                    Ok(Translation { adapter, format, version, summary, ..Translation::default() })
                })?;
                Ok((head, parts(conn, owner, rows::BODY + 1, i64::MAX)?))
            })
        })
    }

    /// What its outputs and issues are kept under.
    pub(crate) fn translation_digests(&self, id: &MessageId) -> Result<Option<TranslationDigests>> {
        let (head, parts) = self.made(id)?;
        let mut digests = TranslationDigests::default();
        for part in parts {
            match part.role.as_str() {
                "issues" => digests.issues = part.sha256,
                "output" => digests.outputs.push(part.sha256),
                _ => {}
            }
        }
        Ok(head.map(|_| digests))
    }

    /// Reads all parts of a translation but the outputs; outputs go to `output`.
    fn gather(
        &self,
        id: &MessageId,
        mut output: impl FnMut(Part) -> Result<()>,
    ) -> Result<Option<Translation>> {
        let (head, parts) = self.made(id)?;
        let Some(mut translation) = head else { return Ok(None) };
        for part in parts {
            match part.role.as_str() {
                "ledger" => translation.ledger = self.whole(&part)?,
                "issues" => translation.issues = self.whole(&part)?,
                "acknowledgement" => translation.acknowledgement = Some(self.stored(part)?),
                rows::OUTPUT_PIECE => translation.pieces.push(piece(&part, PieceKind::Outputs)?),
                rows::LEDGER_PIECE => translation.pieces.push(piece(&part, PieceKind::Ledger)?),
                _ => output(part)?,
            }
        }
        Ok(Some(translation))
    }

    fn stored(&self, part: Part) -> Result<StoredOutput> {
        let bytes = self.whole(&part)?;
        Ok(StoredOutput { name: part.name, media_type: part.media_type, bytes })
    }

    pub(crate) fn translation(&self, id: &MessageId) -> Result<Option<Translation>> {
        let mut outputs = Vec::new();
        let found = self.gather(id, |part| {
            outputs.push(self.stored(part)?);
            Ok(())
        })?;
        Ok(found.map(|translation| Translation { outputs, ..translation }))
    }

    pub(crate) fn translation_head(&self, id: &MessageId) -> Result<Option<TranslationHead>> {
        let mut outputs = Vec::new();
        let found = self.gather(id, |part| {
            outputs.push(OutputFacts { name: part.name, media_type: part.media_type, size: part.size });
            Ok(())
        })?;
        Ok(found.map(|translation| TranslationHead { translation, outputs }))
    }

    /// One part that a translation made, by role and number (from 1).
    fn one(&self, id: &MessageId, role: &str, number: u64) -> Result<Option<Part>> {
        let Ok(number) = i64::try_from(number) else { return Ok(None) };
        self.read(|conn| {
            let found = message(conn, id)?.ok_or(EngineError::NotFound("message"))?;
            let sql = format!("SELECT {} FROM part WHERE owner=$1 AND place=$2 AND number=$3", rows::PART);
            conn.first(&sql, p![found.seq.cast_signed(), rows::place(role), number], rows::part)
        })
    }

    pub(crate) fn output(&self, id: &MessageId, number: u64) -> Result<Option<StoredOutput>> {
        self.one(id, "output", number.saturating_add(1))?.map(|part| self.stored(part)).transpose()
    }

    pub(crate) fn piece(&self, id: &MessageId, kind: PieceKind, number: u32) -> Result<Option<Vec<u8>>> {
        self.one(id, rows::piece_role(kind), u64::from(number) + 1)?.map(|part| self.whole(&part)).transpose()
    }
}

/// Parts one after the other, hashed again on the way.
struct Verified {
    shared: Arc<Shared>,
    parts: std::collections::VecDeque<Part>,
    /// The next piece of the first part.
    number: i64,
    open: Cursor<Vec<u8>>,
    own: Sha256,
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.open.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let Some(part) = self.parts.front() else { return Ok(0) };
            match self.shared.stretch(part, self.number).map_err(Error::other)? {
                Some(bytes) => {
                    self.own.update(&bytes);
                    self.number += 1;
                    self.open = Cursor::new(bytes);
                }
                None => {
                    let expected = part.sha256;
                    let own = std::mem::replace(&mut self.own, Sha256::new());
                    if Checksum::from(own.finalize()) != expected {
                        return Err(Error::new(ErrorKind::InvalidData, self.shared.corrupt("payload")));
                    }
                    self.parts.pop_front();
                    self.number = 0;
                }
            }
        }
    }
}

/// The columns that [`told`] reads, of `message m`.
const RECORDED: &str = "m.id, EXISTS(SELECT 1 FROM part p WHERE p.owner=m.seq AND p.role='outputs'),
  EXISTS(SELECT 1 FROM work w WHERE w.owner=m.seq AND w.kind='record'), m.content_deleted_at IS NULL,
  coalesce(m.failure_code='erased' AND m.content_deleted_at IS NOT NULL, FALSE)";

fn told(r: &postgres::Row) -> Result<Recorded> {
    Ok(Recorded {
        id: get(r, 0)?,
        in_pieces: get(r, 1)?,
        pending: get(r, 2)?,
        present: get(r, 3)?,
        erased: get(r, 4)?,
    })
}

/// Messages that were taken into the record, in the order in which they were first taken in.
pub(crate) fn recorded(conn: &mut Conn) -> Result<Vec<Recorded>> {
    let sql = format!(
        "SELECT {RECORDED} FROM (SELECT owner, min(seq) AS first FROM event WHERE kind='recorded' GROUP BY owner) e
         JOIN message m ON m.seq=e.owner ORDER BY e.first"
    );
    conn.all(&sql, p![], told)
}

/// The events after a number that say that a message was taken into the record, or erased: in order, at most so many, each with
/// its number.
pub(crate) fn recorded_since(conn: &mut Conn, after: i64, most: i64) -> Result<Vec<(u64, Recorded)>> {
    let sql = format!(
        "SELECT {RECORDED}, e.seq FROM event e JOIN message m ON m.seq=e.owner
         WHERE e.kind IN ('recorded', 'erased') AND e.seq > $1 ORDER BY e.seq LIMIT $2"
    );
    conn.all(&sql, p![after, most], |r| Ok((count(r, 5)?, told(r)?)))
}
