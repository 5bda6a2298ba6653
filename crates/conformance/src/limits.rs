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
/// Most cases of a suite.
pub const CASES_MAX: usize = 1_000;
/// Most steps of a case.
pub const STEPS_MAX: usize = 100;
/// Most times that a case is run for values that an endpoint gave.
pub const EACH_MAX: usize = 400;
/// Most bytes of one answer that a run reads.
pub const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// Most resources that are read back of a transfer.
pub const COLLECTED_MAX: usize = 20_000;
/// Most characters of a value that a report shows.
pub const SHOWN_CHARS_MAX: usize = 120;
/// Most broken facts that a report lists for a case.
pub const BROKEN_MAX: usize = 50;
/// Milliseconds between two tries of a step that waits.
pub const RETRY_MS: u64 = 250;
/// Milliseconds that answers over MLLP are waited for, unless a suite says otherwise.
pub const MLLP_WAIT_MS: u64 = 5_000;
/// Most acts of a client under test that one step takes.
pub const LISTENED_MAX: usize = 2_000;
