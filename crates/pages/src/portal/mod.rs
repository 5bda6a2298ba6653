//! Pages for people: who is signed in, her own record, the carer, the care team's requests, the privacy officer, and the
//! pages on which the decision can be tried.

mod asking;
pub mod cast;
mod officer;
mod own;
mod readings;
pub(crate) mod sign_in;
mod trial;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use causeway_access::session::Session;
use causeway_access::{Reader, cookie, session};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};

/// Routes of these pages.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/look-as", get(cast::page).post(cast::choose))
        .route("/sign-in", get(sign_in::begin))
        .route("/sign-in/choose", get(sign_in::choose))
        .route("/sign-in-organisation", get(sign_in::organisation))
        .route("/sign-in/return", get(sign_in::finish))
        .route("/sign-out", post(sign_out))
        .route("/me", get(own::home))
        .route("/me/code", post(own::code))
        .route("/me/{person}", get(own::record))
        .route("/me/{person}/looked", get(own::looked))
        .route("/me/{person}/choices", get(own::choices).post(own::choose))
        .route("/me/{person}/people", get(own::people).post(own::let_in))
        .route("/me/{person}/readings", get(readings::page).post(readings::send))
        .route("/me/{person}/wrong", get(own::wrong).post(own::tell))
        .route("/access/ask", get(asking::page).post(asking::ask))
        .route("/privacy", get(officer::page))
        .route("/privacy/{alert}", post(officer::review))
        .route("/access", get(trial::contents))
        .route("/access/try", get(trial::steps))
        .route("/access/choices", get(trial::truth))
        .route("/access/sensitive", get(trial::sensitive))
        .route("/access/side-by-side", get(trial::side_by_side))
}

/// Where somebody of this role begins.
pub fn home_of(session: &Session) -> &'static str {
    match session.who.role.as_str() {
        "person" | "carer" => "/me",
        "R0001" | "R5105" => "/privacy",
        "R1860" => "/research",
        _ => "/people/",
    }
}

/// 303 to a page of ours.
pub(super) fn see(path: &str) -> Answer {
    let location = HeaderValue::from_str(path).map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// 303 with a cookie.
fn see_with_cookie(path: &str, cookie: &str) -> Answer<Response> {
    let mut response = see(path)?;
    let cookie = HeaderValue::from_str(cookie).map_err(|_| Problem::internal())?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Out {
    csrf: String,
}

async fn sign_out(
    State(state): State<Shared>,
    reader: Reader,
    headers: axum::http::HeaderMap,
    axum::extract::Form(form): axum::extract::Form<Out>,
) -> Answer {
    let session = reader.check_form(&form.csrf)?.clone();
    let event = reader.event(&state.gate, causeway_access::audit_event::Act::SignOut);
    causeway_access::opened::write(&state.gate, &[event]).await?;
    if let Some(token) = cookie::token(&headers).map(str::to_owned) {
        state.blocking(move |s| s.gate.access.sessions.end(&token, &session, s.clock.now())).await?;
    }
    see_with_cookie("/", &session::cookie("", state.config.tls.is_some()))
}
