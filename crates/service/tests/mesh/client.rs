//! A server with the MESH door and a client that signs its requests.

use std::sync::atomic::{AtomicU64, Ordering};

use causeway_service::config::Config;
use causeway_service::mesh::{self, Mailbox, MeshConfig, Mode};
use causeway_service::testing::TestServer;
use causeway_service::{Service, Shared};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{Reply, World, call, open_config};

pub const KEY: &str = "a-key-of-the-tests";
pub const PASSWORD: &str = "a-password-of-the-tests";
pub const V1: &str = "application/vnd.mesh.v1+json";
pub const V2: &str = "application/vnd.mesh.v2+json";

fn mailbox(id: &str, ods: &str, send: &[&str], receive: &[&str]) -> Mailbox {
    let list = |l: &[&str]| Some(l.iter().map(|w| (*w).to_owned()).collect());
    Mailbox {
        id: id.to_owned(),
        name: format!("Mailbox {id}"),
        password: PASSWORD.into(),
        ods_code: ods.to_owned(),
        send: list(send),
        receive: list(receive),
        ..Mailbox::default()
    }
}

/// A1 sends W… to B1; C1 does nothing; OFF is inactive; OWN is the exchange's; CERT wants a certificate.
pub fn config(mode: Mode) -> MeshConfig {
    let mut off = mailbox("OFF", "ZZ903", &["W*"], &["W*"]);
    off.active = false;
    let mut own = mailbox("OWN", "ZZ904", &[], &["W*", "LINES"]);
    own.broker = true;
    let mut cert = mailbox("CERT", "ZZ905", &[], &["W9"]);
    cert.certificate_sha256 = Some("ab".repeat(32));
    MeshConfig {
        mode,
        shared_key: KEY.into(),
        admin: true,
        mailboxes: vec![
            mailbox("A1", "ZZ901", &["W*", "LINES"], &["W_ACK"]),
            mailbox("B1", "ZZ902", &["W_ACK"], &["W*", "LINES"]),
            mailbox("C1", "ZZ902", &["W*"], &["W_ACK", "W"]),
            off,
            own,
            cert,
        ],
        ..MeshConfig::default()
    }
}

/// A server and the count of its client's tokens.
pub struct Mesh {
    pub server: TestServer,
    pub world: World,
    count: AtomicU64,
}

/// A service with the door, of a world.
pub async fn serve(world: &World, mut service: Config, mesh: MeshConfig) -> TestServer {
    // The journal of used tokens lies beside the engine's data.
    service.data_directory.clone_from(&world.directory);
    let state: Shared = world.state(service);
    let door = mesh::router(mesh::open(mesh, &state).unwrap());
    TestServer::start_service(state.clone(), Service::new(state).door(door)).await.unwrap()
}

/// A token for now and some minutes.
pub fn token_at(mailbox: &str, count: u64, minutes: i64) -> String {
    let at = Timestamp::now().saturating_add(SignedDuration::from_mins(minutes)).unwrap();
    mesh::token(KEY, mailbox, PASSWORD, "0d0c9b6e-77a8-4b7e-9d0c-000000000001", count, at)
}

impl Mesh {
    pub async fn new(mode: Mode) -> Self {
        Self::of(config(mode), open_config()).await
    }

    pub async fn of(mesh: MeshConfig, service: Config) -> Self {
        let world = World::new();
        let server = serve(&world, service, mesh).await;
        Self { server, world, count: AtomicU64::new(0) }
    }

    pub fn token(&self, mailbox: &str) -> String {
        token_at(mailbox, self.count.fetch_add(1, Ordering::Relaxed), 0)
    }

    /// A signed request of a mailbox, in version 2 unless the headers say otherwise.
    pub async fn ask(
        &self,
        mailbox: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let token = self.token(mailbox);
        let mut all = vec![("Authorization", token.as_str())];
        if !headers.iter().any(|(name, _)| *name == "Accept") {
            all.push(("Accept", V2));
        }
        all.extend_from_slice(headers);
        let path = if path.starts_with("/messageexchange") {
            path.to_owned()
        } else {
            format!("/messageexchange/{mailbox}{path}")
        };
        call(&self.server, method, &path, &all, body).await
    }

    pub async fn get(&self, mailbox: &str, path: &str) -> Reply {
        self.ask(mailbox, "GET", path, &[], b"").await
    }

    pub async fn post(&self, mailbox: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.ask(mailbox, "POST", path, headers, body).await
    }

    /// Sends a message from A1 to B1 and gives its id.
    pub async fn send(&self, workflow: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut all = vec![("Mex-To", "B1"), ("Mex-WorkflowID", workflow)];
        all.extend_from_slice(headers);
        let reply = self.post("A1", "/outbox", &all, body).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply.json()["message_id"].as_str().unwrap().to_owned()
    }

    pub async fn chunk(&self, id: &str, range: &str, body: &[u8]) -> Reply {
        let number = range.split(':').next().unwrap();
        self.post("A1", &format!("/outbox/{id}/{number}"), &[("Mex-Chunk-Range", range)], body).await
    }

    pub async fn inbox(&self, mailbox: &str) -> Vec<String> {
        ids(&self.get(mailbox, "/inbox").await.json())
    }

    pub async fn acknowledge(&self, mailbox: &str, id: &str) -> Reply {
        self.ask(mailbox, "PUT", &format!("/inbox/{id}/status/acknowledged"), &[], b"").await
    }

    pub async fn track(&self, id: &str) -> Value {
        self.get("A1", &format!("/outbox/tracking?messageID={id}")).await.json()
    }

    /// Moves the exchange's time.
    pub async fn travel(&self, step: &str) {
        let reply = call(&self.server, "POST", "/admin/time", &[], step.as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// The ids of a list.
pub fn ids(list: &Value) -> Vec<String> {
    let list = list["messages"].as_array().cloned().unwrap_or_default();
    list.iter().map(|id| id.as_str().or(id["message_id"].as_str()).unwrap().to_owned()).collect()
}

/// The first error of a version 2 answer: event, code, text.
pub fn said(reply: &Reply) -> (String, String, String) {
    let json = reply.json();
    let text = |name: &str| json["detail"][0][name].as_str().unwrap_or_default().to_owned();
    (text("event"), text("code"), text("msg"))
}
