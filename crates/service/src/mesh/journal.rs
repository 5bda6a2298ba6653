//! Used tokens in this process and in a file beside the data, for an exchange of one process: a request costs no
//! flush for its token. A crash of the process forgets nothing; a power cut may forget the last second's.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;

use super::limits::{TOKEN_WINDOW_HOURS, TOKENS_BETWEEN_PRUNES};

/// Bytes of a record: the token's minute and the first eight bytes of its digest, big-endian.
const RECORD: usize = 16;
/// Records after which the file is written anew without the old ones.
const RECORDS_MAX: usize = 4_000_000;
/// Time between two flushes.
const FLUSH: Duration = Duration::from_secs(1);

/// The journal.
pub(super) struct Journal {
    inner: Mutex<Inner>,
}

struct Inner {
    path: PathBuf,
    file: File,
    /// Minute of the token's time → digests. A token is good for two hours around its time only.
    seen: BTreeMap<i64, HashSet<u64>>,
    records: usize,
    since_prune: usize,
    dirty: bool,
}

impl Journal {
    /// Opens the journal and reads what of it still counts.
    pub(super) fn open(path: &Path, now: Timestamp) -> io::Result<Arc<Self>> {
        let mut seen: BTreeMap<i64, HashSet<u64>> = BTreeMap::new();
        let old = match fs::read(path) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        // A record that a crash cut short is the last one, and what it was for was never answered.
        for record in old.chunks_exact(RECORD) {
            let (minute, digest) = record.split_at(8);
            let minute = i64::from_be_bytes(minute.try_into().unwrap_or_default());
            seen.entry(minute).or_default().insert(u64::from_be_bytes(digest.try_into().unwrap_or_default()));
        }
        prune(&mut seen, now);
        let (file, records) = rewrite(path, &seen)?;
        let inner = Inner { path: path.to_owned(), file, seen, records, since_prune: 0, dirty: false };
        let journal = Arc::new(Self { inner: Mutex::new(inner) });
        let weak = Arc::downgrade(&journal);
        std::thread::Builder::new().name("mesh-tokens".to_owned()).spawn(move || flush(&weak))?;
        Ok(journal)
    }

    /// Uses a token; `false` where it was used before.
    pub(super) fn spend(&self, digest: &[u8; 32], at: Timestamp) -> io::Result<bool> {
        let start = digest.first_chunk::<8>().copied().unwrap_or_default();
        let digest = u64::from_be_bytes(start);
        let minute = at.as_second().div_euclid(60);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.seen.entry(minute).or_default().insert(digest) {
            return Ok(false);
        }
        let mut record = [0; RECORD];
        for (room, byte) in record.iter_mut().zip(minute.to_be_bytes().into_iter().chain(start)) {
            *room = byte;
        }
        inner.file.write_all(&record)?;
        inner.dirty = true;
        inner.records += 1;
        inner.since_prune += 1;
        if inner.since_prune > TOKENS_BETWEEN_PRUNES {
            inner.since_prune = 0;
            prune(&mut inner.seen, Timestamp::now());
        }
        if inner.records > RECORDS_MAX {
            let (file, records) = rewrite(&inner.path, &inner.seen)?;
            inner.file = file;
            // What is left counts anew, so that a full window doesn't mean writing the file at every request.
            inner.records = records.min(RECORDS_MAX / 2);
        }
        Ok(true)
    }
}

/// Forgets tokens whose time is outside the window for good.
fn prune(seen: &mut BTreeMap<i64, HashSet<u64>>, now: Timestamp) {
    let oldest = now.as_second().div_euclid(60) - TOKEN_WINDOW_HOURS * 60 - 1;
    *seen = seen.split_off(&oldest);
}

fn rewrite(path: &Path, seen: &BTreeMap<i64, HashSet<u64>>) -> io::Result<(File, usize)> {
    let fresh = path.with_extension("new");
    let mut bytes = Vec::new();
    for (minute, digests) in seen {
        for digest in digests {
            bytes.extend_from_slice(&minute.to_be_bytes());
            bytes.extend_from_slice(&digest.to_be_bytes());
        }
    }
    let mut file = File::create(&fresh)?;
    file.write_all(&bytes)?;
    file.sync_data()?;
    fs::rename(&fresh, path)?;
    Ok((OpenOptions::new().append(true).open(path)?, bytes.len() / RECORD))
}

fn flush(journal: &Weak<Journal>) {
    loop {
        std::thread::sleep(FLUSH);
        let Some(journal) = journal.upgrade() else { return };
        let file = {
            let mut inner = journal.inner.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut inner.dirty).then(|| inner.file.try_clone())
        };
        // Outside the lock: nobody waits for the disk.
        if let Some(Err(error)) = file.map(|f| f.and_then(|f| f.sync_data())) {
            tracing::error!(kind = ?error.kind(), "token journal not flushed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_tokens_stay_used_over_a_restart() {
        let path = std::env::temp_dir().join(format!("causeway-mesh-journal-{}", std::process::id()));
        let now = Timestamp::now();
        let old = now.saturating_add(jiff::SignedDuration::from_hours(-3)).expect("a time");
        {
            let journal = Journal::open(&path, now).expect("opens");
            assert!(journal.spend(&[1; 32], now).expect("written"));
            assert!(!journal.spend(&[1; 32], now).expect("written"));
            assert!(journal.spend(&[2; 32], old).expect("written"));
        }
        // A torn record at the end does no harm.
        OpenOptions::new().append(true).open(&path).and_then(|mut f| f.write_all(&[7; 5])).expect("written");
        let journal = Journal::open(&path, now).expect("opens");
        assert!(!journal.spend(&[1; 32], now).expect("written"));
        assert!(journal.spend(&[3; 32], now).expect("written"));
        assert!(!journal.inner.lock().expect("not poisoned").seen.contains_key(&(old.as_second() / 60)));
        fs::remove_file(path).expect("removed");
    }
}
