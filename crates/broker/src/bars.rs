//! What Booking and Referral (BaRS Core 1.2) asks of FHIR messages on their way through: the headers that go with
//! them, and what a failed attempt to pass one on means for its sender. The door is `process_message`.

use causeway_exchange::{Answer, EngineError, Message};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::{Problem, limits};
use serde::Deserialize;
use serde_json::{Value, json};

/// Route of deliveries that pass a message on while its sender waits.
pub const ROUTE: &str = "process-message";
/// Header of a request's id.
pub const REQUEST_ID: &str = "x-request-id";
/// Header of the id that a request shares with its updates and responses.
pub const CORRELATION_ID: &str = "x-correlation-id";
/// Headers that are passed on to the receiver as they came, besides the two ids and `accept`.
pub const FORWARDED: &[&str] = &[
    "nhsd-target-identifier",
    "nhsd-end-user-organisation",
    "nhsd-requesting-software",
    "nhsd-requesting-practitioner",
    "use-context",
];
/// Seconds after which the sender of a passed-on message gets 408 (BaRS).
pub const TIMEOUT_SECONDS: u64 = 32;
/// A header of a message that came through this door, to be passed on.
pub fn forwarded<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.new.headers.get(name).map(String::as_str).filter(|_| message.new.door == DOOR)
}

/// Name of this door.
pub const DOOR: &str = "fhir-messaging";

/// Settings of FHIR messaging.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Our own service identifiers (`value` or `system|value`): messages addressed to them go into the record.
    pub services: Vec<String>,
    /// Seconds that a sender waits at most for a receiver to whom its message is passed on.
    pub timeout_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { services: Vec::new(), timeout_seconds: TIMEOUT_SECONDS }
    }
}

/// Code system of the error codes.
pub const ERROR_CODES: &str = "https://fhir.nhs.uk/CodeSystem/http-error-codes";

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    /// `SEND` for the sender's fault, `REC` for the receiver's, `PROXY` for ours.
    who: &'static str,
    issue: &'static str,
    text: String,
    /// Seconds after which to come again.
    pub retry_after: Option<u64>,
}

/// The code's ending for a status.
fn ending(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        406 => "NOT_ACCEPTABLE",
        408 => "TIMEOUT",
        409 => "CONFLICT",
        422 => "UNPROCESSABLE_ENTITY",
        425 => "TOO_EARLY",
        429 => "TOO_MANY_REQUESTS",
        501 => "NOT_IMPLEMENTED",
        503 => "UNAVAILABLE",
        500..=599 => "SERVER_ERROR",
        _ => "BAD_REQUEST",
    }
}

impl Refusal {
    fn new(status: u16, who: &'static str, issue: &'static str, text: impl Into<String>) -> Self {
        Self { status, who, issue, text: text.into(), retry_after: None }
    }

    /// The sender's fault.
    pub fn send(status: u16, issue: &'static str, text: impl Into<String>) -> Self {
        Self::new(status, "SEND", issue, text)
    }

    /// 400.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::send(400, "invalid", text)
    }

    /// Nobody is known under the target identifier.
    pub fn no_target() -> Self {
        Self::new(404, "PROXY", "not-found", "nobody is known under this target identifier")
    }

    /// Done before: to the sender as good as done.
    pub fn duplicate() -> Self {
        Self::new(409, "REC", "duplicate", "this request was processed before; nothing was done again")
    }

    /// The same id with other content.
    pub fn conflict() -> Self {
        Self::new(409, "REC", "conflict", "this request id was used before with other content")
    }

    /// Still under way.
    pub fn too_early() -> Self {
        let mut refusal = Self::new(425, "REC", "transient", "the same request is still being processed");
        refusal.retry_after = Some(limits::RETRY_AFTER_SECONDS);
        refusal
    }

    /// No answer in time; the message is kept and goes on.
    pub fn timeout() -> Self {
        Self::new(
            408,
            "REC",
            "timeout",
            "the receiver did not answer in time; the message is kept and goes on",
        )
    }

    /// What a failed attempt to pass the message on means for the sender.
    pub fn of_attempt(code: &str) -> Self {
        let status = code.strip_prefix("http-").and_then(|s| s.parse::<u16>().ok());
        match (code, status) {
            ("timeout", _) | (_, Some(408 | 504)) => Self::timeout(),
            // The receiver doesn't know us; that is nothing that the sender could put right.
            (_, Some(401)) => Self::new(
                503,
                "PROXY",
                "transient",
                "the receiver does not let us in; the message is kept and goes on",
            ),
            (_, Some(425)) => Self::too_early(),
            (_, Some(429)) => Self::new(429, "REC", "throttled", "the receiver asks for fewer requests"),
            (_, Some(500)) => Self::new(500, "REC", "exception", "the receiver failed"),
            (_, Some(status @ 400..=499)) => {
                Self::new(status, "REC", "processing", "the receiver refused the message")
            }
            ("token" | "settings", _) => {
                Self::new(503, "PROXY", "transient", "the receiver can't be spoken to")
            }
            _ => Self::new(
                503,
                "REC",
                "transient",
                "the receiver is not available; the message is kept and goes on",
            ),
        }
    }

    /// As an OperationOutcome.
    pub fn outcome(&self) -> Value {
        json!({"resourceType": "OperationOutcome", "issue": [{
            "severity": "error",
            "code": self.issue,
            "details": {"coding": [{"system": ERROR_CODES, "code": format!("{}_{}", self.who, ending(self.status))}]},
            "diagnostics": self.text,
        }]})
    }

    /// As the answer that retries get.
    pub fn keep(&self) -> Answer {
        Answer {
            status: self.status,
            media_type: MEDIA_TYPE.to_owned(),
            body: self.outcome().to_string().into_bytes(),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = problem.status.as_u16();
        let who = if status >= 500 { "PROXY" } else { "SEND" };
        Self { status, who, issue: problem.code, text: problem.text, retry_after: problem.retry_after }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Problem::from(error).into()
    }
}

/// Taken by a receiver whose own answer can't be kept.
pub fn taken() -> Answer {
    let body = json!({"resourceType": "OperationOutcome", "issue": [{
        "severity": "information", "code": "informational",
        "diagnostics": "the receiver has taken the message",
    }]});
    Answer { status: 200, media_type: MEDIA_TYPE.to_owned(), body: body.to_string().into_bytes() }
}

/// Failed for good, for a reason with this code.
pub fn failed(code: &str) -> Answer {
    Refusal::of_attempt(code).keep()
}
