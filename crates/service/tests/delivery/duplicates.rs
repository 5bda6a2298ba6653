//! Each request three times at once, through each door of this crate that has a key: one delivery.

use causeway_hl7v2::mllp::encode;
use causeway_service::app::Service;
use causeway_service::mllp::{self, Settings};
use causeway_service::testing::TestServer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::messaging::{THEIRS, bars, post, referral};
use crate::receiver::*;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn three_at_once_are_one_delivery() {
    const ROUNDS: u32 = 20;
    let world = World::new();
    let receiver = Receiver::start(|_, _| ok()).await;
    let target =
        endpoint(json!({"name": "r", "kind": "fhir", "address": receiver.url(), "targets": [THEIRS]}));
    // The messages passed on have their own delivery; the others go by route.
    let mut config = with_endpoints(open_config(), vec![target]);
    config.routes = serde_json::from_value(json!([{"id": "lines", "when": {"format": ["lines"]},
        "to": [{"kind": "endpoint", "endpoint": "r"}]}]))
    .unwrap();
    let state = world.state(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mllp_address = listener.local_addr().unwrap();
    let settings = Settings { listen: String::new(), sender: "ZZ901".to_owned(), format: "lines".to_owned() };
    let service = Service::new(state.clone())
        .task(move |state, stop| mllp::serve(state, stop, listener, settings, None));
    let server = TestServer::start_service(state, service).await.unwrap();

    let mut statuses = std::collections::BTreeMap::<String, u32>::new();
    for round in 0..ROUNDS {
        // HTTP: the first answer again.
        let body = about(round, &format!("http {round}"));
        let key = format!("key-{round}");
        let headers = [
            ("Content-Type", "text/x-lines"),
            ("Causeway-Sender", "ZZ901"),
            ("Idempotency-Key", key.as_str()),
        ];
        let one = || call(&server, "POST", "/messages", &headers, body.as_bytes());
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert!([&a, &b, &c].iter().all(|r| r.status == 202 && r.json()["id"] == a.json()["id"]));
        // FHIR messaging: done, done before, or too early.
        let (headers, body) = (bars(round, THEIRS), referral(&format!("fhir {round}")));
        let one = || post(&server, &headers, &body);
        let (a, b, c) = tokio::join!(one(), one(), one());
        let mut all = [a.status, b.status, c.status];
        all.sort_unstable();
        assert_eq!(all[0], 200);
        assert!(all[1..].iter().all(|s| matches!(s, 409 | 425)), "{all:?}");
        *statuses.entry(format!("{all:?}")).or_default() += 1;
        // MLLP: the same bytes get the same acknowledgement.
        let mut frame = Vec::new();
        encode(about(round, &format!("mllp {round}")).as_bytes(), &mut frame);
        let one = || async {
            let mut stream = TcpStream::connect(mllp_address).await.unwrap();
            stream.write_all(&frame).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert!(!a.is_empty() && a == b && b == c);
    }
    receiver.until((ROUNDS * 3) as usize).await;
    when("drained", || queued(&server).is_empty().then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let got = receiver.got();
    assert_eq!(got.len(), (ROUNDS * 3) as usize, "one delivery for each request");
    for door in ["http", "fhir", "mllp"] {
        for round in 0..ROUNDS {
            let mark = format!("\"{door} {round}\"");
            assert_eq!(got.iter().filter(|g| g.text().contains(&mark)).count(), 1, "{mark}");
        }
    }
    eprintln!("FHIR messaging answers: {statuses:?}");
    server.stop().await.unwrap();
}
