//! `POST /fhir/$validate` and `POST /fhir/TYPE/$validate`: the checker of `causeway check`, in FHIR's own operation.
//!
//! Nothing that is sent here is kept, and no text of an answer quotes it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use causeway_access::caller::Caller;
use causeway_broker::state::Shared;
use causeway_conformance::operation::{self, Asked};
use causeway_conformance::report::outcome_xml;
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::{Answer, Problem};
use causeway_profile::Definitions;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use std::time::Duration;

/// Largest content that is checked, in bytes: the checker holds ten times of it in memory.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most profiles that one call names.
pub const PROFILES_MAX: usize = 20;
/// The parameters of a query, in their order.
type Pairs = Vec<(String, String)>;
const XML: &str = "application/fhir+xml";

/// The operation's addresses.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/fhir/$validate", post(any))
        .route("/fhir/%24validate", post(any))
        .route("/fhir/{kind}/$validate", post(of_type))
        .route("/fhir/{kind}/%24validate", post(of_type))
}

async fn any(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<Pairs>,
    body: Body,
) -> Answer {
    validate(&state, &caller, &headers, query, None, body).await
}

async fn of_type(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(kind): Path<String>,
    Query(query): Query<Pairs>,
    body: Body,
) -> Answer {
    validate(&state, &caller, &headers, query, Some(kind), body).await
}

async fn validate(
    state: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    query: Pairs,
    of_type: Option<String>,
    body: Body,
) -> Answer {
    caller.take_rate(state)?;
    let (asked, format) = asked(query, of_type)?;
    let xml = wants_xml(headers, format.as_deref())?;
    let idle = Duration::from_secs(state.config.limits.body_idle_seconds);
    let collected = tokio::time::timeout(idle, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let slow =
        |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "body", "the content came too slowly");
    let large = |_| {
        let text = format!("the content broke off or is longer than {BODY_BYTES_MAX} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "body", text)
    };
    let bytes = collected.map_err(slow)?.map_err(large)?.to_bytes();
    let (outcome, unreadable) = state
        .blocking(move |_| -> Answer<_> {
            let held = Definitions::uk_core();
            let refused = |r: operation::Refused| Problem::invalid("validate", r.words());
            let report = operation::validate(held, &bytes, asked).map_err(refused)?;
            let unreadable = operation::is_unreadable(&report);
            Ok((operation::answer(held, report), unreadable))
        })
        .await?;
    // FHIR: 200 wherever the content could be judged, valid or not.
    let status = if unreadable { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(write(status, &outcome, xml))
}

fn write(status: StatusCode, outcome: &Value, xml: bool) -> Response {
    let (text, kind) = if xml { (outcome_xml(outcome), XML) } else { (outcome.to_string(), MEDIA_TYPE) };
    let mut response = (status, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What the query says; a parameter that is not known is refused, since the answer would be to another question.
fn asked(query: Pairs, of_type: Option<String>) -> Answer<(Asked, Option<String>)> {
    let mut asked = Asked { of_type, ..Asked::default() };
    let mut format = None;
    for (name, value) in query {
        match name.as_str() {
            "profile" if asked.profiles.len() < PROFILES_MAX => asked.profiles.push(value),
            "profile" => return Err(Problem::invalid("query", format!("more than {PROFILES_MAX} profiles"))),
            "mode" => asked.mode = Some(value),
            "_format" => format = Some(value.replace(' ', "+")),
            _ => {
                return Err(Problem::invalid("query", "the parameters are profile, mode and _format"));
            }
        }
    }
    Ok((asked, format))
}

/// Whether the answer is to be XML: `_format` before `Accept`; in `Accept` the one named first.
fn wants_xml(headers: &HeaderMap, format: Option<&str>) -> Answer<bool> {
    let accept = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or("*/*");
    for kind in format.unwrap_or(accept).split(',') {
        let kind = kind.split(';').next().unwrap_or(kind).trim();
        match kind {
            "xml" | "application/xml" | "text/xml" | XML => return Ok(true),
            "json" | "application/json" | "text/json" | MEDIA_TYPE | "*/*" | "application/*"
            | "text/html" => {
                return Ok(false);
            }
            _ => {}
        }
    }
    Err(Problem::new(
        StatusCode::NOT_ACCEPTABLE,
        "not-supported",
        "format",
        "the answer is application/fhir+json or application/fhir+xml",
    ))
}
