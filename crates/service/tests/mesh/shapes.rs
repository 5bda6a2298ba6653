//! Both versions' answers, lists, look-ups.

use causeway_service::mesh::Mode;

use crate::client::{Mesh, V1, ids, said};
use crate::support::call;

const ONE: [(&str, &str); 1] = [("Accept", V1)];

#[tokio::test(flavor = "multi_thread")]
async fn both_versions() {
    let mesh = Mesh::new(Mode::Strict).await;
    let to = [("Accept", V1), ("Mex-To", "b1"), ("Mex-WorkflowID", "W"), ("Mex-LocalID", "L1")];
    let sent = mesh.post("A1", "/outbox", &to, b"text").await;
    assert_eq!((sent.status, sent.header("content-type")), (202, Some("application/json")));
    let id = sent.json()["messageID"].as_str().unwrap().to_owned();

    let list = mesh.ask("B1", "GET", "/inbox", &ONE, b"").await.json();
    assert_eq!(list, serde_json::json!({"messages": [id]}));
    let list = mesh.get("B1", "/inbox").await;
    assert_eq!(list.header("content-type"), Some("application/vnd.mesh.v2+json"));
    let expected = serde_json::json!({
        "messages": [id], "links": {"self": "/messageexchange/B1/inbox"}, "approx_inbox_count": 1,
    });
    assert_eq!(list.json(), expected);

    let count = mesh.ask("B1", "GET", "/count", &ONE, b"").await.json();
    assert_eq!((&count["count"], &count["allResultsIncluded"]), (&1.into(), &true.into()));
    assert_eq!(mesh.get("B1", "/count").await.json(), serde_json::json!({"count": 1}));

    let path = format!("/outbox/tracking?messageID={}", id.to_lowercase());
    let tracked = mesh.ask("A1", "GET", &path, &ONE, b"").await.json();
    for (name, value) in [
        ("messageId", id.as_str()),
        ("status", "Accepted"),
        ("statusSuccess", "SUCCESS"),
        ("recipient", "B1"),
        ("recipientName", "Mailbox B1"),
        ("meshRecipientOdsCode", "ZZ902"),
        ("senderOdsCode", "ZZ901"),
        ("messageType", "Data"),
        ("localId", "L1"),
        ("workflowId", "W"),
    ] {
        assert_eq!(tracked[name], value, "{name}");
    }
    assert_eq!(tracked["uploadTimestamp"].as_str().map(str::len), Some(14));
    let by_local = mesh.get("A1", "/outbox/tracking/L1").await.json();
    assert_eq!(by_local, tracked);
    let tracked = mesh.track(&id).await;
    assert_eq!((&tracked["message_id"], &tracked["status"]), (&id.as_str().into(), &"accepted".into()));
    assert_eq!(tracked["status_success"], true);
    assert!(tracked["upload_timestamp"].as_str().unwrap().ends_with('Z'));

    mesh.post("A1", "/outbox", &to, b"text").await;
    assert_eq!(mesh.get("A1", "/outbox/tracking/L1").await.status, 300);
    assert_eq!(mesh.get("A1", "/outbox/tracking/L2").await.status, 404);

    let path = format!("/inbox/{id}/status/acknowledged");
    let acknowledged = mesh.ask("B1", "PUT", &path, &ONE, b"").await;
    assert_eq!(acknowledged.json(), serde_json::json!({"messageId": id}));
    assert_eq!(mesh.acknowledge("B1", &id).await.body, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_both_versions() {
    let mesh = Mesh::new(Mode::Strict).await;
    let reply = mesh.get("B1", "/inbox/NOT-THERE").await;
    assert_eq!(said(&reply), ("RECEIVE".into(), "20".into(), "Message does not exist".into()));
    let reply = mesh.ask("B1", "GET", "/inbox/NOT-THERE", &ONE, b"").await.json();
    assert_eq!((&reply["errorEvent"], &reply["errorCode"]), (&"RECEIVE".into(), &"20".into()));
    assert_eq!(reply["errorDescription"], "Message does not exist");
    for (headers, body, status, code) in [
        (&[("Mex-WorkflowID", "W")][..], &b"x"[..], 400, ""),
        (&[("Mex-To", "B1")], b"x", 400, ""),
        (&[("Mex-To", "B1"), ("Mex-WorkflowID", "W")], b"", 417, "02"),
        (&[("Mex-To", "https://b"), ("Mex-WorkflowID", "W")], b"x", 400, "06"),
        (
            &[("Mex-To", "B1"), ("Mex-WorkflowID", "W"), ("Content-Encoding", "br")],
            b"x",
            422,
            "UnsupportedContentEncoding",
        ),
        (
            &[("Mex-To", "B1"), ("Mex-WorkflowID", "W"), ("Mex-Chunk-Range", "2:3")],
            b"x",
            417,
            "InvalidHeaderChunks",
        ),
        (
            &[("Mex-To", "B1"), ("Mex-WorkflowID", "W"), ("Mex-Content-Checksum", "?")],
            b"x",
            400,
            "Invalid checksum",
        ),
    ] {
        let reply = mesh.post("A1", "/outbox", headers, body).await;
        assert_eq!((reply.status, said(&reply).1.as_str()), (status, code), "{headers:?}");
        assert!(!said(&reply).2.is_empty());
    }
    let shake = mesh.post("A1", "", &[("Mex-ClientVersion", "1")], b"").await;
    assert_eq!((shake.status, said(&shake).2.as_str()), (400, "Field required"));
    let wrong = [("Accept", "application/vnd.mesh.v7+json")];
    assert_eq!(mesh.ask("A1", "GET", "/inbox", &wrong, b"").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_filters() {
    let mesh = Mesh::new(Mode::Strict).await;
    let mut sent = Vec::new();
    for number in 0..25 {
        let workflow = if number % 5 == 0 { "W_ACK" } else { "W" };
        sent.push(mesh.send(workflow, &[], b"x").await);
    }
    let mut seen = Vec::new();
    let mut next = Some("/messageexchange/B1/inbox?max_results=10".to_owned());
    while let Some(path) = next {
        let page = mesh.get("B1", &path).await.json();
        assert_eq!(page["approx_inbox_count"], 25);
        seen.extend(ids(&page));
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, sent);
    let path = format!("/inbox?max_results=10&continue_from={}", sent[9]);
    assert_eq!(ids(&mesh.ask("B1", "GET", &path, &ONE, b"").await.json()), sent[10..20]);
    for (filter, count) in
        [("W", 20), ("!W", 5), ("W*", 25), ("!W*", 0), ("*AC*", 5), ("!*AC*", 20), ("*_ACK", 5), ("OTHER", 0)]
    {
        let list = if filter.len() < 2 { "" } else { filter };
        if list.is_empty() {
            assert_eq!(mesh.get("B1", &format!("/inbox?workflow_filter={filter}")).await.status, 400);
            continue;
        }
        let page = mesh.get("B1", &format!("/inbox?workflow_filter={filter}")).await.json();
        assert_eq!(ids(&page).len(), count, "{filter}");
    }
    for bad in ["max_results=9", "max_results=5001", "max_results=x", "continue_from=short"] {
        assert_eq!(mesh.get("B1", &format!("/inbox?{bad}")).await.status, 400, "{bad}");
    }
    // The link carries the filter on.
    let page = mesh.get("B1", "/inbox?max_results=10&workflow_filter=!*AC*").await.json();
    let next = page["links"]["next"].as_str().unwrap();
    assert!(next.contains("workflow_filter=%21%2AAC%2A") && next.contains("max_results=10"), "{next}");

    // Rich boxes: newest first, acknowledged ones too.
    mesh.acknowledge("B1", &sent[24]).await;
    for (mailbox, name) in [("B1", "inbox"), ("A1", "outbox")] {
        let page = mesh.get(mailbox, &format!("/{name}/rich?max_results=20")).await.json();
        let newest: Vec<String> = sent.iter().rev().take(20).cloned().collect();
        assert_eq!(ids(&page), newest);
        assert_eq!(page["messages"][0]["status"], "acknowledged");
        let rest = mesh.get(mailbox, page["links"]["next"].as_str().unwrap()).await.json();
        assert_eq!(ids(&rest).len(), 5);
        assert!(rest["links"]["next"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_and_ping() {
    let mesh = Mesh::new(Mode::Strict).await;
    for path in ["/_ping", "/_status", "/healthcheck", "/messageexchange/_ping", "/messageexchange/deepping"]
    {
        assert_eq!(call(&mesh.server, "GET", path, &[], b"").await.json()["outcome"], "Yes");
    }
    let look = |path: &'static str, accept: &'static str| {
        let server = &mesh.server;
        async move { call(server, "GET", path, &[("Accept", accept)], b"").await.json() }
    };
    let found = look("/messageexchange/endpointlookup/zz902/W", V1).await;
    assert_eq!(found["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["results"][0]["address"], "B1");
    assert_eq!(found["results"][0]["endpoint_type"], "MESH");
    let found = look("/messageexchange/endpointlookup/ZZ901/W_ACK", crate::client::V2).await;
    assert_eq!(found, serde_json::json!({"results": [{"mailbox_id": "A1", "mailbox_name": "Mailbox A1"}]}));
    let found = look("/messageexchange/workflowsearch/W_ACK", V1).await;
    let names: Vec<&str> =
        found["results"].as_array().unwrap().iter().filter_map(|r| r["mailbox_id"].as_str()).collect();
    assert_eq!(names, ["A1", "B1", "C1", "OWN"]);
    let shake = [("Accept", V1), ("Mex-ClientVersion", "1"), ("Mex-OSName", "x"), ("Mex-OSVersion", "1")];
    let reply = mesh.ask("A1", "GET", "/messageexchange/a1", &shake, b"").await;
    assert_eq!(reply.json(), serde_json::json!({"mailboxId": "A1"}));
    assert_eq!(mesh.post("A1", "/update", &[], b"").await.status, 200);
}
