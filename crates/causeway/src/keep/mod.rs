//! Keeping data: whether they are as they were written, and copies of them.

pub mod backup;
pub mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use causeway_seal::{KEY_FILE, Key, SealError, seal_path};

/// Folder of messages and audit trail within a data directory.
pub const EXCHANGE: &str = "exchange";
/// File of the pointers that others made (National Record Locator).
pub const POINTERS: &str = "pointers.sqlite";
/// File of the record within a data directory.
pub const RECORD: &str = "record.sqlite";

/// Makes the key of the seals where there are no sealed data yet.
///
/// # Errors
/// The data are sealed and the key is missing, or it can't be read or written.
pub fn seal_key(data: &Path) -> Result<Key, SealError> {
    if let Some(key) = Key::read(data)? {
        return Ok(key);
    }
    if is_sealed(data) {
        return Err(SealError::NoKey);
    }
    Key::read_or_make(data)
}

/// Whether there are seals of a data directory.
fn is_sealed(data: &Path) -> bool {
    let databases = [data.join(EXCHANGE).join("causeway.db"), data.join(RECORD)];
    databases.iter().any(|database| seal_path(database).exists())
        || data.join(EXCHANGE).join("audit-seal").exists()
}

/// The files of a database: itself, its log, its seals.
pub(crate) fn files_of(database: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-seal"].map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What stands in front of an error about a data directory.
pub(crate) fn said(data: &Path, error: &dyn std::fmt::Display) -> String {
    format!("data directory {}: {error}", data.display())
}

/// A data directory with an embedded exchange in it, or why not.
pub(crate) fn embedded(data: &Path) -> Result<PathBuf, String> {
    let exchange = data.join(EXCHANGE);
    if exchange.join("causeway.db").exists() {
        return Ok(exchange);
    }
    Err(format!(
        "{} has no embedded exchange in it (no {EXCHANGE}/causeway.db); messages in PostgreSQL are kept and checked by its own \
         means (docs/scale.md)",
        data.display()
    ))
}

/// The name of the key's file, for messages.
const KEY: &str = KEY_FILE;
