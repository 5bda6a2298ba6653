//! Limits of local maps.

/// Rows of one table.
pub const ROWS_MAX: usize = 200_000;

/// Bytes of one file of a map.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Characters of one cell.
pub const CELL_CHARS_MAX: usize = 1_000;

/// Characters of a map's name.
pub const NAME_CHARS_MAX: usize = 64;

/// Faults that are listed of one file.
pub const FAULTS_MAX: usize = 50;

/// Names and versions that one process may meet in its life; they are kept for good.
pub const LABELS_MAX: usize = 10_000;

/// Codings that maps add to one concept.
pub const CODINGS_ADDED_MAX: usize = 4;
