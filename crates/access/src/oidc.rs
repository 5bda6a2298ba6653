//! Sign-in of people with OpenID Connect: authorization code with PKCE, state and nonce. Any provider; the claims of the NHS
//! Care Identity Service and of NHS login are known. Written on `jsonwebtoken` with aws-lc-rs, which the exchange has already:
//! the `openidconnect` crate brings a second crypto provider.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_exchange::EngineError;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::policy::PolicySet;
use crate::session::{self, SignedIn};

/// Name of the cookie that ties a sign-in under way to its browser.
pub const COOKIE: &str = "causeway-sign-in";
/// Minutes in which a sign-in must come back.
pub const UNDER_WAY_MINUTES: i64 = 10;
/// Clock difference that is forgiven, in seconds.
const LEEWAY_SECONDS: i64 = 60;
/// Bytes of an answer of the provider.
const ANSWER_BYTES: usize = 256 * 1024;
/// Signature algorithms of id tokens.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// The identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Issuer, as its discovery document and its tokens say it.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// File with our client secret; without it, a public client.
    #[serde(default)]
    pub client_secret_file: Option<std::path::PathBuf>,
    /// Scopes asked for beside `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Why a sign-in failed. None of them says more to the browser than that it did.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider can't be reached or answers nonsense.
    #[error("the identity provider can't be used: {0}")]
    Provider(&'static str),
    /// The answer does not belong to the sign-in that this browser began.
    #[error("this sign-in was not begun here, or is out of date")]
    State,
    /// The id token is not what it must be.
    #[error("the identity provider's token is not accepted: {0}")]
    Token(&'static str),
    /// The token names no role here.
    #[error("the sign-in names no role that is known here")]
    Role,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] EngineError),
}

/// A sign-in under way, kept under the digest of its state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnderWay {
    /// Must come back in the id token.
    pub nonce: String,
    /// PKCE verifier.
    pub verifier: String,
    /// When it began.
    pub at: Timestamp,
    /// The page of ours to go back to; empty where there is none.
    #[serde(default)]
    pub to: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: String,
}

/// The provider, with what it told of itself.
#[derive(Debug)]
pub struct Provider {
    /// How it is set up.
    pub settings: Settings,
    client: reqwest::Client,
    known: Mutex<Option<(Discovery, JwkSet)>>,
}

impl Provider {
    /// A provider that nothing was asked of yet.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(settings: Settings) -> Result<Self, SignInError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|_| SignInError::Provider("no client"))?;
        Ok(Self { settings, client, known: Mutex::default() })
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, SignInError> {
        let mut answer = request.send().await.map_err(|_| SignInError::Provider("no answer"))?;
        if !answer.status().is_success() {
            return Err(SignInError::Provider("it refused"));
        }
        let mut body = Vec::new();
        while let Some(piece) =
            answer.chunk().await.map_err(|_| SignInError::Provider("its answer broke off"))?
        {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_BYTES {
                return Err(SignInError::Provider("its answer is too long"));
            }
        }
        serde_json::from_slice(&body).map_err(|_| SignInError::Provider("its answer can't be read"))
    }

    async fn told(&self, fresh_keys: bool) -> Result<(Discovery, JwkSet), SignInError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|_| !fresh_keys) {
            return Ok(known);
        }
        let issuer = self.settings.issuer.trim_end_matches('/');
        let discovery: Discovery =
            self.json(self.client.get(format!("{issuer}/.well-known/openid-configuration"))).await?;
        if discovery.issuer.trim_end_matches('/') != issuer {
            return Err(SignInError::Provider("its discovery document names another issuer"));
        }
        let keys: JwkSet = self.json(self.client.get(&discovery.jwks_uri)).await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((discovery.clone(), keys.clone()));
        Ok((discovery, keys))
    }

    /// Where the browser is sent, with the state that must come back and what is to be kept until then.
    ///
    /// # Errors
    /// The provider can't be reached.
    pub async fn begin(&self, back: &str, now: Timestamp) -> Result<(String, String, UnderWay), SignInError> {
        let (discovery, _) = self.told(false).await?;
        let (state, nonce, verifier) = (session::random()?, session::random()?, session::random()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let mut scope = vec!["openid".to_owned()];
        scope.extend(self.settings.scopes.iter().cloned());
        let mut url = reqwest::Url::parse(&discovery.authorization_endpoint)
            .map_err(|_| SignInError::Provider("its address can't be read"))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", back)
            .append_pair("scope", &scope.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((url.to_string(), state, UnderWay { nonce, verifier, at: now, to: String::new() }))
    }

    /// Takes the code to the provider and reads who signed in.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(
        &self,
        code: &str,
        under_way: &UnderWay,
        back: &str,
        policies: &PolicySet,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
            #[serde(default)]
            access_token: String,
        }
        let late = now.duration_since(under_way.at) > SignedDuration::from_mins(UNDER_WAY_MINUTES);
        if late || code.is_empty() || code.len() > 4096 {
            return Err(SignInError::State);
        }
        let (discovery, keys) = self.told(false).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back),
            ("code_verifier", under_way.verifier.as_str()),
        ];
        let secret = match &self.settings.client_secret_file {
            None => None,
            Some(file) => {
                let text = tokio::fs::read_to_string(file).await;
                Some(text.map_err(|_| SignInError::Provider("our client secret can't be read"))?)
            }
        };
        let mut request = self.client.post(&discovery.token_endpoint);
        match &secret {
            Some(secret) => request = request.basic_auth(&self.settings.client_id, Some(secret.trim())),
            None => form.push(("client_id", &self.settings.client_id)),
        }
        let body = form_body(&form);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let tokens: Tokens = self.json(request).await?;
        let claims = match self.verify(&tokens.id_token, &keys, &under_way.nonce, now) {
            // The provider may have new keys: they are asked for once.
            Err(SignInError::Token("no such key")) => {
                let (_, keys) = self.told(true).await?;
                self.verify(&tokens.id_token, &keys, &under_way.nonce, now)?
            }
            other => other?,
        };
        match signed_in(&claims, policies) {
            // Most providers, the Care Identity Service among them, say the role only where the access token is shown.
            Err(SignInError::Role) if !discovery.userinfo_endpoint.is_empty() => {
                let request = self.client.get(&discovery.userinfo_endpoint).bearer_auth(&tokens.access_token);
                signed_in(&with_user_info(claims, self.json(request).await?)?, policies)
            }
            other => other,
        }
    }

    /// The claims of an id token.
    fn verify(&self, token: &str, keys: &JwkSet, nonce: &str, now: Timestamp) -> Result<Value, SignInError> {
        let wrong = SignInError::Token;
        let header = jsonwebtoken::decode_header(token).map_err(|_| wrong("it can't be read"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(wrong("its algorithm is not accepted"));
        }
        let fits = |k: &&jsonwebtoken::jwk::Jwk| header.kid.is_none() || k.common.key_id == header.kid;
        let mut fitting = keys.keys.iter().filter(fits);
        let key = fitting.next().ok_or(wrong("no such key"))?;
        if fitting.next().is_some() {
            return Err(wrong("more than one key fits"));
        }
        let key = DecodingKey::from_jwk(key).map_err(|_| wrong("its key can't be used"))?;
        let mut validation = Validation::new(header.alg);
        validation.algorithms = vec![header.alg];
        validation.set_audience(&[&self.settings.client_id]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation)
            .map_err(|_| wrong("its signature, issuer or audience is wrong"))?
            .claims;
        let seconds = |name: &str| claims[name].as_i64().or_else(|| claims[name].as_str()?.parse().ok());
        if seconds("exp").is_none_or(|exp| exp + LEEWAY_SECONDS < now.as_second()) {
            return Err(wrong("it is out of date"));
        }
        if seconds("iat").is_some_and(|iat| iat - LEEWAY_SECONDS > now.as_second()) {
            return Err(wrong("it is from the future"));
        }
        if claims["nonce"].as_str() != Some(nonce) {
            return Err(wrong("its nonce is not the one that was sent"));
        }
        if claims["azp"].as_str().is_some_and(|azp| azp != self.settings.client_id) {
            return Err(wrong("it is for another client"));
        }
        Ok(claims)
    }
}

/// The id token's claims with what the provider says beside them; the token's own stand.
fn with_user_info(mut claims: Value, more: Value) -> Result<Value, SignInError> {
    if more["sub"].as_str().is_none() || more["sub"] != claims["sub"] {
        return Err(SignInError::Token("the provider tells of somebody else"));
    }
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
    }
    Ok(claims)
}

fn form_body(pairs: &[(&str, &str)]) -> String {
    let mut url =
        reqwest::Url::parse("http://localhost/").unwrap_or_else(|_| unreachable!("constant address"));
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// Who signed in, from the claims: those of the Care Identity Service (`nationalrbacaccess`), of NHS login (`nhs_number`), or
/// plain `role` and `organisation`.
fn signed_in(claims: &Value, policies: &PolicySet) -> Result<SignedIn, SignInError> {
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let mut who = SignedIn {
        issuer: text("iss"),
        subject: text("sub"),
        name: text("name"),
        role: text("role"),
        organisation: text("organisation"),
        ..SignedIn::default()
    };
    let list = |value: &Value| -> BTreeSet<String> {
        value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    who.activities = list(&claims["activities"]);
    // "S8000:G8000:R8001": the last part is the job role.
    let rbac = claims["nationalrbacaccess"]["nrbac_roles"].as_array().and_then(|roles| roles.first());
    if let Some(role) = rbac.filter(|_| who.role.is_empty()) {
        let code = role["role_code"].as_str().unwrap_or_default();
        who.role = code.rsplit(':').next().unwrap_or_default().to_owned();
        who.organisation = role["org_code"].as_str().unwrap_or_default().to_owned();
        who.activities = list(&role["activity_codes"]);
    }
    let number: String = text("nhs_number").chars().filter(char::is_ascii_digit).collect();
    if number.len() == 10 && who.role.is_empty() {
        // NHS login verifies a number at its highest level only.
        let level = text("identity_proofing_level");
        if !level.is_empty() && level != "P9" {
            return Err(SignInError::Role);
        }
        "person".clone_into(&mut who.role);
        who.nhs_number = number;
    } else if number.len() == 10 && who.role == "person" {
        who.nhs_number = number;
    }
    if who.name.is_empty() {
        who.name = format!("{} {}", text("given_name"), text("family_name")).trim().to_owned();
    }
    if policies.role(&who.role).is_none()
        || matches!(who.role.as_str(), "system" | "carer")
        || who.subject.is_empty()
    {
        return Err(SignInError::Role);
    }
    Ok(who)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_provider_says_beside_the_token_is_of_the_same_person_and_overrides_nothing() {
        let token = json!({"iss": "https://issuer.example", "sub": "u-1", "name": "Ada Fern"});
        let more = json!({"sub": "u-1", "name": "Another", "iss": "x", "role": "R8001"});
        let all = with_user_info(token.clone(), more).unwrap();
        assert_eq!(
            (&all["name"], &all["iss"], &all["role"]),
            (&json!("Ada Fern"), &token["iss"], &json!("R8001"))
        );
        for other in [json!({"sub": "u-2", "role": "R8001"}), json!({"role": "R8001"}), json!(["u-1"])] {
            assert!(with_user_info(token.clone(), other).is_err());
        }
        assert!(with_user_info(json!({}), json!({"role": "R8001"})).is_err());
    }
}
