//! What is made of a receiver's answers, and of orders by hand.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::receiver::*;
use crate::support::*;

/// No pauses between attempts.
fn quick(name: &str, kind: &str, address: &str) -> Value {
    json!({"name": name, "kind": kind, "address": address,
           "retry": {"first_seconds": 0, "cap_seconds": 0, "give_up_hours": 1}})
}

/// Kind of endpoint, what it is about, the answers, and the end: taken after so many requests, or parked with a code
/// after so many.
type Case = (&'static str, &'static str, Vec<Told>, Result<usize, (&'static str, usize)>);

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_what_becomes_of_them() {
    let after = || vec![("retry-after", "0".to_owned())];
    let cases: Vec<Case> = vec![
        ("http", "taken at once", vec![ok()], Ok(1)),
        ("fhir", "taken at once", vec![ok()], Ok(1)),
        (
            "http",
            "busy, then taken",
            vec![(503, after(), String::new()), (429, after(), String::new()), ok()],
            Ok(3),
        ),
        (
            "fhir",
            "too early, then done before",
            vec![outcome(425, "transient"), outcome(409, "duplicate")],
            Ok(2),
        ),
        ("fhir", "broken off, then done before", vec![status(0), outcome(409, "duplicate")], Ok(2)),
        ("http", "failing a few times", vec![status(500), status(500), status(500), ok()], Ok(4)),
        ("http", "malformed", vec![status(400)], Err(("http-400", 1))),
        ("http", "not there", vec![status(404)], Err(("http-404", 1))),
        ("http", "elsewhere", vec![status(302)], Err(("http-302", 1))),
        ("fhir", "conflict that is no duplicate", vec![outcome(409, "conflict")], Err(("http-409", 1))),
        ("fhir", "a success that says error", vec![outcome(200, "processing")], Err(("outcome-error", 1))),
        ("http", "poison", vec![status(500); 9], Err(("http-500", 5))),
    ];
    for (kind, what, answers, expected) in cases {
        let world = World::new();
        let answers = Arc::new(answers);
        let script = answers.clone();
        let receiver = Receiver::start(move |_, at| script[at.min(script.len() - 1)].clone()).await;
        let target = endpoint(quick("r", kind, &receiver.url()));
        let server = world.serve(with_endpoints(open_config(), vec![target])).await;
        let id = send(&server, AGNES).await;
        match expected {
            Ok(requests) => {
                let message = until(&server, &id, "delivered").await;
                assert_eq!(receiver.got().len(), requests, "{kind} {what}");
                when("state delivered", || {
                    let id = causeway_exchange::MessageId::new(&id).unwrap();
                    let state = server.state.engine.message(&id).unwrap().unwrap().state;
                    (state.as_str() == "delivered").then_some(())
                })
                .await;
                let detail = message["timeline"].to_string();
                assert!(!detail.contains("Quillfeather") && !detail.contains("9990000018"));
            }
            Err((code, requests)) => {
                let message = until(&server, &id, "work-parked").await;
                assert!(message["timeline"].to_string().contains(code), "{kind} {what}: {message:#}");
                assert_eq!(receiver.got().len(), requests, "{kind} {what}");
            }
        }
        let got = receiver.got();
        assert!(got.iter().all(|g| g.header("x-request-id") == got[0].header("x-request-id")), "{what}");
        assert!(got.iter().all(|g| g.body == got[0].body), "{what}");
        assert!(!logged().contains("Quillfeather"), "no patient data in logs");
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_the_bundle_the_original_or_another_format() {
    for (what, media, start) in [
        ("bundle", "application/fhir+json", "{\"resourceType\":\"Bundle\""),
        ("original", "text/x-lines", "LINE|1"),
        ("notes", "text/x-notes", "NOTES\nPatient\n"),
    ] {
        let world = World::new();
        let receiver = Receiver::start(|_, _| ok()).await;
        let mut settings = quick("r", "http", &receiver.url());
        settings["send"] = json!(what);
        let server = world.serve(with_endpoints(open_config(), vec![endpoint(settings)])).await;
        let id = send(&server, AGNES).await;
        let message = until(&server, &id, "delivered").await;
        let got = receiver.got();
        assert_eq!(got[0].header("content-type"), media);
        assert!(got[0].text().starts_with(start), "{what}: {}", got[0].text());
        let left =
            message["timeline"].to_string().contains("Bundle.entry[0].resource.gender: notes hold no gender");
        assert_eq!(left, what == "notes", "{message:#}");
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_nobody_knows_waits_for_a_person_and_goes_on_when_it_is_set_up() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| ok()).await;
    let mut config = open_config();
    config.routes =
        serde_json::from_value(json!([{"id": "x", "to": [{"kind": "endpoint", "endpoint": "late"}]}]))
            .unwrap();
    let server = world.serve(config).await;
    let id = send(&server, AGNES).await;
    let message = until(&server, &id, "work-parked").await;
    assert!(message["timeline"].to_string().contains("endpoint-unknown"));
    let engine = &server.state.engine;
    let document = json!({"kind": "fhir", "address": receiver.url()}).to_string();
    let now = server.state.clock.now();
    engine.put_config("endpoint", "late", Some(&document), None, "test", now).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    engine.unpark(queued(&server)[0].id, "test", now, now).unwrap();
    server.state.signals.all();
    until(&server, &id, "delivered").await;
    assert_eq!(receiver.got().len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_that_hangs_holds_up_no_other() {
    let world = World::new();
    let slow = Receiver::slow(std::time::Duration::from_secs(30), |_, _| ok()).await;
    let quick_one = Receiver::start(|_, _| ok()).await;
    let mut config = with_endpoints(
        open_config(),
        vec![
            endpoint(quick("slow", "http", &slow.url())),
            endpoint(quick("quick", "http", &quick_one.url())),
        ],
    );
    config.routes = serde_json::from_value(json!([{"id": "both", "to": [
        {"kind": "endpoint", "endpoint": "slow"}, {"kind": "endpoint", "endpoint": "quick"}]}]))
    .unwrap();
    config.limits.drain_seconds = 1;
    let server = world.serve(config).await;
    for serial in 0..20 {
        send(&server, &about(serial, "1")).await;
    }
    quick_one.until(20).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_delivers_again_to_chosen_endpoints_and_replaces_a_message() {
    let world = World::new();
    let first = Receiver::start(|_, _| ok()).await;
    let second = Receiver::start(|_, _| ok()).await;
    let endpoints = vec![
        endpoint(quick("first", "http", &first.url())),
        endpoint(quick("second", "http", &second.url())),
    ];
    let server = world.serve(with_endpoints(closed_config(), endpoints)).await;
    let sender = [("Content-Type", "text/x-lines"), ("Authorization", "Bearer token-901")];
    let operator = [("Content-Type", "application/json"), ("Authorization", "Bearer token-900")];
    let sent = call(&server, "POST", "/messages", &sender, AGNES.as_bytes()).await;
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    first.until(1).await;

    let path = format!("/messages/{id}/deliver");
    let order = json!({"endpoints": ["second"], "note": "asked for by telephone"}).to_string();
    assert_eq!(call(&server, "POST", &path, &sender, order.as_bytes()).await.status, 415);
    let named = [("Content-Type", "application/json"), ("Authorization", "Bearer token-901")];
    assert_eq!(call(&server, "POST", &path, &named, order.as_bytes()).await.status, 403);
    for bad in [
        json!({"endpoints": ["nobody"], "note": "x"}),
        json!({"endpoints": ["second"], "note": " "}),
        json!({"endpoints": [], "note": "x"}),
        json!({"endpoints": ["second"], "note": "x", "bundle": 9}),
    ] {
        let reply = call(&server, "POST", &path, &operator, bad.to_string().as_bytes()).await;
        assert!(matches!(reply.status, 400 | 404), "{bad}: {}", reply.status);
    }
    let reply = call(&server, "POST", &path, &operator, order.as_bytes()).await;
    assert_eq!((reply.status, reply.json()["deliveries"].as_u64()), (202, Some(1)), "{}", reply.text());
    second.until(1).await;
    assert_eq!(first.got().len(), 1);

    let path = format!("/messages/{id}/replace");
    let corrected = AGNES.replace("0.4 m/s", "0.6 m/s");
    let fix = [
        ("Content-Type", "text/x-lines"),
        ("Authorization", "Bearer token-900"),
        ("Causeway-Reason", "unit was wrong"),
    ];
    assert_eq!(call(&server, "POST", &path, &fix[..2], corrected.as_bytes()).await.status, 400);
    assert_eq!(call(&server, "POST", &path, &sender, corrected.as_bytes()).await.status, 403);
    let made = call(&server, "POST", &path, &fix, corrected.as_bytes()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let new = made.json()["id"].as_str().unwrap().to_owned();
    let again = call(&server, "POST", &path, &fix, corrected.as_bytes()).await;
    assert_eq!((again.status, again.json()["id"].as_str()), (200, Some(new.as_str())));
    let got = first.until(2).await;
    assert!(got[1].text().contains("0.6 m/s"));
    let look = [("Accept", "application/json"), ("Authorization", "Bearer token-900")];
    let old = call(&server, "GET", &format!("/messages/{id}"), &look, b"").await.json();
    assert!(
        old["timeline"].to_string().contains("\"replaced\"") && old["derived"].to_string().contains(&new)
    );
    let new = call(&server, "GET", &format!("/messages/{new}"), &look, b"").await.json();
    assert_eq!((new["sender"].as_str(), new["linked"].as_str()), (Some("ZZ901"), Some(id.as_str())));
    server.stop().await.unwrap();
}
