//! The session that a request's cookie names.

use axum::http::{HeaderMap, header};
use causeway_host::Answer;

use crate::gate::Gate;
use crate::session::{self, Session};

/// Whether a request holds a session's cookie, of a session that may be over.
pub fn has_cookie(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    cookies.filter_map(session::token_of).any(|token| !token.is_empty())
}

/// The session of a request's cookie.
///
/// # Errors
/// 503 where the store can't be read.
pub fn session_of(gate: &Gate, headers: &HeaderMap) -> Answer<Option<Session>> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let Some(token) = cookies.filter_map(session::token_of).next() else { return Ok(None) };
    Ok(gate.access.sessions.find(token, gate.clock.now())?)
}
