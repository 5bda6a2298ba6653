//! Limits of the HTTP, MLLP and SCAIP doors, each with its unit and the reason for it.

/// Bytes of a message that are held in memory on the way in; a larger one is streamed to the engine.
pub const INLINE_BYTES_MAX: usize = 1024 * 1024;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 200;
/// Frames of one MLLP connection that are accepted and not answered yet; then reading waits.
pub const MLLP_IN_FLIGHT: usize = 256;
/// Bytes read from an MLLP connection at a time.
pub const MLLP_READ_BYTES: usize = 64 * 1024;
/// Bytes of a frame whose answer is written on the connection's own thread (about a millisecond); for more, the
/// translation that it takes would hold up other connections and goes to another thread.
pub const MLLP_ANSWER_AT_ONCE_BYTES: usize = 32 * 1024;
/// Milliseconds that what follows a bare end byte is waited for: it may stand within a message whose rest is under way. Once
/// a connection, for a sender that leaves the carriage return out is not to wait at each message.
pub const MLLP_END_MS: u64 = 1_000;
/// Seconds that an MLLP connection may be silent between two frames.
pub const MLLP_IDLE_SECONDS: u64 = 3600;
/// Bytes of one SCAIP message: the largest that the protocol's fields allow is about 2 kB.
pub const SCAIP_BYTES_MAX: usize = 64 * 1024;
/// Bytes read from a SCAIP connection at a time.
pub const SCAIP_READ_BYTES: usize = 8 * 1024;
/// Seconds that a SCAIP connection may be silent between two messages.
pub const SCAIP_IDLE_SECONDS: u64 = 300;
/// Seconds for which the same bytes with a reference are a retransmission (at least; at most twice as long).
pub const SCAIP_REPEAT_SECONDS: i64 = 24 * 60 * 60;
/// Seconds for which the same bytes without a reference are a retransmission (at least; at most twice as long).
pub const SCAIP_REPEAT_BLIND_SECONDS: i64 = 60;
