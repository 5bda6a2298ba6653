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

/// What senders put between frames and means nothing: line ends, blanks, padding.
fn is_filler(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
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

/// What an end byte is.
enum End {
    /// The end of a frame: in front of padding, a start byte, another end byte or a header, and where no other end byte
    /// has arrived behind padding.
    Here,
    /// A byte within a message, to which what follows it belongs: another end byte comes.
    Within,
    /// Not to be told yet: nothing stands behind it, or text that has no end so far.
    Unknown,
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
    /// What is being read behind the end of a frame; `None` where it is not kept.
    stray: Option<Vec<u8>>,
    strays: Vec<Vec<u8>>,
    /// A frame began: what comes before the first is noise, what comes after it may be the rest of a message.
    spoken: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder for frames of up to `max` bytes of data.
    pub fn new(max: usize) -> Self {
        Self {
            max,
            input: Vec::new(),
            at: 0,
            frame: Vec::new(),
            state: State::Between,
            discarded: 0,
            stray: None,
            strays: Vec::new(),
            spoken: false,
        }
    }

    /// A decoder that keeps what stands behind the end of a frame and is no frame ([`Self::strays`]).
    pub fn keeping_strays(self) -> Self {
        Self { stray: Some(Vec::new()), ..self }
    }

    /// What stood behind the end of a frame and before the next one, since it was last asked: the rest of a message
    /// that held an end byte, or a message without a start byte. Noise in front of the first frame is not kept.
    pub fn strays(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.strays)
    }

    /// What was being read behind the end of a frame when no more came.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        self.end_stray();
        self.strays.pop()
    }

    fn end_stray(&mut self) {
        let Some(stray) = &mut self.stray else { return };
        let stray = std::mem::take(stray);
        let noise = stray.iter().filter(|b| !is_filler(**b)).count() as u64;
        if noise > 0 && (self.spoken || stray.starts_with(HEADER)) {
            self.strays.push(stray);
        } else {
            self.discarded += noise;
        }
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

    /// Skips to the start of a frame.
    fn seek(&mut self) {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let stop = memchr::memchr2(VT, FS, rest);
        let skipped = rest.get(..stop.unwrap_or(rest.len())).unwrap_or_default();
        let noise = skipped.iter().filter(|b| !is_filler(**b)).count() as u64;
        self.at += skipped.len() + usize::from(stop.is_some());
        match &mut self.stray {
            Some(stray) if stray.len() + skipped.len() <= self.max => {
                // Line ends right behind a frame begin no stray.
                let from =
                    skipped.iter().position(|b| !matches!(b, b'\r' | b'\n' | 0)).unwrap_or(skipped.len());
                let from = if stray.is_empty() { from } else { 0 };
                stray.extend_from_slice(skipped.get(from..).unwrap_or_default());
            }
            _ => self.discarded += noise,
        }
        let Some(stop) = stop.and_then(|at| rest.get(at)).copied() else { return };
        self.end_stray();
        if stop == VT {
            self.spoken = true;
            self.state = State::Inside;
            self.frame.clear();
        }
    }

    /// What an end byte is, by what has arrived behind it.
    fn end(after: &[u8]) -> End {
        let Some(first) = after.first() else { return End::Unknown };
        let next = after.iter().position(|b| !is_filler(*b)).unwrap_or(after.len());
        let next = after.get(next..).unwrap_or_default();
        if next.is_empty() || next.starts_with(HEADER) {
            return End::Here;
        }
        match memchr::memchr2(FS, VT, next) {
            Some(at) if at > 0 && next.get(at) == Some(&FS) => End::Within,
            None if !is_filler(*first) => End::Unknown,
            _ => End::Here,
        }
    }

    /// Whether the next end byte can't be told from one within a message by what has arrived: nothing stands behind it, or
    /// something that is neither the carriage return of an end nor ends itself. Who can wait a moment for more bytes should;
    /// [`Self::frame`] takes it for an end.
    pub fn is_undecided(&self) -> bool {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let begins = match self.state {
            State::Inside => Some(0),
            State::Between => {
                memchr::memchr2(VT, FS, rest).filter(|at| rest.get(*at) == Some(&VT)).map(|at| at + 1)
            }
            State::Skipping => None,
        };
        let rest = begins.and_then(|at| rest.get(at..)).unwrap_or_default();
        memchr::memchr2(FS, VT, rest).is_some_and(|stop| {
            rest.get(stop) == Some(&FS)
                && matches!(Self::end(rest.get(stop + 1..).unwrap_or_default()), End::Unknown)
        })
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
                if !matches!(Self::end(rest.get(part.len() + 1..).unwrap_or_default()), End::Within) {
                    self.state = State::Between;
                    Step::Frame(std::mem::take(&mut self.frame))
                } else {
                    self.frame.push(FS);
                    Step::Further
                }
            }
        })
    }

    /// Bytes that belonged to no frame and were not kept, since the start.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Whether a frame has begun and not ended: at the end of a connection that is a broken message.
    pub fn is_midway(&self) -> bool {
        self.state != State::Between || self.stray.as_ref().is_some_and(|stray| !stray.is_empty())
    }
}

/// Appends a frame around data. Framing bytes within the data would break it and are left out.
pub fn encode(data: &[u8], out: &mut Vec<u8>) {
    out.push(VT);
    out.extend(data.iter().filter(|b| !matches!(**b, VT | FS)));
    out.extend_from_slice(&[FS, CR]);
}
