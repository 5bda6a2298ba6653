//! Limits of the MESH door, each with its unit and source.

/// Bytes of one request's body, after compression (MESH API: 100 MB per request).
pub const CHUNK_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// Bytes of a body that are held in memory on the way in or out; larger ones are streamed.
pub const INLINE_BYTES_MAX: usize = 256 * 1024;
/// Bytes below which a plain message isn't compressed on its way: they fit into a connection's first ten packets
/// (RFC 6928) and so arrive in one round trip either way.
pub const PACK_BYTES_MIN: u64 = 14_600;
/// Bytes of a message that is handed to the engine without another thread.
pub const QUICK_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one piece of a streamed download.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait between the connection and the engine, either way.
pub const PIECES_WAITING: usize = 4;
/// Bytes of a refused request's body that are read and thrown away, so that the client sees the answer.
pub const DRAIN_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Seconds after which a sender with too many unfinished uploads may ask again.
pub const UPLOADS_RETRY_SECONDS: u64 = 600;
/// Bytes of an administration request.
pub const ADMIN_BYTES_MAX: usize = 64 * 1024;
/// Hours that a token's time may differ from the server's (MESH API).
pub const TOKEN_WINDOW_HOURS: i64 = 2;
/// Hours after which a used token can be forgotten: its time is outside the window on both sides by then.
pub const TOKEN_MEMORY_HOURS: i64 = 2 * TOKEN_WINDOW_HOURS;
/// Used tokens between two prunings of the memory of them.
pub const TOKENS_BETWEEN_PRUNES: usize = 4096;
/// Entries of an inbox page: smallest (MESH API).
pub const PAGE_MIN: usize = 10;
/// Entries of an inbox page: largest (MESH API).
pub const PAGE_MAX: usize = 5_000;
/// Entries of an inbox page where the client doesn't say (MESH API).
pub const PAGE_DEFAULT: usize = 500;
/// Entries of a rich box's page: default, and largest of the outbox's (reference server).
pub const RICH_PAGE_DEFAULT: usize = 100;
/// Entries of a rich inbox page: largest that the engine gives at once.
pub const RICH_PAGE_MAX: usize = 1_000;
/// Days that a rich box looks back where the client doesn't say (reference server).
pub const RICH_DAYS: i64 = 30;
/// Characters of a continuation: shortest (MESH API).
pub const CONTINUE_CHARS_MIN: usize = 24;
/// Characters of a continuation: longest (MESH API).
pub const CONTINUE_CHARS_MAX: usize = 1_000;
/// Characters of a workflow filter: shortest (MESH API).
pub const FILTER_CHARS_MIN: usize = 2;
/// Characters of a workflow filter: longest (MESH API).
pub const FILTER_CHARS_MAX: usize = 255;
/// Mailboxes in the configuration.
pub const MAILBOXES_MAX: usize = 100_000;
/// Messages brought back into an inbox by the sandbox's administrator that are remembered.
pub const REVIVED_MAX: usize = 10_000;
