//! The bytes of a message as its adapter reads them.

use std::io::{self, Read};

use causeway_exchange::{Content, EngineError, Message};
use flate2::read::MultiGzDecoder;

use crate::limits::INFLATE_RATIO_MAX;
use crate::state::AppState;

/// What is said of gzip that grows beyond [`INFLATE_RATIO_MAX`] times its size, or beyond the largest message.
pub(super) const UNPACKS_TOO_MUCH: &str =
    "the compressed content unpacks to more than 200 times its size, or to more than the largest message";

/// A message's content as a stream, with its transport compression undone. It ends with an error beyond its limit.
pub struct Source {
    reader: Box<dyn Read + Send>,
    packed: bool,
    left: u64,
    /// SHA-256 of the content as it is kept.
    sha256: [u8; 32],
    /// Bytes to come, as far as they are known beforehand.
    pub(super) hint: u64,
}

/// Opens a message's content. At most `limit` bytes come out of it, and at most [`INFLATE_RATIO_MAX`] times what is
/// kept.
///
/// # Errors
/// What the engine says, [`EngineError::TooLarge`] where it is known to be beyond the limit;
/// [`EngineError::Invalid`] where the compression is not known.
pub(super) fn open(state: &AppState, message: &Message, limit: u64) -> Result<Source, EngineError> {
    let packed = match message.new.content_encoding.as_deref().map(str::trim) {
        None | Some("" | "identity") => false,
        Some(name) if name.eq_ignore_ascii_case("gzip") => true,
        Some(_) => return Err(EngineError::Invalid("content encoding is not known")),
    };
    let payload = state.contents.payload(&message.new.id)?;
    if payload.size > limit {
        return Err(EngineError::TooLarge(limit));
    }
    let (sha256, size) = (payload.sha256, payload.size);
    if packed {
        return Ok(Source { sha256, ..unpack(payload.reader, size, limit) });
    }
    Ok(Source { reader: payload.reader, packed, left: limit, sha256, hint: size })
}

/// Undoes the compression of `size` bytes of gzip: at most `limit` bytes come out, and at most [`INFLATE_RATIO_MAX`]
/// times as many as went in; beyond either, reading fails.
pub fn unpack(packed: Box<dyn Read + Send>, size: u64, limit: u64) -> Source {
    let reader = Box::new(MultiGzDecoder::new(io::BufReader::new(packed)));
    let left = limit.min(size.saturating_mul(INFLATE_RATIO_MAX));
    Source { reader, packed: true, left, sha256: [0; 32], hint: size }
}

impl Source {
    /// Reads on into `bytes` until there are `most` of them, or the end.
    ///
    /// # Errors
    /// As [`Source::cause`] tells them.
    pub(super) fn read_up_to(&mut self, bytes: &mut Vec<u8>, most: u64) -> Result<(), EngineError> {
        let wanted = most.saturating_sub(bytes.len() as u64);
        bytes.reserve(usize::try_from(self.hint.min(wanted)).unwrap_or(0));
        match self.take(wanted).read_to_end(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(cause(&error)),
        }
    }
}

/// What a failed read of a [`Source`] means.
pub(super) fn cause(error: &io::Error) -> EngineError {
    let own = error.get_ref().and_then(|inner| inner.downcast_ref::<EngineError>());
    own.cloned().unwrap_or(EngineError::Corrupt("payload"))
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer).map_err(|error| {
            let own = error.get_ref().is_some_and(|inner| inner.is::<EngineError>());
            if self.packed && !own {
                return io::Error::other(EngineError::Invalid("content is not valid gzip"));
            }
            error
        })?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(EngineError::Invalid(UNPACKS_TOO_MUCH)))?;
        Ok(count)
    }
}

/// A message's whole content in memory, with its transport compression undone: up to `limits.whole_bytes`.
///
/// # Errors
/// What the engine says; [`EngineError::Invalid`] where the compression is broken or not known.
pub fn read(state: &AppState, message: &Message) -> Result<Content, EngineError> {
    read_within(state, message, state.config.limits.whole_bytes)
}

/// The same with a limit of the caller's.
///
/// # Errors
/// As [`read`].
pub fn read_within(state: &AppState, message: &Message, limit: u64) -> Result<Content, EngineError> {
    let mut source = open(state, message, limit)?;
    let mut bytes = Vec::new();
    source.read_up_to(&mut bytes, u64::MAX)?;
    Ok(Content { bytes, sha256: source.sha256 })
}
