//! The session that a request's cookie names.

use axum::http::{HeaderMap, header};
use causeway_host::Answer;

use crate::gate::Gate;
use crate::session::{self, Session};

/// The token of a request's session, in whichever of its `Cookie` headers it stands (HTTP/2 may part them).
pub fn token(headers: &HeaderMap) -> Option<&str> {
    tokens(headers).next()
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    cookies.filter_map(session::token_of)
}

/// Whether a request holds a session's cookie, of a session that may be over.
pub fn has_cookie(headers: &HeaderMap) -> bool {
    tokens(headers).any(|token| !token.is_empty())
}

/// The session of a request's cookie.
///
/// # Errors
/// 503 where the store can't be read.
pub fn session_of(gate: &Gate, headers: &HeaderMap) -> Answer<Option<Session>> {
    let Some(token) = token(headers) else { return Ok(None) };
    Ok(gate.access.sessions.find(token, gate.clock.now())?)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_found_in_any_of_the_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!((token(&headers), has_cookie(&headers)), (None, false));
        headers.append(header::COOKIE, HeaderValue::from_static("other=1"));
        headers.append(header::COOKIE, HeaderValue::from_static("causeway-session=abc"));
        assert_eq!((token(&headers), has_cookie(&headers)), (Some("abc"), true));
    }
}
