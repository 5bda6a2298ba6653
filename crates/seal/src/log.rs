//! The write-ahead log of a database, read as its format has it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use std::os::unix::fs::FileExt as _;

/// Bytes of the log's header.
const HEADER: usize = 32;
/// Bytes of a frame's header.
const FRAME: usize = 24;
/// The log's first four bytes, but for the last bit: it says in which order checksums read their words.
const MAGIC: u32 = 0x377f_0682;

/// Path of a database's log.
pub(crate) fn log_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// What a log's header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Salt(pub(crate) [u8; 8]);

/// A frame's header.
pub(crate) struct Frame {
    pub(crate) page: u32,
    /// Pages of the database after the commit that this frame ends; 0 within one.
    pub(crate) pages: u32,
    pub(crate) salt: Salt,
}

/// An open log.
pub(crate) struct Log {
    file: File,
    header: [u8; HEADER],
    pub(crate) page_size: usize,
    pub(crate) salt: Salt,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn salt(bytes: &[u8], at: usize) -> Salt {
    Salt(bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).unwrap_or_default())
}

impl Log {
    /// Opens a log; `None` where there is none or nothing is in it.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        match file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let page_size = match word(&header, 8) {
            1 => 65_536,
            size => size as usize,
        };
        if word(&header, 0) & !1 != MAGIC || !page_size.is_power_of_two() || page_size < 512 {
            return Ok(None);
        }
        Ok(Some(Self { salt: salt(&header, 16), file, header, page_size }))
    }

    fn place(&self, frame: u32) -> u64 {
        HEADER as u64 + u64::from(frame - 1) * (FRAME + self.page_size) as u64
    }

    /// The header of a frame (from 1).
    pub(crate) fn frame(&self, frame: u32) -> io::Result<Frame> {
        let mut bytes = [0; FRAME];
        self.file.read_exact_at(&mut bytes, self.place(frame))?;
        Ok(Frame { page: word(&bytes, 0), pages: word(&bytes, 4), salt: salt(&bytes, 8) })
    }

    /// The page in a frame (from 1).
    pub(crate) fn page(&self, frame: u32, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, self.place(frame) + FRAME as u64)
    }

    /// Every committed frame whose checksums hold, in order: what SQLite reads of a log after a crash. The frames' pages,
    /// and the pages of the database after the last commit.
    pub(crate) fn valid(&self) -> io::Result<(Vec<u32>, u32)> {
        let big = self.header.first_chunk::<4>().is_some_and(|magic| magic[3] & 1 == 1);
        let mut sums = (0, 0);
        checksum(big, &mut sums, self.header.get(..24).unwrap_or_default());
        if sums != (word(&self.header, 24), word(&self.header, 28)) {
            return Ok((Vec::new(), 0));
        }
        let mut bytes = vec![0; FRAME + self.page_size];
        let (mut found, mut committed, mut pages) = (Vec::new(), 0, 0);
        for frame in 1.. {
            match self.file.read_exact_at(&mut bytes, self.place(frame)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            let (head, page) = bytes.split_at(FRAME);
            checksum(big, &mut sums, head.get(..8).unwrap_or_default());
            checksum(big, &mut sums, page);
            if salt(head, 8) != self.salt || sums != (word(head, 16), word(head, 20)) || word(head, 0) == 0 {
                break;
            }
            found.push(word(head, 0));
            if word(head, 4) > 0 {
                committed = found.len();
                pages = word(head, 4);
            }
        }
        found.truncate(committed);
        Ok((found, pages))
    }
}

/// The log's checksum, carried on: two sums over pairs of words.
fn checksum(big: bool, sums: &mut (u32, u32), bytes: &[u8]) {
    let read = |four: &[u8]| {
        let four = four.try_into().unwrap_or_default();
        if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    for pair in bytes.chunks_exact(8) {
        let (first, second) = pair.split_at(4);
        sums.0 = sums.0.wrapping_add(read(first)).wrapping_add(sums.1);
        sums.1 = sums.1.wrapping_add(read(second)).wrapping_add(sums.0);
    }
}
