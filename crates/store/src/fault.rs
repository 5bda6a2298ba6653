//! SQLite and file errors in the exchange's words, without anything from a message.

use causeway_exchange::EngineError;
use rusqlite::ErrorCode;

/// Result of an engine call.
pub(crate) type Result<T> = std::result::Result<T, EngineError>;

/// A database error. `SpaceLow` where the disk is full, `Stopped` where it can't be trusted any more.
pub(crate) fn db(error: &rusqlite::Error) -> EngineError {
    match error.sqlite_error() {
        Some(e) => match e.code {
            ErrorCode::DiskFull => EngineError::SpaceLow { free: 0, reserve: 0 },
            // Nothing that comes in can be kept: not a thing to try again.
            ErrorCode::ReadOnly => EngineError::Stopped("the disk or the database is read-only".to_owned()),
            ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                EngineError::Stopped(format!("database error {}", e.extended_code))
            }
            _ => EngineError::Storage(format!("database error {}", e.extended_code)),
        },
        None => EngineError::Storage("unexpected data in the database".to_owned()),
    }
}

/// Whether the error is a broken UNIQUE or PRIMARY KEY constraint.
pub(crate) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// A file error.
pub(crate) fn io(error: &std::io::Error) -> EngineError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return EngineError::SpaceLow { free: 0, reserve: 0 };
    }
    EngineError::Storage(format!("file error ({})", error.kind()))
}

/// An error of the seals.
pub(crate) fn sealed(error: &causeway_seal::SealError) -> EngineError {
    EngineError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::db;
    use causeway_exchange::EngineError;
    use rusqlite::{Connection, OpenFlags};

    #[test]
    fn what_can_not_be_written_stops_accepting() {
        let path = std::env::temp_dir().join(format!("causeway-store-read-only-{}.db", std::process::id()));
        Connection::open(&path).and_then(|c| c.execute_batch("CREATE TABLE t(x)")).expect("made");
        let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
        let error = conn.execute("INSERT INTO t VALUES (1)", []).expect_err("read-only");
        assert!(matches!(db(&error), EngineError::Stopped(why) if why.contains("read-only")));
        std::fs::remove_file(path).expect("removed");
    }
}
