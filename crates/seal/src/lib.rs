//! Seals: how it is noticed that a file of data is no longer what the exchange wrote.
//!
//! SQLite finds a tree that is out of order, not a value that another byte has changed. So beside each database there is a
//! *seal file* with a keyed digest of every page ([`Pages`]), and beside the audit trail one with a keyed digest of every
//! entry ([`Chain`]). The key ([`Key`]) has a file of its own, so that whoever can write the database but not read the key
//! can't make a seal for what they wrote.
//!
//! What this does not find: somebody who has the key; and the whole folder put back to an earlier state, all of it. For
//! the second, the head of the audit trail is worth keeping elsewhere (`causeway verify` prints it).
//!
//! Nothing here opens a database: the pages and the write-ahead log are read as the [SQLite file
//! format](https://sqlite.org/fileformat2.html) has them.

mod chain;
mod check;
mod key;
mod log;
mod pages;

pub use chain::Chain;
pub use check::{Checked, check, check_settling};
pub use key::{KEY_FILE, Key};
pub use pages::{Held, Pages, seal_path};

/// Why a seal can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file can't be read or written.
    #[error("{file}: {kind:?}")]
    File {
        /// Its name, without its folder.
        file: String,
        /// What the system says.
        kind: std::io::ErrorKind,
    },
    /// The data are sealed and the key is not beside them.
    #[error(
        "the data are sealed and {KEY_FILE} is missing beside them: put it back from where it is kept, or accept the data as \
         they are with `causeway verify --data DIR --reseal REASON`"
    )]
    NoKey,
    /// A key's file that holds something else.
    #[error("{0} is damaged: it holds the key of the seals, which is 64 hexadecimal digits")]
    NotAKey(String),
    /// A file that is no seal file, or one that the key did not make.
    #[error("{0} is damaged, or was made with another {KEY_FILE}")]
    Damaged(String),
}

impl SealError {
    fn of(path: &std::path::Path) -> impl Fn(std::io::Error) -> Self {
        let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        move |error| Self::File { file: file.clone(), kind: error.kind() }
    }
}

/// Something that is not as the exchange wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: a file, with a page, a row or a message.
    pub place: String,
    /// What is wrong, in plain words without anything of a message.
    pub what: String,
    /// What an operator can do.
    pub advice: &'static str,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(place: impl Into<String>, what: impl Into<String>, advice: &'static str) -> Self {
        Self { place: place.into(), what: what.into(), advice }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Result of working with seals.
pub type Result<T> = std::result::Result<T, SealError>;

/// A keyed digest, cut to 16 bytes.
pub type Sum = [u8; 16];
