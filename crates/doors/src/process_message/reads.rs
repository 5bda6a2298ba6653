//! Reads and searches of Booking and Referral (BaRS Core 1.2, API 1.4): who names a target identifier is held to the headers and
//! the parameters of that standard. Any other caller of the FHIR API never meets this.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use causeway_access::caller::{Caller, Shown};
use causeway_broker::bars::{CORRELATION_ID, REQUEST_ID, Refusal};
use causeway_broker::state::Shared;
use causeway_host::Peer;

use super::headers::{TARGET, guid, target};
use super::{answer, target as targets};

/// The capability statement.
const METADATA: &str = "metadata";

/// What a search must name: a type, and parameters by the start of their names, of each list one.
const NEEDED: [(&str, &[&[&str]]); 4] = [
    ("Appointment", &[&["patient"]]),
    ("ServiceRequest", &[&["patient"]]),
    ("DocumentReference", &[&["patient", "subject"]]),
    (
        "Slot",
        &[
            &["status"],
            &["start"],
            &["_include"],
            &["healthcareService", "schedule", "Schedule", "service-type"],
        ],
    ),
];

/// The layer: refuses what the standard refuses.
pub async fn held(State(state): State<Shared>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(TARGET) {
        return next.run(request).await;
    }
    let ids = [REQUEST_ID, CORRELATION_ID].map(|name| (name, request.headers().get(name).cloned()));
    let (parts, body) = request.into_parts();
    let refused = judge(&state, &parts).await;
    let mut response = match refused {
        Some(refusal) => answer::refuse(&refusal),
        None => next.run(Request::from_parts(parts, body)).await,
    };
    for (name, value) in ids {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn judge(state: &Shared, request: &Parts) -> Option<Refusal> {
    let headers = &request.headers;
    let wanted = match target(headers) {
        Ok(wanted) => wanted,
        Err(refusal) => return Some(refusal),
    };
    let shown = Shown(request.extensions.get::<Peer>().and_then(|peer| peer.certificate.clone()));
    let path = request.uri.path().trim_start_matches("/fhir").trim_start_matches('/');
    if let Err(problem) = Caller::of(state, &shown, headers) {
        // Who is not let in hears that from the address itself, and nothing of who is known. The capability statement is open to
        // anyone, but the platform takes no token that is none.
        let presented = headers.contains_key(header::AUTHORIZATION);
        return (path == METADATA && presented).then(|| problem.into());
    }
    match state.blocking(move |s| targets::find(s, &wanted)).await {
        Ok(Some(_)) => {}
        Ok(None) => return Some(Refusal::no_target()),
        Err(problem) => return Some(problem.into()),
    }
    if request.method != Method::GET || path == METADATA {
        return None;
    }
    for name in [REQUEST_ID, CORRELATION_ID] {
        if let Err(refusal) = guid(headers, name) {
            return Some(refusal);
        }
    }
    let (_, needed) = NEEDED.iter().find(|(kind, _)| *kind == path)?;
    let query = request.uri.query().unwrap_or_default();
    let given = |start: &str| query.split('&').any(|part| part.starts_with(start));
    let lacking = needed.iter().find(|names| !names.iter().any(|name| given(name)))?;
    Some(Refusal::bad_request(format!("a search of {path} needs the parameter {}", lacking.join(" or "))))
}
