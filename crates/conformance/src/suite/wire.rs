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

/// What a client under test did, for suites that wait for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// Names it when it is answered.
    pub id: u64,
    /// The connection it came on, counted from 1.
    pub connection: u64,
    /// What it is.
    pub what: Act,
}

/// One act of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A request over HTTP; its URL is path and query.
    Request(Request),
    /// What stands before an end of block over MLLP.
    Block {
        /// The message, without its frame.
        bytes: Vec<u8>,
        /// Whether a start of block stood before it.
        start: bool,
        /// Bytes before the start that belong to no block.
        stray: usize,
        /// Whether it began before the answer to the one before it.
        early: bool,
    },
    /// So many bytes after which no end of block came.
    Half(usize),
}

/// What the client is answered. With neither bytes nor response the connection is closed, or nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// An answer over HTTP.
    pub response: Option<Response>,
    /// Bytes over MLLP, in pieces with a little time between them.
    pub pieces: Vec<Vec<u8>>,
    /// Milliseconds before it.
    pub delay_ms: u64,
    /// Close the connection afterwards; over HTTP without an answer, or in the middle of it where there is one.
    pub close: bool,
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

    /// Waits for the next act of the client under test; none where it did nothing in so many milliseconds.
    ///
    /// # Errors
    /// Where this wire does not listen.
    fn await_client(&mut self, _wait_ms: u64) -> Result<Option<Came>, String> {
        Err("the suite waits for a client, and nothing listens".to_owned())
    }

    /// Answers an act of the client.
    fn reply(&mut self, _id: u64, _reply: Reply) {}

    /// Says to the tester what to do now.
    fn tell(&mut self, _what: &str) {}

    /// Seconds since 1970.
    fn now(&mut self) -> i64;

    /// Milliseconds since some moment, for how long a case took.
    fn ticks(&mut self) -> u64;

    /// Waits.
    fn pause(&mut self, milliseconds: u64);
}
