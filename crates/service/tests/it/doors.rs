//! `POST /messages` and what it refuses.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn accepted_is_answered_at_once_and_the_result_where_asked() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let headers = [("Content-Type", "text/x-lines"), ("Causeway-Sender", "ZZ901")];
    let reply = call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    assert_eq!(reply.status, 202);
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.header("location"), Some(format!("/messages/{id}").as_str()));

    let headers = [("Causeway-Sender", "ZZ901"), ("Prefer", "return=minimal, respond-sync")];
    let reply = call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = reply.json();
    assert_eq!(json["state"], "translated");
    assert_eq!(json["translation"]["ledger"]["unexplained"], 0);
    assert_eq!(json["translation"]["ledger"]["unsupported"], 2);
    assert_eq!(json["translation"]["adapter"], "lines");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_first_answer_and_a_changed_one_is_refused() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let headers = [("Causeway-Sender", "ZZ901"), ("Idempotency-Key", "A-1")];
    let first = call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    let again = call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("causeway-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    let other = call(&server, "POST", "/messages", &headers, b"LINE|1\nPAT|1").await;
    assert_eq!((other.status, other.rule().as_str()), (409, "idempotency-key-reused"));
    // Another organisation may use the same key.
    let headers = [("Causeway-Sender", "ZZ902"), ("Idempotency-Key", "A-1")];
    let foreign = call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    assert_ne!(foreign.body, first.body);

    let headers = [("Causeway-Sender", "ZZ901"), ("Idempotency-Key", "A-2")];
    let three = tokio::join!(
        call(&server, "POST", "/messages", &headers, AGNES.as_bytes()),
        call(&server, "POST", "/messages", &headers, AGNES.as_bytes()),
        call(&server, "POST", "/messages", &headers, AGNES.as_bytes()),
    );
    assert_eq!(three.0.body, three.1.body);
    assert_eq!(three.1.body, three.2.body);
    let list = get(&server, "/messages").await.json();
    assert_eq!(list["messages"].as_array().unwrap().len(), 3);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_why() {
    let world = World::new();
    let mut config = open_config();
    config.limits.message_bytes = 3_000_000;
    let server = world.serve(config).await;
    let sender = ("Causeway-Sender", "ZZ901");
    let post = |headers: Vec<(&'static str, &'static str)>, body: Vec<u8>| {
        let server = &server;
        async move {
            let reply = call(server, "POST", "/messages", &headers, &body).await;
            assert_eq!(reply.header("content-type"), Some("application/fhir+json"));
            (reply.status, reply.rule())
        }
    };
    let small = || AGNES.as_bytes().to_vec();
    let expect = |status: u16, rule: &str| (status, rule.to_owned());
    assert_eq!(post(vec![], small()).await, expect(400, "sender-missing"));
    assert_eq!(post(vec![("Causeway-Sender", "?")], small()).await, expect(400, "sender-code"));
    assert_eq!(post(vec![sender], vec![]).await, expect(400, "empty"));
    assert_eq!(post(vec![sender], vec![b'x'; 3_000_001]).await, expect(413, "message-too-large"));
    assert_eq!(
        post(vec![sender, ("Content-Type", "multipart/form-data; boundary=x")], small()).await,
        expect(415, "media-type")
    );
    assert_eq!(post(vec![sender, ("Content-Encoding", "br")], small()).await, expect(415, "media-type"));
    assert_eq!(post(vec![sender, ("Causeway-Format", "xyz")], small()).await, expect(422, "format-unknown"));
    assert_eq!(post(vec![sender, ("Causeway-Recipient", "!")], small()).await, expect(400, "recipient-code"));
    assert_eq!(get(&server, "/nowhere").await.status, 404);
    assert_eq!(call(&server, "DELETE", "/messages", &[], b"").await.status, 405);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_compressed_messages_come_whole() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let mut large = AGNES.to_owned();
    while large.len() < 5_000_000 {
        large.push_str("\nNOTE|marmalade, and a great deal of it, for all the days of the week");
    }
    let id = send(&server, &large).await;
    let message = until(&server, &id, "translated").await;
    assert_eq!(message["bytes"], large.len());
    assert_eq!(message["translation"]["ledger"]["unexplained"], 0);

    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(AGNES.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let headers = [("Causeway-Sender", "ZZ901"), ("Content-Encoding", "gzip"), ("Prefer", "respond-sync")];
    let reply = call(&server, "POST", "/messages", &headers, &packed).await;
    assert_eq!(reply.json()["translation"]["adapter"], "lines");
    let reply = call(&server, "POST", "/messages", &headers, b"not gzip at all").await;
    assert_eq!(reply.json()["state"], "error");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_prove_senders_and_open_only_their_own() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    let post = |headers: Vec<(&'static str, &'static str)>| {
        let server = &server;
        async move { call(server, "POST", "/messages", &headers, AGNES.as_bytes()).await }
    };
    let nobody = post(vec![("Causeway-Sender", "ZZ901")]).await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.header("www-authenticate").unwrap().starts_with("Basic"));
    assert_eq!(post(vec![("Authorization", "Bearer wrong")]).await.status, 401);
    assert_eq!(
        post(vec![("Authorization", "Bearer token-902"), ("Causeway-Sender", "ZZ901")]).await.status,
        403
    );
    let sent = post(vec![("Authorization", "Bearer token-901"), ("Causeway-Sender", "zz901")]).await;
    assert_eq!(sent.status, 202);
    let path = format!("/messages/{}", sent.json()["id"].as_str().unwrap());
    let seen = |token: &'static str| {
        let (server, path) = (&server, path.clone());
        async move { call(server, "GET", &path, &[("Authorization", token)], b"").await.status }
    };
    assert_eq!(seen("Bearer token-901").await, 200);
    assert_eq!(seen("Bearer token-902").await, 404);
    assert_eq!(seen("Bearer token-900").await, 200);
    // Basic: ZZ900:token-900
    assert_eq!(seen("Basic Wlo5MDA6dG9rZW4tOTAw").await, 200);
    for path in ["/people/", "/parked", "/overdue", "/fhir/Patient"] {
        // A list of people is of those for whom the organisation cares; the rest is the operator's.
        let own = if path == "/people/" { 200 } else { 403 };
        assert_eq!(
            call(&server, "GET", path, &[("Authorization", "Bearer token-901")], b"").await.status,
            own
        );
        assert_eq!(call(&server, "GET", path, &[], b"").await.status, 401);
        assert_eq!(
            call(&server, "GET", path, &[("Authorization", "Bearer token-900")], b"").await.status,
            200
        );
    }
    let list = call(&server, "GET", "/messages", &[("Authorization", "Bearer token-902")], b"").await.json();
    assert_eq!(list["messages"].as_array().unwrap().len(), 0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_organisation_has_its_own_rate() {
    let world = World::new();
    let mut config = open_config();
    config.limits.rate_per_second = 1;
    config.limits.rate_burst = 2;
    let server = world.serve(config).await;
    let post = |code: &'static str| {
        let server = &server;
        async move { call(server, "POST", "/messages", &[("Causeway-Sender", code)], AGNES.as_bytes()).await }
    };
    assert_eq!(post("ZZ901").await.status, 202);
    assert_eq!(post("ZZ901").await.status, 202);
    let refused = post("ZZ901").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(post("ZZ902").await.status, 202);
    server.stop().await.unwrap();
}
