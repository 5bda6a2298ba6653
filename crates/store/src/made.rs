//! Reading what a translation made of a message: whole, without its outputs, or one output or piece at a time.

use crate::fault::{Result, db};
use crate::read::message;
use crate::rows::{self, Piece};
use crate::shared::Shared;
use causeway_exchange::message::{Checksum, Staged};
use causeway_exchange::{
    Effects, EngineError, Event, EventKind, Lease, MessageId, NewEvent, OutputFacts, PieceKind, StoredOutput,
    Translation, TranslationDigests, TranslationHead,
};
use rusqlite::{Connection, OptionalExtension, params};

/// A part of a translation, without its bytes.
struct Made {
    piece: Piece,
    role: String,
    name: String,
    media_type: String,
}

/// The row of a message.
fn owner(conn: &Connection, id: &MessageId) -> Result<i64> {
    let found = message(conn, id)?.ok_or(EngineError::NotFound("message"))?;
    Ok(found.seq.cast_signed())
}

/// What stands in front of a translation, and its parts.
fn parts(conn: &Connection, id: &MessageId) -> Result<(Option<Translation>, Vec<Made>)> {
    // Both statements see the same state of the database.
    let tx = conn.unchecked_transaction().map_err(|e| db(&e))?;
    let owner = owner(&tx, id)?;
    let head = tx
        .prepare_cached("SELECT adapter, format, version, summary FROM translation WHERE owner=?1")
        .and_then(|mut s| s.query_row([owner], head).optional())
        .map_err(|e| db(&e))?;
    let sql = format!(
        "SELECT {}, role, name, media_type FROM part WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        rows::PIECE
    );
    let parts = rows::all(&tx, &sql, rows::made_keys(owner), made)?;
    Ok((head, parts))
}

fn made(row: &rusqlite::Row<'_>) -> rusqlite::Result<Made> {
    Ok(Made { piece: rows::piece(row)?, role: row.get(5)?, name: row.get(6)?, media_type: row.get(7)? })
}

fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Translation> {
    let summary = rows::stored(3, row.get_ref(3)?.as_str()?, |t| serde_json::from_str(t).ok())?;
    Ok(Translation {
        adapter: row.get(0)?,
        format: row.get(1)?,
        version: row.get(2)?,
        summary,
        ..Translation::default()
    })
}

/// The piece of this kind that a part's row names.
fn piece(made: &Made, kind: PieceKind) -> Result<causeway_exchange::Piece> {
    let (first, count) = made
        .name
        .split_once(' ')
        .and_then(|(first, count)| Some((first.parse().ok()?, count.parse().ok()?)))
        .ok_or(EngineError::Corrupt("piece of a translation"))?;
    let content = Staged { sha256: made.piece.sha256, size: made.piece.size };
    Ok(causeway_exchange::Piece { kind, first, count, content })
}

impl Shared {
    /// Reads all parts but the outputs and pieces; outputs go to `output`.
    fn gather(
        &self,
        id: &MessageId,
        mut output: impl FnMut(Made) -> Result<()>,
    ) -> Result<Option<Translation>> {
        let (head, parts) = self.read(|conn| parts(conn, id))?;
        let Some(mut translation) = head else { return Ok(None) };
        for part in parts {
            match part.role.as_str() {
                "ledger" => translation.ledger = self.whole(&part.piece)?,
                "issues" => translation.issues = self.whole(&part.piece)?,
                "acknowledgement" => translation.acknowledgement = Some(self.stored(part)?),
                rows::OUTPUT_PIECE => translation.pieces.push(piece(&part, PieceKind::Outputs)?),
                rows::LEDGER_PIECE => translation.pieces.push(piece(&part, PieceKind::Ledger)?),
                _ => output(part)?,
            }
        }
        Ok(Some(translation))
    }

    fn stored(&self, made: Made) -> Result<StoredOutput> {
        let bytes = self.whole(&made.piece)?;
        Ok(StoredOutput { name: made.name, media_type: made.media_type, bytes })
    }

    /// The translation kept with a message.
    pub(crate) fn translation(&self, id: &MessageId) -> Result<Option<Translation>> {
        let mut outputs = Vec::new();
        let found = self.gather(id, |part| {
            outputs.push(self.stored(part)?);
            Ok(())
        })?;
        Ok(found.map(|translation| Translation { outputs, ..translation }))
    }

    /// The same without the outputs' bytes.
    pub(crate) fn translation_head(&self, id: &MessageId) -> Result<Option<TranslationHead>> {
        let mut outputs = Vec::new();
        let found = self.gather(id, |part| {
            let Made { piece, name, media_type, .. } = part;
            outputs.push(OutputFacts { name, media_type, size: piece.size });
            Ok(())
        })?;
        Ok(found.map(|translation| TranslationHead { translation, outputs }))
    }

    /// What its outputs and issues are kept under.
    pub(crate) fn translation_digests(&self, id: &MessageId) -> Result<Option<TranslationDigests>> {
        let (head, parts) = self.read(|conn| parts(conn, id))?;
        let mut digests = TranslationDigests::default();
        for part in parts {
            match part.role.as_str() {
                "issues" => digests.issues = part.piece.sha256,
                "output" => digests.outputs.push(part.piece.sha256),
                _ => {}
            }
        }
        Ok(head.map(|_| digests))
    }

    /// One part that a translation made, by role and number (from 1).
    fn one(&self, id: &MessageId, role: &str, number: u64) -> Result<Option<Made>> {
        let Ok(number) = i64::try_from(number) else { return Ok(None) };
        self.read(|conn| {
            let Some(key) = rows::part_key(owner(conn, id)?, role, number) else { return Ok(None) };
            let sql = format!("SELECT {}, role, name, media_type FROM part WHERE id=?1", rows::PIECE);
            Ok(rows::all(conn, &sql, [key], made)?.pop())
        })
    }

    /// One output, from 0.
    pub(crate) fn output(&self, id: &MessageId, number: u64) -> Result<Option<StoredOutput>> {
        let found = self.one(id, "output", number.saturating_add(1))?;
        found.map(|part| self.stored(part)).transpose()
    }

    /// The bytes of one piece, from 0.
    pub(crate) fn piece(&self, id: &MessageId, kind: PieceKind, number: u32) -> Result<Option<Vec<u8>>> {
        let found = self.one(id, rows::piece_role(kind), u64::from(number) + 1)?;
        found.map(|part| self.whole(&part.piece)).transpose()
    }

    /// Content files that a translation replaces: only a replay finds an earlier one.
    pub(crate) fn replaced_files(&self, lease: &Lease, effects: &Effects) -> Result<Vec<Checksum>> {
        if !lease.item.work.replay || effects.translation.is_none() {
            return Ok(Vec::new());
        }
        let (_, parts) = self.read(|conn| parts(conn, &lease.item.message))?;
        Ok(parts.into_iter().filter(|p| p.piece.in_file).map(|p| p.piece.sha256).collect())
    }

    /// A message's first events and those of the first messages derived from it, so many of each, in commit order.
    pub(crate) fn timeline_start(&self, id: &MessageId, limit: usize) -> Result<Vec<Event>> {
        // A derived message's events come after its acceptance, so the first events are of the first messages.
        const SQL: &str = "WITH derived AS MATERIALIZED (
               SELECT seq, id, accepted_event, received_at, sender, door FROM message
               WHERE linked=?1 AND id<>?1 ORDER BY seq LIMIT ?2)
             SELECT * FROM (
               SELECT e.seq, e.at, m.id, e.kind, e.actor, e.detail FROM message m JOIN event e ON e.owner=m.seq
               WHERE m.id=?1 ORDER BY e.seq LIMIT ?2)
             UNION ALL SELECT accepted_event, received_at, id, 'accepted', sender, door FROM message
             WHERE id=?1 AND accepted_event IS NOT NULL
             UNION ALL SELECT * FROM (
               SELECT e.seq, e.at, m.id, e.kind, e.actor, e.detail FROM derived m JOIN event e ON e.owner=m.seq
               UNION ALL SELECT accepted_event, received_at, id, 'accepted', sender, door FROM derived
               WHERE accepted_event IS NOT NULL ORDER BY 1 LIMIT ?2)
             ORDER BY 1";
        self.read(|conn| rows::all(conn, SQL, params![id.as_str(), limit], event))
    }
}

/// An event of a timeline, from its columns.
pub(crate) fn event(row: &rusqlite::Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        seq: rows::count(row, 0)?,
        at: rows::time(row, 1)?,
        message: rows::stored(2, row.get_ref(2)?.as_str()?, |t| MessageId::new(t).ok())?,
        event: NewEvent { kind: EventKind(row.get(3)?), actor: row.get(4)?, detail: row.get(5)? },
    })
}
