//! What waits for a person: overdue acknowledgements and parked work. Each action has a page of its own that
//! says what it will do, and is done by a form sent from it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, http::HeaderValue};
use causeway_access::caller::{Caller, same_origin};
use causeway_broker::limits::{NOTE_CHARS_MAX, PAGE_ISSUES_MAX};
use causeway_broker::state::Shared;
use causeway_exchange::{Expectation, WorkId, WorkItem, WorkQuery, WorkState};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::words::{self, Moment, short};
use super::{Frame, render, wants_html};

struct OverdueRow {
    number: u64,
    message: String,
    short: String,
    kind: &'static str,
    from: String,
    due: Moment,
    why: String,
}

fn overdue_row(e: &Expectation) -> OverdueRow {
    OverdueRow {
        number: e.id,
        message: e.message.to_string(),
        short: short(e.message.as_str()),
        kind: e.expected.kind.as_str(),
        from: e.expected.from.clone(),
        due: e.expected.deadline.into(),
        why: match &e.settled {
            Some((_, _, code)) => format!("negative answer, code {code}"),
            None => "nothing came in time".to_owned(),
        },
    }
}

#[derive(Template)]
#[template(path = "overdue.html")]
struct OverduePage {
    frame: Frame,
    rows: Vec<OverdueRow>,
}

#[derive(Template)]
#[template(path = "overdue-one.html")]
struct OverdueOnePage {
    frame: Frame,
    row: OverdueRow,
    note_max: usize,
}

async fn overdue_list(state: &Shared) -> Answer<Vec<Expectation>> {
    state.blocking(|s| s.engine.overdue(None, PAGE_ISSUES_MAX)).await
}

pub(super) async fn overdue(State(state): State<Shared>, caller: Caller, headers: HeaderMap) -> Answer {
    caller.require_operator()?;
    let rows: Vec<OverdueRow> = overdue_list(&state).await?.iter().map(overdue_row).collect();
    if !wants_html(&headers) {
        let rows: Vec<Value> = rows
            .iter()
            .map(|r| {
                json!({"number": r.number, "message": r.message, "acknowledgement": r.kind, "from": r.from,
                       "due": r.due.exact, "why": r.why})
            })
            .collect();
        return Ok(Json(json!({"overdue": rows})).into_response());
    }
    render(&OverduePage { frame: Frame::new("Answers that have not come", "/overdue"), rows })
}

pub(super) async fn overdue_one(
    State(state): State<Shared>,
    caller: Caller,
    Path(number): Path<u64>,
) -> Answer {
    caller.require_operator()?;
    let before = number.checked_sub(1);
    let found = state.blocking(move |s| s.engine.overdue(before, 1)).await?;
    let row = found.iter().find(|e| e.id == number).map(overdue_row);
    let row = row.ok_or_else(|| Problem::not_found("overdue acknowledgement"))?;
    render(&OverdueOnePage {
        frame: Frame::new(format!("Answer {number} that has not come"), "/overdue"),
        row,
        note_max: NOTE_CHARS_MAX,
    })
}

/// What a person decides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionForm {
    action: String,
    note: String,
    confirm: String,
}

impl ActionForm {
    fn checked(&self, note_needed: bool) -> Answer<String> {
        if self.confirm != "yes" {
            return Err(Problem::invalid("not-confirmed", "tick the box to confirm, nothing was changed"));
        }
        let note = self.note.trim();
        if note_needed && note.is_empty() {
            return Err(Problem::invalid("note-missing", "say why, nothing was changed"));
        }
        Ok(note.chars().take(NOTE_CHARS_MAX).collect())
    }
}

fn back_to(address: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static(address))]).into_response()
}

pub(super) async fn handle(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(number): Path<u64>,
    Form(form): Form<ActionForm>,
) -> Answer {
    caller.require_operator()?;
    same_origin(&headers)?;
    let note = form.checked(true)?;
    let actor = caller.organisation.code;
    state.blocking(move |s| s.engine.handle_overdue(number, &actor, &note, s.clock.now())).await?;
    Ok(back_to("/overdue"))
}

struct ParkedRow {
    number: u64,
    message: String,
    short: String,
    kind: &'static str,
    destination: String,
    code: String,
    detail: String,
    attempts: u32,
    queued: Moment,
}

fn parked_row(item: &WorkItem) -> ParkedRow {
    let (code, detail) = item.last_error.clone().unwrap_or_default();
    ParkedRow {
        number: item.id.0,
        message: item.message.to_string(),
        short: short(item.message.as_str()),
        kind: item.work.kind.as_str(),
        destination: item.work.destination.clone(),
        code: words::event(&code),
        detail,
        attempts: item.attempts,
        queued: item.queued_at.into(),
    }
}

/// An endpoint whose deliveries wait for its own sake.
struct AwayRow {
    endpoint: String,
    code: String,
    detail: String,
    since: Moment,
    needs_person: bool,
}

fn away_rows(state: &Shared) -> Vec<AwayRow> {
    let away = state.counters.endpoints_away().into_iter();
    away.map(|(endpoint, away)| AwayRow {
        endpoint,
        needs_person: away.needs_person(),
        code: away.code,
        detail: away.detail,
        since: away.since.into(),
    })
    .collect()
}

#[derive(Template)]
#[template(path = "parked.html")]
struct ParkedPage {
    frame: Frame,
    rows: Vec<ParkedRow>,
    away: Vec<AwayRow>,
}

#[derive(Template)]
#[template(path = "parked-one.html")]
struct ParkedOnePage {
    frame: Frame,
    row: ParkedRow,
    note_max: usize,
}

pub(super) async fn parked(State(state): State<Shared>, caller: Caller, headers: HeaderMap) -> Answer {
    caller.require_operator()?;
    let query = WorkQuery { state: Some(WorkState::Parked), limit: PAGE_ISSUES_MAX, ..WorkQuery::default() };
    let items = state.blocking(move |s| s.engine.work(&query)).await?;
    let rows: Vec<ParkedRow> = items.iter().map(parked_row).collect();
    if !wants_html(&headers) {
        let rows: Vec<Value> = rows
            .iter()
            .map(|r| {
                json!({"number": r.number, "message": r.message, "work": r.kind, "destination": r.destination,
                       "cause": r.code, "detail": r.detail, "attempts": r.attempts, "queued": r.queued.exact})
            })
            .collect();
        let away: Vec<Value> = away_rows(&state)
            .iter()
            .map(|a| {
                json!({"endpoint": a.endpoint, "cause": a.code, "detail": a.detail, "since": a.since.exact,
                       "needsPerson": a.needs_person})
            })
            .collect();
        return Ok(Json(json!({"parked": rows, "endpointsAway": away})).into_response());
    }
    render(&ParkedPage { frame: Frame::new("Needs a decision", "/parked"), rows, away: away_rows(&state) })
}

pub(super) async fn parked_one(
    State(state): State<Shared>,
    caller: Caller,
    Path(number): Path<u64>,
) -> Answer {
    caller.require_operator()?;
    let after = number.checked_sub(1).map(WorkId);
    let query = WorkQuery { state: Some(WorkState::Parked), after, limit: 1, ..WorkQuery::default() };
    let items = state.blocking(move |s| s.engine.work(&query)).await?;
    let row = items.iter().find(|i| i.id.0 == number).map(parked_row);
    let row = row.ok_or_else(|| Problem::not_found("parked work"))?;
    render(&ParkedOnePage {
        frame: Frame::new(format!("Decision {number}"), "/parked"),
        row,
        note_max: NOTE_CHARS_MAX,
    })
}

pub(super) async fn act(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(number): Path<u64>,
    Form(form): Form<ActionForm>,
) -> Answer {
    caller.require_operator()?;
    same_origin(&headers)?;
    let actor = caller.organisation.code.clone();
    match form.action.as_str() {
        "release" => {
            form.checked(false)?;
            state
                .blocking(move |s| {
                    let now = s.clock.now();
                    s.engine.unpark(WorkId(number), &actor, now, now)
                })
                .await?;
            state.signals.all();
        }
        "discard" => {
            let reason = form.checked(true)?;
            state.blocking(move |s| s.engine.discard(WorkId(number), &actor, &reason, s.clock.now())).await?;
        }
        _ => return Err(Problem::invalid("action", "no such action, nothing was changed")),
    }
    Ok(back_to("/parked"))
}
