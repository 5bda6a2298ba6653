//! A claimed relationship and emergency access: asked for with a reason, and looked at by a privacy officer.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::audit_event::Act;
use causeway_access::caller::same_origin;
use causeway_access::record::PersonQuery;
use causeway_access::standing::{Alert, Reason};
use causeway_access::{Reader, opened};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;

use super::see;
use crate::navigation::may_ask;
use crate::people::birth_date;
use crate::{Frame, render};

#[derive(Template)]
#[template(path = "portal/ask.html")]
struct Page {
    frame: Frame,
    /// What was typed.
    typed: AskForm,
    wrong: &'static str,
    minutes: i64,
}

/// Shortest reason that says something.
const REASON_MIN: usize = 10;

fn show(state: &Shared, typed: AskForm, wrong: &'static str) -> Answer {
    render(&Page {
        frame: Frame::new("Ask for access", "/people/"),
        typed,
        wrong,
        minutes: state.gate.access.policies.head.break_glass_minutes,
    })
}

fn staff(reader: &Reader) -> Answer<()> {
    reader.signed_in()?;
    if may_ask(&reader.asker.role) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "role",
        "only those who give care can ask for access",
    ))
}

pub(super) async fn page(State(state): State<Shared>, reader: Reader) -> Answer {
    staff(&reader)?;
    show(&state, AskForm::default(), "")
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AskForm {
    csrf: String,
    number: String,
    born: String,
    kind: String,
    reason: String,
}

pub(super) async fn ask(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Form(form): Form<AskForm>,
) -> Answer {
    same_origin(&headers)?;
    let session = reader.check_form(&form.csrf)?.clone();
    reader.take_rate(&state)?;
    staff(&reader)?;
    let number: String = form.number.chars().filter(char::is_ascii_digit).collect();
    let born = birth_date(&form.born).unwrap_or_default();
    let text: String = form.reason.trim().chars().take(500).collect();
    if number.len() != 10 || born.is_empty() {
        return show(
            &state,
            form,
            "Give the whole NHS number, ten digits, and the date of birth, like 7/3/1942.",
        );
    }
    if text.chars().count() < REASON_MIN {
        return show(&state, form, "Say why, in a few words: the privacy officer will read it.");
    }
    let query = PersonQuery { text: number, birth_date: born, ..PersonQuery::default() };
    let found = state.blocking(move |s| s.gate.shelf.only_person(&query)).await?;
    let Some((person, patient)) = found else {
        let mut event = reader.event(&state.gate, Act::SelfClaim);
        event.refused = "not-found".to_owned();
        opened::write(&state.gate, &[event]).await?;
        // The same words whether there is nobody, or more than one.
        return show(&state, form, "Nobody can be found with this number and date of birth.");
    };
    let emergency = form.kind == "emergency";
    let now = state.clock.now();
    let alert = Alert {
        id: uuid::Uuid::now_v7().to_string(),
        reason: if emergency { Reason::BreakGlass } else { Reason::SelfClaim },
        at: now,
        user: session.who.user(),
        user_name: session.who.name.clone(),
        role: session.who.role.clone(),
        organisation: session.who.organisation.clone(),
        person: person.clone(),
        text,
        review: None,
    };
    let mut event = reader.event(&state.gate, if emergency { Act::BreakGlass } else { Act::SelfClaim });
    event.patient = patient;
    if emergency {
        "ETREAT".clone_into(&mut event.purpose);
    }
    // First the alert and the entry, then the access.
    opened::write(&state.gate, &[event]).await?;
    state.blocking(move |s| s.gate.access.standings.raise(&alert, now)).await?;
    see(&format!("/people/{person}"))
}
