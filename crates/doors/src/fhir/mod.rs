//! The FHIR R4 API over the integrated record: read only. Every disclosure is audited before it is made.

mod audit;
pub mod capability;
mod guard;
mod read;
mod search;
mod smart;
mod within;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use causeway_broker::state::{AppState, Shared};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::{Answer, Problem};
use serde_json::Value;

/// Routes under `/fhir`.
pub fn router() -> Router<Shared> {
    Router::new()
        .merge(smart::router())
        .route("/fhir/metadata", get(capability::metadata))
        .route("/fhir/{kind}", get(search::by_query))
        .route("/fhir/{kind}/_search", post(search::by_form))
        .route("/fhir/{kind}/{id}", get(read::read))
        .route("/fhir/{kind}/{id}/_history", get(read::history))
        .route("/fhir/{kind}/{id}/_history/{version}", get(read::vread))
        .route("/fhir/Patient/{id}/$everything", get(read::everything))
        // Some clients write the dollar sign in its escaped form.
        .route("/fhir/Patient/{id}/%24everything", get(read::everything))
}

/// Base URL of the API as the caller sees it, without a slash at its end.
pub fn base(state: &AppState, headers: &HeaderMap) -> String {
    if let Some(url) = &state.config.public_url {
        return format!("{}/fhir", url.trim_end_matches('/'));
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).filter(|host| {
        host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    });
    let scheme = if state.config.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}/fhir", host.unwrap_or("localhost"))
}

/// Refuses what we can't answer in: only JSON is written.
fn negotiate(headers: &HeaderMap, format: Option<&str>) -> Answer<()> {
    let json = |text: &str| text.contains("json") || text.contains("*/*") || text.contains("application/*");
    let asked = match format {
        Some(format) => Some(format.replace(' ', "+")),
        None => headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).map(str::to_owned),
    };
    match asked {
        // A browser's page request still gets JSON: there is no page at these addresses.
        Some(asked) if !json(&asked) && !asked.contains("text/html") => Err(Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-supported",
            "format",
            "only application/fhir+json is written",
        )),
        _ => Ok(()),
    }
}

fn answer(status: StatusCode, resource: &Value) -> Response {
    let mut response = (status, resource.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Whether this may be the name of a FHIR type.
fn type_of(kind: &str) -> Answer<&str> {
    let shaped = kind.len() <= 64
        && kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    if shaped { Ok(kind) } else { Err(Problem::not_found("resource type")) }
}
