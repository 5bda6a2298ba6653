//! The privacy officer's page: what waits for a review, what was refused, patterns of misuse, and the proof of the log.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use causeway_access::audit_event::{Act, Event};
use causeway_access::caller::same_origin;
use causeway_access::misuse::{self, Access};
use causeway_access::standing::{Alert, Reason, Review};
use causeway_access::{Reader, opened, record_problem};
use causeway_broker::state::{AppState, Shared};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;

use super::{Who, see};
use crate::words::Moment;
use crate::{Frame, render};

/// Who reviews.
const OFFICERS: &[&str] = &["R0001", "R5105"];
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
}

#[derive(Template)]
#[template(path = "portal/officer.html")]
struct Page {
    frame: Frame,
    who: Who,
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
            let events = opened::events(&s.gate, &[], 1000)?;
            let check = s.engine.verify_audit()?;
            let log = log(s, &events)?;
            Ok((alerts, events, check, log))
        })
        .await?;
    let (alerts, events, check, log) = found;
    let chain = match &check.broken_at {
        None => format!("The log's chain of {} entries is whole.", check.entries),
        Some(at) => format!("The log's chain is broken: {at:?}."),
    };
    let now = state.clock.now();
    let mut rows: Vec<AlertRow> = alerts.iter().rev().take(ROWS).map(|a| row(&state, a, now)).collect();
    rows.sort_by_key(|r| !r.open);
    let by_number: BTreeMap<u64, &Event> = (0..).zip(&events).collect();
    let patterns = misuse::suspicions(&log)
        .iter()
        .rev()
        .take(ROWS)
        .filter_map(|s| {
            let event = by_number.get(&s.number)?;
            let words: Vec<&str> = s.patterns.iter().map(|p| p.plain()).collect();
            Some(line(event, String::new(), words.join("; ")))
        })
        .collect();
    let refusals = events
        .iter()
        .rev()
        .filter(|e| !e.refused.is_empty())
        .take(ROWS)
        .map(|e| line(e, e.refused.clone(), e.text.clone()))
        .collect();
    let mut event = reader.event(&state.gate, Act::Read);
    event.data = vec!["page/privacy".to_owned()];
    opened::write(&state.gate, &[event]).await?;
    render(&Page {
        frame: Frame::new("Privacy", "/access"),
        who: Who::of(&state, &reader),
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
        review: alert.review.as_ref().map(|r| format!("{} {}", r.by, r.note)).unwrap_or_default(),
    }
}

/// The log as the patterns take it: what the exchange knows of both sides. The numbers are the events' places.
fn log(state: &AppState, events: &[Event]) -> Answer<Vec<Access>> {
    let mut people: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    let mut out = Vec::new();
    let from = events.len().saturating_sub(LOG_ROWS);
    for (number, event) in (0u64..).zip(events).skip(from) {
        let Some(user) = event.user.as_ref().filter(|u| u.audience == "staff") else { continue };
        if event.patient.is_empty()
            || !event.refused.is_empty()
            || !matches!(event.act, Act::Read | Act::Query)
        {
            continue;
        }
        if !people.contains_key(&event.patient) {
            let person = state.record.person_of(&event.patient).map_err(record_problem)?;
            let view = match &person {
                Some(person) => state.record.person(person).map_err(record_problem)?,
                None => None,
            };
            let told = view.map(|v| v.display).unwrap_or_default();
            people.insert(event.patient.clone(), (told.nhs_number, told.family, told.address));
        }
        let (nhs_number, family, address) = people.get(&event.patient).cloned().unwrap_or_default();
        out.push(Access {
            number,
            at: event.recorded,
            user: format!("{}#{}", user.who.system, user.who.value),
            user_name: user.who.name.clone(),
            organisation: event.client.value.clone(),
            person: event.patient.clone(),
            person_number: nhs_number,
            person_family: family,
            person_address: address,
            break_glass: event.is_break_glass(),
            told_relationship: !matches!(
                event.relationship.as_str(),
                "self-claimed" | "break-glass" | "none" | ""
            ),
            // Whether care followed is known a week later; until then it is not held against anybody.
            care_followed: state.clock.now().duration_since(event.recorded)
                < jiff::SignedDuration::from_hours(168),
            ..Access::default()
        });
    }
    Ok(out)
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
