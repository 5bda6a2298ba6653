//! A data directory, a service on it, and a client small enough to be sure of.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use causeway_exchange::{Audit, Engine};
use causeway_record::Record;
use causeway_service::config::{Config, Organisation};
use causeway_service::testing::TestServer;
use causeway_service::{AppState, Shared};
use causeway_store::{Options, Store};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::line_adapter::ADAPTERS;

/// A data directory that is removed at the end.
pub struct World {
    pub directory: PathBuf,
}

impl World {
    pub fn new() -> Self {
        capture_logs();
        let directory = std::env::temp_dir().join(format!("causeway-service-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    pub fn engine(&self) -> Arc<dyn Engine> {
        let mut options = Options::new(self.directory.join("store"));
        options.reserve = 0;
        Arc::new(Store::open(options).unwrap())
    }

    pub fn state(&self, config: Config) -> Shared {
        self.state_with(config, self.engine())
    }

    pub fn state_with(&self, config: Config, engine: Arc<dyn Engine>) -> Shared {
        let trail = engine.clone();
        self.state_with_trail(config, engine, trail)
    }

    pub fn state_with_trail(&self, config: Config, engine: Arc<dyn Engine>, trail: Arc<dyn Audit>) -> Shared {
        let config = Config { data_directory: self.directory.clone(), ..config };
        let record = Arc::new(Record::open(self.directory.join("record.db")).unwrap());
        AppState::with_trail(config, engine, trail, record, ADAPTERS).unwrap()
    }

    pub async fn serve(&self, config: Config) -> TestServer {
        TestServer::start(self.state(config)).await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// Demonstration mode with time travel.
pub fn open_config() -> Config {
    Config { open: true, test_mode: true, ..Config::default() }
}

/// Two organisations with tokens `token-901` and `token-902`, and an operator with `token-900`.
pub fn closed_config() -> Config {
    let organisation = |code: &str, name: &str, token: &str| {
        let mut it = Organisation::of_code(code).unwrap().with_token(token);
        it.name = name.to_owned();
        it
    };
    let mut operator = organisation("ZZ900", "Exchange operator", "token-900");
    operator.operator = true;
    Config {
        test_mode: true,
        organisations: vec![
            operator,
            organisation("ZZ901", "Example Council", "token-901"),
            organisation("ZZ902", "Example Hospital", "token-902"),
        ],
        ..Config::default()
    }
}

/// An invented person of 84 in the line format.
pub const AGNES: &str = "LINE|1\nPAT|9990000018|Quillfeather|Agnes|1942-03-07|female\nOBS|2026-10-03T09:30:00Z|Gait speed|0.4 m/s\nCARE|2026-10-10|Home care, four visits a day\nNOTE|likes marmalade";

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
    /// The rule of an OperationOutcome.
    pub fn rule(&self) -> String {
        self.json()["issue"][0]["details"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// One request on a connection of its own.
pub async fn call(
    server: &TestServer,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", server.address());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // A refusal may come, and the connection close, before all is sent: then reading says what it was.
    if stream.write_all(head.as_bytes()).await.is_ok() {
        drop(stream.write_all(body).await);
    }
    let mut raw = Vec::new();
    drop(stream.read_to_end(&mut raw).await);
    parse(&raw)
}

/// One request as written.
pub async fn raw_call(server: &TestServer, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut raw = Vec::new();
    drop(stream.read_to_end(&mut raw).await);
    parse(&raw)
}

pub fn parse(raw: &[u8]) -> Reply {
    let split = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(raw.len());
    let head = String::from_utf8_lossy(&raw[..split]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
        .collect();
    Reply { status, headers, body: raw.get(split + 4..).unwrap_or_default().to_vec() }
}

pub async fn get(server: &TestServer, path: &str) -> Reply {
    call(server, "GET", path, &[("Accept", "application/json")], b"").await
}

pub async fn page(server: &TestServer, path: &str) -> Reply {
    call(server, "GET", path, &[("Accept", "text/html,*/*;q=0.8")], b"").await
}

/// Sends a message in demonstration mode and gives its id.
pub async fn send(server: &TestServer, body: &str) -> String {
    let headers = [("Content-Type", "text/x-lines"), ("Causeway-Sender", "ZZ901")];
    let reply = call(server, "POST", "/messages", &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// Waits until a message's timeline has an event.
pub async fn until(server: &TestServer, id: &str, event: &str) -> Value {
    let start = Instant::now();
    loop {
        let message = get(server, &format!("/messages/{id}")).await.json();
        let events = message["timeline"].as_array().cloned().unwrap_or_default();
        if events.iter().any(|e| e["event"] == event) {
            return message;
        }
        assert!(start.elapsed() < Duration::from_secs(90), "no {event} of {message:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

struct Capture(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that all tests log goes to one buffer, at the most talkative level.
fn capture_logs() {
    LOG.get_or_init(|| {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let writer = buffer.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::level_filters::LevelFilter::TRACE)
            .with_writer(move || Capture(writer.clone()))
            .init();
        buffer
    });
}

/// What was logged so far.
pub fn logged() -> String {
    let buffer =
        LOG.get().map(|b| b.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default();
    String::from_utf8_lossy(&buffer).into_owned()
}

/// What was logged since the last time, taken away: for a test that runs alone and long.
pub fn take_log() -> String {
    let taken = LOG
        .get()
        .map(|b| std::mem::take(&mut *b.lock().unwrap_or_else(PoisonError::into_inner)))
        .unwrap_or_default();
    String::from_utf8_lossy(&taken).into_owned()
}
