//! The seal file of the audit trail: a keyed digest of each entry's hash, written after the commit that holds it.
//!
//! An entry's hash covers the one before it, so a changed entry breaks the chain; but whoever can write the database can
//! write a whole new chain. They can't seal it: the first entry that is not the exchange's own has no seal that fits. A
//! chain that was cut off is shorter than its seals.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::{Key, Result, SealError, Sum};

/// The file's first bytes.
const MAGIC: [u8; 16] = *b"CWCHAIN1\n\0\0\0\0\0\0\0";
/// Bytes before the first seal.
const HEADER: u64 = 16;
/// Bytes of a seal.
const SUM: u64 = 16;
/// What a digest says that it is of.
const ENTRY: [u8; 4] = *b"audt";

/// The seals of a chain of entries numbered from 1.
#[derive(Debug)]
pub struct Chain {
    path: PathBuf,
    file: File,
    key: Key,
    sealed: u64,
}

impl Chain {
    /// Opens the seal file; `None` where there is none.
    ///
    /// # Errors
    /// It can't be read or is none.
    pub fn open(path: &Path, key: Key) -> Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SealError::of(path)(error)),
        };
        Self::opened(path, file, key).map(Some)
    }

    /// The same for reading only.
    ///
    /// # Errors
    /// As [`Chain::open`].
    pub fn read(path: &Path, key: Key) -> Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Self::opened(path, file, key).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SealError::of(path)(error)),
        }
    }

    fn opened(path: &Path, file: File, key: Key) -> Result<Self> {
        let mut magic = [0; 16];
        let read = file.read_exact_at(&mut magic, 0);
        if read.is_err() || magic != MAGIC {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            return Err(SealError::Damaged(name.unwrap_or_default()));
        }
        let bytes = file.metadata().map_err(SealError::of(path))?.len();
        // A seal that a crash cut short is written again.
        Ok(Self { path: path.to_owned(), file, key, sealed: bytes.saturating_sub(HEADER) / SUM })
    }

    /// Makes an empty seal file.
    ///
    /// # Errors
    /// It can't be written.
    pub fn make(path: &Path, key: Key) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(SealError::of(path))?;
        file.write_all_at(&MAGIC, 0).and_then(|()| file.sync_all()).map_err(SealError::of(path))?;
        Ok(Self { path: path.to_owned(), file, key, sealed: 0 })
    }

    /// Entries that have a seal.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.sealed
    }

    /// Seals the entries after the last one sealed, by their hashes in order.
    ///
    /// # Errors
    /// It can't be written.
    pub fn seal(&mut self, hashes: &[[u8; 32]]) -> Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let sums: Vec<u8> =
            (self.sealed + 1..).zip(hashes).flat_map(|(n, h)| self.key.sum(ENTRY, n, h)).collect();
        let place = HEADER + self.sealed * SUM;
        self.file.write_all_at(&sums, place).map_err(SealError::of(&self.path))?;
        self.sealed += hashes.len() as u64;
        Ok(())
    }

    /// Whether an entry's hash is the one that was sealed. Entries beyond the last one sealed are not asked about.
    ///
    /// # Errors
    /// It can't be read.
    pub fn holds(&self, number: u64, hash: &[u8; 32]) -> Result<bool> {
        let mut sum = Sum::default();
        let place = HEADER + number.saturating_sub(1) * SUM;
        self.file.read_exact_at(&mut sum, place).map_err(SealError::of(&self.path))?;
        Ok(self.key.sum(ENTRY, number, hash) == sum)
    }

    /// Flushes the seals.
    ///
    /// # Errors
    /// The flush failed.
    pub fn flush(&self) -> Result<()> {
        self.file.sync_data().map_err(SealError::of(&self.path))
    }
}
