//! What a run asks of the outside: the runner decides what is said, the wire says it.

use std::collections::BTreeMap;

/// A request over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Whole URL.
    pub url: String,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
    /// Whether the tester's credentials go with it.
    pub credentials: bool,
}

/// An answer over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers by lower-case name; several of one name are joined with a comma.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

/// What is written to one MLLP connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Bytes, in pieces with a little time between them.
    pub pieces: Vec<Vec<u8>>,
    /// Frames to wait for.
    pub answers: usize,
    /// Milliseconds to wait for them.
    pub wait_ms: u64,
    /// Close at once.
    pub close: bool,
}

/// What came back on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// Whether the other side closed.
    pub closed: bool,
}

/// The outside. An error is a sentence for the report; it holds no content of a message.
pub trait Wire {
    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    /// Where no answer came.
    fn http(&mut self, request: &Request) -> Result<Response, String>;

    /// Opens a connection to the MLLP address, writes and listens.
    ///
    /// # Errors
    /// Where no connection could be opened.
    fn mllp(&mut self, said: &Said) -> Result<Heard, String>;

    /// Seconds since 1970.
    fn now(&mut self) -> i64;

    /// Milliseconds since some moment, for how long a case took.
    fn ticks(&mut self) -> u64;

    /// Waits.
    fn pause(&mut self, milliseconds: u64);
}
