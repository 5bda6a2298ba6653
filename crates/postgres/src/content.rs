//! Large content in pieces, and what is made ready before the writer sees a request. Content is durable before a row
//! names it, so that one commit of the writer is small.

use crate::conn::{Conn, count, digest, get, p};
use crate::fault::{Result, io};
use crate::limits;
use crate::rows;
use crate::shared::Shared;
use causeway_exchange::message::{Checksum, Staged};
use causeway_exchange::{
    Accept, Effects, EngineError, IdempotencyKey, NewMessage, Payload, PieceKind, StoredOutput, Translation,
    TranslationSummary,
};
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read};

pub(crate) use causeway_exchange::hex;

/// Digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Checksum {
    Sha256::digest(bytes).into()
}

/// Content ready to be named by a row.
pub(crate) struct NewPart {
    pub(crate) role: &'static str,
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) sha256: Checksum,
    pub(crate) size: u64,
    /// `None`: staged in `content`.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// An accept, ready for the writer.
pub(crate) struct ReadyAccept {
    pub(crate) message: NewMessage,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) body: Option<NewPart>,
    pub(crate) effects: ReadyEffects,
}

/// What an accept is known by.
pub(crate) struct Names {
    pub(crate) message: String,
    /// Sender and request id.
    pub(crate) key: Option<(String, String)>,
}

impl ReadyAccept {
    /// What it is known by.
    pub(crate) fn names(&self) -> Names {
        Names {
            message: self.message.id.to_string(),
            key: self.key.as_ref().map(|key| (key.sender.clone(), key.request_id.clone())),
        }
    }
}

/// Effects, ready for the writer.
pub(crate) struct ReadyEffects {
    /// Everything else; `translation` and `messages` are moved out.
    pub(crate) plain: Effects,
    pub(crate) translation: Option<ReadyTranslation>,
    pub(crate) messages: Vec<ReadyAccept>,
}

/// A translation, ready for the writer.
pub(crate) struct ReadyTranslation {
    pub(crate) adapter: String,
    pub(crate) format: String,
    pub(crate) version: String,
    pub(crate) summary: TranslationSummary,
    pub(crate) parts: Vec<NewPart>,
}

impl Shared {
    /// Writes content of at most `limit` bytes, a piece in memory at a time; durable when it returns.
    pub(crate) fn stage(&self, content: &mut dyn Read, limit: u64) -> Result<Staged> {
        self.reader()?.transaction(|conn| stage(conn, content, limit))
    }

    /// Content for a row of this role.
    fn ready_part(&self, role: &'static str, number: i64, bytes: Vec<u8>) -> Result<NewPart> {
        let part = |sha256, size, bytes| NewPart {
            role,
            number,
            name: String::new(),
            media_type: String::new(),
            sha256,
            size,
            bytes,
        };
        if bytes.len() > limits::INLINE_BYTES {
            let staged = self.stage(&mut bytes.as_slice(), u64::MAX)?;
            return Ok(part(staged.sha256, staged.size, None));
        }
        Ok(part(sha256(&bytes), bytes.len() as u64, Some(bytes)))
    }

    /// A payload as a part; `None` without one.
    pub(crate) fn ready_payload(&self, number: i64, payload: Payload) -> Result<Option<NewPart>> {
        match payload {
            Payload::None => Ok(None),
            Payload::Bytes(bytes) => self.ready_part("body", number, bytes).map(Some),
            Payload::Staged(staged) => Ok(Some(staged_part("body", number, staged))),
        }
    }

    pub(crate) fn ready_accept(&self, accept: Accept, depth: usize) -> Result<ReadyAccept> {
        if depth > limits::DERIVED_DEPTH_MAX {
            return Err(EngineError::Invalid("derived messages nested too deep"));
        }
        Ok(ReadyAccept {
            message: accept.message,
            key: accept.key,
            body: self.ready_payload(1, accept.payload)?,
            effects: self.ready_effects(accept.effects, depth)?,
        })
    }

    pub(crate) fn ready_effects(&self, mut effects: Effects, depth: usize) -> Result<ReadyEffects> {
        let translation = effects.translation.take().map(|t| self.ready_translation(t)).transpose()?;
        let messages = std::mem::take(&mut effects.messages)
            .into_iter()
            .map(|m| self.ready_accept(m, depth + 1))
            .collect::<Result<_>>()?;
        Ok(ReadyEffects { plain: effects, translation, messages })
    }

    fn ready_translation(&self, translation: Translation) -> Result<ReadyTranslation> {
        let mut parts = Vec::with_capacity(translation.outputs.len() + translation.pieces.len() + 3);
        let mut output = |role, number, output: StoredOutput| {
            let part = self.ready_part(role, number, output.bytes)?;
            parts.push(NewPart { name: output.name, media_type: output.media_type, ..part });
            Ok::<(), EngineError>(())
        };
        for (number, one) in (1..).zip(translation.outputs) {
            output("output", number, one)?;
        }
        if let Some(one) = translation.acknowledgement {
            output("acknowledgement", 1, one)?;
        }
        parts.push(self.ready_part("ledger", 1, translation.ledger)?);
        parts.push(self.ready_part("issues", 1, translation.issues)?);
        // Numbered within their kind; where they lie in the whole is in their name.
        for kind in [PieceKind::Outputs, PieceKind::Ledger] {
            for (number, piece) in (1..).zip(translation.pieces.iter().filter(|p| p.kind == kind)) {
                let part = staged_part(rows::piece_role(kind), number, piece.content);
                parts.push(NewPart { name: format!("{} {}", piece.first, piece.count), ..part });
            }
        }
        Ok(ReadyTranslation {
            adapter: translation.adapter,
            format: translation.format,
            version: translation.version,
            summary: translation.summary,
            parts,
        })
    }
}

fn staged_part(role: &'static str, number: i64, staged: Staged) -> NewPart {
    NewPart {
        role,
        number,
        name: String::new(),
        media_type: String::new(),
        sha256: staged.sha256,
        size: staged.size,
        bytes: None,
    }
}

/// Fills a buffer from a stream as far as there is anything.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(io(&e)),
        }
    }
    Ok(filled)
}

pub(crate) fn stage(conn: &mut Conn, content: &mut dyn Read, limit: u64) -> Result<Staged> {
    let id = conn
        .first("SELECT nextval('content_id')", p![], |r| get::<i64>(r, 0))?
        .ok_or(EngineError::Corrupt("sequence"))?;
    let mut buffer = vec![0u8; limits::PIECE_BYTES];
    let mut hash = Sha256::new();
    let mut size = 0u64;
    for number in 0i64.. {
        let filled = fill(content, &mut buffer)?;
        let Some(bytes) = buffer.get(..filled).filter(|b| !b.is_empty()) else { break };
        size = size.saturating_add(bytes.len() as u64);
        if size > limit {
            return Err(EngineError::TooLarge(limit));
        }
        hash.update(bytes);
        conn.run("INSERT INTO content(id, number, bytes) VALUES ($1,$2,$3)", p![id, number, bytes])?;
    }
    let sha256: Checksum = hash.finalize().into();
    // The same content may be there: then what was just written takes its place, which also heals damage.
    let before =
        conn.first("SELECT id FROM content_head WHERE sha256=$1 FOR UPDATE", p![&sha256[..]], |r| {
            get::<i64>(r, 0)
        })?;
    match before {
        Some(old) => {
            conn.run("DELETE FROM content WHERE id=$1", p![old])?;
            conn.run("UPDATE content_head SET id=$2, staged_at=now() WHERE sha256=$1", p![&sha256[..], id])?;
        }
        None => {
            conn.run(
                "INSERT INTO content_head(sha256, id, size) VALUES ($1,$2,$3)
                 ON CONFLICT (sha256) DO UPDATE SET id=excluded.id, staged_at=now()",
                p![&sha256[..], id, size.cast_signed()],
            )?;
        }
    }
    Ok(Staged { sha256, size })
}

/// Whether large content is there, and as large as said; held to the end of the transaction, so that nobody removes it.
pub(crate) fn hold(conn: &mut Conn, sha256: &Checksum, size: u64) -> Result<()> {
    let sql = "SELECT size FROM content_head WHERE sha256=$1 FOR SHARE";
    match conn.first(sql, p![&sha256[..]], |r| count(r, 0))? {
        Some(found) if found == size => Ok(()),
        _ => Err(EngineError::NotFound("staged content")),
    }
}

/// Removes large content of these digests that no part names.
pub(crate) fn forget(conn: &mut Conn, digests: &[Checksum]) -> Result<()> {
    for sha256 in digests {
        let gone = conn.first(
            "DELETE FROM content_head h WHERE h.sha256=$1
               AND NOT EXISTS (SELECT 1 FROM part p WHERE p.sha256=h.sha256 AND p.bytes IS NULL) RETURNING h.id",
            p![&sha256[..]],
            |r| get::<i64>(r, 0),
        )?;
        if let Some(id) = gone {
            conn.run("DELETE FROM content WHERE id=$1", p![id])?;
        }
    }
    Ok(())
}

/// Digests of large content that was staged long ago and that nothing names.
pub(crate) fn abandoned(conn: &mut Conn) -> Result<Vec<Checksum>> {
    conn.all(
        "SELECT sha256 FROM content_head h WHERE staged_at < now() - make_interval(hours => $1::int)
           AND NOT EXISTS (SELECT 1 FROM part p WHERE p.sha256=h.sha256 AND p.bytes IS NULL) LIMIT 1000",
        p![i32::try_from(limits::STAGED_HOURS).unwrap_or(i32::MAX)],
        |r| digest(r, 0),
    )
}
