//! Clients that hold connections and do nothing with them.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

/// Requests of one organisation that stand still take its own share, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn one_organisation_cannot_take_all() {
    let world = World::new();
    let mut config = closed_config();
    config.limits.organisation_requests = 3;
    let server = world.serve(config).await;
    let ask = async |token: &str| {
        let headers = [("Authorization", token), ("Accept", "application/json")];
        call(&server, "GET", "/messages", &headers, b"").await
    };
    let hold = async || {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let begun = b"POST /messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer token-901\r\nContent-Length: 90\r\n\r\nL";
        stream.write_all(begun).await.unwrap();
        stream
    };
    let mut held = vec![hold().await, hold().await, hold().await];
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused = loop {
        let answer = ask("Bearer token-901").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < deadline, "its fourth request is served");
        // A request of ours that was being answered may have taken the place of one that was to be held.
        held.push(hold().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((refused.status, refused.rule().as_str()), (429, "organisation-requests"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(ask("Bearer token-902").await.status, 200, "the control: another organisation");
    assert_eq!(get(&server, "/health").await.status, 200);
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask("Bearer token-901").await.status != 200 {
        assert!(Instant::now() < deadline, "its share was not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop().await.unwrap();
}

/// An organisation's rate counts what it reads, too.
#[tokio::test(flavor = "multi_thread")]
async fn reads_are_counted_against_the_rate() {
    let world = World::new();
    let mut config = closed_config();
    (config.limits.rate_per_second, config.limits.rate_burst) = (1, 5);
    let server = world.serve(config).await;
    let mut statuses = Vec::new();
    for path in [
        "/messages",
        "/fhir/Patient",
        "/failed",
        "/messages",
        "/adapters",
        "/parked",
        "/messages",
        "/fhir/Patient",
    ] {
        let headers = [("Authorization", "Bearer token-900"), ("Accept", "application/json")];
        statuses.push(call(&server, "GET", path, &headers, b"").await.status);
    }
    assert_eq!(statuses[..5], [200; 5]);
    let headers = [("Authorization", "Bearer token-902"), ("Accept", "application/json")];
    assert_eq!(call(&server, "GET", "/messages", &headers, b"").await.status, 200, "another's own");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_slow_reading_and_slow_writing_clients_keep_nobody_out() {
    let world = World::new();
    let mut config = closed_config();
    config.limits.connections = 24;
    let server = world.serve(config).await;
    let mut held = Vec::new();
    for n in 0..72 {
        let Ok(mut stream) = TcpStream::connect(server.address()).await else { continue };
        let said: Vec<u8> = match n % 3 {
            // Says nothing; asks for much and reads nothing; sends a body that never comes.
            0 => Vec::new(),
            1 => b"GET /adapters HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n".repeat(400),
            _ => b"POST /messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token-901\r\nContent-Length: 9000\r\n\r\nL".to_vec(),
        };
        drop(tokio::time::timeout(Duration::from_millis(200), stream.write_all(&said)).await);
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(6000)).await;
    for _ in 0..20 {
        let asked = Instant::now();
        let health = tokio::time::timeout(Duration::from_secs(60), get(&server, "/health")).await;
        assert_eq!(health.unwrap().status, 200);
        let signed = [("Authorization", "Bearer token-902"), ("Accept", "application/json")];
        let list =
            tokio::time::timeout(Duration::from_secs(60), call(&server, "GET", "/messages", &signed, b""))
                .await;
        assert_eq!(list.unwrap().status, 200);
        assert!(asked.elapsed() < Duration::from_secs(60));
    }
    drop(held);
    server.stop().await.unwrap();
}
