//! Limits of GP summaries.

/// Bytes at the front of an input in which its root and interaction must show.
pub const DETECT_BYTES: usize = 4096;

/// Levels of markup within a narrative that are kept as markup; what lies deeper is kept as text.
pub const NARRATIVE_DEPTH_MAX: usize = 40;
