//! What can be wrong with a message.

/// Why a message could not be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It does not begin with MSH (or, for an envelope, FHS, BHS, BTS, FTS).
    #[error("the message does not begin with an MSH segment")]
    NoHeader,
    /// MSH-1 and MSH-2 do not declare usable delimiters.
    #[error("MSH-1 and MSH-2 declare no usable delimiters")]
    Delimiters,
    /// Too many bytes, segments or values.
    #[error("the message is longer than this exchange reads")]
    TooLong,
    /// UTF-16, ISO 2022 or another character set that is not read.
    #[error("the character set of the message is not read")]
    Charset,
}

/// A fault of form that did not stop the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A line that has no segment name, where no field can go on in it.
    NoSegment,
    /// A field goes on in the next line, which has no segment name.
    Continued,
    /// A separator stands in a text, whose type has none, and was kept as a character.
    SeparatorKept,
    /// More fields, repetitions or components than are told apart.
    TooMany,
    /// The text was not valid in the character set that it should be in, and was read as Windows-1252.
    CharsetGuessed,
    /// The declared character set is a single-byte one, and the bytes are valid UTF-8 beyond ASCII.
    CharsetDoubtful,
    /// A value holds an escape sequence that is not known.
    UnknownEscape,
    /// Control characters of a value were dropped.
    ControlDropped,
}

/// A fault, with the value or the bytes that it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub kind: FaultKind,
    /// The value, by its index within the message.
    pub value: Option<u32>,
}
