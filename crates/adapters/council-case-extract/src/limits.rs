//! Limits of this format.

/// Bytes of one record, line end included; a longer one is refused and the next line goes on. Case notes are
/// long.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Cells of one record that are looked at.
pub const CELLS_MAX: usize = 64;

/// Rows of one extract.
pub const ROWS_MAX: usize = 5_000_000;

/// Rows of one person and one table that are translated; later ones are refused.
pub const ROWS_PER_PERSON_MAX: usize = 5_000;

/// Years of age beyond which a date of birth is taken for a filler.
pub const AGE_YEARS_MAX: i16 = 115;

/// Bytes that are looked at to detect the format.
pub const HEAD_BYTES: usize = 16 * 1024;
