//! Content-addressed files for large content. A file is complete and flushed, with its directory entry,
//! before any row names it: temporary file, fsync, rename, fsync of the directory.

use crate::fault::{Result, io};
use crate::limits;
use causeway_exchange::EngineError;
use causeway_exchange::message::{Checksum, Staged};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use causeway_exchange::hex;

/// Files that a request in flight is about to name; they must not be removed.
type Pins = Arc<Mutex<HashMap<Checksum, usize>>>;

/// Locks even where another thread panicked: what is kept inside is always whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps one file from being removed while it lives.
pub(crate) struct Pin {
    pins: Pins,
    sha256: Checksum,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = lock(&self.pins);
        if let Some(count) = pins.get_mut(&self.sha256) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.sha256);
            }
        }
    }
}

/// The directory of content files.
pub(crate) struct Blobs {
    root: PathBuf,
    reserve: u64,
    pins: Pins,
    /// Files that callers staged and that no request has named yet.
    staged: Mutex<HashMap<Checksum, Pin>>,
    /// Held while files are removed or copied for a backup.
    removal: Mutex<()>,
    next: AtomicU64,
}

impl Blobs {
    /// Opens (and makes) the directory; removes what was half written.
    pub(crate) fn open(data: &Path, reserve: u64) -> Result<Self> {
        let root = data.join("blobs");
        let temporary = root.join("tmp");
        fs::create_dir_all(&temporary).map_err(|e| io(&e))?;
        for byte in 0..=255u8 {
            let folder = root.join(format!("{byte:02x}"));
            if !folder.is_dir() {
                fs::create_dir(&folder).map_err(|e| io(&e))?;
            }
        }
        for entry in fs::read_dir(&temporary).map_err(|e| io(&e))? {
            fs::remove_file(entry.map_err(|e| io(&e))?.path()).map_err(|e| io(&e))?;
        }
        sync_dir(&root)?;
        sync_dir(data)?;
        Ok(Self {
            root,
            reserve,
            pins: Pins::default(),
            staged: Mutex::default(),
            removal: Mutex::new(()),
            next: AtomicU64::new(0),
        })
    }

    /// The directory of data that another process may have open: nothing is made, nothing removed.
    pub(crate) fn read_only(data: &Path) -> Self {
        Self {
            root: data.join("blobs"),
            reserve: 0,
            pins: Pins::default(),
            staged: Mutex::default(),
            removal: Mutex::new(()),
            next: AtomicU64::new(0),
        }
    }

    /// Where the content with this digest is.
    pub(crate) fn path(&self, sha256: &Checksum) -> PathBuf {
        let name = hex(sha256);
        let folder = name.get(..2).unwrap_or("00");
        self.root.join(folder).join(&name)
    }

    /// Bytes that an unprivileged process may still write here.
    pub(crate) fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.root).map_or(u64::MAX, |s| s.f_bavail.saturating_mul(s.f_frsize))
    }

    /// Refuses below the reserve.
    pub(crate) fn check_space(&self) -> Result<()> {
        let free = self.free();
        if free < self.reserve {
            return Err(EngineError::SpaceLow { free, reserve: self.reserve });
        }
        Ok(())
    }

    /// Keeps a file from removal.
    pub(crate) fn pin(&self, sha256: Checksum) -> Pin {
        *lock(&self.pins).entry(sha256).or_insert(0) += 1;
        Pin { pins: Arc::clone(&self.pins), sha256 }
    }

    /// Keeps a staged file until a request names it or its caller gives it up.
    pub(crate) fn keep_staged(&self, pin: Pin) {
        lock(&self.staged).insert(pin.sha256, pin);
    }

    /// Lets a staged file go: the request that names it has a pin of its own, or nothing will name it.
    pub(crate) fn release_staged(&self, sha256: &Checksum) {
        let released = lock(&self.staged).remove(sha256);
        drop(released);
    }

    /// Writes content whose digest is known. It is written again where it exists already, which also heals a
    /// file that was damaged.
    pub(crate) fn put(&self, sha256: Checksum, bytes: &[u8]) -> Result<Pin> {
        let pin = self.pin(sha256);
        let temporary = self.temporary();
        let mut file = File::create(&temporary).map_err(|e| io(&e))?;
        let written =
            file.write_all(bytes).map_err(|e| io(&e)).and_then(|()| self.publish(&file, &temporary, &sha256));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map(|()| pin)
    }

    /// Writes a stream of at most `limit` bytes in bounded memory.
    pub(crate) fn put_stream(&self, content: &mut dyn Read, limit: u64) -> Result<(Staged, Pin)> {
        let temporary = self.temporary();
        let result = self.copy_in(content, limit, &temporary);
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn copy_in(&self, content: &mut dyn Read, limit: u64, temporary: &Path) -> Result<(Staged, Pin)> {
        let mut file = File::create(temporary).map_err(|e| io(&e))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0u8; limits::COPY_BYTES];
        let mut size = 0u64;
        let mut checked = 0u64;
        loop {
            let count = read_some(content, &mut buffer).map_err(|e| io(&e))?;
            let Some(bytes) = buffer.get(..count).filter(|b| !b.is_empty()) else { break };
            size = size.saturating_add(bytes.len() as u64);
            if size > limit {
                return Err(EngineError::TooLarge(limit));
            }
            if size - checked >= limits::SPACE_CHECK_BYTES {
                checked = size;
                self.check_space()?;
            }
            hash.update(bytes);
            file.write_all(bytes).map_err(|e| io(&e))?;
        }
        let sha256: Checksum = hash.finalize().into();
        let pin = self.pin(sha256);
        self.publish(&file, temporary, &sha256)?;
        Ok((Staged { sha256, size }, pin))
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp").join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn publish(&self, file: &File, temporary: &Path, sha256: &Checksum) -> Result<()> {
        file.sync_all().map_err(|e| flush_failed(&e))?;
        let path = self.path(sha256);
        fs::rename(temporary, &path).map_err(|e| io(&e))?;
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// Removes files that nothing names any more. `named` is asked under the lock, after the commit.
    pub(crate) fn remove(&self, files: &[Checksum], named: &dyn Fn(&Checksum) -> Result<bool>) -> Result<()> {
        let _held = lock(&self.removal);
        for sha256 in files {
            let pins = lock(&self.pins);
            if !pins.contains_key(sha256) && !named(sha256)? {
                match fs::remove_file(self.path(sha256)) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(&e)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// No file is removed while the guard lives.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        lock(&self.removal)
    }

    /// All files, by digest. Files with other names are left alone.
    pub(crate) fn list(&self) -> Result<Vec<Checksum>> {
        let mut found = Vec::new();
        for byte in 0..=255u8 {
            for entry in fs::read_dir(self.root.join(format!("{byte:02x}"))).map_err(|e| io(&e))? {
                let name = entry.map_err(|e| io(&e))?.file_name();
                found.extend(name.to_str().and_then(unhex));
            }
        }
        Ok(found)
    }
}

/// Reads into the buffer, again after an interruption.
pub(crate) fn read_some(from: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn unhex(name: &str) -> Option<Checksum> {
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    let mut sha256 = [0u8; 32];
    for (byte, at) in sha256.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(name.get(at..at + 2)?, 16).ok()?;
    }
    Some(sha256)
}

/// A failed fsync: what was written may be gone, and a second fsync would not tell.
fn flush_failed(error: &std::io::Error) -> EngineError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return io(error);
    }
    EngineError::Stopped("flush of a content file failed".to_owned())
}

/// Flushes a directory's entries.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).map_err(|e| io(&e))?.sync_all().map_err(|e| flush_failed(&e))
}
