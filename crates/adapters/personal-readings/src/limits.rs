//! Named limits of this format.

/// Bytes at the head of an input in which the heading is looked for.
pub const HEAD_BYTES: usize = 16 * 1024;

/// Rows above the heading that may say whose readings and from which device.
pub const PREAMBLE_ROWS: usize = 20;

/// Rows of a file; a meter that measures every five minutes fills as many in more than a year.
pub const ROWS_MAX: usize = 200_000;
