//! The export's XML out of the ZIP that a telephone writes, as a stream: entries one after another, without the list at
//! the end. Source: APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.9; RFC 1951.

use std::io::{self, BufRead, Read};

use flate2::bufread::DeflateDecoder;

use crate::limits::{INFLATE_FREE_BYTES, INFLATE_RATIO};

/// Begins each entry.
pub(super) const ENTRY: &[u8; 4] = b"PK\x03\x04";

/// A counted source of compressed bytes.
pub(super) struct Counted<R> {
    inner: R,
    taken: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.taken += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.taken += count as u64;
        self.inner.consume(count);
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn short(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 2).map_or(0, |b| b.iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b)))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(short(bytes, at)) | u64::from(short(bytes, at + 2)) << 16
}

/// One entry that is read: stored or deflated.
pub(super) enum Entry<'r, R: BufRead> {
    Stored(io::Take<&'r mut Counted<R>>),
    Deflated(Box<Inflated<'r, R>>),
}

/// Inflated bytes, no more than a sound file gives for what went in.
pub(super) struct Inflated<'r, R: BufRead> {
    decoder: DeflateDecoder<&'r mut Counted<R>>,
    given: u64,
    began: u64,
}

impl<R: BufRead> Read for Entry<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(bytes) => bytes.read(out),
            Self::Deflated(inflated) => {
                let count = inflated.decoder.read(out)?;
                inflated.given += count as u64;
                let taken = inflated.decoder.get_ref().taken - inflated.began;
                if inflated.given > INFLATE_FREE_BYTES + taken * INFLATE_RATIO {
                    return Err(broken("the archive holds far more than its size allows"));
                }
                Ok(count)
            }
        }
    }
}

/// The entries of an archive, in the order in which they stand.
pub(super) struct Archive<R> {
    source: Counted<R>,
    /// Whether the entry before says its sizes after its data.
    described: bool,
}

impl<R: BufRead> Archive<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source: Counted { inner: source, taken: 0 }, described: false }
    }

    /// Reads the head of the next entry, if there is one, and hands its data to `f`, which says whether it read them as
    /// what it looks for; what it leaves is passed over. Returns that, and `None` at the end.
    pub(super) fn next<T>(
        &mut self,
        f: impl FnOnce(&str, &mut Entry<'_, R>) -> Option<T>,
    ) -> io::Result<Option<Option<T>>> {
        if !self.head()? {
            return Ok(None);
        }
        let mut head = [0u8; 26];
        self.source.read_exact(&mut head)?;
        let (flags, method) = (short(&head, 2), short(&head, 4));
        let size = long(&head, 14);
        let mut name = vec![0; short(&head, 22) as usize];
        self.source.read_exact(&mut name)?;
        let extra = u64::from(short(&head, 24));
        io::copy(&mut (&mut self.source).take(extra), &mut io::sink())?;
        if flags & 1 != 0 {
            return Err(broken("the archive is encrypted"));
        }
        self.described = flags & 8 != 0;
        let began = self.source.taken;
        let mut entry = match method {
            0 if self.described => return Err(broken("a stored entry does not say its size")),
            0 => Entry::Stored((&mut self.source).take(size)),
            8 => Entry::Deflated(Box::new(Inflated {
                decoder: DeflateDecoder::new(&mut self.source),
                given: 0,
                began,
            })),
            _ => return Err(broken("the archive is compressed in a way that is not read")),
        };
        let name = String::from_utf8_lossy(&name);
        let found = f(&name, &mut entry);
        if found.is_none() {
            io::copy(&mut entry, &mut io::sink())?;
        }
        Ok(Some(found))
    }

    /// Goes behind the four bytes that begin an entry; `false` where none follows. Between two entries there may be
    /// the sizes of the one before: 12 or 20 bytes, with or without a mark of their own.
    fn head(&mut self) -> io::Result<bool> {
        let mut mark = [0u8; 4];
        let mut passed = 0;
        self.source.read_exact(&mut mark).or_else(at_end)?;
        loop {
            if &mark == ENTRY {
                return Ok(true);
            }
            if !self.described || passed > 24 {
                return Ok(false);
            }
            mark.rotate_left(1);
            let mut one = [0u8; 1];
            if self.source.read(&mut one)? == 0 {
                return Ok(false);
            }
            mark[3] = one[0];
            passed += 1;
        }
    }
}

fn at_end(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(error) }
}
