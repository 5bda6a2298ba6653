//! Addresses that give a page to a browser and JSON to a program: the header `Accept` decides.

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use causeway_access::Caller;
use causeway_broker::state::Shared;
use causeway_broker::view::{self, ListQuery};
use causeway_doors::http::messages as door;
use causeway_host::Answer;
use causeway_pages::{messages as page, wants_html};
use serde::Deserialize;

/// The addresses.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/messages", get(list))
        .route("/messages/", get(list))
        .route("/messages/find", post(find))
        .route("/messages/{id}", get(one))
        .route("/failed", get(failed))
}

/// A search that names a person: never in an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Find {
    nhs_number: String,
}

async fn find(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Form(form): Form<Find>,
) -> Answer {
    if wants_html(&headers) {
        page::of_person(&state, &caller, &form.nhs_number).await
    } else {
        door::of_person(&state, &caller, &form.nhs_number).await
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Most {
    limit: Option<usize>,
}

async fn failed(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Query(most): Query<Most>,
) -> Answer {
    let failed = view::failed(&state, &caller, most.limit).await?;
    if wants_html(&headers) { page::failed(&state, &failed) } else { Ok(door::failed(&failed)) }
}

async fn list(
    state: State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    query: Query<ListQuery>,
    days: Query<page::Days>,
) -> Answer {
    if wants_html(&headers) {
        page::list(state, caller, query, days).await
    } else {
        door::list(state, caller, query).await
    }
}

async fn one(state: State<Shared>, caller: Caller, headers: HeaderMap, id: Path<String>) -> Answer {
    if wants_html(&headers) { page::one(state, caller, id).await } else { door::one(state, caller, id).await }
}
