//! read, vread, history, `$everything`.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use causeway_access::audit_event::Act;
use causeway_access::{Reader, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use causeway_record::{Version, VersionState};
use serde::Deserialize;
use serde_json::json;

use super::{answer, base, guard, negotiate, type_of};

/// Parameters of a read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadQuery {
    _format: Option<String>,
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

/// The version as the reader may see it, after it is written down that it is shown.
async fn shown(
    state: &Shared,
    reader: &Reader,
    act: Act,
    entity: String,
    mut version: Version,
) -> Answer<Version> {
    let patient = guard::patient_of(&version.resource).map(str::to_owned);
    let Some(patient) = patient else {
        // What is about nobody is seen by way of what refers to it: on its own it could tell of a withheld item.
        if !reader.operator {
            return Err(Problem::not_found("resource"));
        }
        guard::write(state, reader, act, &entity, "", &[]).await?;
        return Ok(version);
    };
    match guard::open(state, reader, &patient, &entity).await? {
        None => guard::write(state, reader, act, &entity, "", &[patient]).await?,
        Some(mut opened) => {
            let mut bundle = json!({"entry": [{"resource": version.resource}]});
            bundle = opened.show_version(bundle);
            let shown = bundle["entry"].as_array_mut().and_then(|e| e.first_mut());
            let shown = shown.map(|e| e["resource"].take()).filter(|r| !r.is_null());
            version.resource = shown.ok_or_else(|| Problem::not_found("resource"))?;
            opened.disclose(&state.gate, reader, act, vec![entity], Vec::new()).await?;
        }
    }
    Ok(version)
}

pub(super) async fn read(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    negotiate(&headers, query._format.as_deref())?;
    reader.require_scope(&kind, false)?;
    let entity = format!("{}/{id}", type_of(&kind)?);
    let version = state.blocking(move |s| s.record.read_resource(&kind, &id).map_err(record_problem)).await?;
    let version = version.ok_or_else(|| Problem::not_found("resource"))?;
    let state_of = version.state;
    let version = shown(&state, &reader, Act::Read, entity, version).await?;
    match state_of {
        VersionState::Told | VersionState::Late => Ok(versioned(&version)),
        VersionState::Superseded => Err(gone("its source no longer tells it; its history is kept")),
        VersionState::Deleted => Err(gone("its source has deleted it; its history is kept")),
    }
}

pub(super) async fn vread(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path((kind, id, number)): Path<(String, String, u32)>,
) -> Answer {
    negotiate(&headers, query._format.as_deref())?;
    reader.require_scope(&kind, false)?;
    let entity = format!("{}/{id}/_history/{number}", type_of(&kind)?);
    let version = state.blocking(move |s| s.record.vread(&kind, &id, number).map_err(record_problem)).await?;
    let version = version.ok_or_else(|| Problem::not_found("version of a resource"))?;
    let version = shown(&state, &reader, Act::VersionRead, entity, version).await?;
    Ok(versioned(&version))
}

pub(super) async fn history(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    negotiate(&headers, query._format.as_deref())?;
    reader.require_scope(&kind, false)?;
    let entity = format!("{}/{id}/_history", type_of(&kind)?);
    let base = base(&state, &headers);
    let bundle =
        state.blocking(move |s| s.record.history_bundle(&kind, &id, &base).map_err(record_problem)).await?;
    let bundle = bundle.ok_or_else(|| Problem::not_found("resource"))?;
    let patients = guard::patients_of(&bundle);
    if reader.operator {
        guard::write(&state, &reader, Act::VersionRead, &entity, "", &patients).await?;
        return Ok(answer(StatusCode::OK, &bundle));
    }
    let patient = patients.first().ok_or_else(|| Problem::not_found("resource"))?;
    let opened = guard::open(&state, &reader, patient, &entity).await?;
    let mut opened = opened.ok_or_else(|| Problem::not_found("resource"))?;
    let shown = opened.show_version(bundle);
    if !shown["entry"].as_array().is_some_and(|e| e.iter().any(|e| e.get("request").is_some())) {
        return Err(Problem::not_found("resource"));
    }
    opened.disclose(&state.gate, &reader, Act::VersionRead, vec![entity], Vec::new()).await?;
    Ok(answer(StatusCode::OK, &shown))
}

pub(super) async fn everything(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
    Path(id): Path<String>,
) -> Answer {
    negotiate(&headers, query._format.as_deref())?;
    reader.require_scope("*", true)?;
    let base = base(&state, &headers);
    let wanted = id.clone();
    let entity = format!("Patient/{id}");
    let opened = guard::open(&state, &reader, &id, &entity).await?;
    let bundle = state.blocking(move |s| s.record.everything(&wanted, &base).map_err(record_problem)).await?;
    let bundle = bundle.ok_or_else(|| Problem::not_found("patient"))?;
    let Some(mut opened) = opened else {
        let patients = guard::patients_of(&bundle);
        guard::write(&state, &reader, Act::Read, &entity, "", &patients).await?;
        return Ok(answer(StatusCode::OK, &bundle));
    };
    let shown = opened.show_bundle(bundle);
    opened.disclose(&state.gate, &reader, Act::Read, vec![entity], Vec::new()).await?;
    Ok(answer(StatusCode::OK, &shown))
}
