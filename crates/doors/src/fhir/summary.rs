//! `Patient/[id]/$summary`: the patient summary as a document, with the sections of the International Patient Summary (IPS).

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::Reader;
use causeway_access::audit_event::Act;
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use causeway_ips::{About, Held, document};
use serde_json::Value;

use super::query::Params;
use super::{answer, base, format, golden, guard, negotiate, param};

pub(super) async fn by_query(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    if kind != "Patient" {
        return Err(Problem::not_found("operation of this type"));
    }
    if let Some((name, _)) =
        params.iter().find(|(name, _)| !matches!(&**name, "_format" | "_pretty" | "profile"))
    {
        return Err(Problem::invalid("search", format!("$summary has no parameter {name}")));
    }
    reader.require_scope("*", true)?;
    let entity = format!("Patient/{id}");
    let opened = guard::open(&state, &reader, &id, &entity).await?;
    let Some(sources) = golden::sources(&state, &id).await? else {
        return Err(guard::absent(&state, &reader, Act::Read, &entity).await?);
    };
    let (_, mut patients) = sources.ids();
    let patient = sources.map(|sources| golden::shown(&sources, opened.as_ref()));
    let (wanted, base) = (id.clone(), base(&state, &headers));
    let root = base.clone();
    let bundle = state.blocking(move |s| s.gate.shelf.everything(&wanted, &root, &[])).await?;
    let announced = opened.as_ref().is_some_and(causeway_access::Opened::announces);
    let now = state.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let document_id = uuid::Uuid::now_v7().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let about = About { base: &base, id: &document_id, device: "causeway", now: &now, version, announced };
    let made = patient.zip(bundle).map(|(patient, bundle)| {
        let (patient, mut bundle) = patient.zip(bundle)?;
        if let Some(opened) = &opened {
            bundle = opened.show_bundle(bundle);
        }
        let entries = bundle["entry"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let held: Vec<Held> = entries.into_iter().map(|mut e| Held::by_id(e["resource"].take())).collect();
        Some(document(&about, Held::by_id(patient), held))
    });
    let Some(made) = made.present() else {
        return Err(guard::absent(&state, &reader, Act::Read, &entity).await?);
    };
    let entity = format!("Patient/{id}/$summary");
    let document = match opened {
        None => {
            patients.truncate(1);
            guard::tell(&state, &reader, Act::Read, &entity, "", (made, patients)).await?
        }
        Some(mut opened) => {
            let tell = |_: &Value| (vec![entity], Vec::new());
            opened.disclose(&state.gate, &reader, Act::Read, made, tell).await?
        }
    };
    Ok(format::in_form(answer(StatusCode::OK, &document), form))
}
