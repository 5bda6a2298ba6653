//! The key under which people's work keeps its order. It hides who they are from whoever reads the queue, so it is not
//! kept with the data: it has a file of its own beside them, which only the process's user may read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use causeway_exchange::{Desk, EngineError, MessageQuery};
use causeway_host::hex;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Name of the file in the data directory.
pub const FILE: &str = "person.key";
/// Where data of schema 3 and before have it: a configuration document.
const DOCUMENT: (&str, &str) = ("service", "person-key");

/// Reads the key; makes one where there are no data yet.
///
/// # Errors
/// [`EngineError::Invalid`] where there are data and no key: with a new one, the work of a person would be hidden under
/// two names and could overtake itself. [`EngineError::Storage`] where the file can't be read or written.
pub fn key(engine: &dyn Desk, directory: &Path, now: Timestamp) -> Result<[u8; 32], EngineError> {
    let path = directory.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => return parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&error)),
    }
    let kept = engine.config(DOCUMENT.0, DOCUMENT.1)?;
    let fresh = match &kept {
        Some((_, json)) => of_document(json)?,
        None if !engine.search(&MessageQuery { limit: 1, ..MessageQuery::default() })?.is_empty() => {
            return Err(EngineError::Invalid("there are messages, and person.key is missing beside them"));
        }
        None => {
            let mut fresh = [0; 32];
            getrandom::fill(&mut fresh).map_err(|_| EngineError::Storage("no random numbers".to_owned()))?;
            fresh
        }
    };
    write(directory, &path, &fresh)?;
    // Another process may have been faster: what stands in the file counts.
    let key = parse(&fs::read_to_string(&path).map_err(|e| failed(&e))?)?;
    if let Some((version, _)) = kept {
        match engine.put_config(DOCUMENT.0, DOCUMENT.1, None, Some(version), "causeway", now) {
            Ok(_) | Err(EngineError::VersionConflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(key)
}

fn failed(error: &io::Error) -> EngineError {
    EngineError::Storage(format!("person.key: {:?}", error.kind()))
}

fn parse(text: &str) -> Result<[u8; 32], EngineError> {
    causeway_access::organisation::digest_of_hex(text.trim()).ok_or(EngineError::Corrupt("person.key"))
}

/// The key that data of schema 3 have: the digest of what stands in their document.
fn of_document(json: &str) -> Result<[u8; 32], EngineError> {
    let document: serde_json::Value =
        serde_json::from_str(json).map_err(|_| EngineError::Corrupt("person key"))?;
    let text = document["key"].as_str().filter(|text| !text.is_empty());
    Ok(Sha256::digest(text.ok_or(EngineError::Corrupt("person key"))?.as_bytes()).into())
}

/// Writes the file whole or not at all, and never over one that is there.
fn write(directory: &Path, path: &Path, key: &[u8; 32]) -> Result<(), EngineError> {
    fs::create_dir_all(directory).map_err(|e| failed(&e))?;
    let draft = directory.join(format!("{FILE}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&draft)
        .and_then(|mut file| file.write_all(hex(key).as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
    let removed = fs::remove_file(&draft);
    written.and(removed).map_err(|e| failed(&e))?;
    // The name, too, must survive a power cut.
    fs::File::open(directory).and_then(|d| d.sync_all()).map_err(|e| failed(&e))
}
