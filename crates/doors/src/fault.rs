//! Fault destinations: `POST /fault/{mode}`, in test mode only, so that a sender can be tested against a receiver
//! that is slow, refuses, repeats itself or breaks off. (The other way round, an endpoint of kind `fault` tests a
//! receiver.) What is sent there is read and thrown away.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use causeway_access::caller::Caller;
use causeway_broker::delivery::limits::FAULT_BYTES_MAX;
use causeway_broker::endpoint::FAULT_SECONDS_MAX;
use causeway_broker::state::Shared;
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::{Answer, Problem};
use hyper::body::Frame;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

/// Routes of the fault destinations.
pub fn router() -> Router<Shared> {
    Router::new().route("/fault/{mode}", post(fault)).layer(DefaultBodyLimit::max(FAULT_BYTES_MAX))
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Settings {
    /// How long, in seconds.
    seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seconds: 2 }
    }
}

fn outcome(status: StatusCode, code: &str, http: &str) -> Response {
    let severity = if status.is_success() { "information" } else { "error" };
    let body = json!({"resourceType": "OperationOutcome", "issue": [{
        "severity": severity, "code": code,
        "details": {"coding": [{"system": causeway_broker::bars::ERROR_CODES, "code": http}],
                    "text": "a fault destination answered as it was asked to"}}]});
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

async fn fault(
    State(state): State<Shared>,
    caller: Caller,
    Path(mode): Path<String>,
    Query(settings): Query<Settings>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if !state.config.test_mode {
        return Err(Problem::not_found("page"));
    }
    caller.take_rate(&state)?;
    drop(body);
    let seconds = settings.seconds.min(FAULT_SECONDS_MAX);
    let ok = || outcome(StatusCode::OK, "informational", "OK");
    let mut response = match mode.as_str() {
        "accept" => ok(),
        "delay" => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            ok()
        }
        "refuse" => {
            let mut response = outcome(StatusCode::SERVICE_UNAVAILABLE, "transient", "REC_UNAVAILABLE");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        "throttle" => {
            let mut response = outcome(StatusCode::TOO_MANY_REQUESTS, "throttled", "REC_TOO_MANY_REQUESTS");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        "early" => early(&state, &headers).await?,
        "duplicate" => outcome(StatusCode::CONFLICT, "duplicate", "REC_CONFLICT"),
        "reject" => outcome(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "REC_UNPROCESSABLE_ENTITY"),
        "error" => outcome(StatusCode::INTERNAL_SERVER_ERROR, "exception", "REC_SERVER_ERROR"),
        "drop" => broken(0),
        "truncate" => broken(40),
        _ => {
            return Err(Problem::not_found(
                "fault; there are accept, delay, refuse, throttle, early, duplicate, reject, error, drop and truncate",
            ));
        }
    };
    for name in ["x-request-id", "x-correlation-id"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// Too early for the first time that a request id comes, then done before.
async fn early(state: &Shared, headers: &HeaderMap) -> Answer {
    let id = headers.get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let first = state.blocking(move |s| {
        let now = s.clock.now();
        let until = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now);
        s.engine.use_once("fault-early", &id, until, now)
    });
    Ok(match first.await? {
        true => outcome(StatusCode::TOO_EARLY, "transient", "REC_TOO_EARLY"),
        false => outcome(StatusCode::CONFLICT, "duplicate", "REC_CONFLICT"),
    })
}

/// An answer that breaks off after so many bytes of its body.
fn broken(bytes: usize) -> Response {
    let start = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information"}]}"#;
    let start = start.get(..bytes).unwrap_or_default();
    let body = Broken { start: (bytes > 0).then(|| Bytes::from_static(start.as_bytes())) };
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}

struct Broken {
    start: Option<Bytes>,
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = io::Error;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.start.take() {
            Some(start) => Poll::Ready(Some(Ok(Frame::data(start)))),
            None => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
        }
    }
}
