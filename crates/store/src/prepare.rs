//! What the caller's own thread does before the writer sees a request: hashing, and flushing large content
//! into files. The writer then only writes rows.

use crate::blobs::Pin;
use crate::fault::Result;
use crate::limits;
use crate::rows;
use crate::shared::Shared;
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    Accept, Effects, EngineError, NewMessage, Payload, Piece, PieceKind, Staged, StoredOutput, Translation,
};
use causeway_exchange::{IdempotencyKey, TranslationSummary};
use sha2::{Digest, Sha256};

/// Digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Checksum {
    Sha256::digest(bytes).into()
}

/// Content of a row as it was given, with the digest that it must have; `None` where it has another. What is shorter
/// than the content's size is packed.
pub(crate) fn verified(bytes: Vec<u8>, size: u64, digest: &Checksum) -> Option<Vec<u8>> {
    let bytes = match usize::try_from(size) {
        Ok(size) if bytes.len() < size => causeway_pack::unpack(&bytes, size).ok()?,
        _ => bytes,
    };
    (sha256(&bytes) == *digest).then_some(bytes)
}

/// Content ready to be named by a row.
pub(crate) struct Part {
    pub(crate) role: &'static str,
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) sha256: Checksum,
    pub(crate) size: u64,
    /// Packed where that is shorter; `None`: in its file.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Keeps the file until the row is committed.
    pub(crate) _pin: Option<Pin>,
}

/// An accept, ready for the writer.
pub(crate) struct ReadyAccept {
    pub(crate) message: NewMessage,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) body: Option<Part>,
    pub(crate) effects: ReadyEffects,
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
    pub(crate) parts: Vec<Part>,
}

impl ReadyAccept {
    /// Whether the writer may refuse it after the message's row is written.
    pub(crate) fn may_be_refused(&self) -> bool {
        self.effects.may_be_refused()
    }
}

impl ReadyEffects {
    /// Whether the writer may refuse them after something is written: a state that may not follow, a message id
    /// in use, an acknowledgement of an unknown message. All else fails only with the database.
    pub(crate) fn may_be_refused(&self) -> bool {
        self.plain.state.is_some()
            || self.plain.failure.is_some()
            || !self.plain.settled.is_empty()
            || !self.messages.is_empty()
    }
}

impl Shared {
    /// Content for a row of this role.
    pub(crate) fn ready_part(&self, role: &'static str, number: i64, bytes: Vec<u8>) -> Result<Part> {
        let sha256 = sha256(&bytes);
        let size = bytes.len() as u64;
        let (bytes, pin) = if bytes.len() > self.options.inline {
            let pin = self.blobs.put(sha256, &bytes).inspect_err(|e| self.stop_if_failed(e))?;
            (None, Some(pin))
        } else {
            (Some(causeway_pack::pack(&bytes).unwrap_or(bytes)), None)
        };
        let (name, media_type) = (String::new(), String::new());
        Ok(Part { role, number, name, media_type, sha256, size, bytes, _pin: pin })
    }

    /// A payload as a part; `None` without one.
    pub(crate) fn ready_payload(&self, number: i64, payload: Payload) -> Result<Option<Part>> {
        match payload {
            Payload::None => Ok(None),
            Payload::Bytes(bytes) => self.ready_part("body", number, bytes).map(Some),
            Payload::Staged(staged) => self.ready_staged("body", number, &staged).map(Some),
        }
    }

    /// Staged content for a row of this role.
    fn ready_staged(&self, role: &'static str, number: i64, staged: &Staged) -> Result<Part> {
        let pin = self.blobs.pin(staged.sha256);
        self.blobs.release_staged(&staged.sha256);
        let found = std::fs::metadata(self.blobs.path(&staged.sha256)).map(|m| m.len());
        if found.ok() != Some(staged.size) {
            return Err(EngineError::NotFound("staged content"));
        }
        Ok(Part {
            role,
            number,
            name: String::new(),
            media_type: String::new(),
            sha256: staged.sha256,
            size: staged.size,
            bytes: None,
            _pin: Some(pin),
        })
    }

    /// A translation's pieces, numbered within their kind. Where they lie in the whole is in their name.
    fn ready_pieces(&self, pieces: &[Piece], parts: &mut Vec<Part>) -> Result<()> {
        for kind in [PieceKind::Outputs, PieceKind::Ledger] {
            for (number, piece) in (1..).zip(pieces.iter().filter(|p| p.kind == kind)) {
                let mut part = self.ready_staged(rows::piece_role(kind), number, &piece.content)?;
                part.name = format!("{} {}", piece.first, piece.count);
                parts.push(part);
            }
        }
        Ok(())
    }

    pub(crate) fn ready_accept(&self, accept: Accept, depth: usize) -> Result<ReadyAccept> {
        if depth > limits::MAX_DERIVED_DEPTH {
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
            let mut part = self.ready_part(role, number, output.bytes)?;
            part.name = output.name;
            part.media_type = output.media_type;
            parts.push(part);
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
        self.ready_pieces(&translation.pieces, &mut parts)?;
        Ok(ReadyTranslation {
            adapter: translation.adapter,
            format: translation.format,
            version: translation.version,
            summary: translation.summary,
            parts,
        })
    }

    /// A failed flush anywhere stops accepting.
    pub(crate) fn stop_if_failed(&self, error: &EngineError) {
        if let EngineError::Stopped(why) = error {
            self.stop(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_what_its_digest_says_packed_or_as_earlier_programs_kept_it() {
        let text = "{\"resourceType\":\"Bundle\",\"entry\":[]}".repeat(20).into_bytes();
        let (size, digest) = (text.len() as u64, sha256(&text));
        let packed = causeway_pack::pack(&text).expect("smaller");
        let mut damaged = packed.clone();
        damaged.pop();
        let mut changed = text.clone();
        changed[0] = b'[';
        // A content that is itself what packing makes is given as it is.
        let (own, own_size, own_digest) = (packed.clone(), packed.len() as u64, sha256(&packed));
        assert_eq!(verified(own.clone(), own_size, &own_digest), Some(own));
        assert_eq!(verified(text.clone(), size, &digest), Some(text.clone()));
        assert_eq!(verified(packed, size, &digest), Some(text));
        for bad in [damaged, changed, Vec::new()] {
            assert_eq!(verified(bad, size, &digest), None);
        }
    }
}
