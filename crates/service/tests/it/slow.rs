//! Clients that hold connections and do nothing with them.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

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
