//! A MESH message as a message of the exchange: translated where a route names its workflow, one timeline.

use causeway_service::config::Config;
use causeway_service::mesh::Mode;

use crate::client::{Mesh, config};
use crate::support::{AGNES, get, open_config, until};

fn routed() -> Config {
    let routes = "[[route]]\nid = \"lines\"\nwhen = { workflow = [\"LINES\"] }\nto = [{ kind = \"record\" }]";
    Config { routes: Config::parse(routes).unwrap().routes, ..open_config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routed_workflow_is_translated_and_still_collected() {
    let mesh = Mesh::of(config(Mode::Strict), routed()).await;
    let id = mesh.send("LINES", &[("Content-Type", "text/x-lines")], AGNES.as_bytes()).await;
    let message = until(&mesh.server, &id, "translated").await;
    assert_eq!((&message["door"], &message["sender"]), (&"mesh".into(), &"ZZ901".into()));
    assert_eq!(message["translation"]["adapter"], "lines");
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    assert_eq!(mesh.track(&id).await["status"], "accepted");
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.body, AGNES.as_bytes());
    assert_eq!(mesh.acknowledge("B1", &id).await.status, 200);
    let message = until(&mesh.server, &id, "acknowledged").await;
    assert_eq!(message["state"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_translation_leaves_the_inbox_alone() {
    let mesh = Mesh::of(config(Mode::Strict), routed()).await;
    let id = mesh.send("LINES", &[], b"nothing that anyone knows").await;
    until(&mesh.server, &id, "unrecognised").await;
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    assert_eq!(mesh.track(&id).await["status_success"], true);
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.status, 200);
    assert_eq!(mesh.acknowledge("B1", &id).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_only_wait_for_their_recipient() {
    let mesh = Mesh::of(config(Mode::Strict), routed()).await;
    let id = mesh.send("W", &[], AGNES.as_bytes()).await;
    let message = get(&mesh.server, &format!("/messages/{id}")).await.json();
    assert_eq!((&message["state"], &message["translation"]), (&"accepted".into(), &serde_json::Value::Null));
    assert!(mesh.server.state.engine.metrics().unwrap().queues.iter().all(|q| q.ready + q.leased == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exchanges_own_mailbox_translates_what_comes() {
    let mesh = Mesh::of(config(Mode::Strict), routed()).await;
    let to = [("Mex-To", "OWN"), ("Mex-WorkflowID", "W"), ("Mex-Chunk-Range", "1:2")];
    let (first, rest) = AGNES.as_bytes().split_at(20);
    let reply = mesh.post("A1", "/outbox", &to, first).await;
    let id = reply.json()["message_id"].as_str().unwrap().to_owned();
    assert_eq!(mesh.chunk(&id, "2:2", rest).await.status, 202);
    let message = until(&mesh.server, &id, "translated").await;
    assert_eq!(message["state"], "translated");
    assert_eq!(mesh.inbox("OWN").await, Vec::<String>::new());
    assert_eq!(mesh.track(&id).await["status"], "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_table_of_routes_counts_at_once() {
    let mesh = Mesh::of(config(Mode::Strict), open_config()).await;
    let (engine, now) = (mesh.server.state.engine.clone(), mesh.server.state.clock.now());
    let before = mesh.send("W1", &[], AGNES.as_bytes()).await;
    let table = r#"[{"id": "w", "when": {"workflow": ["W1"]}, "to": [{"kind": "record"}]}]"#;
    engine.put_config("route", "table", Some(table), None, "test", now).unwrap();
    let after = mesh.send("W1", &[], AGNES.as_bytes()).await;
    until(&mesh.server, &after, "translated").await;
    let message = get(&mesh.server, &format!("/messages/{before}")).await.json();
    assert!(message["translation"].is_null());
    assert!(mesh.world.directory.exists());
}
