//! What can go wrong in an engine. Texts never hold anything from a message.

use crate::state::State;

/// An engine's refusal or failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No such message, chunk, work item, expectation or document.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A message with this id already exists.
    #[error("message id already in use")]
    IdInUse,
    /// The state machine does not allow this step (see [`State::may_become`]).
    #[error("a message that is {from} cannot become {to}")]
    Transition {
        /// State the message is in.
        from: State,
        /// State that was asked for.
        to: State,
    },
    /// Message isn't in a state in which this can be done (e.g. reading one that is still uploading).
    #[error("the message is {0}")]
    WrongState(State),
    /// Chunk number is zero or above the announced total (MESH: 406).
    #[error("chunk number out of range")]
    ChunkOutOfRange,
    /// The chunk was stored before with other bytes or another encoding (MESH: 417).
    #[error("chunk was already stored with different content")]
    ChunkDiffers,
    /// The upload is already complete (MESH: 423).
    #[error("message already accepted")]
    UploadFinalised,
    /// Chunks are missing; the number of the first one.
    #[error("chunk {first} of {total} is missing")]
    ChunksMissing {
        /// First missing chunk, from 1.
        first: u32,
        /// Announced number of chunks.
        total: u32,
    },
    /// The content doesn't have the SHA-256 that was announced.
    #[error("content does not match its checksum")]
    ChecksumMismatch,
    /// The content was deleted after its retention period; the tombstone is still there.
    #[error("content was deleted")]
    ContentDeleted,
    /// The lease ran out and another worker holds the item, or it is finished: nothing was changed.
    #[error("lease is no longer held")]
    StaleLease,
    /// A configuration document was changed by someone else in between.
    #[error("document was changed in between (version {0})")]
    VersionConflict(u64),
    /// The argument breaks a limit or a rule; which one.
    #[error("invalid argument: {0}")]
    Invalid(&'static str),
    /// Bigger than the limit.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// Free space is below the reserve: answer 507 (or 503 with Retry-After), retry later.
    #[error("free space {free} bytes is below the reserve of {reserve} bytes")]
    SpaceLow {
        /// Bytes free.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// The engine stopped accepting after a failed flush; it must be restarted (never retried).
    #[error("engine stopped: {0}")]
    Stopped(String),
    /// Stored bytes don't have the SHA-256 they were stored with. They are never served.
    #[error("stored {0} is corrupt")]
    Corrupt(&'static str),
    /// The database was written by a newer version.
    #[error("schema version {found} is newer than {known}, which this version knows")]
    NewerSchema {
        /// Version found in the database.
        found: u32,
        /// Newest version that this program knows.
        known: u32,
    },
    /// The storage failed for another reason (I/O, locked, malformed).
    #[error("storage: {0}")]
    Storage(String),
}

impl EngineError {
    /// Whether the same call may succeed later without a change by the caller (503 or 507 with Retry-After).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::SpaceLow { .. } | Self::Stopped(_) | Self::Storage(_))
    }
}
