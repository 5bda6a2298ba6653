//! Bounds on the work of a run.

/// Largest file taken from a package, in bytes.
pub const PACKAGE_FILE_MAX: u64 = 64 * 1024 * 1024;
/// Largest package, unpacked, in bytes.
pub const PACKAGE_MAX: u64 = 1024 * 1024 * 1024;
/// Most files of a package.
pub const PACKAGE_FILES_MAX: usize = 100_000;
/// Documents up to this many bytes are checked whole; a larger Bundle is checked entry by entry.
pub const WHOLE_MAX: usize = 16 * 1024 * 1024;
/// Longest line of NDJSON, and largest entry of a Bundle that is read in parts, in bytes.
pub const PART_MAX: usize = 64 * 1024 * 1024;
/// Most codes or rules that one report lists for a kind of thing that was not checked.
pub const LISTED_MAX: usize = 20;
