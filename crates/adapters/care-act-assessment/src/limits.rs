//! Limits of MAIS records. The standard sets none for text; these keep a hostile document small.

/// Bytes at the front of an input in which the format must show.
pub const DETECT_BYTES: usize = 8192;

/// Characters of one text.
pub const TEXT_CHARS_MAX: usize = 20_000;

/// Values of one property.
pub const VALUES_MAX: usize = 2_000;

/// Records of one graph.
pub const RECORDS_MAX: usize = 200_000;

/// Levels of a placement that are written: the standard has two.
pub const PLACEMENT_DEPTH_MAX: usize = 8;
