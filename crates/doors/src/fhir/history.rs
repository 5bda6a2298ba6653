//! History of a resource, of a type, of everything.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::Reader;
use causeway_access::audit_event::Act;
use causeway_access::record::HistoryQuery;
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};

use super::query::{self, Params};
use super::{answer, base, golden, guard, negotiate, param, type_of};

pub(super) async fn of_one(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    negotiate(&headers, param(&params, "_format"))?;
    reader.require_scope(&kind, false)?;
    let entity = format!("{}/{id}/_history", type_of(&kind)?);
    let base = base(&state, &headers);
    let (wanted, root) = ((kind.clone(), id.clone()), base.clone());
    let bundle = state.blocking(move |s| s.gate.shelf.history(&wanted.0, &wanted.1, &root)).await?;
    let Some(bundle) = bundle.present() else {
        let own = match kind.as_str() {
            "Patient" => golden::read(&state, &reader, Act::VersionRead, &id).await?,
            _ => None,
        };
        // A person's own Patient is made of the others, whose history is theirs: what stands is all there is.
        let Some(own) = own else {
            return Err(guard::absent(&state, &reader, Act::VersionRead, &entity).await?);
        };
        let bundle = json!({"resourceType": "Bundle", "type": "history", "total": 1, "entry": [{
            "fullUrl": format!("{base}/Patient/{id}"), "resource": own,
            "request": {"method": "PUT", "url": format!("Patient/{id}")}, "response": {"status": "200"}}]});
        return Ok(answer(StatusCode::OK, &bundle));
    };
    let patients = bundle.patients();
    if reader.operator {
        let bundle = guard::tell(&state, &reader, Act::VersionRead, &entity, "", (bundle, patients)).await?;
        return Ok(answer(StatusCode::OK, &bundle));
    }
    let opened = match patients.first() {
        Some(patient) => guard::open(&state, &reader, patient, &entity).await?,
        None => None,
    };
    let Some(mut opened) = opened else {
        return Err(guard::absent(&state, &reader, Act::VersionRead, &entity).await?);
    };
    let shown = bundle.map(|bundle| {
        let shown = opened.show_version(bundle);
        let entries = shown["entry"].as_array()?;
        entries.iter().any(|e| e.get("request").is_some()).then_some(shown)
    });
    let Some(shown) = shown.present() else {
        return Err(guard::absent(&state, &reader, Act::VersionRead, &entity).await?);
    };
    let tell = |_: &Value| (vec![entity], Vec::new());
    let shown = opened.disclose(&state.gate, &reader, Act::VersionRead, shown, tell).await?;
    Ok(answer(StatusCode::OK, &shown))
}

pub(super) async fn of_type(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path(kind): Path<String>,
) -> Answer {
    type_of(&kind)?;
    of_many(state, reader, headers, params, kind).await
}

pub(super) async fn of_all(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Answer {
    of_many(state, reader, headers, params, String::new()).await
}

async fn of_many(state: Shared, reader: Reader, headers: HeaderMap, params: Params, kind: String) -> Answer {
    negotiate(&headers, param(&params, "_format"))?;
    if !reader.operator {
        // It is about many people at once, and so no one decision covers it.
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "name-the-person",
            "the history of many people is for the operator; ask for the history of one resource",
        ));
    }
    let invalid = |text: &'static str| Problem::invalid("search", text);
    let mut query = HistoryQuery { kind: kind.clone(), ..HistoryQuery::default() };
    for (name, value) in &params {
        match name.as_str() {
            "_count" => query.count = value.parse().map_err(|_| invalid("_count is not a number"))?,
            "_page" => {
                query.before =
                    Some(value.parse().map_err(|_| invalid("_page is not one that was given out"))?);
            }
            "_since" => {
                let range = causeway_access::record::date_range(value)
                    .ok_or_else(|| invalid("_since is not an instant"))?;
                query.since = Some(range.0);
            }
            "_format" | "_pretty" => {}
            _ => return Err(invalid("a history takes _since, _count and _page")),
        }
    }
    let base = base(&state, &headers);
    let path = if kind.is_empty() { format!("{base}/_history") } else { format!("{base}/{kind}/_history") };
    let root = base.clone();
    let page = state.blocking(move |s| s.gate.shelf.history_of_all(&query, &root)).await?;
    let patients = page.patients();
    let linked = page.map(|mut page| {
        let mut links = vec![json!({"relation": "self", "url": query::url(&path, &params)})];
        if let Some(next) = page.next {
            let mut given: Params = params.iter().filter(|(name, _)| name != "_page").cloned().collect();
            given.push(("_page".to_owned(), next.to_string()));
            links.push(json!({"relation": "next", "url": query::url(&path, &given)}));
        }
        page.bundle["link"] = links.into();
        page.bundle
    });
    let entity = if kind.is_empty() { "_history".to_owned() } else { format!("{kind}/_history") };
    let bundle = guard::tell(&state, &reader, Act::VersionRead, &entity, "", (linked, patients)).await?;
    Ok(answer(StatusCode::OK, &bundle))
}
