//! Comparing a database's pages with their seals, from the files alone.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use crate::log::{Log, log_path};
use crate::pages::{Head, boot, page_sum, seal_path, sum_place};
use crate::{Key, Result, SealError, Sum};

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Pages compared.
    pub pages: u32,
    /// Pages that differ from their seal.
    pub wrong: Vec<u32>,
    /// Where commits of the write-ahead log that were sealed are no longer there: frames of it that hold, of those sealed.
    pub log: Option<(u32, u32)>,
    /// Committed frames of the write-ahead log that have no seal yet. Only the log's own checksums hold them, so that another
    /// program that copies them into the database can't be told from one that changed it.
    pub unsealed: u32,
}

impl Checked {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty() && self.log.is_none()
    }
}

/// Compares every page of a database that nobody writes with its seal. `None` where there is no seal file.
///
/// # Errors
/// Files can't be read, or the key did not make the seal file.
pub fn check(database: &Path, key: &Key) -> Result<Option<Checked>> {
    let path = seal_path(database);
    let seals = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SealError::of(&path)(error)),
    };
    let head = Head::read(&seals, key).map_err(SealError::of(&path))?;
    let head = head.ok_or_else(|| {
        SealError::Damaged(path.file_name().unwrap_or_default().to_string_lossy().into_owned())
    })?;
    let file = File::open(database).map_err(SealError::of(database))?;
    compare(database, &file, &seals, &head, key).map(Some).map_err(SealError::of(database))
}

/// The same of a database that may be written meanwhile: what differs is looked at again until it settles.
///
/// # Errors
/// As [`check`].
pub fn check_settling(database: &Path, key: &Key) -> Result<Option<Checked>> {
    let mut found = check(database, key)?;
    for _ in 0..SETTLING {
        if found.as_ref().is_none_or(Checked::is_clean) {
            break;
        }
        let before = written(database);
        std::thread::sleep(PAUSE);
        if written(database) == before {
            // Nobody writes: what differs will go on differing.
            break;
        }
        let again = check(database, key)?;
        found = found.zip(again).map(|(before, mut now)| {
            now.wrong.retain(|page| before.wrong.contains(page));
            now.log = now.log.filter(|_| before.log.is_some());
            now
        });
    }
    Ok(found)
}

/// When the files of a database were last written, and their lengths.
fn written(database: &Path) -> Vec<(u64, Option<std::time::SystemTime>)> {
    let paths = [database.to_owned(), log_path(database), seal_path(database)];
    let facts = paths.iter().map(|path| std::fs::metadata(path).ok());
    facts.map(|facts| facts.map_or((0, None), |f| (f.len(), f.modified().ok()))).collect()
}

/// Times that differing pages of a database that is being written are looked at again.
const SETTLING: usize = 6;
/// Pause between two looks; longer than seals lag behind commits.
const PAUSE: Duration = Duration::from_millis(700);

fn compare(database: &Path, file: &File, seals: &File, head: &Head, key: &Key) -> io::Result<Checked> {
    let log = Log::open(&log_path(database))?;
    let (frames, after) = match &log {
        Some(log) => log.valid()?,
        None => (Vec::new(), 0),
    };
    let same = log.as_ref().is_some_and(|log| log.salt == head.salt);
    // Of another start of the machine, what was sealed without a flush may be lost; the log's own checksums remain.
    let strict = head.boot == boot() && head.boot != [0; 8];
    // The last frame of each page, from 1.
    let last: HashMap<u32, u32> = frames.iter().copied().zip(1..).collect();
    let pages = if frames.is_empty() { head.pages } else { after.min(head.pages) };
    let size = head.page_size as usize;
    let (mut content, mut sum) = (vec![0; size], Sum::default());
    let mut checked = Checked { pages, ..Checked::default() };
    for page in 1..=pages {
        let read = match (last.get(&page), &log) {
            // Committed after what was sealed: the log's own checksums hold it.
            (Some(frame), _) if !same || !strict || *frame > head.frames => continue,
            (Some(frame), Some(log)) => log.page(*frame, &mut content),
            _ if head.is_lock_page(page) => continue,
            _ => file.read_exact_at(&mut content, u64::from(page - 1) * size as u64),
        };
        let sealed = seals.read_exact_at(&mut sum, sum_place(page));
        if read.is_err() || sealed.is_err() || page_sum(key, page, &content) != sum {
            checked.wrong.push(page);
        }
    }
    let held = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    checked.unsealed = if same { held.saturating_sub(head.frames) } else { held };
    if same && held < head.frames {
        checked.log = Some((held, head.frames));
    } else if !same && log.is_none() && head.frames > 0 && !checked.wrong.is_empty() {
        checked.log = Some((0, head.frames));
    }
    Ok(checked)
}
