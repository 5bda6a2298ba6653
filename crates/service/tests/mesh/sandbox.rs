//! Sandbox mode: as lenient as the published sandbox, and its administration.

use causeway_service::mesh::{AuthMode, MeshConfig, Mode};
use serde_json::json;

use crate::client::{Mesh, config, ids};
use crate::support::{Reply, call, open_config};

async fn admin(mesh: &Mesh, method: &str, path: &str, body: &serde_json::Value) -> Reply {
    call(&mesh.server, method, path, &[], body.to_string().as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sandbox_lets_pass() {
    let mesh = Mesh::new(Mode::Sandbox).await;
    let token = mesh.token("B1");
    let headers = [("Authorization", token.as_str())];
    for _ in 0..2 {
        assert_eq!(call(&mesh.server, "GET", "/messageexchange/B1/inbox", &headers, b"").await.status, 200);
    }
    let old = crate::client::token_at("B1", 1, -60 * 24 * 365);
    let headers = [("Authorization", old.as_str())];
    assert_eq!(call(&mesh.server, "GET", "/messageexchange/B1/inbox", &headers, b"").await.status, 200);
    assert_eq!(mesh.get("OFF", "/inbox").await.status, 200);

    // Any workflow, a hole among the chunks, reading after the acknowledgement.
    let id = mesh.send("ANYTHING_ACK", &[("Mex-Chunk-Range", "1:3")], b"one").await;
    assert_eq!(mesh.chunk(&id, "3:3", b"three").await.status, 202);
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}/2")).await.status, 404);
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}/3")).await.body, b"three");
    // Its filter `*_ACK` means "contains `_AC`".
    let other = mesh.send("X_ACTION", &[], b"text").await;
    let list = mesh.get("B1", "/inbox?workflow_filter=*_ACK").await.json();
    assert_eq!(ids(&list), [id.clone(), other.clone()]);
    mesh.acknowledge("B1", &other).await;
    assert_eq!(mesh.get("B1", &format!("/inbox/{other}")).await.body, b"text");
}

#[tokio::test(flavor = "multi_thread")]
async fn administration() {
    let mesh = Mesh::new(Mode::Sandbox).await;
    let id = mesh.send("W", &[], b"text").await;
    let details = admin(&mesh, "GET", &format!("/admin/message/{id}"), &json!({})).await.json();
    assert_eq!((&details["status"], &details["file_size"]), (&"Accepted".into(), &4.into()));
    let mailbox = admin(&mesh, "GET", "/messageexchange/mailbox/b1", &json!({})).await.json();
    assert_eq!((&mailbox["mailbox_id"], &mailbox["active"]), (&"B1".into(), &true.into()));

    // Put back after its acknowledgement, and acknowledged again.
    mesh.acknowledge("B1", &id).await;
    let event = json!({"status": "accepted"});
    assert_eq!(admin(&mesh, "POST", &format!("/admin/message/{id}/event"), &event).await.status, 200);
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    assert_eq!(mesh.track(&id).await["status"], "accepted");
    mesh.acknowledge("B1", &id).await;
    assert_eq!(mesh.inbox("B1").await, Vec::<String>::new());

    let report = json!({"mailbox_id": "A1", "status": "error", "code": "21", "description": "an error",
                        "workflow_id": "W", "linked_message_id": "abc"});
    let made = admin(&mesh, "POST", "/messageexchange/admin/report", &report).await.json();
    let made = made["message_id"].as_str().unwrap();
    let reply = mesh.get("A1", &format!("/inbox/{made}")).await;
    for (name, value) in
        [("mex-statuscode", "21"), ("mex-linkedmsgid", "abc"), ("mex-statusevent", "TRANSFER")]
    {
        assert_eq!(reply.header(name), Some(value));
    }

    let kept = mesh.send("W", &[], b"text").await;
    assert_eq!(admin(&mesh, "DELETE", "/admin/reset/A1", &json!({})).await.status, 200);
    assert_eq!((mesh.inbox("A1").await.len(), mesh.inbox("B1").await), (0, vec![kept]));
    assert_eq!(admin(&mesh, "DELETE", "/admin/reset/NOBODY", &json!({})).await.status, 404);
    assert_eq!(admin(&mesh, "DELETE", "/admin/reset", &json!({})).await.status, 200);
    assert_eq!(mesh.inbox("B1").await, Vec::<String>::new());
    assert_eq!(admin(&mesh, "POST", "/admin/time", &json!({"weeks": 1})).await.status, 400);
    assert!(admin(&mesh, "GET", "/admin/time", &json!({})).await.json()["now"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_ways_to_sign_in() {
    let mesh = Mesh::of(MeshConfig { auth: AuthMode::None, ..config(Mode::Sandbox) }, open_config()).await;
    assert_eq!(call(&mesh.server, "GET", "/messageexchange/A1/inbox", &[], b"").await.status, 200);
    assert_eq!(call(&mesh.server, "GET", "/messageexchange/NOBODY/inbox", &[], b"").await.status, 403);
    let mesh = Mesh::of(MeshConfig { auth: AuthMode::Canned, ..config(Mode::Sandbox) }, open_config()).await;
    for (token, status) in
        [("NHSMESH A1:VALID:1:x", 200), ("NHSMESH A1:OTHER:1:x", 403), ("NHSMESH B1:VALID:1:x", 403)]
    {
        let headers = [("Authorization", token)];
        assert_eq!(
            call(&mesh.server, "GET", "/messageexchange/A1/inbox", &headers, b"").await.status,
            status
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fixed_messages_and_copies() {
    let mut fixed = config(Mode::Sandbox);
    fixed.canned = true;
    fixed.mailboxes[0].id = "X26ABC1".into();
    fixed.mailboxes[1].id = "X26ABC2".into();
    let mesh = Mesh::of(fixed, open_config()).await;
    assert_eq!(mesh.inbox("X26ABC1").await, ["SIMPLE_MESSAGE"]);
    assert_eq!(mesh.inbox("X26ABC2").await, ["CHUNKED_MESSAGE_GZ"]);
    assert_eq!(mesh.acknowledge("X26ABC1", "SIMPLE_MESSAGE").await.status, 200);
    assert_eq!(mesh.inbox("X26ABC1").await, ["SIMPLE_MESSAGE"]);
    assert_eq!(admin(&mesh, "DELETE", "/admin/reset", &json!({})).await.status, 405);

    let folder = std::env::temp_dir().join(format!("causeway-mesh-mirror-{}", std::process::id()));
    let mirror_directory = Some(folder.clone());
    let mesh = Mesh::of(MeshConfig { mirror_directory, ..config(Mode::Sandbox) }, open_config()).await;
    let id = mesh.send("W", &[("Mex-Chunk-Range", "1:2")], b"one").await;
    mesh.chunk(&id, "2:2", b"two").await;
    let inbox = folder.join("B1/in");
    assert_eq!(std::fs::read(inbox.join(&id).join("2")).unwrap(), b"two");
    assert!(std::fs::read_to_string(inbox.join(format!("{id}.json"))).unwrap().contains(&id));
    std::fs::remove_dir_all(folder).unwrap();
}
