//! Answers of FHIR messaging: OperationOutcomes with the codes of the NHS API platform, response Bundles.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_exchange::{Answer, EngineError, MessageId};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fhir::MEDIA_TYPE;
use crate::problem::Problem;
use crate::state::original_uri;

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
    retry_after: Option<u64>,
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
    pub(super) fn send(status: u16, issue: &'static str, text: impl Into<String>) -> Self {
        Self::new(status, "SEND", issue, text)
    }

    /// 400.
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::send(400, "invalid", text)
    }

    /// Nobody is known under the target identifier.
    pub(super) fn no_target() -> Self {
        Self::new(404, "PROXY", "not-found", "nobody is known under this target identifier")
    }

    /// Done before: to the sender as good as done.
    pub(super) fn duplicate() -> Self {
        Self::new(409, "REC", "duplicate", "this request was processed before; nothing was done again")
    }

    /// The same id with other content.
    pub(super) fn conflict() -> Self {
        Self::new(409, "REC", "conflict", "this request id was used before with other content")
    }

    /// Still under way.
    pub(super) fn too_early() -> Self {
        let mut refusal = Self::new(425, "REC", "transient", "the same request is still being processed");
        refusal.retry_after = Some(crate::limits::RETRY_AFTER_SECONDS);
        refusal
    }

    /// No answer in time; the message is kept and goes on.
    pub(super) fn timeout() -> Self {
        Self::new(
            408,
            "REC",
            "timeout",
            "the receiver did not answer in time; the message is kept and goes on",
        )
    }

    /// What a failed attempt to pass the message on means for the sender.
    pub(super) fn of_attempt(code: &str) -> Self {
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
    pub(super) fn outcome(&self) -> Value {
        json!({"resourceType": "OperationOutcome", "issue": [{
            "severity": "error",
            "code": self.issue,
            "details": {"coding": [{"system": ERROR_CODES, "code": format!("{}_{}", self.who, ending(self.status))}]},
            "diagnostics": self.text,
        }]})
    }

    /// As the answer that retries get.
    fn keep(&self) -> Answer {
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = of(&self.keep());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A kept answer as a response.
pub(super) fn of(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body.clone()).into_response();
    let media = HeaderValue::from_str(&answer.media_type).unwrap_or(HeaderValue::from_static(MEDIA_TYPE));
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// Taken by a receiver whose own answer can't be kept.
pub(crate) fn taken() -> Answer {
    let body = json!({"resourceType": "OperationOutcome", "issue": [{
        "severity": "information", "code": "informational",
        "diagnostics": "the receiver has taken the message",
    }]});
    Answer { status: 200, media_type: MEDIA_TYPE.to_owned(), body: body.to_string().into_bytes() }
}

/// Failed for good, for a reason with this code.
pub(crate) fn failed(code: &str) -> Answer {
    Refusal::of_attempt(code).keep()
}

/// The response message to a request that is now ours or in a mailbox.
pub(super) fn response(id: &MessageId, request: &Value, now: Timestamp) -> Answer {
    let header = &request["entry"][0]["resource"];
    let own =
        |what: &str| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}#{what}", original_uri(id)).as_bytes());
    let header_id = own("response-header").hyphenated().to_string();
    let mut answer = json!({
        "resourceType": "MessageHeader",
        "id": header_id,
        "source": {"name": "Causeway", "endpoint": original_uri(id)},
        "response": {"identifier": header["id"], "code": "ok"},
    });
    for event in ["eventCoding", "eventUri"] {
        if !header[event].is_null() {
            answer[event] = header[event].clone();
        }
    }
    if header["source"]["endpoint"].is_string() {
        answer["destination"] = json!([{"endpoint": header["source"]["endpoint"]}]);
    }
    let bundle = json!({
        "resourceType": "Bundle",
        "id": own("response").hyphenated().to_string(),
        "type": "message",
        "timestamp": now.to_string(),
        "entry": [{"fullUrl": format!("urn:uuid:{header_id}"), "resource": answer}],
    });
    Answer { status: 200, media_type: MEDIA_TYPE.to_owned(), body: bundle.to_string().into_bytes() }
}
