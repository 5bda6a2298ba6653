//! The exchange's limits, each with its unit and the reason for it.

/// Longest message id, in characters. MESH ids are 25 to 36 characters; the rest is room.
pub const MAX_MESSAGE_ID_CHARS: usize = 64;
/// Largest number of chunks of one message (100 GB at 5 MB a chunk, MESH API limits).
pub const MAX_CHUNKS: u32 = 20_000;
/// Largest page of an inbox, in entries (MESH API: 10 to 5,000).
pub const MAX_INBOX_PAGE: usize = 5_000;
/// Rows that one filtered inbox page may look at before it answers with what it has and a continuation.
pub const MAX_INBOX_SCAN: usize = 10_000;
/// Largest page of a search, in messages.
pub const MAX_SEARCH_PAGE: usize = 1_000;
/// Most work items that one claim may lease.
pub const MAX_CLAIM: usize = 256;
/// Days after which an uncollected message leaves the inbox with a non-delivery report (MESH).
pub const EXPIRY_DAYS: i64 = 5;
/// Days after which a message's content is deleted and a tombstone stays (MESH).
pub const RETENTION_DAYS: i64 = 30;
/// Attempts after which a work item is parked unless the route says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 5;
/// Times that a work item may be given out and never come back (its process died, or was killed) before it is parked
/// as what may have killed it.
pub const LOST_LEASES_MAX: u32 = 5;
/// Work items of one claim that were given out and never came back for the first time: a broker that takes over from one that
/// was killed has hundreds of them, and each claim waits for a commit. From the second time on each goes alone.
pub const SUSPECTS_TOGETHER: usize = 16;
/// Seconds that such an item rests before it is given out again, times the losses before this one: its neighbours,
/// whose leases ended with the same process, come first.
pub const LOST_PAUSE_SECONDS: i64 = 2;
/// Routes in one table.
pub const MAX_ROUTES: usize = 10_000;
/// Bytes of one configuration document.
pub const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of an error's or event's detail; the rest is cut at a character.
pub const MAX_DETAIL_BYTES: usize = 4 * 1024;
/// Messages that one `expire` or `purge` call changes in one transaction.
pub const MAX_SWEEP: usize = 1_000;
/// Audit entries that one `end_audit` call deletes in one transaction.
pub const MAX_AUDIT_SWEEP: u64 = 10_000;
/// Messages that a count goes up to: beyond it, an answer says "more".
pub const COUNT_MAX: u64 = 100_000;
