//! Search, by GET and by POST.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::Reader;
use causeway_access::audit_event::Act;
use causeway_access::record::SearchOptions;
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};

use super::format::in_form;
use super::query::{Params, is_name};
use super::{answer, audit, base, guard, negotiate, type_of, within};

pub(super) async fn by_query(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(kind): Path<String>,
    Query(params): Query<Params>,
) -> Answer {
    search(state, reader, headers, kind, params, "GET").await
}

/// `Patient/[id]/Type`, `Encounter/[id]/Type`: a search within a compartment.
pub(super) async fn in_compartment(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path((kind, id, other)): Path<(String, String, String)>,
    Query(mut params): Query<Params>,
) -> Answer {
    type_of(&kind)?;
    type_of(&other)?;
    let by = match kind.as_str() {
        "Patient" => "patient",
        "Encounter" => "encounter",
        _ => return Err(Problem::not_found("compartment; there are those of Patient and of Encounter")),
    };
    let has = |name: &str| causeway_access::record::search_parameters(&other).iter().any(|(n, _)| *n == name);
    let name = match (has(by), by) {
        (true, _) => by,
        (false, "patient") if has("subject") => "subject",
        _ => return Err(Problem::not_found("resource type in this compartment")),
    };
    params.push((name.to_owned(), format!("{kind}/{id}")));
    search(state, reader, headers, other, params, "GET").await
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
    let form = negotiate(&headers, format.as_deref())?;
    params.retain(|(name, _)| name != "_format" && name != "_pretty");
    type_of(&kind)?;
    reader.require_scope(&kind, true)?;
    // A refusal names the parameter that is not known: a body that is no form must not come back in it.
    if !params.iter().all(|(name, _)| is_name(name)) {
        return Err(Problem::invalid(
            "search",
            "search refused: a parameter has a name that no parameter can have",
        ));
    }
    let raw: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let raw = format!("{method} /fhir/{kind}?{}", raw.join("&"));
    let options =
        SearchOptions { base: base(&state, &headers), strict: is_strict(&headers), each_source: false };
    if kind == "AuditEvent" {
        return Ok(in_form(audit::search(&state, &reader, &params, &raw, &options.base).await?, form));
    }
    if !reader.operator {
        return Ok(in_form(within::search(&state, &reader, kind, params, options, raw).await?, form));
    }
    let of_patients = kind == "Patient";
    let page = state.blocking(move |s| s.gate.shelf.search(&kind, &params, &options)).await?;
    let mut patients = page.patients();
    if of_patients {
        // What is found is made of the sources' Patients; the access log is kept under these.
        let (found, matches) = (page.found(), page.matches());
        patients.retain(|p| !found.contains(p));
        patients.extend(matches);
    }
    let page = guard::tell(&state, &reader, Act::Query, "", &raw, (page, patients)).await?;
    Ok(in_form(answer(StatusCode::OK, &page.bundle), form))
}
