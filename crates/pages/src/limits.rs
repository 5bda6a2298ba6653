//! Limits of the pages, each with its unit and the reason for it.

/// Source items on one side-by-side page (keeps it under [`PAGE_BYTES_MAX`]).
pub const EXPLAIN_ITEMS: usize = 100;
/// Bytes of one source item or stretch between items shown on a page.
pub const EXPLAIN_TEXT_MAX: usize = 600;
/// Bytes of source shown on one side-by-side page.
pub const EXPLAIN_SOURCE_MAX: usize = 24 * 1024;
/// Bytes of one HTML page that we hold ourselves to.
pub const PAGE_BYTES_MAX: usize = 100 * 1000;
/// Bytes of a message that a page reads to show it.
pub const PAGE_MESSAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;
