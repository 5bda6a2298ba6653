//! The database's errors as the engine's.

use causeway_exchange::EngineError;
use postgres::error::SqlState;

pub(crate) type Result<T> = std::result::Result<T, EngineError>;

/// A failure of the database. Its text names the condition and never a value.
pub(crate) fn db(error: &postgres::Error) -> EngineError {
    match error.code() {
        // The server is out of disk: as much a matter of space as a full data directory here.
        Some(code) if *code == SqlState::DISK_FULL => EngineError::SpaceLow { free: 0, reserve: 0 },
        // Text that it can't keep (a NUL) or more than fits: it says so again however often it is asked.
        Some(code) if code.code().starts_with("22") || code.code().starts_with("54") => {
            EngineError::Invalid("something that PostgreSQL can't keep")
        }
        Some(code) => EngineError::Storage(format!("PostgreSQL condition {}", code.code())),
        None if error.is_closed() => EngineError::Storage("connection to PostgreSQL was lost".to_owned()),
        None => EngineError::Storage("PostgreSQL could not be asked".to_owned()),
    }
}

/// A failure of a file.
pub(crate) fn io(error: &std::io::Error) -> EngineError {
    EngineError::Storage(format!("file: {}", error.kind()))
}
