//! The seal file of a database: a keyed digest of each of its pages, as they are after the last commit that was sealed.
//!
//! Pages are sealed from the write-ahead log, before the log is copied back: so a page of the database file either stands
//! in the log, which has checksums of its own, or has the digest that its seal says. [`Pages::keep_up`] seals what was
//! committed since; [`Pages::hold`] does so, flushes, and keeps everybody else from it while the log is copied back.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::Digest as _;

use crate::log::{Log, Salt, log_path};
use crate::{Key, Result, SealError, Sum};

/// Bytes of the seal file's header.
pub(crate) const HEADER: usize = 64;
/// The file's first bytes.
const MAGIC: [u8; 8] = *b"CWSEAL1\n";
/// What a page's digest says that it is of.
const PAGE: [u8; 4] = *b"page";
/// What the header's digest says that it is of.
const HEAD: [u8; 4] = *b"head";
/// Bytes of a digest.
pub(crate) const SUM: usize = 16;
/// The byte on whose page SQLite keeps its locks: the page is never written.
const LOCK_BYTE: u64 = 0x4000_0000;

/// Path of a database's seal file.
#[must_use]
pub fn seal_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-seal");
    name.into()
}

/// What the header of a seal file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) page_size: u32,
    /// Pages of the database.
    pub(crate) pages: u32,
    /// The log from which was sealed last, and up to which of its frames.
    pub(crate) salt: Salt,
    pub(crate) frames: u32,
    /// The start of the machine in which it was written: what was written since without a flush is there in that one only.
    pub(crate) boot: [u8; 8],
}

/// Which start of the machine this is; zeros where the system does not say.
pub(crate) fn boot() -> [u8; 8] {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if text.is_empty() {
        return [0; 8];
    }
    sha2::Sha256::digest(&text).first_chunk().copied().unwrap_or_default()
}

impl Head {
    fn bytes(&self, key: &Key) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let said = MAGIC
            .into_iter()
            .chain(self.page_size.to_be_bytes())
            .chain(self.pages.to_be_bytes())
            .chain(self.salt.0)
            .chain(self.frames.to_be_bytes())
            .chain(self.boot);
        bytes.iter_mut().zip(said).for_each(|(room, byte)| *room = byte);
        let (text, sum) = bytes.split_at_mut(HEADER - SUM);
        sum.copy_from_slice(&key.sum(HEAD, 0, text));
        bytes
    }

    /// Reads the header of a seal file; `None` where the key did not make it.
    pub(crate) fn read(file: &File, key: &Key) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let word =
            |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        let head = Self {
            page_size: word(8),
            pages: word(12),
            salt: Salt(bytes.get(16..24).and_then(|b| b.try_into().ok()).unwrap_or_default()),
            frames: word(24),
            boot: bytes.get(28..36).and_then(|b| b.try_into().ok()).unwrap_or_default(),
        };
        let good = head.page_size.is_power_of_two() && head.page_size >= 512 && head.bytes(key) == bytes;
        Ok(good.then_some(head))
    }

    /// Whether a page is never written.
    pub(crate) fn is_lock_page(&self, page: u32) -> bool {
        self.page_size > 0 && LOCK_BYTE / u64::from(self.page_size) + 1 == u64::from(page)
    }
}

/// Where a page's digest is in the seal file.
pub(crate) fn sum_place(page: u32) -> u64 {
    HEADER as u64 + u64::from(page - 1) * SUM as u64
}

/// A page's digest.
pub(crate) fn page_sum(key: &Key, page: u32, content: &[u8]) -> Sum {
    key.sum(PAGE, page.into(), content)
}

/// Seals the pages of one open database. Its caller is the one that copies the log back.
#[derive(Debug)]
pub struct Pages {
    database: PathBuf,
    key: Key,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    head: Head,
    /// Pages that stand in the log, and the last of their frames.
    logged: HashMap<u32, u32>,
}

/// Keeps others from sealing and copying while it lives.
#[derive(Debug)]
pub struct Held<'a>(MutexGuard<'a, Inner>);

impl Held<'_> {
    /// Frames of the log that are sealed.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.0.head.frames
    }
}

impl Pages {
    /// Opens the seal file of an open database, which is made and filled where there is none. `frames` says how many
    /// committed frames the log has; `file` is the database's file.
    ///
    /// # Errors
    /// Files can't be read or written, or the seal file was not made with this key.
    pub fn open(database: &Path, file: &File, key: Key, frames: impl Fn() -> Option<u32>) -> Result<Self> {
        let path = seal_path(database);
        let fresh = !path.exists();
        let seals = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(SealError::of(&path))?;
        let head = if fresh {
            seal_file(&seals, file, &key).map_err(SealError::of(&path))?
        } else {
            let head = Head::read(&seals, &key).map_err(SealError::of(&path))?;
            head.ok_or_else(|| SealError::Damaged(name(&path)))?
        };
        let inner =
            Inner { file: seals, head: Head { frames: 0, boot: boot(), ..head }, logged: HashMap::new() };
        let pages = Self { database: database.to_owned(), key, inner: Mutex::new(inner) };
        pages.keep_up(frames)?;
        let inner = pages.lock();
        // What the header says is written also where nothing was new.
        inner.write_head(&pages.key).and_then(|()| inner.file.sync_data()).map_err(SealError::of(&path))?;
        drop(inner);
        Ok(pages)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals what was committed since. `frames` is asked how many committed frames the log has (`PRAGMA
    /// wal_checkpoint(NOOP)`); where it does not know, nothing is done.
    ///
    /// # Errors
    /// Files can't be read or written.
    pub fn keep_up(&self, frames: impl Fn() -> Option<u32>) -> Result<()> {
        let mut inner = self.lock();
        self.catch_up(&mut inner, &frames)
    }

    /// Seals what was committed since, flushes the seals, and keeps all others from sealing while the answer lives: the
    /// caller may now copy the log back, up to the frames sealed.
    ///
    /// # Errors
    /// As [`Pages::keep_up`].
    pub fn hold(&self, frames: impl Fn() -> Option<u32>) -> Result<Held<'_>> {
        let mut inner = self.lock();
        self.catch_up(&mut inner, &frames)?;
        inner.file.sync_data().map_err(SealError::of(&seal_path(&self.database)))?;
        Ok(Held(inner))
    }

    /// The same, or `None` where somebody else seals or copies just now.
    ///
    /// # Errors
    /// As [`Pages::keep_up`].
    pub fn try_hold(&self, frames: impl Fn() -> Option<u32>) -> Result<Option<Held<'_>>> {
        let Ok(mut inner) = self.inner.try_lock() else { return Ok(None) };
        self.catch_up(&mut inner, &frames)?;
        inner.file.sync_data().map_err(SealError::of(&seal_path(&self.database)))?;
        Ok(Some(Held(inner)))
    }

    fn catch_up(&self, inner: &mut Inner, frames: &dyn Fn() -> Option<u32>) -> Result<()> {
        let path = log_path(&self.database);
        for _ in 0..LOOKS {
            let before = Log::open(&path).map_err(SealError::of(&path))?;
            let Some(count) = frames() else { return Ok(()) };
            let Some(log) = Log::open(&path).map_err(SealError::of(&path))? else { return Ok(()) };
            if before.is_some_and(|before| before.salt == log.salt) {
                return inner.seal(&log, count, &self.key).map_err(SealError::of(&path));
            }
            // The log began anew in between: the count may be of either.
        }
        Ok(())
    }

    /// Reads every page and compares it with its seal: those that differ. In stretches, so that commits and copies of the
    /// log wait for one stretch at most. `file` is the database's file.
    ///
    /// # Errors
    /// Files can't be read.
    pub fn check(&self, file: &File, frames: impl Fn() -> Option<u32>) -> Result<Vec<u32>> {
        let mut wrong = Vec::new();
        let mut from = 1u32;
        loop {
            let mut inner = self.lock();
            self.catch_up(&mut inner, &frames)?;
            let until = from.saturating_add(STRETCH).min(inner.head.pages.saturating_add(1));
            if from >= until {
                return Ok(wrong);
            }
            let found = inner.differing(file, &self.key, from..until);
            wrong.extend(found.map_err(SealError::of(&self.database))?);
            from = until;
        }
    }
}

/// Times that the log is looked at for a count that is of one generation.
const LOOKS: usize = 8;
/// Pages compared at a time.
const STRETCH: u32 = 2_048;

fn name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Seals every page of a database's file.
fn seal_file(seals: &File, file: &File, key: &Key) -> io::Result<Head> {
    let mut header = [0; 100];
    let page_size = match file.read_exact_at(&mut header, 0) {
        Ok(()) => match u32::from(u16::from_be_bytes([header[16], header[17]])) {
            1 => 65_536,
            size => size,
        },
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 4_096,
        Err(error) => return Err(error),
    };
    let pages = file.metadata()?.len() / u64::from(page_size.max(512));
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    let mut content = vec![0; page_size as usize];
    for page in 1..=pages {
        file.read_exact_at(&mut content, u64::from(page - 1) * u64::from(page_size))?;
        seals.write_all_at(&page_sum(key, page, &content), sum_place(page))?;
    }
    Ok(Head { page_size, pages, ..Head::default() })
}

impl Inner {
    fn write_head(&self, key: &Key) -> io::Result<()> {
        self.file.write_all_at(&self.head.bytes(key), 0)
    }

    fn seal(&mut self, log: &Log, count: u32, key: &Key) -> io::Result<()> {
        let from = if log.salt == self.head.salt { self.head.frames } else { 0 };
        if from == 0 {
            self.logged.clear();
        }
        let mut fresh: HashMap<u32, u32> = HashMap::new();
        let mut pages = self.head.pages;
        let mut last = from;
        for number in from + 1..=count {
            let frame = log.frame(number)?;
            if frame.salt != log.salt {
                break;
            }
            fresh.insert(frame.page, number);
            if frame.pages > 0 {
                pages = frame.pages;
            }
            last = number;
        }
        if last == from {
            return Ok(());
        }
        let mut content = vec![0; log.page_size];
        for (page, number) in &fresh {
            log.page(*number, &mut content)?;
            self.file.write_all_at(&page_sum(key, *page, &content), sum_place(*page))?;
        }
        self.logged.extend(fresh);
        let page_size = u32::try_from(log.page_size).unwrap_or(self.head.page_size);
        self.head = Head { page_size, pages, salt: log.salt, frames: last, boot: self.head.boot };
        self.write_head(key)
    }

    fn differing(&self, file: &File, key: &Key, pages: std::ops::Range<u32>) -> io::Result<Vec<u32>> {
        let size = self.head.page_size as usize;
        let (mut content, mut sum) = (vec![0; size], Sum::default());
        let mut wrong = Vec::new();
        for page in pages {
            // What stands in the log is read from there, and the log has checksums.
            if self.logged.contains_key(&page) || self.head.is_lock_page(page) {
                continue;
            }
            let read = file.read_exact_at(&mut content, u64::from(page - 1) * size as u64);
            let sealed = self.file.read_exact_at(&mut sum, sum_place(page));
            if read.is_err() || sealed.is_err() || page_sum(key, page, &content) != sum {
                wrong.push(page);
            }
        }
        Ok(wrong)
    }
}
