//! Limits that hold for every format. A format has its own beside these, in its `limits.rs`.

/// Bytes of one input that is translated in one piece. A larger one is refused before it is read.
pub const INPUT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// From this size on, an input's separators or marks are counted before it is read, so that memory is made once for as many
/// values: a list that doubles holds what it had twice.
pub const COUNTED_BYTES: usize = 256 * 1024;

/// Source items that one ledger batch may hold; ids are 32-bit.
pub const ITEMS_MAX: usize = u32::MAX as usize - 1;

/// Different reasons that one ledger tells apart, less one.
pub const REASONS_MAX: usize = u16::MAX as usize;

/// Issues that one translation keeps in full. Later ones are counted, and one issue says how many.
pub const ISSUES_MAX: usize = 10_000;

/// Different sentences that one translation keeps beyond [`ISSUES_MAX`], each with how often it was told.
pub const BEYOND_MAX: usize = 1_000;

/// Characters of a rendered position. Longer ones are cut in the middle.
pub const POSITION_CHARS_MAX: usize = 512;
