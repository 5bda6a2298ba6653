//! Limits of one GP2GP message, beside those of XML (`causeway_xml::limits`).

/// Bytes of one attachment after decompression. A larger one is kept out, and an issue says so.
pub const ATTACHMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Parts of one multi-part message.
pub const PARTS_MAX: usize = 4096;

/// Statements within statements.
pub const NESTING_MAX: usize = 64;

/// Characters of an `id` that are used as a key; a longer one is no identifier.
pub const ID_CHARS_MAX: usize = 128;

/// Bytes at the start of an input that are looked at to recognise the format.
pub const DETECT_BYTES: usize = 4096;
