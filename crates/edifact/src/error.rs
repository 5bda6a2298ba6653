//! Why nothing at all can be read.

/// Why nothing at all can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The UNA segment names characters that can't serve as separators.
    #[error("the UNA segment does not name usable service characters")]
    Una,
    /// More components or segments than [`crate::limits`] allows.
    #[error("the interchange holds more values than are read in one piece")]
    TooMany,
}
