//! Small on the wire, large in memory: refused by name, and the server goes on.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::*;

fn packed(unit: &[u8], times: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let block = unit.repeat(10_000);
    for _ in 0..times / 10_000 {
        gzip.write_all(&block).unwrap();
    }
    gzip.finish().unwrap()
}

async fn send_packed(server: &causeway_service::testing::TestServer, body: &[u8]) -> serde_json::Value {
    let headers = [
        ("Content-Type", "text/x-lines"),
        ("Causeway-Sender", "ZZ901"),
        ("Content-Encoding", "gzip"),
        ("Causeway-Format", "lines"),
    ];
    let reply = call(server, "POST", "/messages", &headers, body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    loop {
        let message = get(server, &format!("/messages/{id}")).await.json();
        if message["state"] != "accepted" {
            return message;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_of_millions_of_items_is_refused_by_name() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    // Below what is streamed, of varied lines, so that the ratio is lawful and the number of items is what counts.
    let mut lines = Vec::new();
    for n in 0..140_000u32 {
        lines.extend_from_slice(format!("{:x}|\n", n.wrapping_mul(2_654_435_761)).as_bytes());
        lines.extend_from_slice(b"\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&lines).unwrap();
    let costly = send_packed(&server, &gzip.finish().unwrap()).await;
    assert_eq!(costly["failure"]["code"], "too-costly", "{costly:#}");
    let id = costly["id"].as_str().unwrap();
    let issues = get(&server, &format!("/messages/{id}/issues")).await.text();
    assert!(issues.contains("limits.translation_bytes") || issues.contains("MiB of memory"), "{issues}");
    assert!(issues.contains("line "), "the place: {issues}");
    let ledger = get(&server, &format!("/messages/{id}/ledger")).await.json();
    assert_eq!((&ledger["totals"]["rejected"], &ledger["unexplained"]), (&1.into(), &0.into()));
    // Beyond the ratio.
    let grown = send_packed(&server, &packed(b"\n", 30_000_000)).await;
    assert_eq!(grown["failure"]["code"], "unpacks-too-much", "{grown:#}");
    // The control: what is packed and small is translated, and the server is well.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(AGNES.as_bytes()).unwrap();
    let good = send_packed(&server, &gzip.finish().unwrap()).await;
    assert_eq!(good["state"], "translated");
    assert_eq!(get(&server, "/health").await.status, 200);
    server.stop().await.unwrap();
}
