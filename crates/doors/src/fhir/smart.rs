//! SMART Backend Services: discovery under the FHIR base, and the token endpoint.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use causeway_access::audit_event::Act;
use causeway_access::smart::{self, TokenRequest};
use causeway_access::{Reader, opened};
use causeway_broker::state::Shared;
use causeway_host::Peer;
use causeway_host::problem::Answer;
use serde_json::json;

use super::base;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/fhir/.well-known/smart-configuration", get(discovery))
        .route("/oauth/token", post(token))
}

/// The token endpoint's address, exactly as an assertion must name it.
fn endpoint(state: &Shared, headers: &HeaderMap) -> String {
    let base = base(state, headers);
    format!("{}/oauth/token", base.strip_suffix("/fhir").unwrap_or(&base))
}

async fn discovery(State(state): State<Shared>, headers: HeaderMap) -> Response {
    Json(smart::discovery(&endpoint(&state, &headers))).into_response()
}

async fn token(
    State(state): State<Shared>,
    connection: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Answer {
    let endpoint = endpoint(&state, &headers);
    let result = state
        .blocking(move |s| {
            let access = &s.gate.access;
            access.tokens.grant(&request, &endpoint, &s.gate.organisations, &s.engine, s.clock.now())
        })
        .await?;
    let address = connection.map(|peer| peer.address.ip().to_string()).unwrap_or_default();
    let mut event = Reader::unknown(address).event(&state.gate, Act::SignIn);
    match result {
        Ok((token, granted)) => {
            event.client.value.clone_from(&granted.organisation);
            event.token.clone_from(&granted.id);
            opened::write(&state.gate, &[event]).await?;
            let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
            Ok((headers, Json(smart::answer(&token, &granted))).into_response())
        }
        Err(refused) => {
            refused.error.clone_into(&mut event.refused);
            refused.text.clone_into(&mut event.text);
            opened::write(&state.gate, &[event]).await?;
            let status = if refused.error == "invalid_client" {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            let body = json!({"error": refused.error, "error_description": refused.text});
            Ok((status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
        }
    }
}
