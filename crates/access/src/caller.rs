//! Who is calling: an organisation, by client certificate, by bearer token, by Basic sign-in (browsers), or, in
//! demonstration mode, by its own word. And the rule that a disclosure is audited before it is made.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_exchange::{Message, NewAudit};
use causeway_host::{Answer, Counters, Peer, Problem, common_name, fingerprint};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::gate::{Gate, HasGate};
use crate::organisation::Organisation;
use crate::smart::Granted;

/// Header in which a sender names itself: ODS, CQC location or CASSR code.
pub const SENDER: &str = "causeway-sender";
/// Organisation that a visitor is in demonstration mode who doesn't say.
const VISITOR: &str = "DEMO";

/// An organisation at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub organisation: Organisation,
    /// Whether a certificate or token proved it, rather than its own word in demonstration mode.
    pub proven: bool,
    /// Whether it named itself at all; doors demand it.
    pub named: bool,
    /// Whether it is a person who signed in and works for the organisation, rather than the organisation's own system.
    pub person: bool,
    /// What a token of SMART Backend Services allows; `None` where it came without one.
    pub scopes: Option<Granted>,
}

/// The client certificate of a request's connection in DER, where TLS asked for one and verified it.
#[derive(Clone, Debug, Default)]
pub struct Shown(pub Option<Arc<[u8]>>);

impl<S: Sync> FromRequestParts<S> for Shown {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.clone())))
    }
}

impl Caller {
    /// Whether it may see every message, the queues and the people.
    pub fn is_operator(&self) -> bool {
        self.organisation.operator
    }

    /// Whether it may see this message: its sender, its recipient or an operator.
    pub fn may_see(&self, message: &Message) -> bool {
        // A message can't be cut to what a role or a scope may see: they go by way of the record.
        if self.person || self.scopes.is_some() {
            return false;
        }
        let code = &self.organisation.code;
        self.is_operator()
            || message.new.sender.eq_ignore_ascii_case(code)
            || message.new.mailbox_to.as_deref().is_some_and(|m| m.eq_ignore_ascii_case(code))
    }

    /// Refuses everyone but an operator.
    ///
    /// # Errors
    /// 403.
    pub fn require_operator(&self) -> Answer<()> {
        if self.is_operator() { Ok(()) } else { Err(forbidden("this is for the operator of the exchange")) }
    }

    /// Finds out who is calling.
    ///
    /// # Errors
    /// 401 without or with a wrong token, 403 where the named sender isn't the one that the token proves, or the
    /// token isn't of the organisation whose certificate the connection showed.
    pub fn of(state: &impl HasGate, shown: &Shown, headers: &HeaderMap) -> Answer<Self> {
        let gate = state.gate();
        // Who signed in as a person is not also the visitor of a demonstration, nor the organisation's system.
        if let Some(session) = crate::cookie::session_of(gate, headers)? {
            let known = gate.organisations.find(&session.who.organisation).cloned();
            let organisation = Organisation { operator: false, ..known.unwrap_or_default() };
            let named = !organisation.code.is_empty();
            return Ok(Self { organisation, proven: true, named, person: true, scopes: None });
        }
        if crate::cookie::has_cookie(headers) && !headers.contains_key(header::AUTHORIZATION) {
            return Err(unauthorized());
        }
        let claimed = headers.get(SENDER).map(|v| v.to_str().unwrap_or_default().trim());
        let (user, token) = credentials(headers)?;
        let claimed = claimed.or(user.as_deref()).filter(|c| !c.is_empty());
        let holder = by_certificate(gate, shown.0.as_deref());
        if let Some(granted) = token.as_deref().and_then(|t| gate.access.tokens.find(t, gate.clock.now())) {
            let known = gate.organisations.find(&granted.organisation).ok_or_else(unauthorized)?;
            // The token is of a system of the organisation, never of an operator.
            let organisation = Organisation { operator: false, ..known.clone() };
            return Ok(Self {
                organisation,
                proven: true,
                named: true,
                person: false,
                scopes: Some(granted),
            });
        }
        let bearer = match token {
            Some(token) => Some(by_token(gate, &token).ok_or_else(unauthorized)?),
            None => None,
        };
        if let (Some(holder), Some(bearer)) = (holder, bearer)
            && holder.code != bearer.code
        {
            return Err(forbidden("the token belongs to another organisation than the client certificate"));
        }
        if holder.is_none() && bearer.is_some_and(Organisation::names_certificate) {
            return Err(forbidden("the organisation's client certificate must be shown beside its token"));
        }
        if let Some(organisation) = holder.or(bearer) {
            if claimed.is_some_and(|code| !code.eq_ignore_ascii_case(&organisation.code)) {
                return Err(forbidden(
                    "the token or certificate belongs to another organisation than the one named",
                ));
            }
            return Ok(Self {
                organisation: organisation.clone(),
                proven: true,
                named: true,
                person: false,
                scopes: None,
            });
        }
        if !gate.open {
            return Err(unauthorized());
        }
        let Some(code) = claimed else {
            let organisation =
                Organisation { code: VISITOR.to_owned(), operator: true, ..Organisation::default() };
            return Ok(Self { organisation, proven: false, named: false, person: false, scopes: None });
        };
        let known = gate.organisations.find(code).cloned().or_else(|| Organisation::of_code(code));
        let mut organisation = known.ok_or_else(|| {
            Problem::invalid("sender-code", "Causeway-Sender is no ODS, CQC location or CASSR code")
        })?;
        organisation.operator = true;
        Ok(Self { organisation, proven: false, named: true, person: false, scopes: None })
    }

    /// Counts this request against the organisation's rate.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn take_rate(&self, state: &impl HasGate) -> Answer<()> {
        take_rate(state, &self.organisation.code, "too many requests from this organisation")
    }
}

/// Counts a request against the rate of whoever has this name: an organisation's code, a user's id.
///
/// # Errors
/// 429 with `Retry-After`.
pub(crate) fn take_rate(state: &impl HasGate, name: &str, text: &'static str) -> Answer<()> {
    let gate = state.gate();
    gate.rate.take(name).map_err(|seconds| {
        Counters::add(&gate.counters.throttled);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "rate-limit", text).after(seconds)
    })
}

impl<S: HasGate + Send + Sync> FromRequestParts<Arc<S>> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &Arc<S>) -> Result<Self, Problem> {
        let Ok(shown) = Shown::from_request_parts(parts, state).await;
        let caller = Self::of(state, &shown, &parts.headers)?;
        if let Some(peer) = parts.extensions.get::<Peer>().filter(|_| caller.proven) {
            peer.standing.prove();
        }
        Ok(caller)
    }
}

fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "login", "not-authenticated", "a valid token is needed")
}

fn forbidden(text: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "not-allowed", text)
}

/// User name and token of the `Authorization` header.
fn credentials(headers: &HeaderMap) -> Answer<(Option<String>, Option<String>)> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok((None, None)) };
    let value = value.to_str().map_err(|_| unauthorized())?;
    let (scheme, rest) = value.split_once(' ').ok_or_else(unauthorized)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok((None, Some(rest.trim().to_owned())));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.ok_or_else(unauthorized)?;
        let (user, token) = decoded.split_once(':').ok_or_else(unauthorized)?;
        return Ok((Some(user.to_owned()), Some(token.to_owned())));
    }
    Err(unauthorized())
}

/// The organisation that a token belongs to. Looks at every organisation, whether or not one was found, and
/// compares digests, so the time tells nothing.
fn by_token<'s>(gate: &'s Gate, token: &str) -> Option<&'s Organisation> {
    let given: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let mut found = Choice::from(0);
    let mut at = 0u64;
    for (index, organisation) in (0u64..).zip(&gate.organisations.0) {
        let kept = organisation.token_digest().unwrap_or([0; 32]);
        let equal = kept.ct_eq(&given) & Choice::from(u8::from(organisation.token_sha256.is_some()));
        at.conditional_assign(&index, equal);
        found |= equal;
    }
    bool::from(found).then(|| gate.organisations.0.get(at as usize)).flatten()
}

/// The organisation that a verified client certificate belongs to: the one that names its fingerprint, else the one
/// that names its common name. No secret is compared here.
pub fn by_certificate<'s>(gate: &'s Gate, der: Option<&[u8]>) -> Option<&'s Organisation> {
    let der = der?;
    let all = &gate.organisations.0;
    if !all.iter().any(Organisation::names_certificate) {
        return None;
    }
    let fingerprint = fingerprint(der);
    let exact = all.iter().find(|o| o.certificate_digest() == Some(fingerprint));
    exact.or_else(|| {
        let name = common_name(der)?;
        all.iter().find(|o| o.certificate_name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&name)))
    })
}

/// Whether a connection with this client certificate, or none, may send as this organisation: where it names its
/// certificate it must be shown, and one that another organisation names never counts.
pub fn may_send(gate: &Gate, sender: &str, certificate: Option<&[u8]>) -> bool {
    match by_certificate(gate, certificate) {
        Some(holder) => holder.code.eq_ignore_ascii_case(sender),
        None => !gate.organisations.find(sender).is_some_and(Organisation::names_certificate),
    }
}

/// Writes that something is about to be disclosed. Where that can't be written, nothing is disclosed.
///
/// # Errors
/// As [`Gate::audit`]: then nothing may be disclosed.
pub async fn audit(
    state: &impl HasGate,
    caller: &Caller,
    action: &'static str,
    entity: String,
    detail: serde_json::Value,
) -> Answer<()> {
    let actor = caller.organisation.code.clone();
    let entry = NewAudit { actor, action: action.to_owned(), entity, detail: detail.to_string() };
    state.gate().audit(entry).await
}

/// Refuses a form that was not sent from our own pages.
///
/// # Errors
/// 403 where the browser says that it comes from elsewhere.
pub fn same_origin(headers: &HeaderMap) -> Answer<()> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let site = text("sec-fetch-site").is_none_or(|s| s == "same-origin" || s == "none");
    let origin = text("origin").is_none_or(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_some() && host == text("host")
    });
    if site && origin { Ok(()) } else { Err(forbidden("this form was not sent from our own page")) }
}
