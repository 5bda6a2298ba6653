//! The FHIR R4 API over the integrated record: read only. Every disclosure is audited before it is made.

mod audit;
mod batch;
pub mod capability;
mod everything;
mod format;
mod golden;
mod guard;
mod history;
mod query;
mod read;
mod search;
mod smart;
mod subscription;
mod summary;
mod within;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use causeway_broker::state::{AppState, Shared};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::{Answer, Problem};
use serde_json::Value;

use format::negotiate;

/// Routes under `/fhir`.
pub fn router() -> Router<Shared> {
    let everything = get(everything::by_query).post(everything::by_parameters);
    let events = get(subscription::events_by_query).post(subscription::events_by_parameters);
    Router::new()
        .merge(smart::router())
        .route("/fhir", post(batch::batch))
        .route("/fhir/", post(batch::batch))
        .route("/fhir/metadata", get(capability::metadata))
        .route("/fhir/_history", get(history::of_all))
        .route("/fhir/Subscription", get(subscription::search).post(subscription::create))
        .route("/fhir/Subscription/$status", get(subscription::status_of_all))
        .route("/fhir/Subscription/%24status", get(subscription::status_of_all))
        .route(
            "/fhir/Subscription/{id}",
            get(subscription::read).put(subscription::update).delete(subscription::delete),
        )
        .route("/fhir/Subscription/{id}/$status", get(subscription::status))
        .route("/fhir/Subscription/{id}/%24status", get(subscription::status))
        .route("/fhir/Subscription/{id}/$events", events.clone())
        .route("/fhir/Subscription/{id}/%24events", events)
        .route("/fhir/{kind}", get(search::by_query))
        .route("/fhir/{kind}/_search", post(search::by_form))
        .route("/fhir/{kind}/_history", get(history::of_type))
        .route("/fhir/{kind}/{id}", get(read::read))
        .route("/fhir/{kind}/{id}/_history", get(history::of_one))
        .route("/fhir/{kind}/{id}/_history/{version}", get(read::vread))
        .route("/fhir/{kind}/{id}/$everything", everything.clone())
        // Some clients write the dollar sign in its escaped form.
        .route("/fhir/{kind}/{id}/%24everything", everything)
        .route("/fhir/{kind}/{id}/$summary", get(summary::by_query).post(summary::by_query))
        .route("/fhir/{kind}/{id}/%24summary", get(summary::by_query).post(summary::by_query))
        .route("/fhir/{kind}/{id}/{other}", get(search::in_compartment))
        .layer(middleware::from_fn(format::layer))
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

fn answer(status: StatusCode, resource: &Value) -> Response {
    json_answer(status, resource.to_string().into_bytes())
}

/// A resource that is written already.
fn json_answer(status: StatusCode, json: Vec<u8>) -> Response {
    let mut response = (status, json).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Types of R4 that define, and that a record of people does not hold.
const DEFINITIONS: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "EffectEvidenceSynthesis",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MessageDefinition",
    "NamingSystem",
    "OperationDefinition",
    "OperationOutcome",
    "Parameters",
    "PlanDefinition",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "RiskEvidenceSynthesis",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
];

/// A type that is answered about.
///
/// # Errors
/// 404 for another, as R4 (http, search and read) says.
fn type_of(kind: &str) -> Answer<&str> {
    let known = causeway_access::record::is_r4_type(kind) && !DEFINITIONS.contains(&kind);
    if known { Ok(kind) } else { Err(Problem::not_found("resource type")) }
}

/// The value of a parameter.
fn param<'p>(params: &'p [(String, String)], name: &str) -> Option<&'p str> {
    params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}
