//! Sessions of people: who signed in, in which role, until when. The cookie holds a random value of 256 bits; the store keeps
//! its digest, so that who reads the store can't be somebody else.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use causeway_exchange::{Desk, EngineError};
use causeway_host::hex;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Name of the cookie. Browsers hold `__Host-` cookies to `Secure`, no domain and path `/`; without TLS it has no prefix.
pub const COOKIE: &str = "causeway-session";
/// Minutes without a request after which a session ends.
pub const IDLE_MINUTES: i64 = 20;
/// Hours after which a session ends whatever happens.
pub const ABSOLUTE_HOURS: i64 = 8;
/// Sessions kept in memory; more are read from the store.
const KEPT: usize = 10_000;
/// Kind of the documents in the store.
const KIND: &str = "session";

/// Who signed in, as the identity provider says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// Issuer: the provider, or `demonstration`.
    pub issuer: String,
    /// The provider's id of the user.
    pub subject: String,
    /// Name.
    pub name: String,
    /// Role code of the policy set.
    pub role: String,
    /// Activity codes.
    pub activities: BTreeSet<String>,
    /// Code of the organisation for whom the user works; empty for the public.
    pub organisation: String,
    /// NHS number of a member of the public, verified by the provider.
    pub nhs_number: String,
}

impl SignedIn {
    /// Id of the user over all providers.
    pub fn user(&self) -> String {
        format!("{}#{}", self.issuer, self.subject)
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub who: SignedIn,
    /// Id for the access log; it does not open the session.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// The last request.
    pub seen: Timestamp,
    /// What a form of this session must send along.
    pub csrf: String,
}

impl Session {
    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen) >= SignedDuration::from_mins(IDLE_MINUTES)
            || now.duration_since(self.started) >= SignedDuration::from_hours(ABSOLUTE_HOURS)
    }
}

/// The sessions of a process, over the store that all processes share.
pub struct Sessions {
    store: Arc<dyn Desk>,
    kept: Mutex<HashMap<String, Session>>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

/// 256 random bits in hexadecimal.
///
/// # Errors
/// Where the system gives no randomness.
pub fn random() -> Result<String, EngineError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| EngineError::Invalid("no randomness"))?;
    Ok(hex(&bytes))
}

fn digest(token: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    hex(&digest)
}

impl Sessions {
    /// Over this store.
    pub fn new(store: Arc<dyn Desk>) -> Self {
        Self { store, kept: Mutex::default() }
    }

    fn keep(&self, key: String, session: Session) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, session);
    }

    /// Begins a session with a new token, whatever the browser held before: a token from before the sign-in is never
    /// raised to one that is signed in. Gives the token for the cookie.
    ///
    /// # Errors
    /// Where it can't be kept.
    pub fn begin(&self, who: SignedIn, now: Timestamp) -> Result<(String, Session), EngineError> {
        let token = random()?;
        let id = random()?.get(..16).unwrap_or_default().to_owned();
        let session = Session { who, id, started: now, seen: now, csrf: random()? };
        let json = serde_json::to_string(&session).map_err(|_| EngineError::Invalid("session"))?;
        let key = digest(&token);
        self.store.put_config(KIND, &key, Some(&json), Some(0), &session.who.user(), now)?;
        self.keep(key, session.clone());
        Ok((token, session))
    }

    /// The session of a token, unless it is over; counts as a request of it.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn find(&self, token: &str, now: Timestamp) -> Result<Option<Session>, EngineError> {
        if token.len() != 64 {
            return Ok(None);
        }
        let key = digest(token);
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        // Another process may have ended it: the store is asked, a lookup in memory of the engine.
        let Some((_, json)) = self.store.config(KIND, &key)? else {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            return Ok(None);
        };
        let session = known.or_else(|| serde_json::from_str(&json).ok());
        let Some(mut session) = session else { return Ok(None) };
        if session.is_over(now) {
            self.end(token, &session, now)?;
            return Ok(None);
        }
        session.seen = session.seen.max(now);
        self.keep(key, session.clone());
        Ok(Some(session))
    }

    /// Ends a session, on every process.
    ///
    /// # Errors
    /// Where the store can't be written; it is ended in this process then.
    pub fn end(&self, token: &str, session: &Session, now: Timestamp) -> Result<(), EngineError> {
        let key = digest(token);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.store.put_config(KIND, &key, None, None, &session.who.user(), now)?;
        Ok(())
    }
}

/// The token in a `Cookie` header.
pub(crate) fn token_of(cookies: &str) -> Option<&str> {
    cookies.split(';').filter_map(|pair| pair.trim().split_once('=')).find_map(|(name, value)| {
        (name == COOKIE || name.strip_prefix("__Host-") == Some(COOKIE)).then_some(value)
    })
}

/// The `Set-Cookie` of a token, or, where it is empty, the one that takes it away.
pub fn cookie(token: &str, secure: bool) -> String {
    let (prefix, flag) = if secure { ("__Host-", "; Secure") } else { ("", "") };
    let age = if token.is_empty() { "; Max-Age=0" } else { "" };
    // Lax, not Strict: the identity provider sends the browser back to us.
    format!("{prefix}{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax{flag}{age}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_is_never_readable_by_scripts() {
        assert_eq!(token_of("a=b; causeway-session=t1; c=d"), Some("t1"));
        assert_eq!(token_of("__Host-causeway-session=t2"), Some("t2"));
        assert_eq!(token_of("xcauseway-session=t3"), None);
        for secure in [true, false] {
            let set = cookie("t", secure);
            assert!(
                set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"),
                "{set}"
            );
            assert_eq!(set.contains("; Secure"), secure);
        }
        assert!(cookie("", true).contains("Max-Age=0"));
    }

    #[test]
    fn a_session_ends_when_idle_and_at_its_longest() {
        let start: Timestamp = "2026-11-29T10:00:00Z".parse().unwrap();
        let session = Session {
            who: SignedIn::default(),
            id: "1".to_owned(),
            started: start,
            seen: start,
            csrf: "c".to_owned(),
        };
        assert!(!session.is_over(start + SignedDuration::from_mins(IDLE_MINUTES - 1)));
        assert!(session.is_over(start + SignedDuration::from_mins(IDLE_MINUTES)));
        let busy = Session { seen: start + SignedDuration::from_hours(ABSOLUTE_HOURS), ..session };
        assert!(busy.is_over(start + SignedDuration::from_hours(ABSOLUTE_HOURS)));
    }
}
