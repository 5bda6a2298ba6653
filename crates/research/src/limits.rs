//! Limits of views and extracts.

/// Rows that one resource may make in a view.
pub const ROWS_MAX: usize = 100_000;

/// Levels that `repeat` may walk.
pub const REPEAT_DEPTH_MAX: usize = 64;

/// Levels of nested `select` in a view.
pub const SELECT_DEPTH_MAX: usize = 16;

/// Columns of a view.
pub const COLUMNS_MAX: usize = 500;

/// Rows of one group of a Parquet file: what is held in memory.
pub const GROUP_ROWS: usize = 32_768;

/// Smallest count that an extract shows, where a project says nothing.
pub const SMALL_CELL: u64 = 5;

/// People whose places are read at a time.
pub const PEOPLE_READ: usize = 1_000;

/// Resources of one person: an extract stops where there are more, for it would leave some out without a word.
pub const RESOURCES_MAX: usize = 200_000;

/// Cells of one table of counts.
pub const CELLS_MAX: usize = 1_000_000;

/// People of one block of files where nothing else is said: as much as a killed extract has to do again.
pub const BLOCK_PEOPLE: usize = 10_000;

/// Consents that are read for one extract.
pub const CONSENTS_MAX: usize = 1_000_000;

/// Concepts of a vocabulary folder that are kept: a whole one of OHDSI's has about ten million, those of the code systems
/// here about two.
pub const CONCEPTS_MAX: usize = 8_000_000;

/// People of one file of a Bulk Data export.
pub const BULK_PEOPLE: usize = 5_000;

/// Bulk Data exports that wait or are made at a time.
pub const EXPORTS_MAX: usize = 10;
