//! Sign-in of people through the identity provider.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use causeway_access::audit_event::Act;
use causeway_access::oidc::{COOKIE, Provider, SignInError, UnderWay};
use causeway_access::{Caller, Reader, opened, session};
use causeway_broker::state::Shared;
use causeway_core::address::in_query;
use causeway_exchange::EngineError;
use causeway_host::Peer;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::home_of;
use crate::{Frame, render};

/// Kind of the documents of sign-ins under way, by the digest of their state.
const KIND: &str = "sign-in";

fn provider(state: &Shared) -> Answer<&Provider> {
    state
        .gate
        .access
        .provider
        .as_ref()
        .ok_or_else(|| Problem::not_found("page: no identity provider is set up"))
}

/// The address at which the provider sends the browser back.
fn back(state: &Shared, headers: &HeaderMap) -> String {
    let base = state.config.public_url.as_deref().map(|u| u.trim_end_matches('/').to_owned());
    let base = base.unwrap_or_else(|| {
        let scheme = if state.config.tls.is_some() { "https" } else { "http" };
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
        format!("{scheme}://{host}")
    });
    format!("{base}/sign-in/return")
}

fn cookie(value: &str, secure: bool) -> String {
    let (prefix, flag) = if secure { ("__Host-", "; Secure") } else { ("", "") };
    let age = if value.is_empty() { 0 } else { 600 };
    format!("{prefix}{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{flag}")
}

fn digest(state: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(state.as_bytes()).into();
    causeway_host::hex(&digest)
}

fn problem(error: SignInError) -> Problem {
    match error {
        SignInError::Store(error) => error.into(),
        SignInError::Provider(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "transient",
            "identity-provider",
            "signing in is not possible at the moment",
        )
        .after(30),
        other => Problem::new(StatusCode::FORBIDDEN, "login", "sign-in-failed", other.to_string()),
    }
}

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct To {
    to: String,
}

/// Characters of an address that is gone back to.
const TO_CHARS_MAX: usize = 512;

/// A page of ours, or nothing: what leads elsewhere, or could, is not followed.
pub(crate) fn page_of_ours(to: &str) -> Option<&str> {
    let ours = to.starts_with('/') && !to.starts_with("//") && to.len() <= TO_CHARS_MAX;
    (ours && to.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '\\' | '<' | '>' | '"'))).then_some(to)
}

#[derive(Template)]
#[template(path = "portal/sign-in.html")]
struct ChoosePage {
    frame: Frame,
    people: bool,
    to: String,
}

/// The page to which a browser is led that is not signed in.
pub(super) async fn choose(State(state): State<Shared>, Query(To { to }): Query<To>) -> Answer {
    let people = state.gate.access.provider.is_some();
    let to = in_query(page_of_ours(&to).unwrap_or("/"));
    render(&ChoosePage { frame: Frame::new("Sign in", ""), people, to })
}

/// An organisation's own sign-in: the browser asks for its code and token, and goes back.
pub(super) async fn organisation(_: Caller, Query(To { to }): Query<To>) -> Answer {
    super::see(page_of_ours(&to).unwrap_or("/"))
}

pub(super) async fn begin(
    State(state): State<Shared>,
    headers: HeaderMap,
    Query(To { to }): Query<To>,
) -> Answer {
    let provider = provider(&state)?;
    let (url, token, mut under_way) =
        provider.begin(&back(&state, &headers), state.clock.now()).await.map_err(problem)?;
    page_of_ours(&to).unwrap_or_default().clone_into(&mut under_way.to);
    let json = serde_json::to_string(&under_way).map_err(|_| Problem::internal())?;
    let key = digest(&token);
    state
        .blocking(move |s| s.engine.put_config(KIND, &key, Some(&json), Some(0), "sign-in", s.clock.now()))
        .await?;
    let location = HeaderValue::from_str(&url).map_err(|_| Problem::internal())?;
    let set = HeaderValue::from_str(&cookie(&token, state.config.tls.is_some()))
        .map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::SET_COOKIE, set)]).into_response())
}

/// What the provider sends back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Back {
    code: String,
    state: String,
}

pub(super) async fn finish(
    State(state): State<Shared>,
    connection: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(given): Query<Back>,
) -> Answer {
    let provider = provider(&state)?;
    // Whoever comes back is nobody yet.
    let mut reader =
        Reader::unknown(connection.map(|peer| peer.address.ip().to_string()).unwrap_or_default());
    match signed_in(&state, provider, &headers, &given).await {
        Ok((who, to)) => {
            let (token, session) =
                state.blocking(move |s| s.gate.access.sessions.begin(who, s.clock.now())).await?;
            let address = std::mem::take(&mut reader.address);
            reader = Reader {
                address,
                session: Some(session.clone()),
                ..Reader::of_session(&state.gate, &session.who)
            };
            let event = reader.event(&state.gate, Act::SignIn);
            opened::write(&state.gate, &[event]).await?;
            let secure = state.config.tls.is_some();
            let mut response = super::see_with_cookie(
                page_of_ours(&to).unwrap_or_else(|| home_of(&session)),
                &session::cookie(&token, secure),
            )?;
            if let Ok(gone) = HeaderValue::from_str(&cookie("", secure)) {
                response.headers_mut().append(header::SET_COOKIE, gone);
            }
            Ok(response)
        }
        Err(error) => {
            let mut event = reader.event(&state.gate, Act::SignIn);
            "sign-in-failed".clone_into(&mut event.refused);
            event.text = error.to_string();
            opened::write(&state.gate, &[event]).await?;
            Err(problem(error))
        }
    }
}

async fn signed_in(
    state: &Shared,
    provider: &Provider,
    headers: &HeaderMap,
    given: &Back,
) -> Result<(session::SignedIn, String), SignInError> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mine = cookies.flat_map(|c| c.split(';')).filter_map(|pair| pair.trim().split_once('=')).find_map(
        |(name, value)| (name.strip_prefix("__Host-").unwrap_or(name) == COOKIE).then(|| value.to_owned()),
    );
    // The state must be the one of this browser, and is good once.
    if mine.as_deref() != Some(given.state.as_str()) || given.state.is_empty() {
        return Err(SignInError::State);
    }
    let key = digest(&given.state);
    let taken = state
        .blocking(move |s| -> Result<_, EngineError> {
            let found = s.engine.config(KIND, &key)?;
            if let Some((version, _)) = &found {
                s.engine.put_config(KIND, &key, None, Some(*version), "sign-in", s.clock.now())?;
            }
            Ok(found.map(|(_, json)| json))
        })
        .await
        .map_err(|_| SignInError::State)?;
    let under_way: UnderWay =
        taken.and_then(|json| serde_json::from_str(&json).ok()).ok_or(SignInError::State)?;
    let who = provider
        .finish(
            &given.code,
            &under_way,
            &back(state, headers),
            &state.gate.access.policies,
            state.clock.now(),
        )
        .await?;
    Ok((who, under_way.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_back_to() {
        for good in ["/", "/people/?after=3", "/messages/01A2"] {
            assert_eq!(page_of_ours(good), Some(good));
        }
        for bad in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "/a b", "evil"]
        {
            assert_eq!(page_of_ours(bad), None, "{bad:?}");
        }
        assert_eq!(in_query("/people/?a=b&c"), "/people/%3Fa%3Db%26c");
    }
}
