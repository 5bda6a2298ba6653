//! Limits of prescription messages.

/// Bytes at the front of an input in which its root and interaction must show.
pub const DETECT_BYTES: usize = 4096;

/// Medicines listed in the instructions of one item.
pub const LISTED_MAX: usize = 200;
