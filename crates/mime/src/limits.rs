//! Limits of one envelope.

/// Parts of one multi-part message; more are not looked at.
pub const PARTS_MAX: usize = 4096;

/// Bytes at the start of an input within which its boundary must stand.
pub const HEAD_BYTES: usize = 4096;
