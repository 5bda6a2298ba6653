//! Keeping data: whether they are as they were written, and copies of them.

pub mod backup;
pub(crate) mod exchange;
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

/// What to do where the exchange does not hold what the record says came from it.
const RESTORE: &str =
    "messages are lost that the record was told: put the last good backup in place (causeway restore)";

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

/// The name of the key's file, for messages.
const KEY: &str = KEY_FILE;
