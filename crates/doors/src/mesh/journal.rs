//! Used tokens in this process and in a file beside the data, for an exchange of one process: a request costs no
//! flush for its token, and a used token stays used all the same.
//!
//! * A crash of the process forgets nothing: the file holds what was written to it.
//! * A power cut may forget what was not flushed. So the file says, flushed beforehand, up to which minute tokens may
//!   have been used without a flush of their own (the *reach*; moved on once a minute). After another start of the
//!   machine every token of a time up to the reach is refused: which of them were used is not known. A client whose
//!   clock is right is let in again within [`REACH_MINUTES`] and the minute begun, from the cut on.
//! * A token of a time beyond the reach (the client's clock is fast) is flushed before its request goes on.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::limits::{TOKEN_WINDOW_HOURS, TOKENS_BETWEEN_PRUNES};

/// Bytes of a record: the token's minute and the first eight bytes of its digest, big-endian.
const RECORD: usize = 16;
/// In the place of the minute: the record holds the start of the machine in which the file was written.
const BOOT: i64 = i64::MIN;
/// In the place of the minute: the record holds the minute up to which tokens are not flushed one by one.
const REACH: i64 = i64::MIN + 1;
/// In the place of the minute: the record holds the minute up to which every token is refused.
const REFUSED: i64 = i64::MIN + 2;
/// Records after which the file is written anew without the old ones.
const RECORDS_MAX: usize = 4_000_000;
/// Minutes that the reach is moved ahead of the time.
const REACH_MINUTES: i64 = 2;
/// Time between two looks at the reach; well under the minute that is always left of it.
const LOOK: Duration = Duration::from_secs(5);

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was good, and is used from now on.
    Now,
    /// It was used before.
    Before,
    /// A power cut took the knowledge whether it was used.
    Unknown,
}

/// The journal.
pub(super) struct Journal {
    inner: Mutex<Inner>,
}

struct Inner {
    path: PathBuf,
    file: File,
    known: Known,
    records: usize,
    since_prune: usize,
    /// A write failed half-way: the file must be written anew before the next record.
    broken: bool,
}

/// What the file says.
#[derive(Debug, Default)]
struct Known {
    /// Minute of the token's time → digests. A token is good for two hours around its time only.
    seen: BTreeMap<i64, HashSet<u64>>,
    boot: Option<u64>,
    reach: Option<i64>,
    refused: Option<i64>,
}

impl Known {
    fn read(bytes: &[u8]) -> Self {
        let mut known = Self::default();
        // A record that a crash cut short is the last one, and what it was for was never answered.
        for record in bytes.chunks_exact(RECORD) {
            let (minute, value) = record.split_at(8);
            let minute = i64::from_be_bytes(minute.try_into().unwrap_or_default());
            let value = u64::from_be_bytes(value.try_into().unwrap_or_default());
            match minute {
                BOOT => known.boot = Some(value),
                REACH => known.reach = known.reach.max(Some(value.cast_signed())),
                REFUSED => known.refused = known.refused.max(Some(value.cast_signed())),
                minute => {
                    known.seen.entry(minute).or_default().insert(value);
                }
            }
        }
        known
    }

    /// Draws the consequence where the machine has started anew since.
    fn start(&mut self, boot: Option<u64>, now: i64) {
        if boot.is_none() || self.boot != boot {
            // A file of before there was a reach: its tokens' times, as far as they have come.
            let newest = self.seen.keys().next_back().map(|newest| (*newest).min(now));
            self.refused = self.refused.max(self.reach.or(newest));
        }
        self.boot = boot;
        self.reach = self.reach.max(Some(now + REACH_MINUTES));
    }

    /// Forgets tokens whose time is outside the window for good.
    fn prune(&mut self, now: i64) {
        self.seen = self.seen.split_off(&(now - TOKEN_WINDOW_HOURS * 60 - 1));
    }

    fn bytes(&self) -> Vec<u8> {
        let marks = [
            (BOOT, self.boot),
            (REACH, self.reach.map(i64::cast_unsigned)),
            (REFUSED, self.refused.map(i64::cast_unsigned)),
        ];
        let marks = marks.into_iter().filter_map(|(mark, value)| Some(record(mark, value?)));
        let tokens =
            self.seen.iter().flat_map(|(minute, digests)| digests.iter().map(|d| record(*minute, *d)));
        marks.chain(tokens).flatten().collect()
    }
}

fn record(minute: i64, value: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let bytes = minute.to_be_bytes().into_iter().chain(value.to_be_bytes());
    record.iter_mut().zip(bytes).for_each(|(room, byte)| *room = byte);
    record
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// Which start of the machine this is; `None` where the system doesn't say.
fn boot() -> Option<u64> {
    let text = fs::read("/proc/sys/kernel/random/boot_id").ok().filter(|text| !text.is_empty())?;
    Sha256::digest(&text).first_chunk::<8>().map(|start| u64::from_be_bytes(*start))
}

impl Journal {
    /// Opens the journal and reads what of it still counts.
    pub(super) fn open(path: &Path, now: Timestamp, lost: bool) -> io::Result<Arc<Self>> {
        Self::open_in(path, now, boot(), lost)
    }

    /// `lost`: there was a file, and it is gone. Which tokens were used is not known then, so that all that clients with a
    /// right clock can have made are refused.
    fn open_in(path: &Path, now: Timestamp, boot: Option<u64>, lost: bool) -> io::Result<Arc<Self>> {
        let old = match fs::read(path) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut known = Known::read(&old);
        known.prune(minute_of(now));
        known.start(boot, minute_of(now));
        if lost {
            known.refused = known.refused.max(Some(minute_of(now) + REACH_MINUTES));
        }
        let (file, records) = rewrite(path, &known)?;
        let inner = Inner { path: path.to_owned(), file, known, records, since_prune: 0, broken: false };
        let journal = Arc::new(Self { inner: Mutex::new(inner) });
        let weak = Arc::downgrade(&journal);
        std::thread::Builder::new().name("mesh-tokens".to_owned()).spawn(move || keep_ahead(&weak))?;
        Ok(journal)
    }

    /// Uses a token.
    pub(super) fn spend(&self, digest: &[u8; 32], at: Timestamp) -> io::Result<Spent> {
        let digest = u64::from_be_bytes(digest.first_chunk::<8>().copied().unwrap_or_default());
        let minute = minute_of(at);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if Some(minute) <= inner.known.refused {
            return Ok(Spent::Unknown);
        }
        if !inner.known.seen.entry(minute).or_default().insert(digest) {
            return Ok(Spent::Before);
        }
        inner.append(record(minute, digest))?;
        if Some(minute) > inner.known.reach {
            inner.file.sync_data()?;
        }
        inner.since_prune += 1;
        if inner.since_prune > TOKENS_BETWEEN_PRUNES {
            inner.since_prune = 0;
            inner.known.prune(minute_of(Timestamp::now()));
        }
        Ok(Spent::Now)
    }

    /// Moves the reach ahead of the time, where it is near.
    fn reach(&self, now: Timestamp) -> io::Result<()> {
        let ahead = minute_of(now) + REACH_MINUTES;
        let file = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.known.reach >= Some(ahead) {
                return Ok(());
            }
            inner.append(record(REACH, ahead.cast_unsigned()))?;
            inner.file.try_clone()?
        };
        // Outside the lock: nobody waits for the disk. It counts only when it is there.
        file.sync_data()?;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.known.reach = inner.known.reach.max(Some(ahead));
        Ok(())
    }
}

impl Inner {
    fn append(&mut self, record: [u8; RECORD]) -> io::Result<()> {
        if self.broken || self.records > RECORDS_MAX {
            let (file, records) = rewrite(&self.path, &self.known)?;
            self.file = file;
            // What is left counts anew, so that a full window doesn't mean writing the file at every request.
            self.records = records.min(RECORDS_MAX / 2);
            self.broken = false;
        }
        self.broken = true;
        self.file.write_all(&record)?;
        self.broken = false;
        self.records += 1;
        Ok(())
    }
}

/// Writes the file anew and flushes it, with its name.
fn rewrite(path: &Path, known: &Known) -> io::Result<(File, usize)> {
    let fresh = path.with_extension("new");
    let bytes = known.bytes();
    let mut file = File::create(&fresh)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok((OpenOptions::new().append(true).open(path)?, bytes.len() / RECORD))
}

fn keep_ahead(journal: &Weak<Journal>) {
    loop {
        std::thread::sleep(LOOK);
        let Some(journal) = journal.upgrade() else { return };
        if let Err(error) = journal.reach(Timestamp::now()) {
            // Tokens beyond the reach are then flushed one by one, or refused where that fails too.
            tracing::error!(kind = ?error.kind(), "token journal not flushed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("causeway-mesh-journal-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("tokens")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn later(now: Timestamp, minutes: i64) -> Timestamp {
        now.saturating_add(SignedDuration::from_mins(minutes)).expect("a time")
    }

    #[test]
    fn used_tokens_stay_used_over_a_restart() {
        let folder = Folder::new("restart");
        let (path, now) = (folder.file(), Timestamp::now());
        let old = later(now, -180);
        {
            let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
            assert_eq!(journal.spend(&[1; 32], now).expect("written"), Spent::Now);
            assert_eq!(journal.spend(&[1; 32], now).expect("written"), Spent::Before);
            assert_eq!(journal.spend(&[2; 32], old).expect("written"), Spent::Now);
        }
        // A torn record at the end does no harm.
        OpenOptions::new().append(true).open(&path).and_then(|mut f| f.write_all(&[7; 5])).expect("written");
        let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("written"), Spent::Before);
        assert_eq!(journal.spend(&[3; 32], now).expect("written"), Spent::Now);
        let inner = journal.inner.lock().expect("not poisoned");
        assert!(!inner.known.seen.contains_key(&minute_of(old)));
    }

    /// The file as a power cut leaves it: what was flushed, and nothing of what came after.
    #[test]
    fn after_a_power_cut_nothing_that_may_have_been_used_is_good() {
        let folder = Folder::new("cut");
        let (path, now) = (folder.file(), Timestamp::now());
        let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
        let fast = later(now, 30);
        assert_eq!(journal.spend(&[1; 32], fast).expect("flushed"), Spent::Now);
        let flushed = fs::read(&path).expect("a file");
        assert_eq!(journal.spend(&[2; 32], now).expect("written"), Spent::Now);
        journal.reach(later(now, 10)).expect("flushed");
        assert_eq!(journal.spend(&[3; 32], later(now, 11)).expect("written"), Spent::Now);
        let reached = fs::read(&path).expect("a file");
        drop(journal);

        // Cut before the reach was moved: 2 is not in the file, and yet not good again.
        fs::write(&path, &flushed).expect("written");
        for start in [2, 2, 3] {
            // Also over one more restart, and one more cut soon after.
            let journal = Journal::open_in(&path, now, Some(start), false).expect("opens");
            assert_eq!(journal.spend(&[2; 32], now).expect("read"), Spent::Unknown, "start {start}");
            assert_eq!(journal.spend(&[9; 32], later(now, REACH_MINUTES)).expect("read"), Spent::Unknown);
            // One from beyond the reach had its own flush.
            assert_eq!(journal.spend(&[1; 32], fast).expect("read"), Spent::Before);
        }
        let journal = Journal::open_in(&path, later(now, 3), Some(3), false).expect("opens");
        assert_eq!(journal.spend(&[4; 32], later(now, 3)).expect("written"), Spent::Now);
        drop(journal);

        // Cut after it: what the reach covers is refused, what follows is good.
        fs::write(&path, &reached).expect("written");
        let journal = Journal::open_in(&path, later(now, 12), Some(2), false).expect("opens");
        assert_eq!(journal.spend(&[3; 32], later(now, 11)).expect("read"), Spent::Unknown);
        assert_eq!(journal.spend(&[5; 32], later(now, 13)).expect("written"), Spent::Now);
    }

    #[test]
    fn where_the_system_does_not_tell_its_start_every_start_counts_as_one_after_a_power_cut() {
        let folder = Folder::new("untold");
        let (path, now) = (folder.file(), Timestamp::now());
        drop(Journal::open_in(&path, now, None, false).expect("opens"));
        let journal = Journal::open_in(&path, now, None, false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("read"), Spent::Unknown);
    }

    #[test]
    fn a_file_of_before_there_was_a_reach_refuses_what_it_can_not_know() {
        let folder = Folder::new("older");
        let (path, now) = (folder.file(), Timestamp::now());
        fs::write(&path, record(minute_of(now), 7)).expect("written");
        let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("read"), Spent::Unknown);
        assert_eq!(journal.spend(&[1; 32], later(now, 1)).expect("written"), Spent::Now);
    }

    #[test]
    fn a_write_that_failed_leaves_no_half_record() {
        let folder = Folder::new("half");
        let (path, now) = (folder.file(), Timestamp::now());
        let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
        {
            let mut inner = journal.inner.lock().expect("not poisoned");
            inner.file.write_all(&[1; 5]).expect("written");
            inner.broken = true;
        }
        assert_eq!(journal.spend(&[1; 32], now).expect("written"), Spent::Now);
        drop(journal);
        let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("read"), Spent::Before);
    }

    #[test]
    fn a_journal_that_was_removed_lets_no_used_token_in_again() {
        let folder = Folder::new("removed");
        let (path, now) = (folder.file(), Timestamp::now());
        let journal = Journal::open_in(&path, now, Some(1), false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("written"), Spent::Now);
        drop(journal);
        fs::remove_file(&path).expect("removed");
        // The control: a file that nobody misses.
        let control = Folder::new("removed-control");
        let journal = Journal::open_in(&control.file(), now, Some(1), false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("written"), Spent::Now);
        let journal = Journal::open_in(&path, now, Some(1), true).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("read"), Spent::Unknown);
        drop(journal);
        // Also over one more start, and soon good again.
        let journal = Journal::open_in(&path, later(now, 4), Some(1), false).expect("opens");
        assert_eq!(journal.spend(&[1; 32], now).expect("read"), Spent::Unknown);
        assert_eq!(journal.spend(&[2; 32], later(now, 4)).expect("written"), Spent::Now);
    }
}
