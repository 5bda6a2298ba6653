//! Limits of connections and requests, each with its unit and the reason for it.

/// Bytes of a form or a search body.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Open connections; more wait in the listener's backlog.
pub const CONNECTIONS_MAX: usize = 512;
/// Open connections from one address, of each listener; this machine's own, where a proxy may speak for many, aside.
pub const CONNECTIONS_OF_ONE_ADDRESS: usize = 256;
/// Requests of one organisation under way at a time.
pub const REQUESTS_OF_ONE_ORGANISATION: usize = 128;
/// Seconds in which the first frame of a connection must have come, where a protocol has no header.
pub const FIRST_FRAME_SECONDS: u64 = 15;
/// Seconds in which a request's header must have come, also the time a kept connection may idle.
pub const HEADER_READ_SECONDS: u64 = 15;
/// Seconds that may pass between two pieces of a body.
pub const BODY_IDLE_SECONDS: u64 = 30;
/// Seconds that requests have to finish after shutdown begins.
pub const DRAIN_SECONDS: u64 = 20;
/// Header fields of one request.
pub const HEADERS_MAX: usize = 100;
/// Bytes of a request's header.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Organisations whose request rate is remembered; the fullest bucket goes first.
pub const RATE_BUCKETS_MAX: usize = 10_000;
/// Seconds after which a refused sender may come again.
pub const RETRY_AFTER_SECONDS: u64 = 5;
