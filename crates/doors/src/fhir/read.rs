//! read, vread, history, `$everything`.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use causeway_access::caller::Caller;
use causeway_access::event::{self, Disclosure};
use causeway_access::record_problem;
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use causeway_record::{Version, VersionState};
use serde::Deserialize;

use super::{answer, base, negotiate, type_of};

/// Parameters of a read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadQuery {
    _format: Option<String>,
}

fn request_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-request-id").and_then(|v| v.to_str().ok())
}

fn gone(text: &'static str) -> Problem {
    Problem::new(StatusCode::GONE, "deleted", "no-longer-told", text)
}

/// A version's answer, with the headers of a versioned resource.
fn versioned(version: &Version) -> Response {
    let mut response = answer(StatusCode::OK, &version.resource);
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{}\"", version.version)) {
        headers.insert(header::ETAG, tag);
    }
    let when = version.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(when) = HeaderValue::from_str(&when) {
        headers.insert(header::LAST_MODIFIED, when);
    }
    response
}

fn disclosure<'h>(
    interaction: &'static str,
    entity: String,
    version: &Version,
    headers: &'h HeaderMap,
) -> Disclosure<'h> {
    Disclosure {
        interaction,
        entity,
        patients: event::patients(std::iter::once(&version.resource)),
        query: None,
        request: request_id(headers),
    }
}

pub(super) async fn read(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    caller.require_operator()?;
    negotiate(&headers, query._format.as_deref())?;
    let entity = format!("{}/{id}", type_of(&kind)?);
    let version = state.blocking(move |s| s.record.read_resource(&kind, &id).map_err(record_problem)).await?;
    let version = version.ok_or_else(|| Problem::not_found("resource"))?;
    match version.state {
        VersionState::Told | VersionState::Late => {}
        VersionState::Superseded => return Err(gone("its source no longer tells it; its history is kept")),
        VersionState::Deleted => return Err(gone("its source has deleted it; its history is kept")),
    }
    event::write(&state, &caller, disclosure("read", entity, &version, &headers)).await?;
    Ok(versioned(&version))
}

pub(super) async fn vread(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path((kind, id, number)): Path<(String, String, u32)>,
) -> Answer {
    caller.require_operator()?;
    negotiate(&headers, query._format.as_deref())?;
    let entity = format!("{}/{id}/_history/{number}", type_of(&kind)?);
    let version = state.blocking(move |s| s.record.vread(&kind, &id, number).map_err(record_problem)).await?;
    let version = version.ok_or_else(|| Problem::not_found("version of a resource"))?;
    event::write(&state, &caller, disclosure("vread", entity, &version, &headers)).await?;
    Ok(versioned(&version))
}

pub(super) async fn history(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    caller.require_operator()?;
    negotiate(&headers, query._format.as_deref())?;
    let entity = format!("{}/{id}/_history", type_of(&kind)?);
    let base = base(&state, &headers);
    let bundle =
        state.blocking(move |s| s.record.history_bundle(&kind, &id, &base).map_err(record_problem)).await?;
    let bundle = bundle.ok_or_else(|| Problem::not_found("resource"))?;
    let patients = event::patients_of_bundle(&bundle);
    let disclosure = Disclosure {
        interaction: "history-instance",
        entity,
        patients,
        query: None,
        request: request_id(&headers),
    };
    event::write(&state, &caller, disclosure).await?;
    Ok(answer(StatusCode::OK, &bundle))
}

pub(super) async fn everything(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path(id): Path<String>,
) -> Answer {
    caller.require_operator()?;
    negotiate(&headers, query._format.as_deref())?;
    let base = base(&state, &headers);
    let wanted = id.clone();
    let bundle = state.blocking(move |s| s.record.everything(&wanted, &base).map_err(record_problem)).await?;
    let bundle = bundle.ok_or_else(|| Problem::not_found("patient"))?;
    let disclosure = Disclosure {
        interaction: "everything",
        entity: format!("Patient/{id}/$everything"),
        patients: event::patients_of_bundle(&bundle),
        query: None,
        request: request_id(&headers),
    };
    event::write(&state, &caller, disclosure).await?;
    Ok(answer(StatusCode::OK, &bundle))
}
