//! The key of the seals.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Result, SealError, Sum};

/// Name of the key's file: in the database's folder or the one above it.
pub const KEY_FILE: &str = "evidence.key";
/// Bytes of the first block of a digest: the key and what is said of the text fill it, so that no text reaches into it.
const BLOCK: usize = 64;

/// The key under which seals are made.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key in a folder; `None` where there is none.
    ///
    /// # Errors
    /// The file can't be read or is no key.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        Self::of_file(&folder.join(KEY_FILE))
    }

    /// The key in a file: 64 hexadecimal digits; `None` where there is none.
    ///
    /// # Errors
    /// The file can't be read or is no key.
    pub fn of_file(path: &Path) -> Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => of_hex(text.trim()).map(|bytes| Some(Self(bytes))).ok_or_else(|| {
                SealError::NotAKey(path.file_name().unwrap_or_default().to_string_lossy().into_owned())
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SealError::of(path)(error)),
        }
    }

    /// The key of a database: beside it, or in the folder above.
    ///
    /// # Errors
    /// As [`Key::read`].
    pub fn of_database(database: &Path) -> Result<Option<Self>> {
        let Some(folder) = database.parent() else { return Ok(None) };
        match Self::read(folder)? {
            Some(key) => Ok(Some(key)),
            None => folder.parent().map_or(Ok(None), Self::read),
        }
    }

    /// The key in a folder, made where there is none: 32 random bytes that only the process's user may read.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub fn read_or_make(folder: &Path) -> Result<Self> {
        if let Some(key) = Self::read(folder)? {
            return Ok(key);
        }
        let mut fresh = [0; 32];
        let path = folder.join(KEY_FILE);
        getrandom::fill(&mut fresh)
            .map_err(|_| SealError::Damaged("the system's random numbers".to_owned()))?;
        let draft = folder.join(format!("{KEY_FILE}.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
        let written = options
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| match fs::hard_link(&draft, &path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            });
        let removed = fs::remove_file(&draft);
        written.and(removed).map_err(SealError::of(&path))?;
        File::open(folder).and_then(|f| f.sync_all()).map_err(SealError::of(folder))?;
        // Another process may have been faster: what stands in the file counts.
        Self::read(folder)?.ok_or(SealError::NoKey)
    }

    /// The keyed digest of a text: `what` and `number` say what it is, so that no text passes for another.
    #[must_use]
    pub fn sum(&self, what: [u8; 4], number: u64, text: &[u8]) -> Sum {
        let mut block = [0; BLOCK];
        let (own, rest) = block.split_at_mut(32);
        own.copy_from_slice(&self.0);
        let said = what.into_iter().chain(number.to_be_bytes()).chain((text.len() as u64).to_be_bytes());
        rest.iter_mut().zip(said).for_each(|(room, byte)| *room = byte);
        let digest = Sha256::new().chain_update(block).chain_update(text).finalize();
        let mut sum = Sum::default();
        sum.iter_mut().zip(digest).for_each(|(room, byte)| *room = byte);
        sum
    }
}

fn of_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
