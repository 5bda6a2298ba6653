//! What can go wrong. No text holds a value of the data.

use std::fmt;

/// Why an expression could not be read or evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The expression is not FHIRPath.
    Syntax {
        /// Byte of the expression where it was noticed.
        at: usize,
        /// What was wrong.
        text: String,
    },
    /// The expression names an element, type, function or constant that there is not.
    Semantic(String),
    /// The data do not fit the expression.
    Evaluation(String),
    /// A limit of [`crate::limits`] was reached: its name.
    Limit(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { at, text } => write!(f, "byte {at}: {text}"),
            Self::Semantic(text) | Self::Evaluation(text) => f.write_str(text),
            Self::Limit(name) => write!(f, "the limit {name} of FHIRPath was reached"),
        }
    }
}

impl std::error::Error for Error {}

pub(crate) fn evaluation<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Evaluation(text.into()))
}
