//! Reading: messages, pages, and content that is verified before a byte of it leaves.

use crate::blobs::{lock, read_some};
use crate::fault::{Result, db, io};
use crate::limits;
use crate::prepare::sha256;
use crate::rows::{self, Piece};
use crate::shared::Shared;
use causeway_exchange::limits::{MAX_INBOX_PAGE, MAX_INBOX_SCAN, MAX_SEARCH_PAGE};
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    EngineError, InboxEntry, InboxPage, InboxQuery, Message, MessageId, MessageQuery, PayloadReader, State,
    StoredOutput, Translation, WorkItem, WorkQuery,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
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

/// A page of an inbox. Reads only the index `message_waiting`, which holds nothing but waiting messages.
pub(crate) fn inbox(conn: &Connection, query: &InboxQuery) -> Result<InboxPage> {
    let limit = query.limit.clamp(1, MAX_INBOX_PAGE);
    let scan = if query.filter.is_some() { MAX_INBOX_SCAN } else { limit };
    let mut page = InboxPage::default();
    let mut statement = conn
        .prepare_cached(
            "SELECT seq, id, workflow FROM message INDEXED BY message_waiting
             WHERE mailbox_to=?1 AND waiting=1 AND seq>?2 ORDER BY seq LIMIT ?3",
        )
        .map_err(|e| db(&e))?;
    let after = query.after.unwrap_or(0).cast_signed();
    // One more than may be used tells whether there is a next page.
    let mut found = statement.query(params![query.mailbox, after, scan + 1]).map_err(|e| db(&e))?;
    let (mut seen, mut last) = (0usize, 0u64);
    while let Some(row) = found.next().map_err(|e| db(&e))? {
        if seen == scan || page.entries.len() == limit {
            page.next = Some(last);
            break;
        }
        seen += 1;
        let entry = inbox_entry(row).map_err(|e| db(&e))?;
        last = entry.seq;
        let passes =
            query.filter.as_ref().is_none_or(|f| f.matches(entry.workflow.as_deref().unwrap_or_default()));
        if passes {
            page.entries.push(entry);
        }
    }
    Ok(page)
}

fn inbox_entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<InboxEntry> {
    Ok(InboxEntry {
        seq: rows::count(row, 0)?,
        id: rows::stored(1, row.get_ref(1)?.as_str()?, |t| MessageId::new(t).ok())?,
        workflow: row.get(2)?,
    })
}

/// A search; each condition that is given becomes one of the statement's.
pub(crate) fn search(conn: &Connection, query: &MessageQuery) -> Result<Vec<Message>> {
    let mut sql = String::new();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {condition} ?{}", values.len()));
        }
    };
    let text = |t: &Option<String>| t.clone().map(Value::Text);
    add("mailbox_to =", text(&query.mailbox_to));
    add("mailbox_from =", text(&query.mailbox_from));
    add("sender =", text(&query.sender));
    add("state =", query.state.map(|s| Value::Text(s.as_str().to_owned())));
    add("workflow =", text(&query.workflow));
    add("local_id =", text(&query.local_id));
    add("person_key =", text(&query.person_key));
    add("linked =", query.linked.as_ref().map(|l| Value::Text(l.to_string())));
    add("inbox =", query.inbox.map(|i| Value::Integer(i64::from(i))));
    add("received_at >=", query.since.map(|t| Value::Integer(t.as_microsecond())));
    add("received_at <", query.until.map(|t| Value::Integer(t.as_microsecond())));
    let (beyond, order) = if query.oldest_first { ("seq >", "ASC") } else { ("seq <", "DESC") };
    add(beyond, query.after.map(|s| Value::Integer(s.cast_signed())));
    let limit = query.limit.clamp(1, MAX_SEARCH_PAGE);
    // A mailbox's waiting messages and its others have an index each; the two are merged in their order.
    let arm = |condition: &str| format!("SELECT {} FROM message WHERE {condition}{sql}", rows::MESSAGE);
    let sql = if query.mailbox_to.is_some() {
        format!("{} UNION ALL {}", arm("waiting = 1"), arm("waiting <> 1 AND mailbox_to IS NOT NULL"))
    } else {
        arm("1=1")
    };
    let sql = format!("{sql} ORDER BY seq {order} LIMIT {limit}");
    rows::all(conn, &sql, params_from_iter(values), rows::message)
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
        if sha256(&bytes) == piece.sha256 { Ok(bytes) } else { Err(self.corrupt("payload")) }
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
    fn whole(&self, piece: &Piece) -> Result<Vec<u8>> {
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
        if found.content_deleted_at.is_some() {
            return Err(EngineError::ContentDeleted);
        }
        if found.state == State::Uploading {
            return Err(EngineError::WrongState(found.state));
        }
        Ok(found)
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
        let sql = format!("SELECT {} FROM part WHERE id=?1", rows::PIECE);
        let key = rows::part_key(found.seq.cast_signed(), "body", i64::from(number));
        let one = self.read(|conn| rows::all(conn, &sql, [key], rows::piece))?;
        let Some(piece) = one.first() else { return Err(EngineError::NotFound("chunk")) };
        let (size, digest) = (piece.size, piece.sha256);
        self.stream(one, size, digest)
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

    /// The translation kept with a message.
    pub(crate) fn translation(&self, id: &MessageId) -> Result<Option<Translation>> {
        let (head, parts) = self.read(|conn| {
            // Both statements see the same state of the database.
            let tx = conn.unchecked_transaction().map_err(|e| db(&e))?;
            let found = message(&tx, id)?.ok_or(EngineError::NotFound("message"))?;
            let owner = found.seq.cast_signed();
            let head = tx
                .prepare_cached("SELECT adapter, format, version, summary FROM translation WHERE owner=?1")
                .and_then(|mut s| s.query_row([owner], translation_head).optional())
                .map_err(|e| db(&e))?;
            let sql = format!(
                "SELECT {}, role, name, media_type FROM part WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
                rows::PIECE
            );
            let parts = rows::all(&tx, &sql, rows::made_keys(owner), |r| {
                let texts: (String, String, String) = (r.get(5)?, r.get(6)?, r.get(7)?);
                Ok((rows::piece(r)?, texts))
            })?;
            Ok((head, parts))
        })?;
        let Some(mut translation) = head else { return Ok(None) };
        for (piece, (role, name, media_type)) in parts {
            let bytes = self.whole(&piece)?;
            match role.as_str() {
                "ledger" => translation.ledger = bytes,
                "issues" => translation.issues = bytes,
                "acknowledgement" => {
                    translation.acknowledgement = Some(StoredOutput { name, media_type, bytes })
                }
                _ => translation.outputs.push(StoredOutput { name, media_type, bytes }),
            }
        }
        Ok(Some(translation))
    }

    /// Waiting messages of a mailbox.
    pub(crate) fn waiting(&self, mailbox: &str) -> u64 {
        lock(&self.mailboxes).get(mailbox).copied().unwrap_or(0)
    }
}

fn translation_head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Translation> {
    let summary = rows::stored(3, row.get_ref(3)?.as_str()?, |t| serde_json::from_str(t).ok())?;
    Ok(Translation {
        adapter: row.get(0)?,
        format: row.get(1)?,
        version: row.get(2)?,
        summary,
        ..Translation::default()
    })
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
