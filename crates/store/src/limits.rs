//! The embedded engine's limits, each with its unit and the reason for it.

use std::time::Duration;

/// Content up to so many bytes is kept in the row, larger content in a file: above about 1 MB a file with its
/// own flush is faster than the database (see the benchmark in the exchange's notes).
pub const INLINE_BYTES: usize = 1024 * 1024;
/// Most requests in one commit.
pub const MAX_BATCH: usize = 256;
/// Longest wait for more requests before a commit, where earlier batches held more than one.
pub const BATCH_WAIT: Duration = Duration::from_millis(2);
/// Requests that may wait for the writer before callers block.
pub const QUEUE_REQUESTS: usize = 4_096;
/// Free bytes below which nothing new is accepted; what is already here still flows.
pub const SPACE_RESERVE_BYTES: u64 = 256 * 1024 * 1024;
/// Milliseconds for which a look at the free space holds. A disk of 5 GB/s writes 50 MB in them, a fifth of the reserve.
pub const SPACE_LOOK_MS: u64 = 10;
/// Least milliseconds between two attempts to shrink the log where space is short.
pub const SHRINK_EVERY_MS: u64 = 500;
/// Longest that such an attempt waits for readers.
pub const SHRINK_WAIT: Duration = Duration::from_millis(100);
/// Longest that a connection waits for another's lock.
pub const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Connections kept open for reading.
pub const READERS: usize = 8;
/// Pages in the write-ahead log before it is copied back (32 MB).
pub const CHECKPOINT_PAGES: u32 = 8_192;
/// The part of those pages that the writer may copy itself between two commits: a quarter (8 MB).
pub const CHECKPOINT_REST_PART: u32 = 4;
/// So many times those pages in the log, and the writer copies all itself rather than let the log grow (256 MB).
pub const CHECKPOINT_LOG_TIMES: u32 = 8;
/// Bytes to which the write-ahead log file is cut after a checkpoint.
pub const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Longest that seals of pages lag behind commits while nothing is copied.
pub const SEAL_EVERY: Duration = Duration::from_millis(400);
/// Database bytes up to which pages are compared with their seals before the data are opened; larger data are compared
/// once they are open.
pub const SEAL_CHECK_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// Pages, entries or messages named one by one in what an examination found; the rest is counted.
pub const FINDINGS_NAMED: usize = 20;
/// The writer's page cache, in KiB.
pub const CACHE_KIB: i64 = 32 * 1024;
/// Statements that each connection keeps compiled.
pub const CACHED_STATEMENTS: usize = 128;
/// Buffer for copying and hashing, in bytes.
pub const COPY_BYTES: usize = 256 * 1024;
/// Bytes between two looks at the free space while streaming.
pub const SPACE_CHECK_BYTES: u64 = 16 * 1024 * 1024;
/// Flushes measured at open for the durability report.
pub const FLUSH_PROBES: usize = 9;
/// How deep derived messages may nest in one request.
pub const MAX_DERIVED_DEPTH: usize = 4;
/// Oldest SQLite that may be used: 3.51.3 has the fix for the WAL-reset race.
pub const MIN_SQLITE: i32 = 3_051_003;
