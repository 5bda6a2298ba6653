//! MLLP framing without input or output: bytes go in as they arrive, whole frames come out.
//!
//! A frame is `<VT> data <FS> <CR>`. Source: HL7 Transport Specification, MLLP Release 1.

use crate::limits::FRAME_BYTES_MAX;

/// Start of a frame.
pub const VT: u8 = 0x0B;
/// End of a frame's data.
pub const FS: u8 = 0x1C;
/// Last byte of a frame.
pub const CR: u8 = 0x0D;

/// A frame was longer than the decoder allows. The decoder skips to the frame's end and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame is longer than {max} bytes")]
pub struct Oversize {
    /// The limit, in bytes.
    pub max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a start byte.
    Between,
    /// Within a frame.
    Inside,
    /// Within a frame that was too long.
    Skipping,
}

/// What a message begins with.
const HEADER: &[u8] = b"MSH";

/// How far the reading within a frame came.
enum Step {
    /// A frame is whole.
    Frame(Vec<u8>),
    /// What has arrived was taken.
    Further,
    /// More bytes must come before the next one can be understood.
    Wait,
}

/// Takes bytes in any portions and gives frames. Each byte is looked at once.
#[derive(Debug)]
pub struct Decoder {
    max: usize,
    input: Vec<u8>,
    /// Bytes of `input` that were consumed.
    at: usize,
    frame: Vec<u8>,
    state: State,
    discarded: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder for frames of up to `max` bytes of data.
    pub fn new(max: usize) -> Self {
        Self { max, input: Vec::new(), at: 0, frame: Vec::new(), state: State::Between, discarded: 0 }
    }

    /// Takes bytes as they arrived.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.at == self.input.len() {
            self.input.clear();
            self.at = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next whole frame's data, without the framing; `None` where more bytes are needed. Data with a start byte
    /// in or after it are broken: bytes were lost, or the sender began anew.
    ///
    /// # Errors
    /// [`Oversize`], once for each frame that is too long.
    pub fn frame(&mut self) -> Result<Option<Vec<u8>>, Oversize> {
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(None);
            }
            match self.state {
                State::Between => self.seek(),
                State::Skipping => {
                    let end = memchr::memchr(FS, rest);
                    self.at += end.map_or(rest.len(), |at| at + 1);
                    if end.is_some() {
                        self.state = State::Between;
                    }
                }
                State::Inside => match self.inside()? {
                    Step::Frame(done) => return Ok(Some(done)),
                    Step::Wait => return Ok(None),
                    Step::Further => {}
                },
            }
        }
    }

    /// Skips to the start of a frame. Line ends between frames are no discarded data.
    fn seek(&mut self) {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let start = memchr::memchr(VT, rest);
        let skipped = rest.get(..start.unwrap_or(rest.len())).unwrap_or_default();
        self.discarded += skipped.iter().filter(|b| !matches!(b, b'\r' | b'\n')).count() as u64;
        self.at += skipped.len() + usize::from(start.is_some());
        if start.is_some() {
            self.state = State::Inside;
            self.frame.clear();
        }
    }

    fn inside(&mut self) -> Result<Step, Oversize> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let stop = memchr::memchr2(FS, VT, rest);
        let part = rest.get(..stop.unwrap_or(rest.len())).unwrap_or_default();
        if self.frame.len() + part.len() > self.max {
            self.at += part.len();
            self.frame = Vec::new();
            self.state = State::Skipping;
            return Err(Oversize { max: self.max });
        }
        self.frame.extend_from_slice(part);
        self.at += part.len();
        Ok(match stop.and_then(|at| rest.get(at)) {
            None => Step::Further,
            // A start byte within a frame is kept, so that whoever reads the frame sees that it is broken. Before a
            // header it also begins the next frame: the sender began anew.
            Some(&VT) => {
                let after = rest.get(part.len() + 1..).unwrap_or_default();
                let seen = after.len().min(HEADER.len());
                if after.get(..seen) != HEADER.get(..seen) {
                    self.at += 1;
                    self.frame.push(VT);
                    Step::Further
                } else if seen < HEADER.len() {
                    Step::Wait
                } else {
                    self.at += 1;
                    self.frame.push(VT);
                    Step::Frame(std::mem::take(&mut self.frame))
                }
            }
            Some(_) => {
                self.at += 1;
                self.state = State::Between;
                Step::Frame(std::mem::take(&mut self.frame))
            }
        })
    }

    /// Bytes that belonged to no frame, since the start.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Whether a frame has begun and not ended: at the end of a connection that is a broken message.
    pub fn is_midway(&self) -> bool {
        self.state != State::Between
    }
}

/// Appends a frame around data. Framing bytes within the data would break it and are left out.
pub fn encode(data: &[u8], out: &mut Vec<u8>) {
    out.push(VT);
    out.extend(data.iter().filter(|b| !matches!(**b, VT | FS)));
    out.extend_from_slice(&[FS, CR]);
}
