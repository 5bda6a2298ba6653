//! The engine's limits, each with its unit and reason.

use std::time::Duration;

/// Bytes up to which content stays in its row; larger content is kept in pieces of [`PIECE_BYTES`].
pub const INLINE_BYTES: usize = 1024 * 1024;
/// Bytes of one piece of large content: what is in memory of it at a time.
pub const PIECE_BYTES: usize = 1024 * 1024;
/// Requests that wait for the writer before a caller is held back.
pub const QUEUE_REQUESTS: usize = 4_096;
/// Most requests of one commit.
pub const BATCH_REQUESTS: usize = 256;
/// How long one of the connection string's hosts is tried before the next: a leader that was cut off answers nothing, and
/// may stand first.
pub const HOST_WAIT: Duration = Duration::from_secs(3);
/// How long one that is to be alone waits for the session of one that was before: the server may not have seen it end.
pub const TAKEN_WAIT: Duration = Duration::from_secs(2);
/// Pause between two looks at that.
pub const TAKEN_LOOK: Duration = Duration::from_millis(20);
/// Connections that read beside the writer.
pub const READERS: u32 = 8;
/// How long a reader is waited for.
pub const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long a connection may be silent before the server is asked whether it is there (a commit may wait long for its
/// standby).
pub const SILENCE: Duration = Duration::from_secs(4);
/// Pause between two such questions.
pub const SILENCE_ASKED: Duration = Duration::from_secs(2);
/// Questions without an answer after which the connection is given up: 10 s after the last word.
pub const SILENCE_RETRIES: u32 = 3;
/// How long what was sent may stay without the other side's receipt.
pub const UNANSWERED: Duration = Duration::from_secs(10);
/// Statements prepared on one connection before they are forgotten.
pub const PREPARED_STATEMENTS: usize = 256;
/// Derived messages within derived messages.
pub const DERIVED_DEPTH_MAX: usize = 4;
/// Seconds after which a measure of the database's size is taken again.
pub const SIZE_SECONDS: u64 = 5;
/// Hours after which staged content that nothing names is removed.
pub const STAGED_HOURS: i64 = 24;
/// Commits measured at open for the durability report.
pub const PROBES: usize = 11;
/// Rows that one step of a check reads.
pub const CHECK_ROWS: i64 = 500;
/// Rows of one commit where data are taken over from another engine, and about the bytes in them.
pub const TAKEN_ROWS: usize = 2_000;
/// See [`TAKEN_ROWS`]: what is in memory at a time.
pub const TAKEN_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of translations that are read at a time for a record that follows: what is in memory of them, one larger message apart.
pub const TOLD_BYTES: u64 = 8 * 1024 * 1024;
