//! What a reference names, and the form of types and ids.

use crate::limits;
use crate::model::Key;

/// Whether it can be a FHIR type: letters, the first a capital.
pub(crate) fn is_type(text: &str) -> bool {
    text.len() <= limits::ID_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether it is a FHIR id: 1 to 64 of `A-Z a-z 0-9 - .`.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=limits::ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// The type and id that a reference names: relative or absolute, with or without a version.
pub(crate) fn key_of(reference: &str) -> Option<Key> {
    let path = reference.split_once("/_history/").map_or(reference, |(path, _)| path);
    let mut parts = path.rsplit('/');
    let id = parts.next()?;
    let kind = parts.next()?;
    (is_type(kind) && is_id(id)).then(|| Key::new(kind, id))
}
