//! Fault destinations, both ways.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::receiver::*;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_tested_by_a_fault_endpoint() {
    for (fault, requests) in
        [("delay", 1), ("refuse", 1), ("duplicate", 2), ("drop", 2), ("truncate", 2), ("reorder", 1)]
    {
        let world = World::new();
        let receiver = Receiver::start(|got, _| if got.json().is_null() { status(400) } else { ok() }).await;
        let faulty = endpoint(
            json!({"name": "faulty", "kind": "fault", "fault": fault, "through": "r", "fault_seconds": 1,
            "retry": {"first_seconds": 0, "cap_seconds": 1, "give_up_hours": 1}}),
        );
        let target = endpoint(json!({"name": "r", "kind": "fhir", "address": receiver.url()}));
        let server = world.serve(with_endpoints(open_config(), vec![faulty, target])).await;
        let started = Instant::now();
        let id = send(&server, AGNES).await;
        until(&server, &id, "delivered").await;
        let got = receiver.got();
        assert_eq!(got.len(), requests, "{fault}");
        assert!(got.iter().all(|g| g.header("x-request-id") == got[0].header("x-request-id")), "{fault}");
        if matches!(fault, "delay" | "refuse") {
            assert!(started.elapsed() >= Duration::from_millis(900), "{fault}");
        }
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_tested_by_the_fault_routes() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let ids = [("X-Request-Id", "0f0e0d0c-0b0a-4909-8807-060504030201"), ("X-Correlation-Id", "c")];
    for (mode, status, code) in [
        ("accept", 200, "informational"),
        ("delay?seconds=1", 200, "informational"),
        ("refuse?seconds=7", 503, "transient"),
        ("throttle", 429, "throttled"),
        ("early", 425, "transient"),
        ("early", 409, "duplicate"),
        ("early", 409, "duplicate"),
        ("duplicate", 409, "duplicate"),
        ("reject", 422, "invalid"),
        ("error", 500, "exception"),
    ] {
        let started = Instant::now();
        let reply = call(&server, "POST", &format!("/fault/{mode}"), &ids, b"{}").await;
        assert_eq!((reply.status, reply.json()["issue"][0]["code"].as_str()), (status, Some(code)), "{mode}");
        assert_eq!(reply.header("x-request-id"), Some(ids[0].1));
        assert_eq!(
            reply.header("retry-after"),
            match status {
                503 => Some("7"),
                429 => Some("2"),
                _ => None,
            }
        );
        assert!(!mode.starts_with("delay") || started.elapsed() >= Duration::from_secs(1));
    }
    let dropped = call(&server, "POST", "/fault/drop", &ids, b"{}").await;
    assert!(dropped.body.is_empty() && dropped.header("content-length").is_none_or(|l| l == "1000"));
    let cut = call(&server, "POST", "/fault/truncate", &ids, b"{}").await;
    assert!(cut.body.len() < 1000);
    assert_eq!(call(&server, "POST", "/fault/none", &ids, b"{}").await.status, 404);
    server.stop().await.unwrap();

    let world = World::new();
    let mut config = open_config();
    config.test_mode = false;
    let server = world.serve(config).await;
    assert_eq!(call(&server, "POST", "/fault/accept", &ids, b"{}").await.status, 404, "in test mode only");
    server.stop().await.unwrap();
}
