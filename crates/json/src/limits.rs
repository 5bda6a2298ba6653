//! Limits of a JSON document.

/// Levels of nesting.
pub const DEPTH_MAX: usize = 96;

/// Values in one document, containers included.
pub const NODES_MAX: usize = 8_000_000;

/// Different member names in one document.
pub const NAMES_MAX: usize = 1_000_000;
