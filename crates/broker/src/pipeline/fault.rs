//! Why what another broker has in its record can't be taken into this one.

use causeway_exchange::EngineError;
use causeway_record::RecordError;

/// Why messages could not be taken in. Nothing of a person is in it.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The exchange could not be read.
    #[error("{0}")]
    Exchange(#[from] EngineError),
    /// The record failed.
    #[error("{0}")]
    Record(#[from] RecordError),
}

impl FollowError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Exchange(error) => error.is_transient(),
            Self::Record(error) => matches!(error, RecordError::Database(_)),
        }
    }
}
