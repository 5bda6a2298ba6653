//! The accept loop, health and metrics.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_header_is_cut_off() {
    let world = World::new();
    let mut config = open_config();
    config.limits.header_read_seconds = 1;
    config.limits.body_idle_seconds = 1;
    let server = world.serve(config).await;
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let started = Instant::now();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), slow.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(900));
    // A body that stands still is given up, and nothing is accepted.
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    let head =
        b"POST /messages HTTP/1.1\r\nHost: x\r\nCauseway-Sender: ZZ901\r\nContent-Length: 100\r\n\r\nLINE|1";
    slow.write_all(head).await.unwrap();
    let mut rest = vec![0; 20];
    tokio::time::timeout(Duration::from_secs(60), slow.read_exact(&mut rest)).await.unwrap().unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(get(&server, "/messages").await.json()["messages"].as_array().unwrap().len(), 0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_capped_and_the_next_waits() {
    let world = World::new();
    let mut config = open_config();
    config.limits.connections = 1;
    config.limits.header_read_seconds = 1;
    let server = world.serve(config).await;
    let _idle = TcpStream::connect(server.address()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    assert_eq!(get(&server, "/health").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(500), "it waited for the idle one to be cut off");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_finished_at_shutdown() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let address = server.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCauseway-Sender: ZZ901\r\nContent-Length: {}\r\n\r\n",
        AGNES.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(server.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(AGNES.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    assert_eq!(parse(&raw).status, 202);
    stopping.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    let server = world.serve(open_config()).await;
    let id = parse(&raw).json()["id"].as_str().unwrap().to_owned();
    until(&server, &id, "recorded").await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_tell_figures_and_no_names() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let health = get(&server, "/health").await;
    assert_eq!(health.json()["status"], "up");
    assert_eq!(health.json()["durable"], true);
    let metrics = get(&server, "/metrics").await.text();
    for line in [
        "causeway_messages_accepted_total 1\n",
        "causeway_queue_items{kind=\"translate\",state=\"parked\"} 0\n",
        "causeway_source_items_total{adapter=\"lines\",outcome=\"unexplained\"} 0\n",
        "causeway_translation_seconds_count{adapter=\"lines\",end=\"whole\"} 1\n",
        "causeway_request_seconds_count{route=\"/messages\",status=\"202\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} not in\n{metrics}");
    }
    assert!(!metrics.contains(&id) && !metrics.contains("Quillfeather") && !metrics.contains("9990000018"));
    server.stop().await.unwrap();
}

/// The names of metrics in a text.
fn metric_names(text: &str) -> std::collections::BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !word(c)).filter(|w| w.starts_with("causeway_")).map(str::to_owned).collect()
}

/// An alert on a figure that does not exist never rings, and nobody hears that.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_dashboard_are_of_figures_that_are_told() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let metrics = get(&server, "/metrics").await.text();
    // A counter is told of under its bare name before it has a value, a histogram under its name alone.
    let mut told = metric_names(&metrics);
    for line in metrics.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["#", "TYPE", name, "counter"] => drop(told.insert(format!("{name}_total"))),
            ["#", "TYPE", name, "histogram"] => {
                told.extend(["bucket", "count", "sum"].map(|part| format!("{name}_{part}")));
            }
            _ => {}
        }
    }
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    for (file, least) in [("deploy/alerts.yml", 10), ("deploy/dashboard.json", 20), ("docs/operate.md", 8)] {
        let text = std::fs::read_to_string(format!("{root}{file}")).unwrap();
        let named = metric_names(&text);
        assert!(named.len() >= least, "{file} names {} figures", named.len());
        let unknown: Vec<&String> = named.difference(&told).collect();
        assert!(unknown.is_empty(), "{file}: nobody tells {unknown:?}");
    }
    let board = std::fs::read_to_string(format!("{root}deploy/dashboard.json")).unwrap();
    let board: serde_json::Value = serde_json::from_str(&board).unwrap();
    assert!(board["panels"].as_array().is_some_and(|panels| panels.len() > 10));
    server.stop().await.unwrap();
}
