//! What can go wrong, in words without anything of a person.

/// Result of a call on the record.
pub type Result<T> = std::result::Result<T, RecordError>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no bundle that can be applied. Nothing was changed.
    #[error("not a bundle that can be applied: {0}")]
    Bundle(String),
    /// A search can't be answered as asked.
    #[error("search refused: {0}")]
    Search(String),
    /// An identity action can't be done.
    #[error("identity action refused: {0}")]
    Identity(String),
    /// No such person, resource or review.
    #[error("not found")]
    NotFound,
    /// The file was written by a newer version of the program.
    #[error("the record's file has schema version {found}, this program knows {known}")]
    Schema {
        /// Version in the file.
        found: u32,
        /// Newest version known.
        known: u32,
    },
    /// The database failed: extended result code of SQLite, 0 where it has none.
    #[error("database error {0}")]
    Database(i32),
    /// The seals of the record can't be read or written.
    #[error("seals of the record: {0}")]
    Seal(#[from] causeway_seal::SealError),
    /// What is stored can't be read back.
    #[error("stored content is damaged")]
    Damaged,
}

impl From<rusqlite::Error> for RecordError {
    /// Keeps the code only: the text of a database error may quote values.
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => RecordError::NotFound,
            rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..) => RecordError::Damaged,
            other => RecordError::Database(other.sqlite_error().map_or(0, |e| e.extended_code)),
        }
    }
}

impl From<serde_json::Error> for RecordError {
    fn from(_: serde_json::Error) -> Self {
        RecordError::Damaged
    }
}
