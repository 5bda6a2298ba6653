//! Refusals in the shapes of version 1 and version 2 of the API, and which version a client speaks.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use causeway_exchange::EngineError;
use causeway_host::Problem;
use serde_json::{Value, json};

use super::Mesh;
use super::config::Mode;
use super::limits::UPLOADS_RETRY_SECONDS;

/// Version of the API, by the `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// `application/json`, `application/vnd.mesh.v1+json`, or nothing.
    V1,
    /// `application/vnd.mesh.v2+json`.
    V2,
}

impl Version {
    /// Media type of its answers.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::V1 => "application/json",
            Self::V2 => "application/vnd.mesh.v2+json",
        }
    }

    /// Reads `Accept`: the first MESH media type in it, whatever else is listed.
    ///
    /// # Errors
    /// 400 where it names a version that doesn't exist.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else {
            return Ok(Self::V1);
        };
        match accept.split([',', ';']).map(str::trim).find(|part| part.contains("vnd.mesh")) {
            None | Some("application/vnd.mesh.v1+json") => Ok(Self::V1),
            Some("application/vnd.mesh.v2+json") => Ok(Self::V2),
            Some(_) => {
                Err(Refusal::new(StatusCode::BAD_REQUEST, "", "", "Accept header api format incorrect"))
            }
        }
    }
}

/// Why a request is refused. No text holds a value of a message.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) event: &'static str,
    pub(super) code: &'static str,
    pub(super) text: Cow<'static, str>,
    /// The message that it is about.
    pub(super) message: Option<String>,
    /// The header or parameter that is wrong.
    pub(super) field: Option<&'static str>,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        event: &'static str,
        code: &'static str,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, event, code, text: text.into(), message: None, field: None, retry_after: None }
    }

    /// 403 while authenticating.
    pub(super) fn forbidden(text: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "", "", text)
    }

    /// 400 for a header or parameter.
    pub(super) fn field(field: &'static str, text: &'static str) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::BAD_REQUEST, "", "", text) }
    }

    /// 404.
    pub(super) fn no_message() -> Self {
        Self::new(StatusCode::NOT_FOUND, "RECEIVE", "20", "Message does not exist")
    }

    /// 410.
    pub(super) fn gone() -> Self {
        let text = "Message no longer available for download";
        Self::new(StatusCode::GONE, "SEND", "Message already accepted", text)
    }

    /// 417.
    pub(super) fn chunk_range() -> Self {
        let text = "Invalid chunk values sent in mex-Chunk-Range header";
        Self::new(StatusCode::EXPECTATION_FAILED, "SEND", "InvalidHeaderChunks", text)
    }

    /// 417.
    pub(super) fn no_data() -> Self {
        let text = "Data file is missing or inaccessible.";
        Self::new(StatusCode::EXPECTATION_FAILED, "COLLECT", "02", text)
    }

    /// 429: too many failed sign-ins, or requests.
    pub(super) fn slowed(seconds: u64) -> Self {
        let text = "Too many requests";
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "", "", text) }
    }

    /// 429: too much was begun and not finished.
    pub(super) fn uploads() -> Self {
        let text = "Too many unfinished uploads: send the missing chunks of those that were begun, or wait until they expire";
        Self {
            retry_after: Some(UPLOADS_RETRY_SECONDS),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "SEND", "", text)
        }
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", "", "An internal error occurred")
    }

    /// The same, about this message.
    #[must_use]
    pub(super) fn about(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }

    fn body(&self, version: Version, mode: Mode) -> Value {
        if let Some(field) = self.field
            && (version == Version::V2 || mode == Mode::Sandbox)
        {
            return json!({"detail": [{"type": "invalid", "loc": [field], "msg": self.text}]});
        }
        let mut body = match version {
            Version::V1 => json!({
                "errorEvent": self.event, "errorCode": self.code, "errorDescription": self.text,
            }),
            Version::V2 => json!({
                "detail": [{"event": self.event, "code": self.code, "msg": self.text}],
            }),
        };
        if let Some(message) = &self.message {
            body[if version == Version::V1 { "messageID" } else { "message_id" }] = json!(message);
        }
        body
    }
}

/// What could not be written to the audit trail is not shown either.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        if problem.status != StatusCode::SERVICE_UNAVAILABLE {
            return Self::internal();
        }
        let retry_after = problem.retry_after;
        Self { retry_after, ..Self::new(problem.status, "", "", "The access could not be recorded") }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        let unavailable = |seconds| Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "", "", "Messages can't be stored at the moment")
        };
        let chunk = |status, text| Self::new(status, "SEND", "InvalidHeaderChunks", text);
        match error {
            EngineError::NotFound(_) | EngineError::ChunksMissing { .. } => Self::no_message(),
            EngineError::ContentDeleted | EngineError::Transition { .. } | EngineError::WrongState(_) => {
                Self::gone()
            }
            EngineError::ChunkOutOfRange => {
                chunk(StatusCode::NOT_ACCEPTABLE, "Chunk number is greater than the number of chunks")
            }
            EngineError::ChunkDiffers => {
                chunk(StatusCode::EXPECTATION_FAILED, "Chunk was sent before with other content")
            }
            EngineError::UploadFinalised => Self::new(
                StatusCode::LOCKED,
                "SEND",
                "Message already accepted",
                "Message is complete and can't be changed",
            ),
            EngineError::TooLarge(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "SEND", "02", "Data is larger than a request may be")
            }
            EngineError::SpaceLow { .. } => unavailable(causeway_host::limits::RETRY_AFTER_SECONDS * 12),
            ref transient if transient.is_transient() => {
                tracing::error!(error = %transient, "engine unavailable");
                unavailable(causeway_host::limits::RETRY_AFTER_SECONDS)
            }
            other => {
                tracing::error!(error = %other, "engine call failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        // `render` gives it its body: only there the client's version is known.
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives refusals the body that the client's version wants.
pub(super) async fn render(State(mesh): State<Arc<Mesh>>, request: Request, next: Next) -> Response {
    let version = Version::of(request.headers()).unwrap_or(Version::V1);
    let mut response = next.run(request).await;
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
    let mut response =
        json_answer(refusal.status, version, &refusal.body(version, mesh.config.mode)).into_response();
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A JSON answer in the version's media type.
pub(super) fn json_answer(status: StatusCode, version: Version, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(version.media_type()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let of = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            Version::of(&headers).ok()
        };
        assert_eq!(of("*/*"), Some(Version::V1));
        assert_eq!(of("application/vnd.mesh.v1+json"), Some(Version::V1));
        assert_eq!(of("application/vnd.mesh.v2+json, */*;q=0.1"), Some(Version::V2));
        assert_eq!(of("application/json, application/vnd.mesh.v2+json"), Some(Version::V2));
        assert_eq!(of("application/vnd.mesh.v9+json"), None);
        assert_eq!(Version::of(&HeaderMap::new()).ok(), Some(Version::V1));
    }

    #[test]
    fn shapes() {
        let refusal = Refusal::no_message().about("M1");
        let v1 = json!({"messageID": "M1", "errorEvent": "RECEIVE", "errorCode": "20",
                        "errorDescription": "Message does not exist"});
        assert_eq!(refusal.body(Version::V1, Mode::Strict), v1);
        let v2 = json!({"message_id": "M1",
                        "detail": [{"event": "RECEIVE", "code": "20", "msg": "Message does not exist"}]});
        assert_eq!(refusal.body(Version::V2, Mode::Strict), v2);
        let field = Refusal::field("mex-to", "is missing");
        assert_eq!(field.body(Version::V1, Mode::Strict)["errorDescription"], "is missing");
        assert_eq!(field.body(Version::V2, Mode::Strict)["detail"][0]["msg"], "is missing");
    }
}
