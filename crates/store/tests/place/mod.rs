//! A data directory of a test's own, and ways to damage it.

use causeway_exchange::contract::Place;
use causeway_exchange::{Engine, EngineError, MessageId};
use causeway_store::{Options, Store, content_file_name};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Removed when dropped.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn new() -> Self {
        let name = format!("causeway-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&root).expect("a directory");
        Self { root }
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn options(&self) -> Options {
        Options { reserve: 1, ..Options::new(self.data()) }
    }

    /// The database, as stock tools see it.
    pub fn database(&self) -> Connection {
        Connection::open(self.data().join("causeway.db")).expect("a database")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn boxed(store: Store) -> Box<dyn Engine> {
    Box::new(store)
}

impl Place for Folder {
    fn open(&self) -> Result<Box<dyn Engine>, EngineError> {
        Store::open(self.options()).map(boxed)
    }

    fn open_without_space(&self) -> Result<Box<dyn Engine>, EngineError> {
        Store::open(Options { reserve: u64::MAX, ..self.options() }).map(boxed)
    }

    fn restore(&self, backup: &Path) -> Result<Box<dyn Engine>, EngineError> {
        Store::restore(backup, Options { directory: self.root.join("restored"), ..self.options() }).map(boxed)
    }

    fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    fn damage_payload(&self, id: &MessageId) {
        let sql = "SELECT p.id, p.sha256, p.bytes FROM part p JOIN message m ON m.seq=p.owner WHERE m.id=?1";
        let conn = self.database();
        let (row, digest, bytes): (i64, [u8; 32], Option<Vec<u8>>) =
            conn.query_row(sql, [id.as_str()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).expect("a part");
        if let Some(mut bytes) = bytes {
            bytes[0] ^= 1;
            conn.execute("UPDATE part SET bytes=?2 WHERE id=?1", (row, bytes)).expect("damaged");
            return;
        }
        let name = content_file_name(&digest);
        let path = self.data().join("blobs").join(&name[..2]).join(&name);
        let mut bytes = std::fs::read(&path).expect("a file");
        bytes[LAST_HALF] ^= 0x10;
        std::fs::write(&path, bytes).expect("damaged");
    }

    fn damage_audit(&self, seq: u64) {
        let changed = self.database().execute("UPDATE audit SET actor='someone else' WHERE seq=?1", [seq]);
        assert_eq!(changed, Ok(1));
    }

    fn make_newer(&self) {
        self.database().pragma_update(None, "user_version", 999).expect("marked");
    }
}

/// A byte well inside a large file.
const LAST_HALF: usize = 2_000_001;
