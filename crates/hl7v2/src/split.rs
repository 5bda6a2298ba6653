//! A file into messages, batch envelopes and what belongs to neither.

use std::ops::Range;

/// One stretch of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A message: from its MSH to the end of its last segment.
    Message(Range<usize>),
    /// A segment of a batch: FHS, BHS, BTS or FTS.
    Envelope(Range<usize>),
    /// A line outside any message.
    Stray(Range<usize>),
}

/// Cuts an input into pieces, in order. Source: HL7 v2.5.1, 2.10.3 (batches).
pub fn pieces(input: &[u8]) -> Pieces<'_> {
    Pieces { input, at: 0 }
}

/// See [`pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    input: &'a [u8],
    at: usize,
}

/// Bytes that stand around a message and are no part of it: MLLP's start and end, blanks, a byte order mark.
fn is_around(byte: u8) -> bool {
    matches!(byte, 0x0B | 0x1C | b' ' | b'\t' | 0xEF | 0xBB | 0xBF | 0)
}

/// The line from an offset: its range without what stands around it, and where the next one starts.
fn line(input: &[u8], from: usize) -> (Range<usize>, usize) {
    let rest = input.get(from..).unwrap_or_default();
    let len = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
    let text = rest.get(..len).unwrap_or_default();
    let front = text.iter().position(|b| !is_around(*b)).unwrap_or(len);
    let back = text.iter().rposition(|b| !matches!(b, 0x1C | 0)).map_or(front, |at| at + 1);
    (from + front..from + back.max(front), from + len + 1)
}

fn kind(line: &[u8]) -> Option<&[u8]> {
    let name = line.get(..3)?;
    let divided = match name {
        // A header declares its separators: three capitals alone are the rest of a text.
        b"MSH" | b"FHS" | b"BHS" => line.get(3).is_some_and(u8::is_ascii_punctuation),
        _ => line.get(3).is_none_or(u8::is_ascii_punctuation),
    };
    (divided && matches!(name, b"MSH" | b"FHS" | b"BHS" | b"BTS" | b"FTS")).then_some(name)
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            if self.at >= self.input.len() {
                return None;
            }
            let (first, mut next) = line(self.input, self.at);
            if first.is_empty() {
                self.at = next;
                continue;
            }
            let found = kind(self.input.get(first.clone()).unwrap_or_default());
            if found != Some(b"MSH") {
                self.at = next;
                return Some(if found.is_some() { Piece::Envelope(first) } else { Piece::Stray(first) });
            }
            let mut end = first.end;
            while next < self.input.len() {
                let (following, after) = line(self.input, next);
                if kind(self.input.get(following.clone()).unwrap_or_default()).is_some() {
                    break;
                }
                if !following.is_empty() {
                    end = following.end;
                }
                next = after;
            }
            self.at = next;
            return Some(Piece::Message(first.start..end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(char, &str)> {
        pieces(text.as_bytes())
            .map(|piece| match piece {
                Piece::Message(r) => ('m', &text[r]),
                Piece::Envelope(r) => ('e', &text[r]),
                Piece::Stray(r) => ('s', &text[r]),
            })
            .collect()
    }

    #[test]
    fn line_ends_of_all_kinds() {
        for end in ["\r", "\n", "\r\n", "\r\r\n"] {
            let text = ["MSH|^~\\&|A", "PID|1", "MSH|^~\\&|B", "PV1|1", ""].join(end);
            let found = read(&text);
            assert_eq!(found.len(), 2, "{end:?}");
            assert!(found[1].1.starts_with("MSH|^~\\&|B") && found[1].1.ends_with("PV1|1"));
        }
    }

    #[test]
    fn batches_and_strays() {
        let text = "junk\rFHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rPID|1\rBTS|1\rFTS|1\rOBX|9";
        let kinds: String = read(text).iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, "seemees");
    }

    #[test]
    fn framing_is_ignored() {
        let text = "\u{feff}\u{b}MSH|^~\\&|A\rPID|1\r\u{1c}\r\u{b}MSH|^~\\&|B\r\u{1c}\r";
        assert_eq!(read(text), [('m', "MSH|^~\\&|A\rPID|1"), ('m', "MSH|^~\\&|B")]);
    }
}
