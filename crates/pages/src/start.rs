//! The start page, the list of adapters, the accessibility statement.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use causeway_access::Reader;
use causeway_access::caller::Caller;
use causeway_access::record::Figures;
use causeway_adapter::{Adapter, Sector};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};

use super::{Frame, portal, render, wants_html};

#[derive(Template)]
#[template(path = "start.html")]
struct Start {
    frame: Frame,
    accepted: u64,
    figures: Figures,
    waiting: u64,
    failed: u64,
    late: u64,
    parked: u64,
    overdue: u64,
    adapters: usize,
    social: usize,
    engine: String,
    durable: bool,
    open: bool,
    operator: bool,
}

/// Who signed in begins where their role begins: this page is about the exchange.
pub(super) async fn page(State(state): State<Shared>, reader: Reader, caller: Caller) -> Answer {
    if let Some(session) = &reader.session {
        return portal::see(portal::home_of(session));
    }
    let (metrics, figures) =
        state.blocking(|s| -> Result<_, Problem> { Ok((s.engine.metrics()?, s.record_figures()?)) }).await?;
    let durability = state.engine.durability();
    render(&Start {
        frame: Frame::new("Causeway", "/"),
        accepted: metrics.kept,
        figures,
        waiting: metrics.queues.iter().map(|q| q.ready + q.waiting + q.leased).sum(),
        failed: metrics.failed,
        late: metrics.undeliverable,
        parked: metrics.queues.iter().map(|q| q.parked).sum(),
        overdue: metrics.expectations_overdue,
        adapters: state.adapters.len(),
        social: state.adapters.iter().filter(|a| a.format().sector == Sector::SocialCare).count(),
        engine: format!("{}, {}", durability.engine, durability.mode),
        durable: durability.durable,
        open: state.config.open,
        operator: caller.is_operator(),
    })
}

struct AdapterRow {
    name: &'static str,
    title: &'static str,
    summary: &'static str,
    sector: &'static str,
    versions: String,
    media_types: String,
    writes: bool,
    tables: usize,
}

#[derive(Template)]
#[template(path = "adapters.html")]
struct Adapters {
    frame: Frame,
    rows: Vec<AdapterRow>,
}

/// Social care first, then by name.
fn sorted(state: &Shared) -> Vec<&'static dyn Adapter> {
    let mut all = state.adapters.to_vec();
    all.sort_by_key(|a| (a.format().sector, a.name()));
    all
}

pub(super) async fn adapters(State(state): State<Shared>, headers: HeaderMap) -> Answer {
    let all = sorted(&state);
    if !wants_html(&headers) {
        let rows: Vec<Value> = all
            .iter()
            .map(|a| {
                json!({"name": a.name(), "title": a.format().title, "summary": a.format().summary, "sector": a.format().sector.words(),
                       "versions": a.format().versions, "mediaTypes": a.format().media_types, "extensions": a.format().extensions,
                       "writes": a.encodes(), "mappingTables": a.maps().len()})
            })
            .collect();
        return Ok(Json(json!({"adapters": rows})).into_response());
    }
    let rows = all
        .into_iter()
        .map(|a| AdapterRow {
            name: a.name(),
            title: a.format().title,
            summary: a.format().summary,
            sector: a.format().sector.words(),
            versions: a.format().versions.join(", "),
            media_types: a.format().media_types.join(", "),
            writes: a.encodes(),
            tables: a.maps().len(),
        })
        .collect();
    render(&Adapters { frame: Frame::new("Formats", "/adapters"), rows })
}

#[derive(Template)]
#[template(path = "accessibility.html")]
struct Accessibility {
    frame: Frame,
}

pub(super) async fn accessibility() -> Answer {
    render(&Accessibility { frame: Frame::new("Accessibility", "") })
}
