//! The National Record Locator (NRL), producer and consumer API of version 3: who holds what of a person, and where it is had.
//!
//! `service.door(nrl::router(nrl::open(settings, &state)?))` plugs it in.
//!
//! * `caller`: the organisation that asks, told by its own token or certificate, or by a gateway that speaks for others.
//! * `producer`: create, supersede, upsert, update, delete, read and search of an organisation's own pointers.
//! * `consumer`: read, search, count of what others hold, and following a pointer to it.
//! * `search`: on either side, by address and by body.
//! * `local`: a pointer for each source's record and each document in the record here, made when it is asked for, so that
//!   it is never older than the record and goes with it.
//!
//! The rules are in [`causeway_locator`]. A pointer tells of a person: consumers see it through the access decision where
//! she is in the record, and every answer about a person is in the access log before it is given.

mod answer;
mod caller;
mod consumer;
mod local;
mod person;
mod producer;
mod search;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use causeway_broker::state::{AppState, Shared};
use causeway_locator::query::Side;
use causeway_locator::{Edition, POINTER_BYTES_MAX, Store, StoreError};
use serde::Deserialize;

/// What an operator may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which state of the national service's rules is followed.
    pub edition: Edition,
    /// Codes of organisations that speak for others: `NHSD-Connection-Metadata` is believed when it comes from one of them.
    pub gateways: Vec<String>,
    /// Refuse requests without `X-Request-Id` and `NHSD-Correlation-Id`, as the national gateway sets them.
    pub require_request_ids: bool,
    /// Who may make and see which types.
    #[serde(rename = "permission")]
    pub permissions: Vec<Permission>,
}

/// What an organisation may make and see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// Its code.
    pub organisation: String,
    /// Suffix of the part of it that this is for.
    #[serde(default)]
    pub extension: Option<String>,
    /// Types of pointers: `system|code`.
    #[serde(default)]
    pub types: Vec<String>,
    /// `allow-all-pointer-types`, `audit-dates-from-payload`, `supersede-ignore-delete-fail`.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// The door's own state.
#[derive(Debug)]
pub struct Nrl {
    settings: Settings,
    store: Store,
}

/// Opens the pointers in the data directory.
///
/// # Errors
/// [`StoreError`].
pub fn open(settings: Settings, state: &AppState) -> Result<Nrl, StoreError> {
    let store = Store::open(state.config.data_directory.join("pointers.sqlite"))?;
    Ok(Nrl { settings, store })
}

/// The door's routes.
pub fn router(nrl: Nrl) -> Router<Shared> {
    let nrl = Arc::new(nrl);
    let producer = Router::new()
        .route(
            "/DocumentReference",
            post(producer::create)
                .get(|s, n, c, p| search::by_query(Side::Producer, s, n, c, p))
                .put(producer::upsert),
        )
        .route("/DocumentReference/_search", post(|s, n, c, b| search::by_body(Side::Producer, s, n, c, b)))
        .route("/DocumentReference/{id}", get(producer::read).put(producer::update).delete(producer::delete))
        .route("/_status", get(answer::status));
    let consumer = Router::new()
        .route("/DocumentReference", get(|s, n, c, p| search::by_query(Side::Consumer, s, n, c, p)))
        .route("/DocumentReference/_search", post(|s, n, c, b| search::by_body(Side::Consumer, s, n, c, b)))
        .route("/DocumentReference/_count", get(consumer::count))
        .route("/DocumentReference/{id}", get(consumer::read))
        .route("/DocumentReference/{id}/$retrieve", get(consumer::retrieve))
        .route("/DocumentReference/{id}/%24retrieve", get(consumer::retrieve))
        .route("/_status", get(answer::status));
    Router::new()
        .nest("/producer/FHIR/R4", producer)
        .nest("/consumer/FHIR/R4", consumer)
        .layer(DefaultBodyLimit::max(POINTER_BYTES_MAX))
        .layer(middleware::from_fn(echo))
        .layer(middleware::from_fn(move |mut request: Request, next: Next| {
            request.extensions_mut().insert(nrl.clone());
            next.run(request)
        }))
}

/// Gives the caller's ids back, and refuses HEAD, which the service does not know.
async fn echo(request: Request, next: Next) -> Response {
    let names = ["x-request-id", "x-correlation-id"];
    let ids: Vec<Option<HeaderValue>> = names.iter().map(|n| request.headers().get(*n).cloned()).collect();
    let mut response = if request.method() == Method::HEAD {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        response
    } else {
        next.run(request).await
    };
    for (name, id) in names.into_iter().zip(ids) {
        if let Some(id) = id {
            response.headers_mut().insert(name, id);
        }
    }
    response
}
