//! "Look as" in the demonstration: the invented people as whom a visitor can look. Only in open mode, where nobody proves who
//! they are and every person is invented.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::audit_event::Act;
use causeway_access::caller::same_origin;
use causeway_access::session::{self, SignedIn};
use causeway_access::{Reader, cookie, opened};
use causeway_broker::state::Shared;
use causeway_exchange::EngineError;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;

use super::{home_of, see_with_cookie};
use crate::{Frame, render};

/// Kind of the documents that hold the cast, by key in the order of the page.
pub const CAST: &str = "cast";
/// Issuer of the sessions of the demonstration.
pub const ISSUER: &str = "demonstration";

/// The cast, in order.
///
/// # Errors
/// Where it can't be read.
pub fn cast(state: &causeway_broker::state::AppState) -> Result<Vec<SignedIn>, EngineError> {
    let all = state.engine.configs(CAST)?;
    Ok(all.iter().filter_map(|(_, _, json)| serde_json::from_str(json).ok()).collect())
}

struct Row {
    subject: String,
    name: String,
    role: String,
    organisation: String,
}

#[derive(Template)]
#[template(path = "portal/look-as.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

fn only_open(state: &Shared) -> Answer<()> {
    if state.gate.open { Ok(()) } else { Err(Problem::not_found("page")) }
}

pub(super) async fn page(State(state): State<Shared>, _: Reader) -> Answer {
    only_open(&state)?;
    let cast = state.blocking(cast).await?;
    let policies = &state.gate.access.policies;
    let row = |one: SignedIn| Row {
        role: policies.role(&one.role).map_or_else(|| one.role.clone(), |r| r.name.clone()),
        organisation: state
            .gate
            .organisations
            .find(&one.organisation)
            .map_or_else(String::new, |o| o.label().to_owned()),
        subject: one.subject,
        name: one.name,
    };
    let rows = cast.into_iter().map(row).collect();
    render(&Page { frame: Frame::new("Look as", "/look-as"), rows })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    subject: String,
}

pub(super) async fn choose(
    State(state): State<Shared>,
    mut reader: Reader,
    headers: HeaderMap,
    Form(form): Form<Choice>,
) -> Answer {
    only_open(&state)?;
    same_origin(&headers)?;
    let cast = state.blocking(cast).await?;
    let who = cast.into_iter().find(|one| one.subject == form.subject);
    let who =
        who.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not-found", "cast", "no such person"))?;
    // What the browser held before ends with the new sign-in.
    let before = cookie::token(&headers);
    if let (Some(token), Some(session)) = (before.map(str::to_owned), reader.session.clone()) {
        state.blocking(move |s| s.gate.access.sessions.end(&token, &session, s.clock.now())).await?;
    }
    let (token, session) = state.blocking(move |s| s.gate.access.sessions.begin(who, s.clock.now())).await?;
    reader.asker.role.clone_from(&session.who.role);
    reader.session = Some(session.clone());
    let mut event = reader.event(&state.gate, Act::SignIn);
    event.relationship.clear();
    opened::write(&state.gate, &[event]).await?;
    see_with_cookie(home_of(&session), &session::cookie(&token, state.config.tls.is_some()))
}
