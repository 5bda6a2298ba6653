//! Refusals: one type, answered as a FHIR OperationOutcome or, to a browser, as a page.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_exchange::EngineError;
use causeway_fhir::systems::CAUSEWAY_ISSUE;
use serde_json::{Value, json};

/// A refusal. Its text never holds a value of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// FHIR issue type (`not-found`, `throttled`, …).
    pub code: &'static str,
    /// Which rule of ours, kebab-case.
    pub rule: &'static str,
    /// One plain sentence.
    pub text: String,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// Result of a handler.
pub type Answer<T = Response> = Result<T, Problem>;

impl Problem {
    /// A refusal.
    pub fn new(status: StatusCode, code: &'static str, rule: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, rule, text: text.into(), retry_after: None }
    }

    /// 400, the request is malformed.
    pub fn invalid(rule: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", rule, text)
    }

    /// 404.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "not-found", format!("no such {what}"))
    }

    /// 500; what happened is in the log, not in the answer.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "exception",
            "internal",
            "the request could not be completed",
        )
    }

    /// The same, with a time after which trying again makes sense.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As an OperationOutcome.
    pub fn outcome(&self) -> Value {
        json!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": if self.status.is_server_error() { "fatal" } else { "error" },
                "code": self.code,
                "details": {
                    "coding": [{"system": CAUSEWAY_ISSUE, "code": self.rule}],
                    "text": self.text,
                },
            }],
        })
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        match error {
            EngineError::NotFound(what) => Self::not_found(what),
            EngineError::ContentDeleted => Self::new(StatusCode::GONE, "deleted", "content-deleted", text),
            EngineError::WrongState(_)
            | EngineError::Transition { .. }
            | EngineError::ChunksMissing { .. } => {
                Self::new(StatusCode::CONFLICT, "conflict", "wrong-state", text)
            }
            EngineError::VersionConflict(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", "version-conflict", text)
            }
            EngineError::StaleLease => Self::new(StatusCode::CONFLICT, "conflict", "stale-lease", text),
            EngineError::TooLarge(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "message-too-large", text)
            }
            EngineError::Invalid(_) => Self::invalid("invalid-argument", text),
            EngineError::SpaceLow { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-store", "space-low", "storage is nearly full")
                    .after(crate::limits::RETRY_AFTER_SECONDS * 12)
            }
            ref transient if transient.is_transient() => {
                tracing::error!(error = %transient, "engine unavailable");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "transient",
                    "engine-unavailable",
                    "messages can't be stored at the moment",
                )
                .after(crate::limits::RETRY_AFTER_SECONDS)
            }
            other => {
                tracing::error!(error = %other, "engine call failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.outcome())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(causeway_fhir::MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"Causeway\", charset=\"UTF-8\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        // Kept beside the body, so that the page layer can show it to a person instead.
        response.extensions_mut().insert(self);
        response
    }
}
