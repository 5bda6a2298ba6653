//! A whole service on a free port, its data in a folder that goes away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_exchange::{Message, MessageId, MessageQuery};
use causeway_record::Record;
use causeway_service::app::Service;
use causeway_service::config::Config;
use causeway_service::mesh::{self, MeshConfig};
use causeway_service::state::{AppState, Shared};
use causeway_service::testing::TestServer;
use causeway_store::{Options, Store};
use serde_json::Value;

pub struct World {
    pub state: Shared,
    pub server: TestServer,
    pub client: reqwest::Client,
    _folder: tempfile::TempDir,
}

pub fn state(config: Config) -> (Shared, tempfile::TempDir) {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().expect("a folder");
    (state_in(config, folder.path(), None), folder)
}

/// A state in a folder; with `reserve`, that many bytes must stay free on its disk.
pub fn state_in(config: Config, folder: &std::path::Path, reserve: Option<u64>) -> Shared {
    let mut options = Options::new(folder.join("exchange"));
    options.reserve = reserve.unwrap_or(options.reserve);
    let engine = Store::open(options).expect("a store");
    let record = Record::open(folder.join("record.sqlite")).expect("a record");
    let config = Config { data_directory: folder.to_path_buf(), ..config };
    AppState::new(config, Arc::new(engine), Arc::new(record), causeway::ADAPTERS).expect("a state")
}

impl World {
    pub async fn new(config: Config) -> Self {
        let (state, folder) = state(config);
        let server =
            TestServer::start_service(state.clone(), Service::new(state.clone())).await.expect("starts");
        Self { state, server, client: causeway::process::client().expect("a client"), _folder: folder }
    }

    /// As [`World::new`], with mailboxes.
    pub async fn with_mesh(config: Config, mesh: MeshConfig) -> Self {
        let (state, folder) = state(config);
        let door = mesh::router(mesh::open(mesh, &state).expect("mailboxes"));
        let service = Service::new(state.clone()).door(door);
        let server = TestServer::start_service(state.clone(), service).await.expect("starts");
        Self { state, server, client: causeway::process::client().expect("a client"), _folder: folder }
    }

    /// Sends a message and waits for its translation.
    pub async fn send(&self, sender: &str, media_type: &str, bytes: Vec<u8>) -> Value {
        let request = self.client.post(self.server.url("/messages")).header("Causeway-Sender", sender);
        let request = request.header("Content-Type", media_type).header("Prefer", "respond-sync").body(bytes);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    pub async fn json(&self, path: &str) -> Value {
        let request = self.client.get(self.server.url(path)).header("Accept", "application/json");
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    pub async fn page(&self, path: &str) -> String {
        let request = self.client.get(self.server.url(path)).header("Accept", "text/html");
        request.send().await.expect("an answer").text().await.expect("text")
    }

    pub fn messages(&self) -> Vec<Message> {
        let query = MessageQuery { oldest_first: true, limit: 1000, ..MessageQuery::default() };
        self.state.engine.search(&query).expect("messages")
    }

    /// What waits in a mailbox, oldest first.
    pub fn mailbox(&self, mailbox: &str) -> Vec<Message> {
        self.messages()
            .into_iter()
            .filter(|m| m.new.inbox && m.new.mailbox_to.as_deref() == Some(mailbox))
            .collect()
    }

    pub fn content(&self, id: &MessageId) -> Vec<u8> {
        self.state.behind().1.content(id, 1 << 24).expect("content").bytes
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < Duration::from_secs(90), "{what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn open() -> Config {
    Config { open: true, test_mode: true, ..Config::default() }
}
