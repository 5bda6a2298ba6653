//! SMART Backend Services: a system of an organisation signs in with a signed assertion and gets a token for five minutes,
//! limited to its scopes (SMART App Launch 2.2, backend services; RFC 7523).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_exchange::{Desk, EngineError};
use causeway_host::hex;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::organisation::Organisations;
use crate::session;

/// Life of a token in seconds.
pub const TOKEN_SECONDS: i64 = 300;
/// Furthest end of an assertion in seconds.
pub const ASSERTION_SECONDS: i64 = 300;
/// Clock difference that is forgiven, in seconds.
const LEEWAY_SECONDS: i64 = 30;
/// Bytes of an assertion.
const ASSERTION_BYTES: usize = 16 * 1024;
/// Tokens kept at once.
const KEPT: usize = 100_000;
/// The assertion type.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What assertions may be signed with: the two that a server must know, and what NHS England's gateway asks for.
const ALGORITHMS: &[Algorithm] = &[Algorithm::RS384, Algorithm::ES384, Algorithm::RS512];

/// A refusal of the token endpoint (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `invalid_client`, `invalid_request`, `invalid_scope`, `unsupported_grant_type`.
    pub error: &'static str,
    /// In a sentence.
    pub text: &'static str,
}

fn client(text: &'static str) -> Refused {
    Refused { error: "invalid_client", text }
}

/// What a system may do with one FHIR type: a scope `system/Type.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// FHIR type, or `*`.
    pub kind: String,
    /// Whether it may read.
    pub read: bool,
    /// Whether it may search.
    pub search: bool,
}

impl Scope {
    /// Reads one scope; `None` for what this server has no use for: other contexts, writing, filters.
    fn of(text: &str) -> Option<Self> {
        let (kind, rights) = text.strip_prefix("system/")?.split_once('.')?;
        let named = kind == "*" || kind.chars().all(|c| c.is_ascii_alphanumeric()) && !kind.is_empty();
        // Version 1 words, and version 2 letters in their order.
        let (read, search) = match rights {
            "read" | "*" => (true, true),
            v2 => {
                let mut order = "cruds".chars();
                if v2.is_empty() || !v2.chars().all(|c| order.any(|o| o == c)) {
                    return None;
                }
                (v2.contains('r'), v2.contains('s'))
            }
        };
        (named && (read || search)).then(|| Self { kind: kind.to_owned(), read, search })
    }

    fn word(&self) -> String {
        let rights = format!("{}{}", if self.read { "r" } else { "" }, if self.search { "s" } else { "" });
        format!("system/{}.{rights}", self.kind)
    }
}

/// A token's holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Code of the organisation.
    pub organisation: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Until when.
    pub until: Timestamp,
    /// Id for the access log.
    pub id: String,
}

impl Granted {
    /// Whether a type may be read, or searched.
    pub fn allows(&self, kind: &str, search: bool) -> bool {
        let fits = |s: &&Scope| (s.kind == "*" || s.kind == kind) && if search { s.search } else { s.read };
        self.scopes.iter().any(|s| fits(&s))
    }
}

/// Tokens given out by this process.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<[u8; 32], Granted>>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    jti: String,
}

/// A form of a token request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenRequest {
    /// Must be `client_credentials`.
    pub grant_type: String,
    /// Scopes asked for.
    pub scope: String,
    /// Must be [`ASSERTION_TYPE`].
    pub client_assertion_type: String,
    /// The assertion.
    pub client_assertion: String,
}

impl Tokens {
    /// The holder of a token.
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Granted> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&digest).filter(|g| now < g.until).cloned()
    }

    /// Checks a request and gives a token. `audience` is the address of the token endpoint, exactly.
    ///
    /// # Errors
    /// `Ok(Err(_))` is a refusal; the store failed otherwise.
    pub fn grant(
        &self,
        request: &TokenRequest,
        audience: &str,
        organisations: &Organisations,
        store: &Arc<dyn Desk>,
        now: Timestamp,
    ) -> Result<Result<(String, Granted), Refused>, EngineError> {
        let claims = match check(request, audience, organisations, now) {
            Ok(claims) => claims,
            Err(refused) => return Ok(Err(refused)),
        };
        let scopes: Vec<Scope> = request.scope.split_whitespace().filter_map(Scope::of).collect();
        if scopes.is_empty() {
            let text = "no scope that this server can give was asked for, such as system/*.rs";
            return Ok(Err(Refused { error: "invalid_scope", text }));
        }
        let until = Timestamp::from_second(claims.exp + LEEWAY_SECONDS).unwrap_or(now);
        if !store.use_once(&format!("smart:{}", claims.iss), &claims.jti, until, now)? {
            return Ok(Err(client("this assertion was used before")));
        }
        let token = session::random()?;
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let granted = Granted {
            organisation: claims.iss,
            scopes,
            until: now + SignedDuration::from_secs(TOKEN_SECONDS),
            id: hex(digest.get(..8).unwrap_or_default()),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, g| now < g.until);
        }
        if kept.len() >= KEPT {
            return Ok(Err(Refused { error: "temporarily_unavailable", text: "too many tokens are in use" }));
        }
        kept.insert(digest, granted.clone());
        Ok(Ok((token, granted)))
    }
}

fn check(
    request: &TokenRequest,
    audience: &str,
    organisations: &Organisations,
    now: Timestamp,
) -> Result<Claims, Refused> {
    if request.grant_type != "client_credentials" {
        return Err(Refused {
            error: "unsupported_grant_type",
            text: "only client_credentials is granted here",
        });
    }
    if request.client_assertion_type != ASSERTION_TYPE || request.client_assertion.len() > ASSERTION_BYTES {
        return Err(Refused {
            error: "invalid_request",
            text: "a client_assertion of type jwt-bearer is needed",
        });
    }
    let wrong = || client("the assertion can't be read");
    let header = jsonwebtoken::decode_header(&request.client_assertion).map_err(|_| wrong())?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(client("the assertion is not signed with RS384 or ES384"));
    }
    // A key from the assertion itself proves nothing; only registered keys count.
    let kid = header.kid.ok_or_else(|| client("the assertion names no key"))?;
    let issuer = unverified_issuer(&request.client_assertion).ok_or_else(wrong)?;
    let organisation = organisations.find(&issuer).ok_or_else(|| client("this client is not registered"))?;
    let keys = organisation.jwks.as_deref().ok_or_else(|| client("this client has no keys registered"))?;
    let set: JwkSet = serde_json::from_str(keys).map_err(|_| client("this client's keys can't be read"))?;
    let mut fitting = set.keys.iter().filter(|k| k.common.key_id.as_deref() == Some(kid.as_str()));
    let (Some(jwk), None) = (fitting.next(), fitting.next()) else {
        return Err(client("not exactly one registered key has this id"));
    };
    let key = DecodingKey::from_jwk(jwk).map_err(|_| client("the registered key can't be used"))?;
    let mut validation = Validation::new(header.alg);
    validation.algorithms = vec![header.alg];
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // The exchange's own clock decides, not the library's.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let decoded = jsonwebtoken::decode::<Claims>(&request.client_assertion, &key, &validation);
    let claims = decoded.map_err(|_| client("the assertion's signature or audience is wrong"))?.claims;
    if claims.iss != claims.sub || !claims.iss.eq_ignore_ascii_case(&organisation.code) {
        return Err(client("iss and sub of the assertion are not the client"));
    }
    let left = claims.exp - now.as_second();
    if left <= -LEEWAY_SECONDS {
        return Err(client("the assertion is out of date"));
    }
    if left > ASSERTION_SECONDS + LEEWAY_SECONDS {
        return Err(client("the assertion lasts longer than five minutes"));
    }
    if claims.jti.is_empty() || claims.jti.len() > 256 {
        return Err(client("the assertion has no jti"));
    }
    Ok(Claims { iss: organisation.code.clone(), ..claims })
}

/// The issuer that an assertion claims, to find the key by which it is checked.
fn unverified_issuer(assertion: &str) -> Option<String> {
    use base64::Engine as _;
    let body = assertion.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    claims["iss"].as_str().filter(|iss| iss.len() <= 64).map(str::to_owned)
}

/// The answer that gives a token.
pub fn answer(token: &str, granted: &Granted) -> Value {
    let scopes: Vec<String> = granted.scopes.iter().map(Scope::word).collect();
    json!({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": scopes.join(" ")})
}

/// The discovery document, for a FHIR base and a token endpoint.
pub fn discovery(token_endpoint: &str) -> Value {
    json!({
        "token_endpoint": token_endpoint,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384", "RS512"],
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.rs"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_both_versions() {
        let read = |text: &str| Scope::of(text).map(|s| s.word());
        assert_eq!(read("system/Observation.rs").as_deref(), Some("system/Observation.rs"));
        assert_eq!(read("system/*.read").as_deref(), Some("system/*.rs"));
        assert_eq!(read("system/Patient.cruds").as_deref(), Some("system/Patient.rs"));
        assert_eq!(read("system/Patient.r").as_deref(), Some("system/Patient.r"));
        for none in [
            "system/Patient.sr",
            "system/Patient.c",
            "user/Patient.rs",
            "system/Patient",
            "system/.rs",
            "openid",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
        let granted = Granted {
            organisation: "ZZ901".to_owned(),
            scopes: vec![Scope::of("system/Patient.r").unwrap()],
            until: Timestamp::MAX,
            id: String::new(),
        };
        assert!(granted.allows("Patient", false) && !granted.allows("Patient", true));
        assert!(!granted.allows("Observation", false));
    }
}
