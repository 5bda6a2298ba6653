//! Access tokens by client credentials with a signed assertion (RFC 7523): cached until shortly before their end.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{EncodingKey, Header};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::answer::Verdict;
use super::circuit::Whose;
use super::config::{Algorithm, Auth, Endpoint};
use super::limits::{ASSERTION_SECONDS, TOKEN_BYTES_MAX, TOKEN_MARGIN_SECONDS, TOKEN_SECONDS};

/// Claims of an assertion.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Seconds>,
}

/// Some servers write the number as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

/// A token and its end.
type Kept = Arc<Mutex<Option<(String, Timestamp)>>>;

/// Tokens by endpoint.
#[derive(Default)]
pub(super) struct Tokens(std::sync::Mutex<HashMap<String, Kept>>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

fn refused(detail: &str) -> Verdict {
    Verdict::later("token", detail, Whose::Endpoint)
}

impl Tokens {
    /// Forgets the token of an endpoint that refused it.
    pub(super) async fn forget(&self, endpoint: &str) {
        *self.of(endpoint).lock().await = None;
    }

    fn of(&self, endpoint: &str) -> Kept {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint.to_owned()).or_default().clone()
    }

    /// The value of the `Authorization` header.
    pub(super) async fn authorization(
        &self,
        client: &reqwest::Client,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<Option<String>, Verdict> {
        match &endpoint.auth {
            Auth::None {} => Ok(None),
            Auth::Bearer { token_file } => {
                let token = tokio::fs::read_to_string(token_file).await;
                let token = token.map_err(|_| refused("the file with the token can't be read"))?;
                Ok(Some(format!("Bearer {}", token.trim())))
            }
            Auth::Oauth2 { .. } => {
                // Held while fetching: many deliveries at once ask for one token.
                let kept = self.of(&endpoint.name);
                let mut kept = kept.lock().await;
                if let Some((token, until)) = kept.as_ref()
                    && *until > now
                {
                    return Ok(Some(format!("Bearer {token}")));
                }
                let (token, seconds) = fetch(client, endpoint, now).await?;
                let lasts = SignedDuration::from_secs((seconds - TOKEN_MARGIN_SECONDS).max(0));
                let until = now.checked_add(lasts).unwrap_or(now);
                *kept = Some((token.clone(), until));
                Ok(Some(format!("Bearer {token}")))
            }
        }
    }
}

async fn fetch(
    client: &reqwest::Client,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<(String, i64), Verdict> {
    let Auth::Oauth2 { token_url, scope, .. } = &endpoint.auth else {
        return Err(refused("no client credentials are set"));
    };
    let assertion = assertion(endpoint, now).await?;
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    if let Some(scope) = scope {
        form.push(("scope", scope));
    }
    let mut encoded =
        reqwest::Url::parse("form:").map_err(|_| refused("the request could not be written"))?;
    encoded.query_pairs_mut().extend_pairs(form);
    let body = encoded.query().unwrap_or_default().to_owned();
    let request = client
        .post(token_url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(body);
    let response = request.send().await.map_err(|_| refused("the token endpoint did not answer"))?;
    let status = response.status().as_u16();
    let body = crate::link::read(response, TOKEN_BYTES_MAX)
        .await
        .map_err(|_| refused("the token's answer broke off"))?;
    if !(200..300).contains(&status) {
        return Err(refused(&format!("the token endpoint answered {status}")));
    }
    let granted: Granted =
        serde_json::from_slice(&body).map_err(|_| refused("the token endpoint's answer holds no token"))?;
    let seconds = match granted.expires_in {
        Some(Seconds::Number(seconds)) => seconds,
        Some(Seconds::Text(text)) => text.parse().unwrap_or(TOKEN_SECONDS),
        None => TOKEN_SECONDS,
    };
    Ok((granted.access_token, seconds))
}

async fn assertion(endpoint: &Endpoint, now: Timestamp) -> Result<String, Verdict> {
    let Auth::Oauth2 { token_url, client_id, key_file, key_id, algorithm, audience, .. } = &endpoint.auth
    else {
        return Err(refused("no client credentials are set"));
    };
    let pem = tokio::fs::read(key_file)
        .await
        .map_err(|_| refused("the file with the signing key can't be read"))?;
    let audience = audience.as_deref().unwrap_or(token_url);
    sign_assertion(*algorithm, &pem, key_id, client_id, audience, now).map_err(refused)
}

/// An assertion that a client signs with its own key, to get a token (RFC 7523, 2.2; SMART Backend Services).
///
/// # Errors
/// A sentence, where the key does not fit the algorithm.
pub fn sign_assertion(
    algorithm: Algorithm,
    pem: &[u8],
    key_id: &str,
    client_id: &str,
    audience: &str,
    now: Timestamp,
) -> Result<String, &'static str> {
    let (algorithm, key) = match algorithm {
        Algorithm::RS512 => (jsonwebtoken::Algorithm::RS512, EncodingKey::from_rsa_pem(pem)),
        Algorithm::RS384 => (jsonwebtoken::Algorithm::RS384, EncodingKey::from_rsa_pem(pem)),
        Algorithm::ES384 => (jsonwebtoken::Algorithm::ES384, EncodingKey::from_ec_pem(pem)),
    };
    let key = key.map_err(|_| "the signing key is not of the kind that the algorithm needs")?;
    let mut header = Header::new(algorithm);
    header.kid = Some(key_id.to_owned());
    let claims = Claims {
        iss: client_id,
        sub: client_id,
        aud: audience,
        jti: Uuid::now_v7().to_string(),
        iat: now.as_second(),
        exp: now.as_second() + ASSERTION_SECONDS,
    };
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| "the assertion could not be signed")
}
