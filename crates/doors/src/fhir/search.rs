//! Search, by GET and by POST.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::audit_event::Act;
use causeway_access::{Reader, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use causeway_record::SearchOptions;

use super::{answer, audit, base, guard, negotiate, type_of, within};

/// Parameters as given, decoded, in order.
pub(super) type Params = Vec<(String, String)>;

pub(super) async fn by_query(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(kind): Path<String>,
    Query(params): Query<Params>,
) -> Answer {
    search(state, reader, headers, kind, params, "GET").await
}

/// Parameters may stand in the address as well as in the body.
pub(super) async fn by_form(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(kind): Path<String>,
    Query(mut params): Query<Params>,
    Form(form): Form<Params>,
) -> Answer {
    params.extend(form);
    search(state, reader, headers, kind, params, "POST").await
}

fn is_strict(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split([',', ';']))
        .any(|p| p.trim().eq_ignore_ascii_case("handling=strict"))
}

async fn search(
    state: Shared,
    reader: Reader,
    headers: HeaderMap,
    kind: String,
    mut params: Params,
    method: &str,
) -> Answer {
    let format = params.iter().find(|(name, _)| name == "_format").map(|(_, value)| value.clone());
    negotiate(&headers, format.as_deref())?;
    params.retain(|(name, _)| name != "_format" && name != "_pretty");
    type_of(&kind)?;
    reader.require_scope(&kind, true)?;
    let raw: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let raw = format!("{method} /fhir/{kind}?{}", raw.join("&"));
    let options = SearchOptions { base: base(&state, &headers), strict: is_strict(&headers) };
    if kind == "AuditEvent" {
        return audit::search(&state, &reader, &params, &raw, &options.base).await;
    }
    if !reader.operator {
        return within::search(&state, &reader, kind, params, options, raw).await;
    }
    let page =
        state.blocking(move |s| s.record.search(&kind, &params, &options).map_err(record_problem)).await?;
    let patients = guard::patients_of(&page.bundle);
    guard::write(&state, &reader, Act::Query, "", &raw, &patients).await?;
    Ok(answer(StatusCode::OK, &page.bundle))
}
