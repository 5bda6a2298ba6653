//! What can go wrong. No text holds a value of the data.

use std::fmt;

/// Why a view, a project or an extract is refused or stopped.
#[derive(Debug)]
pub enum Error {
    /// The definition of a view or project is not one: where, and what is wrong.
    Definition(String),
    /// The data do not fit a view.
    View(String),
    /// A project may not run: what is missing.
    NotApproved(String),
    /// A limit of [`crate::limits`] was reached.
    Limit(&'static str),
    /// A file could not be written or read.
    File(String),
    /// Choices or records changed between the first reading and the second.
    Changed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition(text) | Self::View(text) | Self::NotApproved(text) => f.write_str(text),
            Self::Limit(name) => write!(f, "the limit {name} of research extracts was reached"),
            Self::Changed => {
                f.write_str("choices or records changed while the extract was made; make it anew")
            }
            Self::File(text) => write!(f, "file: {text}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::File(error.to_string())
    }
}

impl From<causeway_record::RecordError> for Error {
    fn from(error: causeway_record::RecordError) -> Self {
        Self::File(format!("record: {error}"))
    }
}
