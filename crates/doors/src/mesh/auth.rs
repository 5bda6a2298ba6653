//! Who is calling: the `NHSMESH` token, its one use, its time, and the mailbox's certificate.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header;
use axum::http::request::Parts;
use causeway_access::attempts::Try;
use causeway_access::{Caller, Organisation};
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::Desk;
use causeway_host::counters::Counters;
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::share::Share;
use causeway_host::{Peer, hex};
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Mesh;
use super::config::{AuthMode, Mailbox, Mode, Secret};
use super::journal::Spent;
use super::limits::{TOKEN_MEMORY_HOURS, TOKEN_WINDOW_HOURS};
use super::refusal::{Refusal, Version};

const SCHEME: &str = "NHSMESH";
/// Scope of used tokens in the engine.
const SCOPE: &str = "mesh-token";

const UNREADABLE: &str = "Error reading from Authorization header";
const MISMATCH: &str = "Mailbox id does not match token";
const INVALID: &str = "Invalid Authentication Token";
const USED: &str = "Error Duplicated Authentication Token";

/// A request whose token is good but not yet spent: [`Signed::spend`] is the only way to the mailbox.
pub(super) struct Signed {
    call: Call,
    token: Option<Used>,
}

/// A request of a mailbox.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) state: Shared,
    pub(super) mesh: Arc<Mesh>,
    pub(super) version: Version,
    pub(super) mailbox: Arc<Mailbox>,
    /// Its mailbox's share of what is served at a time.
    _share: Arc<Share>,
}

/// A token that may be used this once.
struct Used {
    digest: [u8; 32],
    at: Timestamp,
}

impl Signed {
    /// Spends the token and does something that blocks, on one thread made for it.
    ///
    /// # Errors
    /// 403 where the token was used before; what `work` returns.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&AppState, &Call) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(Call, T), Refusal> {
        let Self { call, token } = self;
        let result = tokio::task::spawn_blocking(move || {
            if let Some(token) = token {
                token.spend(&call)?;
            }
            let done = work(&call.state, &call)?;
            Ok((call, done))
        });
        result.await.map_err(|_| Refusal::internal())?
    }

    /// The same for a look at a few rows, without another thread where that costs more than the look: the embedded
    /// engine answers from memory in tens of microseconds, and a journal's entry is one write without a flush.
    ///
    /// # Errors
    /// As [`Signed::run`].
    pub(super) async fn look<T: Send + 'static>(
        self,
        work: impl FnOnce(&AppState, &Call) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(Call, T), Refusal> {
        let commits = self.token.is_some() && self.call.mesh.journal.is_none();
        if commits || !self.call.mesh.embedded {
            return self.run(work).await;
        }
        let Self { call, token } = self;
        if let Some(token) = token {
            token.spend(&call)?;
        }
        let done = work(&call.state, &call)?;
        Ok((call, done))
    }

    /// Spends the token.
    ///
    /// # Errors
    /// 403 where it was used before.
    pub(super) async fn spend(self) -> Result<Call, Refusal> {
        Ok(self.look(|_, _| Ok(())).await?.0)
    }
}

impl Signed {
    pub(super) fn mesh(&self) -> &Mesh {
        &self.call.mesh
    }

    pub(super) fn sender(&self) -> &Mailbox {
        &self.call.mailbox
    }

    pub(super) fn is_strict(&self) -> bool {
        self.call.is_strict()
    }
}

impl Call {
    /// Does something that blocks on a thread made for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AppState, &Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let call = self.clone();
        let result = tokio::task::spawn_blocking(move || work(&call.state, &call));
        result.await.map_err(|_| Refusal::internal())?
    }

    /// The mailbox's organisation, as the audit trail names it. Its password or token proved it.
    pub(super) fn caller(&self) -> Caller {
        let code = Some(&self.mailbox.ods_code).filter(|code| !code.is_empty()).unwrap_or(&self.mailbox.id);
        let organisation = Organisation { code: code.clone(), ..Organisation::default() };
        Caller {
            organisation,
            proven: self.mesh.config.auth == AuthMode::Full,
            named: true,
            person: false,
            scopes: None,
        }
    }

    pub(super) fn is_strict(&self) -> bool {
        self.mesh.config.mode == Mode::Strict
    }

    pub(super) fn engine(&self) -> &dyn Desk {
        &*self.state.engine
    }
}

impl Used {
    fn spend(&self, call: &Call) -> Result<(), Refusal> {
        let Some(journal) = &call.mesh.journal else {
            let now = call.state.clock.now();
            let until = now.saturating_add(SignedDuration::from_hours(TOKEN_MEMORY_HOURS)).unwrap_or(now);
            let fresh = call.engine().use_once(SCOPE, &hex(&self.digest), until, now)?;
            return if fresh { Ok(()) } else { Err(Refusal::forbidden(USED)) };
        };
        match journal.spend(&self.digest, self.at) {
            Ok(Spent::Now) => Ok(()),
            Ok(Spent::Before) => Err(Refusal::forbidden(USED)),
            Ok(Spent::Unknown) => Err(Refusal::forbidden(INVALID)),
            Err(error) => {
                tracing::error!(kind = ?error.kind(), "token journal not written");
                Err(Refusal::internal())
            }
        }
    }
}

impl FromRequestParts<Shared> for Signed {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        let mesh = parts.extensions.get::<Arc<Mesh>>().cloned().ok_or_else(Refusal::internal)?;
        // An address that is no text names nobody's mailbox.
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Refusal::forbidden("Mailbox id does not match token"))?;
        let named = params.iter().find(|(name, _)| *name == "mailbox").map(|(_, id)| id.to_uppercase());
        let named = named.unwrap_or_default();
        let version = Version::of(&parts.headers)?;
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = token.unwrap_or_default().trim();
        let strict = mesh.config.mode == Mode::Strict;
        // Tokens differ each time: what lets a mailbox through others' failures is that it got in from this address before.
        let address = parts.extensions.get::<Peer>().map(|p| p.address.ip().to_string()).unwrap_or_default();
        let tried = |shown: &str| Try {
            address: address.clone(),
            account: format!("mesh {named}"),
            shown: Sha256::digest(shown.as_bytes()).into(),
        };
        let (gate, before) = (&state.gate, tried(&named));
        if strict && let Err(seconds) = gate.attempts.may_try(&before, state.clock.now()) {
            Counters::add(&state.counters.sign_ins_slowed);
            return Err(Refusal::slowed(seconds));
        }
        let failed = |refusal: Refusal| {
            if strict {
                Counters::add(&state.counters.sign_ins_failed);
                let failures = gate.attempts.failed(&tried(token), state.clock.now());
                tracing::warn!(address, failures, "MESH sign-in failed");
            }
            refusal
        };
        let used = match authorise(&mesh, &named, token, Timestamp::now()) {
            Err(refusal) if refusal.text == INVALID => return Err(failed(refusal)),
            other => other?,
        };
        let unknown =
            || Refusal::new(axum::http::StatusCode::FORBIDDEN, "SEND", "EPL-151", "No mailbox matched");
        let mailbox = mesh.mailboxes.get(&named).cloned().ok_or_else(|| failed(unknown()))?;
        if strict {
            gate.attempts.succeeded(&before, state.clock.now());
        }
        let share = mesh.shares.take(&mailbox.id).ok_or_else(|| Refusal::slowed(RETRY_AFTER_SECONDS))?;
        if let Some(expected) = &mailbox.certificate_sha256 {
            let shown = parts.extensions.get::<Peer>().and_then(|p| p.certificate.clone());
            let shown = shown.map(|der| hex(&Sha256::digest(&der)));
            if shown.is_none_or(|s| !s.eq_ignore_ascii_case(expected)) {
                return Err(Refusal::forbidden("Client certificate does not belong to mailbox"));
            }
        }
        if mesh.config.mode == Mode::Strict && !mailbox.active {
            return Err(Refusal::forbidden("Request Received from Inactive Mailbox"));
        }
        let call = Call { state: state.clone(), mesh, version, mailbox, _share: Arc::new(share) };
        call.caller()
            .take_rate(state)
            .map_err(|problem| Refusal::slowed(problem.retry_after.unwrap_or(1)))?;
        Ok(Self { call, token: used })
    }
}

/// The parts of a token, as they come.
struct Token<'t> {
    scheme: bool,
    parts: Vec<&'t str>,
}

impl<'t> Token<'t> {
    fn parse(text: &'t str) -> Self {
        let scheme = text.get(..SCHEME.len()).is_some_and(|s| s.eq_ignore_ascii_case(SCHEME));
        let rest = if scheme { text.get(SCHEME.len() + 1..).unwrap_or_default() } else { text };
        Self { scheme, parts: rest.split(':').collect() }
    }

    fn part(&self, at: usize) -> &'t str {
        self.parts.get(at).copied().unwrap_or_default()
    }
}

/// Checks a token for the mailbox that the address names, at the system's time. In strict mode it must then be
/// spent; the answer says as what.
///
/// The system's time and not the exchange's: a test may move the exchange's time by days, but the clients that
/// make tokens don't move with it.
fn authorise(mesh: &Mesh, named: &str, text: &str, now: Timestamp) -> Result<Option<Used>, Refusal> {
    let config = &mesh.config;
    if config.auth == AuthMode::None {
        return Ok(None);
    }
    if text.is_empty() {
        return Err(Refusal::forbidden(UNREADABLE));
    }
    let token = Token::parse(text);
    let (id, nonce, count, time, mac) =
        (token.part(0), token.part(1), token.part(2), token.part(3), token.part(4));
    // Tests of clients send mailbox ids in small letters too; the reference compares as they come.
    if id != named && (config.mode == Mode::Strict || !id.eq_ignore_ascii_case(named)) {
        return Err(Refusal::forbidden(MISMATCH));
    }
    if config.auth == AuthMode::Canned {
        let valid = nonce.eq_ignore_ascii_case("VALID");
        return if valid { Ok(None) } else { Err(Refusal::forbidden(INVALID)) };
    }
    let strict = config.mode == Mode::Strict;
    let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    if token.parts.len() != 5
        || !digits
        || id.contains(' ')
        || (strict && (!token.scheme || nonce.is_empty()))
    {
        return Err(Refusal::forbidden(UNREADABLE));
    }
    let password = mesh.mailboxes.get(named).map(|m| &m.password);
    let good = mac_matches(&config.shared_key, &[id, nonce, count], password, time, mac);
    if password.is_none() {
        // Answered as an unknown mailbox by the caller, after the same work.
        return Ok(None);
    }
    if !good {
        return Err(Refusal::forbidden(INVALID));
    }
    if !strict {
        return Ok(None);
    }
    let at = minute(time).ok_or_else(|| Refusal::forbidden(UNREADABLE))?;
    if now.duration_since(at).abs() > SignedDuration::from_hours(TOKEN_WINDOW_HOURS) {
        return Err(Refusal::forbidden(INVALID));
    }
    let mut digest = Sha256::new();
    for part in [id, nonce, count, time] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    Ok(Some(Used { digest: digest.finalize().into(), at }))
}

/// Whether the token's last part is the HMAC-SHA256 of the others and the password. In constant time.
fn mac_matches(key: &Secret, start: &[&str; 3], password: Option<&Secret>, time: &str, mac: &str) -> bool {
    let Ok(mut hmac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.reveal().as_bytes()) else {
        return false;
    };
    let [id, nonce, count] = start;
    let password = password.map(Secret::reveal).unwrap_or_default();
    hmac.update(format!("{id}:{nonce}:{count}:{password}:{time}").as_bytes());
    let made = hex(&hmac.finalize().into_bytes());
    bool::from(made.as_bytes().ct_eq(mac.to_ascii_lowercase().as_bytes()))
}

/// The time of a token, `yyyyMMddHHmm` in UTC.
fn minute(text: &str) -> Option<Timestamp> {
    let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let time = digits.then(|| DateTime::strptime("%Y%m%d%H%M", text).ok()).flatten()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// The token of a mailbox, for clients and tests.
pub fn token(
    shared_key: &str,
    mailbox: &str,
    password: &str,
    nonce: &str,
    nonce_count: u64,
    at: Timestamp,
) -> String {
    let time = at.strftime("%Y%m%d%H%M").to_string();
    let text = format!("{mailbox}:{nonce}:{nonce_count}:{password}:{time}");
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(shared_key.as_bytes())
        .map(|hmac| hex(&hmac.chain_update(text.as_bytes()).finalize().into_bytes()))
        .unwrap_or_default();
    format!("{SCHEME} {mailbox}:{nonce}:{nonce_count}:{time}:{mac}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::config::MeshConfig;

    fn mesh(mode: Mode) -> Mesh {
        let mailbox = Mailbox { id: "A1".into(), password: "p".into(), ..Mailbox::default() };
        let config =
            MeshConfig { mode, shared_key: "k".into(), mailboxes: vec![mailbox], ..MeshConfig::default() };
        Mesh::new(config, None, true)
    }

    #[test]
    fn the_window_is_two_hours_either_way() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a time");
        let mesh = mesh(Mode::Strict);
        for (minutes, good) in [(0, true), (119, true), (-119, true), (121, false), (-121, false)] {
            let at = now.saturating_add(SignedDuration::from_mins(minutes)).expect("a time");
            let token = token("k", "A1", "p", "n", 1, at);
            assert_eq!(authorise(&mesh, "A1", &token, now).is_ok(), good, "{minutes}");
        }
    }

    #[test]
    fn broken_tokens_are_refused() {
        let now = Timestamp::UNIX_EPOCH;
        let good = token("k", "A1", "p", "n", 1, now);
        for mode in [Mode::Strict, Mode::Sandbox] {
            let mesh = mesh(mode);
            assert!(authorise(&mesh, "A1", &good, now).is_ok());
            for bad in [
                "",
                "NHSMESH",
                "NHSMESH ",
                "NHSMESH A1:n:1:197001010000",
                &format!("{good}:x"),
                &good.replace(":1:", ":one:"),
                &good.replace(":n:", ":m:"),
                &token("k", "A1", "q", "n", 1, now),
                &token("j", "A1", "p", "n", 1, now),
                &token("k", "B1", "p", "n", 1, now),
            ] {
                assert!(authorise(&mesh, "A1", bad, now).is_err(), "{bad}");
            }
        }
        let bare = good.trim_start_matches("NHSMESH ").to_owned();
        assert!(authorise(&mesh(Mode::Sandbox), "A1", &bare, now).is_ok());
        assert!(authorise(&mesh(Mode::Strict), "A1", &bare, now).is_err());
    }

    #[test]
    fn times() {
        assert!(minute("202603020900").is_some());
        for bad in ["", "20260302090", "2026030209000", "202613020900", "20260302090x"] {
            assert_eq!(minute(bad), None, "{bad}");
        }
    }
}
