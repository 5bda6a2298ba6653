//! Slows and writes down failed sign-ins, as a layer over every request that shows credentials: no handler has to think
//! of it. MESH has tokens of its own that can't be guessed, and answers of its own; it is left alone.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_access::attempts::Try;
use causeway_access::caller::SENDER;
use causeway_broker::state::Shared;
use causeway_exchange::NewAudit;
use causeway_host::counters::Counters;
use causeway_host::{Peer, Problem};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Action of the audit entry.
pub const FAILED: &str = "sign-in-failed";

/// What a request shows, if it shows credentials of ours.
fn tried(request: &Request) -> Option<Try> {
    let shown = request.headers().get(header::AUTHORIZATION)?;
    let text = shown.to_str().unwrap_or_default();
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("NHSMESH") {
        return None;
    }
    let peer = request.extensions().get::<Peer>();
    Some(Try {
        address: peer.map(|p| p.address.ip().to_string()).unwrap_or_default(),
        account: account(scheme, rest, request.headers()),
        shown: Sha256::digest(shown.as_bytes()).into(),
    })
}

/// The account that credentials name: the user of a Basic sign-in, or the sender that the request names.
fn account(scheme: &str, rest: &str, headers: &HeaderMap) -> String {
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((user, _)) = decoded.as_deref().and_then(|d| d.split_once(':')) {
            return user.to_owned();
        }
    }
    headers.get(SENDER).and_then(|v| v.to_str().ok()).unwrap_or_default().trim().to_owned()
}

/// The layer.
pub(crate) async fn slow(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let Some(tried) = tried(&request) else { return next.run(request).await };
    let attempts = &state.gate.attempts;
    if let Err(seconds) = attempts.may_try(&tried, state.clock.now()) {
        Counters::add(&state.counters.sign_ins_slowed);
        let text = "too many failed sign-ins; wait before the next";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "sign-ins-slowed", text);
        return problem.after(seconds).into_response();
    }
    let response = next.run(request).await;
    if response.status() != StatusCode::UNAUTHORIZED {
        attempts.succeeded(&tried, state.clock.now());
        return response;
    }
    Counters::add(&state.counters.sign_ins_failed);
    let failures = attempts.failed(&tried, state.clock.now());
    // A name that is none of ours may be a password typed in the wrong field.
    let known = state.gate.organisations.find(&tried.account).map(|o| o.code.clone());
    let actor = known.unwrap_or_else(|| "unknown".to_owned());
    tracing::warn!(address = tried.address, account = actor, failures, "sign-in failed");
    let entry = NewAudit {
        actor,
        action: FAILED.to_owned(),
        entity: tried.address.clone(),
        detail: json!({"failuresOfAddress": failures}).to_string(),
    };
    // Nothing is disclosed by a refusal: where it can't be written, the log and the count tell of it.
    drop(state.gate.audit(entry).await);
    response
}
