//! The bytes of a message as its adapter reads them.

use std::io::Read;

use causeway_exchange::{Content, EngineError, Message};
use flate2::read::MultiGzDecoder;

use crate::limits::INFLATE_RATIO_MAX;
use crate::state::AppState;

/// A message's content with its transport compression undone. Bounded by the message limit and by
/// [`INFLATE_RATIO_MAX`].
///
/// # Errors
/// What the engine says; [`EngineError::Invalid`] where the compression is broken or not known.
pub fn read(state: &AppState, message: &Message) -> Result<Content, EngineError> {
    let limit = state.config.limits.message_bytes;
    let content = state.engine.content(&message.new.id, limit)?;
    match message.new.content_encoding.as_deref().map(str::trim) {
        None | Some("" | "identity") => Ok(content),
        Some(name) if name.eq_ignore_ascii_case("gzip") => {
            let limit = limit.min((content.bytes.len() as u64).saturating_mul(INFLATE_RATIO_MAX));
            let mut bytes = Vec::new();
            MultiGzDecoder::new(&*content.bytes)
                .take(limit + 1)
                .read_to_end(&mut bytes)
                .map_err(|_| EngineError::Invalid("content is not valid gzip"))?;
            if bytes.len() as u64 > limit {
                return Err(EngineError::Invalid("content unpacks to more than the limit"));
            }
            Ok(Content { bytes, sha256: content.sha256 })
        }
        Some(_) => Err(EngineError::Invalid("content encoding is not known")),
    }
}
