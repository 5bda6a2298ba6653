//! A translation that is too large for memory, in pieces: compressed content files of some megabytes, each with
//! several bundles or a stretch of the ledger.
//!
//! A piece of bundles is, unpacked, for each bundle a line of JSON that says its name and length, then the bundle and
//! a line feed; a piece of the ledger is its items as JSON, with `,` and a line feed between them. `zcat` reads both.

use std::io::{Read as _, Write as _};

use causeway_access::OpenedMessage;
use causeway_exchange::{
    EngineError, MessageId, OutputFacts, Piece, PieceKind, Staged, StoredOutput, Translation, TranslationHead,
};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::limits::{LEDGER_ITEM_BYTES, PIECE_UNPACKED_MAX};
use crate::state::AppState;

/// A bundle with what routing asks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bundle.
    pub(crate) output: StoredOutput,
    /// What happened, in the format's words.
    pub(crate) event: String,
    /// Whom the source addresses.
    pub(crate) recipient: Option<String>,
}

/// The line before a bundle.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    media_type: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    bytes: usize,
}

/// A piece being filled.
#[derive(Debug)]
pub(super) struct Filling {
    kind: PieceKind,
    first: u64,
    count: u64,
    text: Vec<u8>,
}

impl Filling {
    pub(super) fn new(kind: PieceKind) -> Self {
        Self { kind, first: 0, count: 0, text: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// All items so far, in this piece and those before it.
    pub(super) fn total(&self) -> u64 {
        self.first + self.count
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// Makes room for items of the ledger, up to `limit` bytes.
    pub(super) fn reserve(&mut self, items: usize, limit: usize) {
        self.text.reserve(items.saturating_mul(LEDGER_ITEM_BYTES).min(limit));
    }

    /// Adds a bundle.
    pub(super) fn push(&mut self, entry: Entry) {
        let Entry { output, event, recipient } = entry;
        let StoredOutput { name, media_type, bytes } = output;
        let line = Line { name, media_type, event, recipient, bytes: bytes.len() };
        // Writing text into memory does not fail.
        drop(serde_json::to_writer(&mut self.text, &line));
        self.text.push(b'\n');
        self.text.extend_from_slice(&bytes);
        self.text.push(b'\n');
        self.count += 1;
    }

    /// Adds what `write` writes as an item of the ledger.
    pub(super) fn item(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count > 0 {
            self.text.extend_from_slice(b",\n");
        }
        write(&mut self.text);
        self.count += 1;
    }

    /// What is in it, and an empty one that goes on after it.
    pub(super) fn next(&mut self) -> Self {
        let next = Self { kind: self.kind, first: self.total(), count: 0, text: Vec::new() };
        std::mem::replace(self, next)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) fn stage(self, state: &AppState) -> Result<Piece, EngineError> {
        let failed = |_| EngineError::Storage("a piece could not be packed".to_owned());
        let mut packed = GzEncoder::new(Vec::with_capacity(self.text.len() / 8), Compression::fast());
        packed.write_all(&self.text).map_err(failed)?;
        let packed = packed.finish().map_err(failed)?;
        let content: Staged = state.engine.stage(&mut packed.as_slice(), packed.len() as u64)?;
        Ok(Piece { kind: self.kind, first: self.first, count: self.count, content })
    }
}

fn corrupt() -> EngineError {
    EngineError::Corrupt("piece of a translation")
}

fn unpacked(
    state: &AppState,
    id: &MessageId,
    kind: PieceKind,
    number: u32,
) -> Result<Option<Vec<u8>>, EngineError> {
    state.contents.piece(id, kind, number)?.as_deref().map(unpack).transpose()
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, EngineError> {
    let mut text = Vec::new();
    GzDecoder::new(packed).take(PIECE_UNPACKED_MAX).read_to_end(&mut text).map_err(|_| corrupt())?;
    Ok(text)
}

/// Calls `f` with the line and bytes of each bundle of a piece.
fn each(text: &[u8], mut f: impl FnMut(Line, &[u8])) -> Result<(), EngineError> {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(corrupt)?;
        let (line, after) = rest.split_at(end);
        let line: Line = serde_json::from_slice(line).map_err(|_| corrupt())?;
        let bytes = after.get(1..=line.bytes).ok_or_else(corrupt)?;
        rest = after.get(line.bytes + 2..).ok_or_else(corrupt)?;
        f(line, bytes);
    }
    Ok(())
}

/// The bundles of one piece, from 0; `None` where there is no such piece.
///
/// # Errors
/// What the engine says; [`EngineError::Corrupt`] where the piece can't be read.
pub(crate) fn bundles(
    state: &AppState,
    id: &MessageId,
    number: u32,
) -> Result<Option<Vec<Entry>>, EngineError> {
    let Some(text) = unpacked(state, id, PieceKind::Outputs, number)? else { return Ok(None) };
    let mut entries = Vec::new();
    each(&text, |line, bytes| {
        let Line { name, media_type, event, recipient, .. } = line;
        let output = StoredOutput { name, media_type, bytes: bytes.to_vec() };
        entries.push(Entry { output, event, recipient });
    })?;
    Ok(Some(entries))
}

/// One stretch of the ledger, from 0: its items as JSON with commas between.
///
/// # Errors
/// As [`bundles`].
pub(crate) fn items(state: &AppState, id: &MessageId, number: u32) -> Result<Option<Vec<u8>>, EngineError> {
    unpacked(state, id, PieceKind::Ledger, number)
}

/// Which piece holds an output, and which of that piece it is.
fn place(translation: &Translation, number: u64) -> Option<(u32, usize)> {
    let pieces = || (0..).zip(translation.pieces_of(PieceKind::Outputs));
    let (at, piece) = pieces().find(|(_, p)| number >= p.first && number - p.first < p.count)?;
    Some((at, usize::try_from(number - piece.first).ok()?))
}

/// One bundle of a translation (from 0), wherever it is kept.
///
/// # Errors
/// As [`bundles`].
pub(crate) fn bundle(
    state: &AppState,
    id: &MessageId,
    translation: &Translation,
    number: u64,
) -> Result<Option<StoredOutput>, EngineError> {
    if translation.pieces.is_empty() {
        return state.contents.output(id, number);
    }
    let Some((piece, at)) = place(translation, number) else { return Ok(None) };
    let Some(text) = unpacked(state, id, PieceKind::Outputs, piece)? else { return Ok(None) };
    nth(&text, at)
}

/// The same of a message that is open to be read.
///
/// # Errors
/// As [`bundles`].
pub fn opened_bundle(
    opened: &OpenedMessage,
    translation: &Translation,
    number: u64,
) -> Result<Option<StoredOutput>, EngineError> {
    if translation.pieces.is_empty() {
        return opened.output(number);
    }
    let Some((piece, at)) = place(translation, number) else { return Ok(None) };
    let Some(packed) = opened.piece(PieceKind::Outputs, piece)? else { return Ok(None) };
    nth(&unpack(&packed)?, at)
}

/// One bundle of an unpacked piece.
fn nth(text: &[u8], at: usize) -> Result<Option<StoredOutput>, EngineError> {
    let (mut seen, mut found) = (0, None);
    each(text, |line, bytes| {
        if seen == at {
            let Line { name, media_type, .. } = line;
            found = Some(StoredOutput { name, media_type, bytes: bytes.to_vec() });
        }
        seen += 1;
    })?;
    Ok(found)
}

/// Names and sizes of up to `limit` bundles from number `from` (from 0) on. Of a translation in pieces no more than
/// the next two pieces are read, so there may be fewer.
///
/// # Errors
/// As [`bundles`].
pub(crate) fn facts(
    state: &AppState,
    id: &MessageId,
    head: &TranslationHead,
    from: u64,
    limit: usize,
) -> Result<Vec<OutputFacts>, EngineError> {
    if head.translation.pieces.is_empty() {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        return Ok(head.outputs.iter().skip(from).take(limit).cloned().collect());
    }
    let mut found = Vec::new();
    let Some((piece, mut skip)) = place(&head.translation, from) else { return Ok(found) };
    for number in [piece, piece + 1] {
        let Some(text) = unpacked(state, id, PieceKind::Outputs, number)? else { break };
        each(&text, |line, _| {
            if skip > 0 {
                skip -= 1;
            } else if found.len() < limit {
                let Line { name, media_type, bytes, .. } = line;
                found.push(OutputFacts { name, media_type, size: bytes as u64 });
            }
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_come_back_as_they_went_in() {
        let entry = |name: &str, bytes: &[u8], recipient: Option<&str>| Entry {
            output: StoredOutput {
                name: name.to_owned(),
                media_type: "text/plain".to_owned(),
                bytes: bytes.to_vec(),
            },
            event: "Service".to_owned(),
            recipient: recipient.map(str::to_owned),
        };
        let entries = [entry("row 2", b"{\n}", None), entry("a\n\"b\"", b"", Some("ZZ901"))];
        let mut filling = Filling::new(PieceKind::Outputs);
        entries.iter().cloned().for_each(|e| filling.push(e));
        let full = filling.next();
        assert_eq!((full.count(), filling.total(), filling.len()), (2, 2, 0));
        let mut seen = Vec::new();
        each(full.text(), |line, bytes| {
            let Line { name, media_type, event, recipient, .. } = line;
            let output = StoredOutput { name, media_type, bytes: bytes.to_vec() };
            seen.push(Entry { output, event, recipient });
        })
        .unwrap();
        assert_eq!(seen, entries);
        let cut = full.text().get(..full.len() - 1).unwrap();
        assert!(each(cut, |_, _| ()).is_err(), "a piece that ends early is no piece");
    }

    #[test]
    fn the_piece_of_a_bundle_is_found_by_its_number() {
        let content = Staged { sha256: [0; 32], size: 1 };
        let piece = |kind, first, count| Piece { kind, first, count, content };
        let translation = Translation {
            pieces: vec![
                piece(PieceKind::Outputs, 0, 5),
                piece(PieceKind::Outputs, 5, 2),
                piece(PieceKind::Ledger, 0, 90),
            ],
            ..Translation::default()
        };
        let found = [0, 4, 5, 6, 7].map(|n| place(&translation, n));
        assert_eq!(found, [Some((0, 0)), Some((0, 4)), Some((1, 0)), Some((1, 1)), None]);
    }
}
