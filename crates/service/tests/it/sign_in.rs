//! Sign-in of systems (SMART Backend Services) and of people (OpenID Connect, with a small provider of the test's own).

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_service::access::oidc;
use causeway_service::config::{Config, Organisation};
use causeway_service::testing::TestServer;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::support::*;

/// An elliptic key with its public half as a JSON Web Key.
pub struct Key {
    pair: KeyPair,
    algorithm: Algorithm,
    id: String,
}

impl Key {
    pub fn new(algorithm: Algorithm, id: &str) -> Self {
        let kind = if algorithm == Algorithm::ES384 {
            &rcgen::PKCS_ECDSA_P384_SHA384
        } else {
            &rcgen::PKCS_ECDSA_P256_SHA256
        };
        Self { pair: KeyPair::generate_for(kind).unwrap(), algorithm, id: id.to_owned() }
    }

    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key_raw();
        let half = (point.len() - 1) / 2;
        let curve = if half == 48 { "P-384" } else { "P-256" };
        json!({"kty": "EC", "crv": curve, "kid": self.id, "x": URL_SAFE_NO_PAD.encode(&point[1..=half]),
            "y": URL_SAFE_NO_PAD.encode(&point[1 + half..])})
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        let key = EncodingKey::from_ec_pem(self.pair.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

fn encode(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b"-._".contains(&b) {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect()
    };
    pairs.iter().map(|(n, v)| format!("{n}={}", escape(v))).collect::<Vec<_>>().join("&")
}

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub async fn ask(server: &TestServer, assertion: &str, scope: &str) -> Reply {
    let body = encode(&[
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", ASSERTION),
        ("client_assertion", assertion),
    ]);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    call(server, "POST", "/oauth/token", &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_sign_in_with_a_signed_assertion() {
    let (key, other) = (Key::new(Algorithm::ES384, "k1"), Key::new(Algorithm::ES384, "k1"));
    let (weak, unknown) = (Key::new(Algorithm::ES256, "k1"), Key::new(Algorithm::ES384, "k9"));
    let world = World::new();
    let jwks = json!({"keys": [key.jwk()]}).to_string();
    let mut config = closed_config();
    for organisation in &mut config.organisations {
        if organisation.code != "ZZ902" {
            organisation.jwks = Some(jwks.clone());
        }
    }
    config.organisations.push(Organisation::of_code("ZZ905").unwrap());
    let server = world.serve(config).await;
    let headers = [("Content-Type", "text/x-lines"), ("Authorization", "Bearer token-901")];
    let sent = call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    assert_eq!(sent.status, 202);

    let found = get(&server, "/fhir/.well-known/smart-configuration").await.json();
    let endpoint = server.url("/oauth/token");
    assert_eq!(found["token_endpoint"], endpoint);
    assert!(found["capabilities"].as_array().unwrap().contains(&json!("client-confidential-asymmetric")));

    let now = server.state.clock.now().as_second();
    let claims =
        |jti: &str| json!({"iss": "ZZ901", "sub": "ZZ901", "aud": endpoint, "exp": now + 200, "jti": jti});
    let with = |jti: &str, name: &str, value: Value| {
        let mut claims = claims(jti);
        claims[name] = value;
        key.sign(&claims)
    };
    let none = {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1","typ":"JWT"}"#);
        format!("{head}.{}.", URL_SAFE_NO_PAD.encode(claims("n").to_string()))
    };
    let refused = [
        ("alg none", none),
        ("another key of the same id", other.sign(&claims("a"))),
        ("a weaker algorithm", weak.sign(&claims("b"))),
        ("an unknown key", unknown.sign(&claims("c"))),
        ("wrong audience", with("d", "aud", json!("https://elsewhere.example/token"))),
        ("expired", with("e", "exp", json!(now - 120))),
        ("too long", with("f", "exp", json!(now + 3600))),
        ("sub is another", with("g", "sub", json!("ZZ902"))),
        ("no jti", with("", "jti", json!(""))),
        ("a client without keys", {
            let mut claims = claims("h");
            claims["iss"] = json!("ZZ902");
            claims["sub"] = json!("ZZ902");
            key.sign(&claims)
        }),
        ("nonsense", "a.b.c".to_owned()),
    ];
    for (what, assertion) in refused {
        let reply = ask(&server, &assertion, "system/*.rs").await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (401, Some("invalid_client")), "{what}");
    }
    let good = key.sign(&claims("1"));
    let granted = ask(&server, &good, "system/*.rs openid").await;
    assert_eq!(granted.status, 200, "{}", granted.text());
    let granted = granted.json();
    assert_eq!((&granted["expires_in"], &granted["scope"]), (&json!(300), &json!("system/*.rs")));
    assert_eq!(ask(&server, &good, "system/*.rs").await.status, 401, "a jti is good once");
    let scope = ask(&server, &key.sign(&claims("2")), "user/Patient.rs").await;
    assert_eq!((scope.status, scope.json()["error"].as_str()), (400, Some("invalid_scope")));

    let bearer = |token: &Value| format!("Bearer {}", token["access_token"].as_str().unwrap());
    let all = bearer(&granted);
    let read =
        async |token: &str, path: &str| call(&server, "GET", path, &[("Authorization", token)], b"").await;
    let path = "/fhir/Patient?identifier=9990000018";
    let mut total = Value::Null;
    for _ in 0..3_000 {
        total = read(&all, path).await.json()["total"].clone();
        if total == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(total, 1, "its own person");
    let narrow = bearer(&ask(&server, &key.sign(&claims("3")), "system/Observation.r").await.json());
    assert_eq!(read(&narrow, path).await.status, 403, "outside of its scopes");
    // Two tenants: an organisation that has nothing to do with her finds nobody.
    let mut other_claims = claims("4");
    other_claims["iss"] = json!("ZZ900");
    other_claims["sub"] = json!("ZZ900");
    let tenant = bearer(&ask(&server, &key.sign(&other_claims), "system/*.rs").await.json());
    assert_eq!(read(&tenant, path).await.json()["total"], 0, "not even the operator's system");
    assert_eq!(read(&tenant, "/messages").await.json()["messages"].as_array().map_or(0, Vec::len), 0);
    server.state.clock.advance(jiff::SignedDuration::from_secs(301)).unwrap();
    assert_eq!(read(&all, path).await.status, 401, "over after five minutes");
    server.stop().await.unwrap();
}

/// A small provider. `mode` says what is wrong with the next token.
struct Provider {
    issuer: String,
    keys: Mutex<Key>,
    nonce: Mutex<String>,
    mode: AtomicU8,
    codes: Mutex<Vec<String>>,
}

async fn provider() -> Arc<Provider> {
    use axum::extract::State;
    use axum::routing::{get, post};
    use axum::{Json, Router};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = Arc::new(Provider {
        issuer: format!("http://{}", listener.local_addr().unwrap()),
        keys: Mutex::new(Key::new(Algorithm::ES256, "p1")),
        nonce: Mutex::default(),
        mode: AtomicU8::new(0),
        codes: Mutex::default(),
    });
    type It = State<Arc<Provider>>;
    let discovery = async |State(p): It| {
        let at = |path: &str| format!("{}{path}", p.issuer);
        Json(
            json!({"issuer": p.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
            "jwks_uri": at("/keys")}),
        )
    };
    let keys = async |State(p): It| Json(json!({"keys": [p.keys.lock().unwrap().jwk()]}));
    let token = async |State(p): It, body: String| {
        // A code is good once, and PKCE's verifier comes along.
        let fresh = body.contains("code_verifier=") && {
            let mut codes = p.codes.lock().unwrap();
            let code = body.split('&').find_map(|f| f.strip_prefix("code=")).unwrap_or_default().to_owned();
            let fresh = !codes.contains(&code);
            codes.push(code);
            fresh
        };
        if !fresh {
            return Err(axum::http::StatusCode::BAD_REQUEST);
        }
        let now = jiff::Timestamp::now().as_second();
        let nonce = p.nonce.lock().unwrap().clone();
        let mut claims = json!({"iss": p.issuer, "sub": "u-1", "aud": "causeway", "exp": now + 300, "iat": now,
            "nonce": nonce, "name": "Ada Fern", "nationalrbacaccess": {"nrbac_roles": [
                {"org_code": "ZZ901", "role_code": "S8000:G8000:R8001", "activity_codes": ["B0107"]}]}});
        match p.mode.load(Ordering::SeqCst) {
            1 => claims["nonce"] = json!("another"),
            2 => claims["exp"] = json!(now - 3600),
            3 => claims["aud"] = json!("another"),
            4 => claims["nationalrbacaccess"] = json!({}),
            5 => claims["iss"] = json!("http://another.example"),
            _ => {}
        }
        let id_token = match p.mode.load(Ordering::SeqCst) {
            6 => Key::new(Algorithm::ES256, "p1").sign(&claims),
            _ => p.keys.lock().unwrap().sign(&claims),
        };
        Ok(Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": id_token})))
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/keys", get(keys))
        .route("/token", post(token))
        .with_state(provider.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    provider
}

/// Begins a sign-in: the browser's cookie and the state.
async fn begin(server: &TestServer, provider: &Provider) -> (String, String) {
    let reply = call(server, "GET", "/sign-in", &[("Accept", "text/html")], b"").await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let location = reply.header("location").unwrap().to_owned();
    let value = |name: &str| {
        location
            .split(['?', '&'])
            .find_map(|p| p.strip_prefix(&format!("{name}=")))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(location.starts_with(&provider.issuer) && value("code_challenge_method") == "S256", "{location}");
    *provider.nonce.lock().unwrap() = value("nonce");
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (cookie, value("state"))
}

async fn back(server: &TestServer, cookie: &str, code: &str, state: &str) -> Reply {
    let path = format!("/sign-in/return?code={code}&state={state}");
    call(server, "GET", &path, &[("Accept", "text/html"), ("Cookie", cookie)], b"").await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_at_an_identity_provider() {
    let provider = provider().await;
    let world = World::new();
    let settings = oidc::Settings {
        issuer: provider.issuer.clone(),
        client_id: "causeway".to_owned(),
        client_secret_file: None,
        scopes: vec!["profile".to_owned()],
    };
    let server = world.serve(Config { sign_in: Some(settings), ..closed_config() }).await;
    for (mode, what) in [
        (1, "nonce"),
        (2, "expired"),
        (3, "audience"),
        (4, "no role"),
        (5, "issuer"),
        (6, "another key of the same id"),
    ] {
        provider.mode.store(mode, Ordering::SeqCst);
        let (cookie, state) = begin(&server, &provider).await;
        let reply = back(&server, &cookie, &format!("code-{mode}"), &state).await;
        assert_eq!(reply.status, 403, "{what}");
        assert!(reply.header("set-cookie").is_none(), "{what}");
    }
    provider.mode.store(0, Ordering::SeqCst);
    // Another browser's state, no cookie, a state used twice.
    let (cookie, state) = begin(&server, &provider).await;
    let (other, _) = begin(&server, &provider).await;
    assert_eq!(back(&server, &other, "c1", &state).await.status, 403);
    assert_eq!(back(&server, "a=b", "c1", &state).await.status, 403);
    let (cookie2, state2) = begin(&server, &provider).await;
    let signed = back(&server, &cookie2, "c2", &state2).await;
    assert_eq!(signed.status, 303, "{}", signed.text());
    assert_eq!(back(&server, &cookie2, "c3", &state2).await.status, 403, "a state is good once");
    // The provider refuses a code that was used: the nonce of the first sign-in is gone as well.
    assert_eq!(back(&server, &cookie, "c2", &state).await.status, 503);
    let session = signed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page =
        call(&server, "GET", "/access", &[("Accept", "text/html"), ("Cookie", &session)], b"").await.text();
    assert!(page.contains("Ada Fern") && page.contains("Nurse Access Role"), "{page}");
    // New keys at the provider: they are asked for.
    *provider.keys.lock().unwrap() = Key::new(Algorithm::ES256, "p2");
    let (cookie, state) = begin(&server, &provider).await;
    assert_eq!(back(&server, &cookie, "c4", &state).await.status, 303, "after the keys were changed");
    // Failures are written down, with their address.
    let entries = server.state.engine.audit_entries(Some("access"), None, 1000).unwrap();
    let failed = entries.iter().filter(|e| e.audit.detail.contains("sign-in-failed")).count();
    assert!(failed >= 8, "{failed} failures in the log");
    assert!(entries.iter().any(|e| e.audit.detail.contains("127.0.0.1")));
    server.stop().await.unwrap();
}
