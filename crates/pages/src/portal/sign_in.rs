//! Sign-in of people through the identity provider.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use causeway_access::audit_event::Act;
use causeway_access::oidc::{COOKIE, Provider, SignInError, UnderWay};
use causeway_access::{Reader, opened, session};
use causeway_broker::state::Shared;
use causeway_exchange::EngineError;
use causeway_host::Peer;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::home_of;

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

pub(super) async fn begin(State(state): State<Shared>, headers: HeaderMap) -> Answer {
    let provider = provider(&state)?;
    let (url, token, under_way) =
        provider.begin(&back(&state, &headers), state.clock.now()).await.map_err(problem)?;
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
        Ok(who) => {
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
            let mut response = super::see_with_cookie(home_of(&session), &session::cookie(&token, secure))?;
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
) -> Result<session::SignedIn, SignInError> {
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
    provider
        .finish(
            &given.code,
            &under_way,
            &back(state, headers),
            &state.gate.access.policies,
            state.clock.now(),
        )
        .await
}
