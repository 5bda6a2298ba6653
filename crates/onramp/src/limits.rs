//! Limits of the on-ramp.

/// Characters of a note.
pub const NOTE_CHARS_MAX: usize = 4000;
/// Bytes of a note's record: its words, what stands around them, and each character escaped.
pub const NOTE_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of an uploaded file.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Rows of an uploaded file, help and blank rows not counted.
pub const ROWS_MAX: usize = 2000;
/// Cells of one row; what is beyond is counted as one.
pub const CELLS_MAX: usize = 100;
/// Seconds for which a form may be filled in.
pub const FORM_SECONDS: i64 = 24 * 60 * 60;
/// Rows of a file that are being made durable at a time.
pub const ROWS_AT_ONCE: usize = 32;
/// Rows whose end is shown on a page (keeps it under 100 kB).
pub const ROWS_SHOWN: usize = 250;
/// Messages of one note that are looked at for one that is still there.
pub const VERSIONS_LOOKED_AT: usize = 20;
