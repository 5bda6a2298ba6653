//! Limits of deliveries, each with its unit and the reason for it.

/// Seconds that a lease lasts beyond four times the timeout (a token may have to be fetched first, and all of it
/// once more where the token was withdrawn).
pub const LEASE_MARGIN_SECONDS: u64 = 60;
/// Seconds to open a connection.
pub const CONNECT_SECONDS: u64 = 10;
/// Bytes of a receiver's answer that are read; more is not looked at.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a receiver's answer that are kept for the sender of a passed-on request and its retries.
pub const KEPT_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Issue codes of an answer that are told on the timeline.
pub const ANSWER_CODES_MAX: usize = 10;
/// Characters of one such code.
pub const ANSWER_CODE_CHARS_MAX: usize = 60;
/// Things that a format could not carry that are told one by one on the timeline; the rest is counted.
pub const LEFT_BEHIND_MAX: usize = 50;
/// Milliseconds between two looks for work where nothing rang.
pub const POLL_MS: u64 = 500;
/// Seconds between two looks at the endpoints' settings, and at queues that name no endpoint.
pub const SETTINGS_SECONDS: u64 = 1;
/// Items read at a time in search of queues that name no endpoint.
pub const STRANGERS_PAGE: usize = 500;
/// Seconds before its end at which an access token is replaced.
pub const TOKEN_MARGIN_SECONDS: i64 = 30;
/// Seconds that a token counts that doesn't say how long it lasts.
pub const TOKEN_SECONDS: i64 = 300;
/// Seconds that a signed assertion is valid (the NHS API platform takes at most five minutes).
pub const ASSERTION_SECONDS: i64 = 240;
/// Bytes of a token endpoint's answer.
pub const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Connections to an MLLP receiver that are kept open.
pub const MLLP_IDLE_MAX: usize = 8;
/// Messages looked at in one round of the acknowledgement watch.
pub const WATCH_PAGE: usize = 200;
/// Milliseconds between two rounds of the acknowledgement watch.
pub const WATCH_MS: u64 = 500;
/// Bytes up to which a message is read in search of acknowledgement requests or codes.
pub const WATCH_BYTES_MAX: u64 = 1024 * 1024;
/// Messages still being uploaded that the acknowledgement watch comes back to.
pub const WATCH_PENDING_MAX: usize = 200;
/// Acknowledgement codes read from one message.
pub const WATCH_CODES_MAX: usize = 100;
/// Bytes that a fault destination takes.
pub const FAULT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Seconds before the watch is first set up from which on messages count.
pub const WATCH_START_SECONDS: i64 = 60;

/// Bundles of one message that a person may order to be delivered again at once.
pub const BUNDLES_AT_ONCE: usize = 1_000;
/// Messages that are sent over one MLLP connection; then it is closed. Their control ids are kept to know late answers.
pub const ANSWERED_MAX: usize = 512;
/// Seconds that an answer to our message is waited for after one to another message came.
pub const OURS_FOLLOWS_SECONDS: u64 = 2;
