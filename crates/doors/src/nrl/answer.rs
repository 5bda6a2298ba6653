//! What the door says.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_broker::state::Shared;
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::Problem;
use causeway_locator::{Edition, Refusal, StoreError, Success};
use serde_json::{Value, json};

use super::Nrl;

/// Why a request is not done: by the locator's rules, or by those of the exchange.
pub(super) enum Fault {
    Refused(Refusal, Edition),
    Problem(Problem),
}

pub(super) type Answer<T = Response> = Result<T, Fault>;

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the pointers' store failed");
        let text = "pointers can't be read or written at the moment";
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "transient", "pointers-unavailable", text);
        Self::Problem(problem.after(causeway_host::limits::RETRY_AFTER_SECONDS))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Refused(refusal, edition) => {
                let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
                body(status, &refusal.outcome(edition))
            }
        }
    }
}

impl Nrl {
    /// A refusal in the edition that is followed.
    pub(super) fn refuse(&self, refusal: Refusal) -> Fault {
        Fault::Refused(refusal, self.settings.edition)
    }

    pub(super) fn edition(&self) -> Edition {
        self.settings.edition
    }

    /// What was done. `id`: of what was made.
    pub(super) fn done(&self, success: Success, id: Option<&str>) -> Response {
        let status = StatusCode::from_u16(success.status()).unwrap_or(StatusCode::OK);
        let mut response = body(status, &success.outcome());
        let prefix = match self.edition() {
            Edition::Of2024 => "/producer/FHIR/R4",
            Edition::Of2025 => "",
        };
        let place = id.and_then(|id| HeaderValue::from_str(&format!("{prefix}/DocumentReference/{id}")).ok());
        if let Some(place) = place {
            response.headers_mut().insert(header::LOCATION, place);
        }
        response
    }
}

/// JSON, whatever is asked for: the service has no other form.
pub(super) fn body(status: StatusCode, resource: &Value) -> Response {
    let mut response = (status, resource.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// A searchset. `link`: of itself; `next`: the token of the next page.
pub(super) fn searchset(entries: Vec<Value>, total: usize, link: &str, next: Option<String>) -> Value {
    let mut links = vec![json!({"relation": "self", "url": link})];
    if let Some(token) = &next {
        links.push(json!({"relation": "next", "url": format!("{link}&next-page-token={token}")}));
    }
    let entries: Vec<Value> = entries.into_iter().map(|r| json!({"resource": r})).collect();
    let mut bundle = json!({
        "resourceType": "Bundle", "type": "searchset", "link": links, "total": total, "entry": entries,
    });
    if let Some(token) = next {
        bundle["meta"] = json!({"tag": [{"code": token, "display": "next-page-token"}]});
    }
    bundle
}

/// Whether the pointers can be read.
pub(super) async fn status(State(state): State<Shared>, Extension(nrl): Extension<Arc<Nrl>>) -> Response {
    let read = state.blocking(move |_| nrl.store.get("ODSX-NULL").map_err(|_| Problem::internal())).await;
    match read {
        Ok(_) => (StatusCode::OK, "OK").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable").into_response(),
    }
}
