//! Limits of a JSON document.

/// Levels of nesting.
pub const DEPTH_MAX: usize = 96;

/// Values in one document, containers included.
pub const NODES_MAX: usize = 8_000_000;

/// Different member names in one document.
pub const NAMES_MAX: usize = 1_000_000;

/// Bytes of a document from which on its values are counted before it is read.
pub const COUNTED_BYTES: usize = 256 * 1024;
