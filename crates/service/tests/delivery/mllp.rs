//! MLLP towards a receiver.

use std::sync::{Arc, Mutex};

use causeway_hl7v2::mllp::{Decoder, encode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::receiver::*;
use crate::support::*;

/// An HL7 message in disguise: the tests' adapter doesn't read it, so it is sent as a bundle's original.
fn hl7(control: &str) -> String {
    format!("LINE|1\nPAT|{}|Testling|Ada|1942-03-07|female\nNOTE|{control}", nhs_number(1))
}

/// Answers each frame with the next code of the list, the last for ever. `-` closes without an answer.
async fn receiver(codes: &'static [&'static str]) -> (String, Arc<Mutex<Vec<Vec<u8>>>>, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let frames: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let connections: Arc<Mutex<usize>> = Arc::default();
    let (seen, opened) = (frames.clone(), connections.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            *opened.lock().unwrap() += 1;
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut decoder = Decoder::default();
                let mut buffer = vec![0; 4096];
                loop {
                    let Ok(length @ 1..) = stream.read(&mut buffer).await else { return };
                    decoder.extend(&buffer[..length]);
                    while let Ok(Some(frame)) = decoder.frame() {
                        let at = {
                            let mut seen = seen.lock().unwrap();
                            seen.push(frame);
                            seen.len() - 1
                        };
                        let code = codes[at.min(codes.len() - 1)];
                        if code == "-" {
                            return;
                        }
                        let ack = format!("MSH|^~\\&|R|R|C|C|20260101||ACK|A{at}|P|2.4\rMSA|{code}|\r");
                        let mut out = Vec::new();
                        encode(ack.as_bytes(), &mut out);
                        stream.write_all(&out).await.unwrap();
                    }
                }
            });
        }
    });
    (address, frames, connections)
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_decide() {
    for (codes, expected, frames_expected) in [
        (&["AA"][..], "delivered", 1),
        (&["CA"][..], "delivered", 1),
        (&["AR", "CR", "AA"][..], "delivered", 3),
        (&["-", "AA"][..], "delivered", 2),
        (&["AE"][..], "mllp-ae", 1),
        (&["CE"][..], "mllp-ce", 1),
        (&["AR"][..], "mllp-ar", 5),
    ] {
        let world = World::new();
        let (address, frames, _) = receiver(codes).await;
        let target = endpoint(json!({"name": "r", "kind": "mllp", "address": address, "send": "original",
            "retry": {"first_seconds": 0, "cap_seconds": 0, "give_up_hours": 1}}));
        let server = world.serve(with_endpoints(open_config(), vec![target])).await;
        let id = send(&server, &hl7("M1")).await;
        let end = if expected == "delivered" { "delivered" } else { "work-parked" };
        let message = until(&server, &id, end).await;
        assert!(message["timeline"].to_string().contains(expected), "{codes:?} {message:#}");
        assert_eq!(frames.lock().unwrap().len(), frames_expected, "{codes:?}");
        assert!(frames.lock().unwrap()[0].starts_with(b"LINE|1"));
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_and_one_that_was_closed_costs_nothing() {
    let world = World::new();
    let (address, frames, connections) = receiver(&["AA"]).await;
    let target = endpoint(
        json!({"name": "r", "kind": "mllp", "address": address, "send": "original", "concurrency": 1}),
    );
    let server = world.serve(with_endpoints(open_config(), vec![target])).await;
    for number in 0..10 {
        let id = send(&server, &hl7(&number.to_string())).await;
        until(&server, &id, "delivered").await;
    }
    assert_eq!(frames.lock().unwrap().len(), 10);
    assert_eq!(*connections.lock().unwrap(), 1);
    server.stop().await.unwrap();
}
