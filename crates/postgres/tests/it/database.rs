//! An empty database for each test, on one server for all of them.

use crate::server::{Server, started};
use causeway_exchange::contract::Place;
use causeway_exchange::{Engine, EngineError, MessageId};
use causeway_postgres::{Options, Postgres};
use causeway_seal::Key;
use postgres::{Client, NoTls};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The server of this process. It ends with its process: a guard waits for the end of standard input.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let server = started();
            if let Some(server) = &server {
                end_with_me(server);
            }
            server
        })
        .as_ref()
}

/// Static values are never dropped: a shell that reads from a pipe of ours sees us go, stops the server and clears up.
fn end_with_me(server: &Server) {
    let stop = server.command("pg_ctl");
    let words: Vec<String> = std::iter::once(stop.get_program())
        .chain(stop.get_args())
        .map(|w| w.to_string_lossy().into_owned())
        .collect();
    let script = format!(
        "cat >/dev/null; {} -m immediate -D '{}' stop >/dev/null 2>&1; rm -rf '{}'",
        words.join(" "),
        server.folder.join("data").display(),
        server.folder.display()
    );
    let child = Command::new("setsid").args(["sh", "-c", &script]).stdin(Stdio::piped()).spawn();
    // The pipe stays open as long as this process lives.
    std::mem::forget(child);
}

/// An empty database of a test's own.
pub struct Database {
    server: &'static Server,
    name: String,
    scratch: PathBuf,
}

impl Database {
    /// `None`, and a line that says so, where no server can be started.
    pub fn new() -> Option<Self> {
        let server = server()?;
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let scratch = server.folder.join(format!("{name}-scratch"));
        let scratch = std::env::temp_dir()
            .join(format!("causeway-pg-{}-{name}", std::process::id()))
            .join(scratch.file_name().unwrap_or_default());
        let place = Self { server, name, scratch };
        place.make(&place.name);
        Some(place)
    }

    fn make(&self, name: &str) {
        let begun = Instant::now();
        let mut client = loop {
            match Client::connect(&self.server.connection("postgres"), NoTls) {
                Ok(client) => break client,
                Err(error) if begun.elapsed() > Duration::from_secs(30) => panic!("no server: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
    }

    pub fn options(&self) -> Options {
        Options::new(self.server.connection(&self.name))
    }

    /// The database, as stock tools see it.
    pub fn client(&self) -> Client {
        Client::connect(&self.server.connection(&self.name), NoTls).expect("connects")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(folder) = self.scratch.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The contract holds under a key too.
fn sealed(options: Options) -> Options {
    Options { key: Some(Key::new([7; 32])), ..options }
}

fn boxed(engine: Postgres) -> Box<dyn Engine> {
    Box::new(engine)
}

impl Place for Database {
    fn open(&self) -> Result<Box<dyn Engine>, EngineError> {
        Postgres::open(sealed(self.options())).map(boxed)
    }

    fn open_without_space(&self) -> Result<Box<dyn Engine>, EngineError> {
        Postgres::open(Options { bytes_max: Some(0), reserve: 1, ..sealed(self.options()) }).map(boxed)
    }

    fn restore(&self, backup: &Path) -> Result<Box<dyn Engine>, EngineError> {
        let name = format!("{}restored", self.name);
        self.make(&name);
        Postgres::restore(backup, sealed(Options::new(self.server.connection(&name)))).map(boxed)
    }

    fn scratch(&self) -> PathBuf {
        self.scratch.clone()
    }

    fn damage_payload(&self, id: &MessageId) {
        let mut client = self.client();
        let inline = client
            .execute(
                "UPDATE part SET bytes = set_byte(bytes, 0, get_byte(bytes, 0) # 1)
                 WHERE bytes IS NOT NULL AND owner = (SELECT seq FROM message WHERE id=$1)",
                &[&id.as_str()],
            )
            .expect("damaged");
        if inline == 0 {
            let apart = client
                .execute(
                    "UPDATE content SET bytes = set_byte(bytes, 17, get_byte(bytes, 17) # 16) WHERE number=1 AND id IN (
                       SELECT h.id FROM content_head h JOIN part p ON p.sha256=h.sha256
                       WHERE p.owner = (SELECT seq FROM message WHERE id=$1))",
                    &[&id.as_str()],
                )
                .expect("damaged");
            assert_eq!(apart, 1);
        }
    }

    fn damage_audit(&self, seq: u64) {
        let seq = seq.cast_signed();
        let changed = self.client().execute("UPDATE audit SET actor='someone else' WHERE seq=$1", &[&seq]);
        assert_eq!(changed.expect("damaged"), 1);
    }

    fn make_newer(&self) {
        self.client().batch_execute("UPDATE meta SET schema_version = 999").expect("marked");
    }
}
