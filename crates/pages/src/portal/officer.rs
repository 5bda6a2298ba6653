//! The privacy officer's page: what waits for a review, what was refused, patterns of misuse, and the proof of the log.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use causeway_access::audit_event::{Act, Event};
use causeway_access::caller::same_origin;
use causeway_access::misuse;
use causeway_access::standing::{Alert, Reason, Review};
use causeway_access::{Reader, opened};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;

use super::see;
use crate::words::Moment;
use crate::{Frame, render};

/// Who reviews.
pub(super) const OFFICERS: &[&str] = &["R0001", "R5105"];
/// Rows of each list.
const ROWS: usize = 50;
/// Entries of the log that patterns are looked for in.
const LOG_ROWS: usize = 5000;

struct AlertRow {
    id: String,
    kind: &'static str,
    at: Moment,
    age: String,
    user: String,
    role: String,
    organisation: String,
    person: String,
    text: String,
    open: bool,
    accepted: bool,
    review: String,
}

struct LineRow {
    at: Moment,
    user: String,
    organisation: String,
    reason: String,
    words: String,
    /// How often.
    times: usize,
}

#[derive(Template)]
#[template(path = "portal/officer.html")]
struct Page {
    frame: Frame,
    open: usize,
    chain: String,
    alerts: Vec<AlertRow>,
    patterns: Vec<LineRow>,
    refusals: Vec<LineRow>,
}

pub(super) async fn page(State(state): State<Shared>, reader: Reader) -> Answer {
    reader.require_role(OFFICERS)?;
    let found = state
        .blocking(|s| -> Result<_, Problem> {
            let alerts = s.gate.access.standings.alerts()?;
            let check = s.engine.verify_audit()?;
            let events = opened::events(&s.gate, &[], 1000)?;
            Ok((alerts, check, misuse::log(&s.gate, events, LOG_ROWS)?))
        })
        .await?;
    let (alerts, check, sealed) = found;
    let mut event = reader.event(&state.gate, Act::Read);
    event.data = vec!["page/privacy".to_owned()];
    let (log, events) = sealed.open(&state.gate, |_| vec![event]).await?;
    let chain = match &check.broken_at {
        None => format!("The log's chain of {} entries is whole.", check.entries),
        Some(at) => format!("The log's chain is broken: {at:?}."),
    };
    let now = state.clock.now();
    let mut rows: Vec<AlertRow> = alerts.iter().rev().take(ROWS).map(|a| row(&state, a, now)).collect();
    rows.sort_by_key(|r| !r.open);
    let by_number: BTreeMap<u64, &Event> = (0..).zip(&events).collect();
    // One line for each user and pattern, of the newest look, however often: else one user fills the page.
    let mut patterns: Vec<LineRow> = Vec::new();
    for suspicion in misuse::suspicions(&log).iter().rev() {
        let Some(event) = by_number.get(&suspicion.number) else { continue };
        let words: Vec<&str> = suspicion.patterns.iter().map(|p| p.plain()).collect();
        let new = line(event, String::new(), words.join("; "));
        let said = |row: &LineRow| (row.user.clone(), row.organisation.clone(), row.words.clone());
        let of_new = said(&new);
        if let Some(row) = patterns.iter_mut().find(|row| said(row) == of_new) {
            row.times += 1;
        } else if patterns.len() < ROWS {
            patterns.push(new);
        }
    }
    let refusals = events
        .iter()
        .rev()
        .filter(|e| !e.refused.is_empty())
        .take(ROWS)
        .map(|e| line(e, e.refused.clone(), e.text.clone()))
        .collect();
    render(&Page {
        frame: Frame::new("Privacy", "/access"),
        open: alerts.iter().filter(|a| a.review.is_none()).count(),
        chain,
        alerts: rows,
        patterns,
        refusals,
    })
}

fn line(event: &Event, reason: String, words: String) -> LineRow {
    LineRow {
        at: event.recorded.into(),
        user: event.user.as_ref().map_or_else(|| "a connected system".to_owned(), |u| u.who.name.clone()),
        organisation: event.client.name.clone(),
        reason,
        words,
        times: 1,
    }
}

fn row(state: &Shared, alert: &Alert, now: jiff::Timestamp) -> AlertRow {
    let minutes = now.duration_since(alert.at).as_mins();
    let policies = &state.gate.access.policies;
    let organisation = state.gate.organisations.find(&alert.organisation);
    AlertRow {
        id: alert.id.clone(),
        kind: match alert.reason {
            Reason::SelfClaim => "Claimed relationship",
            Reason::BreakGlass => "Emergency access",
            Reason::SomethingWrong => "The person says that something is wrong",
        },
        at: alert.at.into(),
        age: match minutes {
            0..=90 => format!("{minutes} minutes"),
            91..=2880 => format!("{} hours", minutes / 60),
            _ => format!("{} days", minutes / 1440),
        },
        user: alert.user_name.clone(),
        role: policies.role(&alert.role).map(|r| r.name.clone()).unwrap_or_default(),
        organisation: organisation.map_or_else(|| alert.organisation.clone(), |o| o.label().to_owned()),
        person: alert.person.chars().take(8).collect(),
        text: alert.text.clone(),
        open: alert.review.is_none(),
        accepted: alert.review.as_ref().is_some_and(|r| r.accepted),
        review: alert
            .review
            .as_ref()
            .map(|r| if r.note.is_empty() { r.by.clone() } else { format!("{}: {}", r.by, r.note) })
            .unwrap_or_default(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReviewForm {
    csrf: String,
    accepted: String,
    note: String,
}

pub(super) async fn review(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<ReviewForm>,
) -> Answer {
    same_origin(&headers)?;
    let session = reader.check_form(&form.csrf)?.clone();
    reader.require_role(OFFICERS)?;
    if form.accepted != "yes" && form.accepted != "no" {
        return Err(Problem::invalid("review", "say whether the access was right"));
    }
    let review = Review {
        by: session.who.name.clone(),
        at: state.clock.now(),
        accepted: form.accepted == "yes",
        note: form.note.trim().chars().take(300).collect(),
    };
    let mut event = reader.event(&state.gate, Act::Review);
    event.text = if review.accepted { "accepted" } else { "refused" }.to_owned();
    event.data = vec![format!("alert/{id}")];
    opened::write(&state.gate, &[event]).await?;
    state.blocking(move |s| s.gate.access.standings.review(&id, &review)).await?;
    see("/privacy")
}
