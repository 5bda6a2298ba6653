//! Reading: messages, pages, and content that is verified before a byte of it leaves.

use crate::blobs::read_some;
use crate::fault::{Result, db, io};
use crate::limits;
use crate::prepare::{sha256, verified};
use crate::rows::{self, Piece};
use crate::shared::Shared;
use causeway_exchange::limits::{COUNT_MAX, MAX_SEARCH_PAGE};
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    EngineError, Message, MessageId, MessageQuery, PayloadReader, State, WorkItem, WorkQuery,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Cursor, Error, ErrorKind, Read};
use std::sync::Arc;

/// A message's facts.
pub(crate) fn message(conn: &Connection, id: &MessageId) -> Result<Option<Message>> {
    conn.prepare_cached(&format!("SELECT {} FROM message WHERE id=?1", rows::MESSAGE))
        .and_then(|mut s| s.query_row([id.as_str()], rows::message).optional())
        .map_err(|e| db(&e))
}

/// The pieces of a message's content, in order.
pub(crate) fn pieces(conn: &Connection, owner: u64) -> Result<Vec<Piece>> {
    let sql = format!("SELECT {} FROM part WHERE id BETWEEN ?1 AND ?2 ORDER BY id", rows::PIECE);
    rows::all(conn, &sql, rows::body_keys(owner.cast_signed()), rows::piece)
}

/// A search's conditions as SQL, each beginning with ` AND `, and their values.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn and(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.sql.push_str(&format!(" AND {condition} ?{}", self.values.len()));
        }
    }

    fn text(&mut self, condition: &str, text: &Option<String>) {
        self.and(condition, text.clone().map(Value::Text));
    }
}

/// A condition on `message`: a corrected one stands in for it, and that did not fail too.
pub(crate) const CORRECTED: &str =
    "EXISTS (SELECT 1 FROM message r WHERE r.linked = message.id AND r.kind = 'data'
  AND r.door = 'http' AND r.state NOT IN ('error', 'undeliverable'))";

fn conditions(query: &MessageQuery) -> (String, Vec<Value>) {
    let mut all = Conditions::default();
    all.text("mailbox_to =", &query.mailbox_to);
    all.text("mailbox_from =", &query.mailbox_from);
    all.text("sender =", &query.sender);
    match query.state {
        // As a literal: these two have an index of their own, `message_failed`.
        Some(state @ (State::Error | State::Undeliverable)) => {
            all.sql.push_str(&format!(" AND state = '{}'", state.as_str()));
        }
        state => all.and("state =", state.map(|s| Value::Text(s.as_str().to_owned()))),
    }
    all.text("workflow =", &query.workflow);
    all.text("local_id =", &query.local_id);
    if let Some(reference) = &query.reference {
        all.values.push(Value::Text(reference.clone()));
        let at = all.values.len();
        all.sql.push_str(&format!(" AND (control_id = ?{at} OR local_id = ?{at})"));
    }
    if query.uncorrected {
        all.sql.push_str(&format!(" AND NOT {CORRECTED}"));
    }
    all.text("person_key =", &query.person_key);
    all.and("linked =", query.linked.as_ref().map(|l| Value::Text(l.to_string())));
    all.and("inbox =", query.inbox.map(|i| Value::Integer(i64::from(i))));
    all.and("received_at >=", query.since.map(|t| Value::Integer(t.as_microsecond())));
    all.and("received_at <", query.until.map(|t| Value::Integer(t.as_microsecond())));
    let after = if query.oldest_first { "seq >" } else { "seq <" };
    all.and(after, query.after.map(|s| Value::Integer(s.cast_signed())));
    (all.sql, all.values)
}

impl Shared {
    /// A search. Of a mailbox, what waits is found by the inbox and what no longer waits by its index; the two are
    /// merged in their order.
    pub(crate) fn search(&self, query: &MessageQuery) -> Result<Vec<Message>> {
        let limit = query.limit.clamp(1, MAX_SEARCH_PAGE);
        let order = if query.oldest_first { "ASC" } else { "DESC" };
        let (conditions, values) = conditions(query);
        let select = |place: &str| format!("SELECT {} FROM message WHERE {place}{conditions}", rows::MESSAGE);
        let Some(mailbox) = &query.mailbox_to else {
            let sql = format!("{} ORDER BY seq {order} LIMIT {limit}", select("1=1"));
            return self.read(|conn| rows::all(conn, &sql, params_from_iter(&values), rows::message));
        };
        let past = format!(
            "{} ORDER BY seq {order} LIMIT {limit}",
            select("waiting <> 1 AND mailbox_to IS NOT NULL")
        );
        let one = select(&format!("waiting = 1 AND seq = ?{}", values.len() + 1));
        // What was answered before this is in the inbox or no longer waits; both are read of one state.
        let mut sequences =
            self.inboxes.sequences(mailbox, query.after, !query.oldest_first, MAX_SEARCH_PAGE);
        self.read(|conn| {
            let tx = conn.unchecked_transaction().map_err(|e| db(&e))?;
            let mut found = rows::all(&tx, &past, params_from_iter(&values), rows::message)?;
            let mut left = limit;
            while let Some(last) = sequences.last().copied() {
                for seq in &sequences {
                    let with = values.iter().cloned().chain([Value::Integer(seq.cast_signed())]);
                    let waiting = rows::all(&tx, &one, params_from_iter(with), rows::message)?;
                    left = left.saturating_sub(waiting.len());
                    found.extend(waiting);
                    if left == 0 {
                        break;
                    }
                }
                if left == 0 || sequences.len() < MAX_SEARCH_PAGE {
                    break;
                }
                sequences = self.inboxes.sequences(mailbox, Some(last), !query.oldest_first, MAX_SEARCH_PAGE);
            }
            found.sort_by_key(|m| m.seq);
            if !query.oldest_first {
                found.reverse();
            }
            found.truncate(limit);
            Ok(found)
        })
    }
}

/// How many messages a search finds, up to [`COUNT_MAX`] and one more.
pub(crate) fn count(conn: &Connection, query: &MessageQuery) -> Result<u64> {
    let (conditions, values) = conditions(&MessageQuery { after: None, ..query.clone() });
    let most = COUNT_MAX + 1;
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM message WHERE 1=1{conditions} LIMIT {most})");
    conn.prepare_cached(&sql)
        .and_then(|mut s| s.query_row(params_from_iter(&values), |r| rows::count(r, 0)))
        .map_err(|e| db(&e))
}

/// Work items in commit order.
pub(crate) fn work(conn: &Connection, query: &WorkQuery) -> Result<Vec<WorkItem>> {
    let mut sql =
        format!("SELECT {} FROM work w JOIN message m ON m.seq=w.owner WHERE w.id > ?1", rows::WORK);
    let mut values = vec![Value::Integer(query.after.map_or(0, |a| a.0.cast_signed()))];
    let mut add = |column: &str, value: Option<String>| {
        if let Some(value) = value {
            values.push(Value::Text(value));
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    };
    add("w.kind", query.kind.map(|k| k.as_str().to_owned()));
    add("w.state", query.state.map(|s| s.as_str().to_owned()));
    add("m.id", query.message.as_ref().map(ToString::to_string));
    add("w.destination", query.destination.clone());
    sql.push_str(&format!(" ORDER BY w.id LIMIT {}", query.limit.clamp(1, MAX_SEARCH_PAGE)));
    rows::all(conn, &sql, params_from_iter(values), rows::work)
}

impl Shared {
    /// The bytes of a piece that is kept in its row, verified.
    fn row_bytes(&self, piece: &Piece) -> Result<Vec<u8>> {
        let bytes = self.read(|conn| {
            conn.prepare_cached("SELECT bytes FROM part WHERE id=?1")
                .and_then(|mut s| s.query_row([piece.row], |r| r.get::<_, Option<Vec<u8>>>(0)).optional())
                .map_err(|e| db(&e))
        })?;
        let bytes = bytes.flatten().ok_or(EngineError::ContentDeleted)?;
        verified(bytes, piece.size, &piece.sha256).ok_or_else(|| self.corrupt("payload"))
    }

    /// Opens a piece that is kept in a file.
    fn file(&self, piece: &Piece) -> Result<File> {
        File::open(self.blobs.path(&piece.sha256)).map_err(|e| match e.kind() {
            ErrorKind::NotFound => self.corrupt("payload file"),
            _ => io(&e),
        })
    }

    /// Reads a whole piece and compares its digest; what is read also goes into `whole`.
    pub(crate) fn check_piece(&self, piece: &Piece, whole: &mut Sha256) -> Result<()> {
        if !piece.in_file {
            whole.update(self.row_bytes(piece)?);
            return Ok(());
        }
        let mut file = self.file(piece)?;
        let mut own = Sha256::new();
        let mut buffer = vec![0u8; limits::COPY_BYTES];
        loop {
            let count = read_some(&mut file, &mut buffer).map_err(|_| self.corrupt("payload file"))?;
            let Some(bytes) = buffer.get(..count).filter(|b| !b.is_empty()) else { break };
            own.update(bytes);
            whole.update(bytes);
        }
        if Checksum::from(own.finalize()) == piece.sha256 {
            Ok(())
        } else {
            Err(self.corrupt("payload file"))
        }
    }

    /// Verified bytes of a part that is small by nature (outputs, ledger).
    pub(crate) fn whole(&self, piece: &Piece) -> Result<Vec<u8>> {
        if !piece.in_file {
            return self.row_bytes(piece);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(piece.size).unwrap_or(0));
        self.file(piece)?.read_to_end(&mut bytes).map_err(|e| io(&e))?;
        if sha256(&bytes) == piece.sha256 { Ok(bytes) } else { Err(self.corrupt("translation")) }
    }

    /// A message whose content can be read.
    fn readable(&self, id: &MessageId) -> Result<Message> {
        let found = self.read(|conn| message(conn, id))?.ok_or(EngineError::NotFound("message"))?;
        has_content(&found).map(|()| found)
    }

    /// A message's content as a stream.
    pub(crate) fn payload(self: &Arc<Self>, id: &MessageId) -> Result<PayloadReader> {
        let found = self.readable(id)?;
        let pieces = self.read(|conn| pieces(conn, found.seq))?;
        if let Some(first) = first_missing(&pieces, found.chunks) {
            return Err(EngineError::ChunksMissing { first, total: found.chunks });
        }
        self.stream(pieces, found.size, found.sha256)
    }

    /// One chunk as a stream.
    pub(crate) fn chunk(self: &Arc<Self>, id: &MessageId, number: u32) -> Result<PayloadReader> {
        let found = self.readable(id)?;
        self.chunk_of(&found, number)
    }

    /// One chunk of a message that was just read.
    pub(crate) fn chunk_of(self: &Arc<Self>, found: &Message, number: u32) -> Result<PayloadReader> {
        has_content(found)?;
        let sql = format!("SELECT {}, bytes FROM part WHERE id=?1", rows::PIECE);
        let key = rows::part_key(found.seq.cast_signed(), "body", i64::from(number));
        let one = self.read(|conn| {
            rows::all(conn, &sql, [key], |r| Ok((rows::piece(r)?, r.get::<_, Option<Vec<u8>>>("bytes")?)))
        })?;
        let Some((piece, bytes)) = one.into_iter().next() else { return Err(EngineError::NotFound("chunk")) };
        let (size, digest) = (piece.size, piece.sha256);
        // Nearly every message's is in its row: one read, and verified at once.
        let Some(bytes) = bytes else { return self.stream(vec![piece], size, digest) };
        let bytes = verified(bytes, size, &digest).ok_or_else(|| self.corrupt("payload"))?;
        Ok(PayloadReader { size, sha256: digest, reader: Box::new(Cursor::new(bytes)) })
    }

    fn stream(self: &Arc<Self>, pieces: Vec<Piece>, size: u64, digest: Checksum) -> Result<PayloadReader> {
        // One piece in a row (nearly every message) is verified while it is loaded.
        if let [piece] = pieces.as_slice()
            && !piece.in_file
        {
            let bytes = self.row_bytes(piece)?;
            if piece.sha256 != digest {
                return Err(self.corrupt("payload"));
            }
            return Ok(PayloadReader { size, sha256: digest, reader: Box::new(Cursor::new(bytes)) });
        }
        let mut whole = Sha256::new();
        for piece in &pieces {
            self.check_piece(piece, &mut whole)?;
        }
        if Checksum::from(whole.finalize()) != digest {
            return Err(self.corrupt("payload"));
        }
        let reader = Verified { shared: Arc::clone(self), pieces: pieces.into(), open: None };
        Ok(PayloadReader { size, sha256: digest, reader: Box::new(reader) })
    }
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

/// The first chunk number of 1 to `total` that isn't there.
pub(crate) fn first_missing(pieces: &[Piece], total: u32) -> Option<u32> {
    let there: Vec<i64> = pieces.iter().map(|p| p.number).collect();
    (1..=total)
        .zip(there.iter().map(Some).chain(std::iter::repeat(None)))
        .find_map(|(want, have)| (have != Some(&i64::from(want))).then_some(want))
}

/// Pieces one after the other, hashed again on the way.
struct Verified {
    shared: Arc<Shared>,
    pieces: VecDeque<Piece>,
    open: Option<(Box<dyn Read + Send>, Sha256, Checksum)>,
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some((reader, hash, _)) = &mut self.open {
                let count = read_some(reader, buffer)?;
                if let Some(bytes) = buffer.get(..count).filter(|b| !b.is_empty()) {
                    hash.update(bytes);
                    return Ok(count);
                }
            }
            if let Some((_, hash, expected)) = self.open.take()
                && Checksum::from(hash.finalize()) != expected
            {
                let error = self.shared.corrupt("payload file");
                return Err(Error::new(ErrorKind::InvalidData, error));
            }
            let Some(piece) = self.pieces.pop_front() else { return Ok(0) };
            let reader: Box<dyn Read + Send> = if piece.in_file {
                Box::new(self.shared.file(&piece).map_err(Error::other)?)
            } else {
                Box::new(Cursor::new(self.shared.row_bytes(&piece).map_err(Error::other)?))
            };
            self.open = Some((reader, Sha256::new(), piece.sha256));
        }
    }
}
