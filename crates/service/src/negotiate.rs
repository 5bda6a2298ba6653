//! Addresses that give a page to a browser and JSON to a program: the header `Accept` decides.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::routing::get;
use causeway_access::Caller;
use causeway_broker::state::Shared;
use causeway_broker::view::ListQuery;
use causeway_doors::http::messages as door;
use causeway_host::Answer;
use causeway_pages::{messages as page, wants_html};

/// The addresses.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/messages", get(list))
        .route("/messages/", get(list))
        .route("/messages/{id}", get(one))
}

async fn list(state: State<Shared>, caller: Caller, headers: HeaderMap, query: Query<ListQuery>) -> Answer {
    if wants_html(&headers) {
        page::list(state, caller, query).await
    } else {
        door::list(state, caller, query).await
    }
}

async fn one(state: State<Shared>, caller: Caller, headers: HeaderMap, id: Path<String>) -> Answer {
    if wants_html(&headers) { page::one(state, caller, id).await } else { door::one(state, caller, id).await }
}
