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
