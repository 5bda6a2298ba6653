//! From segments to interchanges and messages.

use std::ops::Range;

use crate::separators::Separators;
use crate::source::Source;

/// One message: from UNH to UNT, or to what comes in its stead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Number within the input, from 1.
    pub number: u16,
    /// Index of UNH.
    pub header: usize,
    /// Indexes of the segments between UNH and UNT.
    pub body: Range<usize>,
    /// Index of UNT; `None` where the next message, the interchange's end or the input's end comes first.
    pub trailer: Option<usize>,
}

impl Message {
    /// Indexes of all its segments, UNH and UNT included.
    pub fn segments(&self) -> Range<usize> {
        self.header..self.trailer.map_or(self.body.end, |t| t + 1)
    }

    /// Segments as UNT counts them: UNH and UNT included.
    pub fn count(&self) -> usize {
        self.segments().len()
    }
}

/// One interchange: from UNB to UNZ. Both may be missing: a message may stand alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interchange {
    /// Index of UNB.
    pub header: Option<usize>,
    /// Index of UNZ.
    pub trailer: Option<usize>,
    /// Its messages.
    pub messages: Vec<Message>,
    /// Indexes of segments that belong to no message and are not of the envelope.
    pub loose: Vec<usize>,
}

/// The interchange's control reference (UNB, 0020), without reading the rest; `None` where there is none. Source: ISO
/// 9735, UNB.
pub fn reference(input: &[u8]) -> Option<String> {
    let text = input.trim_ascii_start();
    let (separators, una) = Separators::read(text).ok()?;
    let unb = text.get(una..)?.trim_ascii_start().strip_prefix(b"UNB")?;
    let mut elements = vec![Vec::new()];
    let mut bytes = unb.iter().copied().take(REFERENCE_WITHIN);
    while let Some(byte) = bytes.next() {
        if Some(byte) == separators.release {
            elements.last_mut()?.extend(bytes.next());
        } else if byte == separators.terminator {
            break;
        } else if byte == separators.element {
            elements.push(Vec::new());
        } else if !matches!(byte, b'\r' | b'\n') {
            elements.last_mut()?.push(byte);
        }
    }
    let found = String::from_utf8(elements.into_iter().nth(5)?).ok()?;
    let found = found.trim();
    (!found.is_empty() && !found.chars().any(char::is_control)).then(|| found.to_owned())
}

/// Bytes of UNB within which its reference must stand.
const REFERENCE_WITHIN: usize = 512;

/// Groups the segments of a source, and numbers them by message. UNA, UNG and UNE are envelope. A UNH without
/// UNT before it ends the message before; a UNB without UNZ before it ends the interchange before.
pub fn group(source: &mut Source<'_>) -> Vec<Interchange> {
    let headers = source.segments.iter().filter(|segment| segment.tag == *b"UNB").count();
    let mut found = Vec::with_capacity(headers);
    let mut current = Interchange::default();
    let mut open: Option<Message> = None;
    let (mut number, mut within) = (0u16, 0u32);
    for index in 0..source.segments.len() {
        let Some(segment) = source.segments.get_mut(index) else { break };
        let tag = segment.tag;
        if matches!(&tag, b"UNH" | b"UNB" | b"UNZ" | b"UNG" | b"UNE")
            && let Some(message) = open.take()
        {
            current.messages.push(message);
        }
        match &tag {
            b"UNB" => {
                if current != Interchange::default() {
                    found.push(std::mem::take(&mut current));
                }
                current.header = Some(index);
            }
            b"UNZ" => {
                current.trailer = Some(index);
                found.push(std::mem::take(&mut current));
            }
            b"UNH" => {
                number = number.saturating_add(1);
                within = 1;
                open = Some(Message { number, header: index, body: index + 1..index + 1, trailer: None });
                (segment.message, segment.number) = (number, within);
            }
            b"UNA" | b"UNG" | b"UNE" => {}
            _ => match &mut open {
                Some(message) => {
                    within = within.saturating_add(1);
                    (segment.message, segment.number) = (number, within);
                    if &tag == b"UNT" {
                        message.trailer = Some(index);
                        current.messages.extend(open.take());
                    } else {
                        message.body.end = index + 1;
                    }
                }
                None => current.loose.push(index),
            },
        }
    }
    current.messages.extend(open);
    if current != Interchange::default() {
        found.push(current);
    }
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_of_an_interchange() {
        let of = |text: &str| super::reference(text.as_bytes());
        assert_eq!(of("UNB+UNOA:2+A+B+260914:0930+00000041'UNH+1'").as_deref(), Some("00000041"));
        assert_eq!(of("UNA:+.? '\r\nUNB+UNOC:3+A+B+261029:1415+41?+17++MEDRPT'").as_deref(), Some("41+17"));
        assert_eq!(of("UNB+UNOA:2+A+B+260914:0930'UNH+1+2+3+4+5+6'"), None);
        assert_eq!(of("UNH+1'"), None);
    }

    use super::*;
    use causeway_core::text::Decoded;

    fn grouped(text: &str) -> Vec<Interchange> {
        let decoded = Decoded::utf8_or_windows_1252(text.as_bytes());
        group(&mut Source::read(&decoded).unwrap())
    }

    #[test]
    fn an_interchange_of_two_messages() {
        let found = grouped("UNB+UNOC:3'UNH+1'BGM+LSR'UNT+3+1'UNH+2'UNT+2+2'UNZ+2+9'");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].header, found[0].trailer), (Some(0), Some(6)));
        let counts: Vec<_> = found[0].messages.iter().map(|m| (m.number, m.count())).collect();
        assert_eq!(counts, [(1, 3), (2, 2)]);
    }

    #[test]
    fn missing_envelopes_and_trailers() {
        let found = grouped("UNH+1'BGM+LSR'UNH+2'BGM+LSR'UNT+3+2'BGM+X'UNB+UNOC:3'UNH+3'UNZ+1+1'");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].header, None);
        assert_eq!(found[0].messages[0].trailer, None);
        assert_eq!(found[0].messages[1].trailer, Some(4));
        assert_eq!(found[0].loose, [5]);
        assert_eq!(found[1].messages[0].number, 3);
        assert_eq!(found[1].messages[0].trailer, None);
    }
}
