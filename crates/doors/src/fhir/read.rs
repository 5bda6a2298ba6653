//! read and vread, also conditional.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use causeway_access::audit_event::Act;
use causeway_access::record::View;
use causeway_access::record::{Version, VersionState};
use causeway_access::{Reader, Sealed, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};

use super::query::Params;
use super::{answer, golden, guard, negotiate, param, type_of};

/// Whether a text can be an id (R4, datatypes, id).
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn gone(text: &'static str) -> Problem {
    Problem::new(StatusCode::GONE, "deleted", "no-longer-told", text)
}

/// A resource's answer: whole or the part that is asked for, with the headers of a versioned resource, or 304 where the
/// caller has this version already (R4, http, conditional read).
fn versioned(mut resource: Value, headers: &HeaderMap, params: &Params) -> Answer {
    let meta = &resource["meta"];
    let version = meta["versionId"].as_str().unwrap_or_default().to_owned();
    let at = meta["lastUpdated"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    View::of(params).map_err(record_problem)?.apply(&mut resource);
    let mut response = match is_known(headers, &version, at) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => answer(StatusCode::OK, &resource),
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{version}\"")) {
        headers.insert(header::ETAG, tag);
    }
    let when = at.map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(when) = when.and_then(|when| HeaderValue::from_str(&when).ok()) {
        headers.insert(header::LAST_MODIFIED, when);
    }
    Ok(response)
}

/// Whether the caller says that it has this version. `If-None-Match` counts before `If-Modified-Since` (RFC 9110, 13.2.2).
fn is_known(headers: &HeaderMap, version: &str, at: Option<jiff::Timestamp>) -> bool {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(tags) = text(header::IF_NONE_MATCH) {
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        return tags.split(',').any(|tag| tag.trim() == "*" || bare(tag) == version);
    }
    let since = text(header::IF_MODIFIED_SINCE)
        .and_then(|since| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(since).ok());
    // HTTP has whole seconds.
    matches!((since, at), (Some(since), Some(at)) if at.as_second() <= since.as_second())
}

/// The version as the reader may see it, after it is written down that it is shown.
async fn shown(
    state: &Shared,
    reader: &Reader,
    act: Act,
    entity: String,
    version: Sealed<Version>,
) -> Answer<Version> {
    let patients = version.patients();
    let Some(patient) = patients.first() else {
        // What is about nobody is seen by way of what refers to it: on its own it could tell of a withheld item.
        if !reader.operator {
            return Err(guard::absent(state, reader, act, &entity).await?);
        }
        return guard::tell(state, reader, act, &entity, "", (version, patients)).await;
    };
    let Some(mut opened) = guard::open(state, reader, patient, &entity).await? else {
        return guard::tell(state, reader, act, &entity, "", (version, patients)).await;
    };
    let cut = version.map(|mut version| {
        let bundle = json!({"entry": [{"resource": version.resource.take()}]});
        let mut bundle = opened.show_version(bundle);
        version.resource = bundle["entry"].as_array_mut()?.first_mut()?["resource"].take();
        (!version.resource.is_null()).then_some(version)
    });
    let Some(version) = cut.present() else {
        return Err(guard::absent(state, reader, act, &entity).await?);
    };
    opened.disclose(&state.gate, reader, act, version, |_| (vec![entity], Vec::new())).await
}

pub(super) async fn read(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    negotiate(&headers, param(&params, "_format"))?;
    reader.require_scope(&kind, false)?;
    let entity = format!("{}/{id}", type_of(&kind)?);
    if !is_id(&id) {
        return Err(Problem::invalid("id", "an id is 1 to 64 letters, digits, hyphens and full stops"));
    }
    let wanted = (kind.clone(), id.clone());
    let version = state.blocking(move |s| s.gate.shelf.resource(&wanted.0, &wanted.1)).await?;
    let Some(version) = version.present() else {
        let own = match kind.as_str() {
            "Patient" => golden::read(&state, &reader, Act::Read, &id).await?,
            _ => None,
        };
        return match own {
            Some(own) => versioned(own, &headers, &params),
            None => Err(guard::absent(&state, &reader, Act::Read, &entity).await?),
        };
    };
    let version = shown(&state, &reader, Act::Read, entity, version).await?;
    match version.state {
        VersionState::Told | VersionState::Late => versioned(version.resource, &headers, &params),
        VersionState::Superseded => Err(gone("its source no longer tells it; its history is kept")),
        VersionState::Deleted => Err(gone("it was deleted, by its source or because its time was over")),
    }
}

pub(super) async fn vread(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path((kind, id, number)): Path<(String, String, String)>,
) -> Answer {
    negotiate(&headers, param(&params, "_format"))?;
    reader.require_scope(&kind, false)?;
    let entity = format!("{}/{id}/_history/{number}", type_of(&kind)?);
    let wanted = (kind.clone(), id.clone());
    let version = match number.parse::<u32>() {
        Ok(asked) => {
            let read = state.blocking(move |s| s.gate.shelf.version(&wanted.0, &wanted.1, asked));
            read.await?.present()
        }
        Err(_) => None,
    };
    if version.is_none() && kind == "Patient" {
        let own = golden::read(&state, &reader, Act::VersionRead, &id).await?;
        if let Some(own) = own.filter(|own| own["meta"]["versionId"] == number.as_str()) {
            return versioned(own, &headers, &params);
        }
    }
    let Some(version) = version else {
        return Err(guard::absent(&state, &reader, Act::VersionRead, &entity).await?);
    };
    let version = shown(&state, &reader, Act::VersionRead, entity, version).await?;
    versioned(version.resource, &headers, &params)
}
