//! Client credentials with a signed assertion.

use std::sync::{Arc, Mutex};

use causeway_exchange::WorkState;
use causeway_service::delivery::Endpoint;
use jsonwebtoken::{DecodingKey, Validation};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::receiver::*;
use crate::support::*;

struct Keys {
    private: String,
    public: String,
}

fn keys(algorithm: &str) -> Keys {
    let kind = if algorithm == "ES384" { &rcgen::PKCS_ECDSA_P384_SHA384 } else { &rcgen::PKCS_RSA_SHA512 };
    let pair = KeyPair::generate_for(kind).unwrap();
    Keys { private: pair.serialize_pem(), public: pair.public_key_pem() }
}

fn form(text: &str, name: &str) -> String {
    let url = reqwest::Url::parse(&format!("form:?{text}")).unwrap();
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

fn secured(world: &World, algorithm: &str, receiver: &str, tokens: &str, keys: &Keys) -> Endpoint {
    let file = world.directory.join("key.pem");
    std::fs::write(&file, &keys.private).unwrap();
    endpoint(json!({"name": "r", "kind": "fhir", "address": receiver,
        "retry": {"first_seconds": 0, "cap_seconds": 0, "give_up_hours": 1},
        "auth": {"method": "oauth2", "token_url": tokens, "client_id": "causeway-test", "key_file": file,
                 "key_id": "key-1", "algorithm": algorithm, "scope": "system/*.write"}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_signed_and_its_token_is_used_until_it_is_refused() {
    for algorithm in ["RS512", "RS384", "ES384"] {
        let world = World::new();
        let keys = keys(algorithm);
        let tokens = Receiver::start(|_, at| {
            let body =
                json!({"access_token": format!("token-{at}"), "expires_in": "599", "token_type": "Bearer"});
            (200, vec![("content-type", "application/json".to_owned())], body.to_string())
        })
        .await;
        let withdrawn: Arc<Mutex<Vec<String>>> = Arc::default();
        let bad = withdrawn.clone();
        // Some say 403 to a token that no longer counts.
        let refusal = if algorithm == "RS384" { 403 } else { 401 };
        let receiver = Receiver::start(move |got, _| {
            let refused = bad.lock().unwrap().contains(&got.header("authorization"));
            if refused || !got.header("authorization").starts_with("Bearer token-") {
                status(refusal)
            } else {
                ok()
            }
        })
        .await;
        let target = secured(&world, algorithm, &receiver.url(), &tokens.url(), &keys);
        let server = world.serve(with_endpoints(open_config(), vec![target])).await;
        for person in 0..5 {
            let id = send(&server, &about(person, "1")).await;
            until(&server, &id, "delivered").await;
        }
        assert_eq!(tokens.got().len(), 1, "one token for all");
        withdrawn.lock().unwrap().push("Bearer token-0".to_owned());
        let id = send(&server, &about(6, "1")).await;
        until(&server, &id, "delivered").await;
        assert_eq!(receiver.got().last().unwrap().header("authorization"), "Bearer token-1");

        let asked = tokens.got();
        assert_eq!(asked.len(), 2);
        let mut ids = Vec::new();
        for asked in &asked {
            let text = asked.text();
            assert_eq!(form(&text, "grant_type"), "client_credentials");
            assert_eq!(
                form(&text, "client_assertion_type"),
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            assert_eq!(form(&text, "scope"), "system/*.write");
            let assertion = form(&text, "client_assertion");
            let header = jsonwebtoken::decode_header(&assertion).unwrap();
            assert_eq!(header.kid.as_deref(), Some("key-1"));
            let (alg, key) = match algorithm {
                "ES384" => (
                    jsonwebtoken::Algorithm::ES384,
                    DecodingKey::from_ec_pem(keys.public.as_bytes()).unwrap(),
                ),
                "RS384" => (
                    jsonwebtoken::Algorithm::RS384,
                    DecodingKey::from_rsa_pem(keys.public.as_bytes()).unwrap(),
                ),
                _ => (
                    jsonwebtoken::Algorithm::RS512,
                    DecodingKey::from_rsa_pem(keys.public.as_bytes()).unwrap(),
                ),
            };
            let mut validation = Validation::new(alg);
            validation.set_audience(&[tokens.url()]);
            let claims = jsonwebtoken::decode::<Value>(&assertion, &key, &validation).unwrap().claims;
            assert_eq!(
                (claims["iss"].as_str(), claims["sub"].as_str()),
                (Some("causeway-test"), Some("causeway-test"))
            );
            let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            assert!(lasts > 0 && lasts <= 300);
            ids.push(claims["jti"].as_str().unwrap().to_owned());
        }
        assert_ne!(ids[0], ids[1]);
        assert!(!logged().contains("token-0"));
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_a_file_and_a_token_endpoint_that_refuses() {
    let world = World::new();
    let receiver =
        Receiver::start(
            |got, _| if got.header("authorization") == "Bearer sesame" { ok() } else { status(401) },
        )
        .await;
    let file = world.directory.join("token");
    std::fs::write(&file, "sesame\n").unwrap();
    let target = endpoint(
        json!({"name": "r", "address": receiver.url(), "auth": {"method": "bearer", "token_file": file}}),
    );
    let server = world.serve(with_endpoints(open_config(), vec![target])).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "delivered").await;
    server.stop().await.unwrap();

    let world = World::new();
    let tokens = Receiver::start(|_, at| {
        if at < 2 { status(400) } else { (200, Vec::new(), json!({"access_token": "t"}).to_string()) }
    })
    .await;
    let target = secured(&world, "ES384", &receiver.url(), &tokens.url(), &keys("ES384"));
    let server = world.serve(with_endpoints(open_config(), vec![target])).await;
    let id = send(&server, AGNES).await;
    let message = until(&server, &id, "work-retry").await;
    assert!(message["timeline"].to_string().contains("token endpoint answered 400"), "{message:#}");
    // In the end the receiver refuses this token: once asked for a new one, and for another at each further try. The
    // message waits, it is not to blame.
    tokens.until(6).await;
    let waiting = queued(&server);
    assert!(waiting.len() == 1 && waiting[0].state != WorkState::Parked, "{waiting:?}");
    assert!(waiting[0].last_error.as_ref().is_some_and(|(code, _)| code == "http-401"), "{waiting:?}");
    server.stop().await.unwrap();
}
