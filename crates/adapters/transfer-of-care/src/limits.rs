//! Named limits of this format.

/// Bytes at the front of an input in which it must show what it is.
pub const DETECT_BYTES: usize = 64 * 1024;
