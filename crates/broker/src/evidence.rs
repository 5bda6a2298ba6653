//! What is known of damage to the data: found at start, once a day, or by command, and kept until a person has dealt with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the file in the data directory that remembers what was found.
pub const FILE: &str = "damage.json";
/// Hours between two examinations of everything.
pub const EVERY_HOURS: u64 = 24;
/// Findings that are remembered; the rest is counted.
pub const REMEMBERED_MAX: usize = 100;

/// Something that is not as the exchange wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Where.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What an operator can do.
    pub advice: String,
    /// When it was found.
    pub found_at: Timestamp,
}

/// Examines everything: what is wrong.
pub type Examine = Arc<dyn Fn() -> Vec<Damage> + Send + Sync>;

/// The state of the evidence.
#[derive(Default)]
pub struct Evidence {
    path: PathBuf,
    known: Mutex<Known>,
    examine: OnceLock<Examine>,
}

#[derive(Default)]
struct Known {
    damage: Vec<Damage>,
    examined_at: Option<Timestamp>,
}

impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evidence").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Evidence {
    /// What is remembered in a data directory.
    pub fn read(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let unreadable = || {
            vec![Damage {
                place: FILE.to_owned(),
                what: "what was found to be damaged can't be read".to_owned(),
                advice: "causeway verify --data DIR says what is damaged".to_owned(),
                found_at: Timestamp::UNIX_EPOCH,
            }]
        };
        let damage = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|_| unreadable()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(_) => unreadable(),
        };
        let known = Known { damage, examined_at: None };
        Self { path, known: Mutex::new(known), examine: OnceLock::new() }
    }

    /// Says how everything is examined. Once.
    pub fn examine_with(&self, examine: Examine) {
        let _ = self.examine.set(examine);
    }

    /// How everything is examined, once it was said.
    pub(crate) fn examine(&self) -> Option<Examine> {
        self.examine.get().cloned()
    }

    /// What is known, and when everything was last examined.
    pub fn known(&self) -> (Vec<Damage>, Option<Timestamp>) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (known.damage.clone(), known.examined_at)
    }

    /// Remembers what was found, also over a restart.
    pub fn found(&self, damage: Vec<Damage>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.damage.len();
        for one in damage {
            let new = !known.damage.iter().any(|k| k.place == one.place && k.what == one.what);
            if new {
                tracing::error!(
                    place = one.place,
                    what = one.what,
                    advice = one.advice,
                    "the data are damaged"
                );
                if known.damage.len() < REMEMBERED_MAX {
                    known.damage.push(one);
                }
            }
        }
        if known.damage.len() > before {
            let text = serde_json::to_vec_pretty(&known.damage).unwrap_or_default();
            if let Err(error) = std::fs::write(&self.path, text) {
                tracing::error!(kind = ?error.kind(), "what is damaged could not be remembered");
            }
        }
    }

    pub(crate) fn examined(&self, at: Timestamp) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).examined_at = Some(at);
    }
}

/// Forgets what was found in a data directory: a person has dealt with it.
///
/// # Errors
/// The file can't be removed.
pub fn forget(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(directory.join(FILE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Forgets what was found of the record, which was made anew.
///
/// # Errors
/// The file can't be written.
pub fn forget_record(directory: &Path) -> std::io::Result<()> {
    let (damage, _) = Evidence::read(directory).known();
    let left: Vec<Damage> = damage.into_iter().filter(|one| !one.advice.contains("rebuild-record")).collect();
    if left.is_empty() {
        return forget(directory);
    }
    std::fs::write(directory.join(FILE), serde_json::to_vec_pretty(&left)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_and_can_not_be_read_is_damage_and_what_was_never_written_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Evidence::read(folder.path()).known().0, []);
        std::fs::write(folder.path().join(FILE), "{").expect("written");
        assert_eq!(Evidence::read(folder.path()).known().0.len(), 1);
        std::fs::remove_file(folder.path().join(FILE)).expect("removed");
        // A folder of that name can be read by nobody as a file.
        std::fs::create_dir(folder.path().join(FILE)).expect("made");
        assert_eq!(Evidence::read(folder.path()).known().0.len(), 1);
    }
}
