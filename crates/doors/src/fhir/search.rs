//! Search, by GET and by POST.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::caller::Caller;
use causeway_access::event::{self, Disclosure};
use causeway_access::record_problem;
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use causeway_record::SearchOptions;

use super::{answer, base, negotiate, type_of};

type Params = Vec<(String, String)>;

pub(super) async fn by_query(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(kind): Path<String>,
    Query(params): Query<Params>,
) -> Answer {
    search(state, caller, headers, kind, params).await
}

/// Parameters may stand in the address as well as in the body.
pub(super) async fn by_form(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(kind): Path<String>,
    Query(mut params): Query<Params>,
    Form(form): Form<Params>,
) -> Answer {
    params.extend(form);
    search(state, caller, headers, kind, params).await
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
    caller: Caller,
    headers: HeaderMap,
    kind: String,
    mut params: Params,
) -> Answer {
    caller.require_operator()?;
    let format = params.iter().find(|(name, _)| name == "_format").map(|(_, value)| value.clone());
    negotiate(&headers, format.as_deref())?;
    params.retain(|(name, _)| name != "_format" && name != "_pretty");
    let entity = format!("{}?", type_of(&kind)?);
    let mut names: Vec<String> = params.iter().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    let whole: String = params.iter().map(|(name, value)| format!("{name}={value}&")).collect();
    let digest = state.digest(&whole);
    let options = SearchOptions { base: base(&state, &headers), strict: is_strict(&headers) };
    let page =
        state.blocking(move |s| s.record.search(&kind, &params, &options).map_err(record_problem)).await?;
    let disclosure = Disclosure {
        interaction: "search-type",
        entity,
        patients: event::patients_of_bundle(&page.bundle),
        query: Some((names, digest)),
        request: headers.get("x-request-id").and_then(|v| v.to_str().ok()),
    };
    event::write(&state, &caller, disclosure).await?;
    Ok(answer(StatusCode::OK, &page.bundle))
}
