//! From text to segments and components, each with its bytes in the source.

use std::borrow::Cow;
use std::ops::Range;

use causeway_core::limits::COUNTED_BYTES;
use causeway_core::text::Decoded;
use causeway_core::{ItemId, Leaf, Ledger, Outcome, Place, Span};

use crate::error::ReadError;
use crate::limits::{COMPONENTS_MAX, POSITION_MAX, SEGMENTS_MAX};
use crate::separators::Separators;

/// What is wrong with a segment. Its neighbours are read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The tag is not three capital letters or digits.
    #[error("a segment has no valid tag")]
    Tag,
    /// The input ends within the segment.
    #[error("the input ends within a segment")]
    Unterminated,
    /// The input ends with a release character.
    #[error("the input ends with a release character")]
    DanglingRelease,
    /// More elements or components than a position can name.
    #[error("a segment has too many data elements")]
    TooManyElements,
}

/// A faulty segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its index among the segments.
    pub segment: usize,
    /// What is wrong.
    pub kind: FaultKind,
}

/// One component that carries a value; an empty one is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// The value, release characters taken out.
    pub text: Cow<'a, str>,
    /// Its bytes in the source, release characters included.
    pub span: Span,
    /// Data element, from 1.
    pub element: u8,
    /// Component within it, from 1.
    pub component: u8,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its tag; `???` where it has none.
    pub tag: [u8; 3],
    /// Its bytes in the source, terminator excluded.
    pub span: Span,
    /// Message within the input from 1, or 0 outside every message. Set by [`crate::group`].
    pub message: u16,
    /// Number within its message from 1 (UNH is 1); outside messages, within the input.
    pub number: u32,
    first: u32,
    end: u32,
}

/// A read input: segments in order, over one flat list of components.
#[derive(Clone, Debug, Default)]
pub struct Source<'a> {
    /// The service characters in force.
    pub separators: Separators,
    /// All segments, UNA included as one segment with one component.
    pub segments: Vec<Segment>,
    /// All components with a value.
    pub components: Vec<Component<'a>>,
    /// Faulty segments, in order.
    pub faults: Vec<Fault>,
    /// Components with a line end within, by index: CR and LF are no characters of the syntax (ISO 9735), and stand there
    /// where something wrapped the text. They are taken out, but for free text, where they may be the sender's.
    pub wrapped: Vec<usize>,
    base: ItemId,
}

/// A segment seen with its components.
#[derive(Clone, Copy, Debug)]
pub struct View<'s> {
    /// Its tag.
    pub tag: &'s [u8; 3],
    /// Its bytes in the source.
    pub span: Span,
    /// The components with a value.
    pub components: &'s [Component<'s>],
    first_item: ItemId,
}

impl<'s> View<'s> {
    /// A component with a value, by data element and component, both from 1.
    pub fn get(&self, element: u8, component: u8) -> Option<Leaf<'s>> {
        let at = self.components.iter().position(|c| c.element == element && c.component == component)?;
        self.leaf(at)
    }

    /// The text of a component, empty where there is none.
    pub fn text(&self, element: u8, component: u8) -> &'s str {
        self.get(element, component).map_or("", |l| l.text)
    }

    /// Components with a value of one data element: number and leaf.
    pub fn element(&self, element: u8) -> impl Iterator<Item = (u8, Leaf<'s>)> + use<'s> {
        let first_item = self.first_item;
        self.components.iter().zip(first_item..).filter(move |(c, _)| c.element == element).map(|(c, id)| {
            let text: &'s str = &c.text;
            (c.component, Leaf { text, id })
        })
    }

    /// All components with a value.
    pub fn leaves(&self) -> impl Iterator<Item = Leaf<'s>> + use<'s> {
        self.components.iter().zip(self.first_item..).map(|(c, id)| {
            let text: &'s str = &c.text;
            Leaf { text, id }
        })
    }

    /// The first component with a value, to hang an issue on.
    pub fn first(&self) -> Option<ItemId> {
        (!self.components.is_empty()).then_some(self.first_item)
    }

    /// Items of this segment.
    pub fn items(&self) -> Range<ItemId> {
        let count = u32::try_from(self.components.len()).unwrap_or(u32::MAX);
        self.first_item..self.first_item.saturating_add(count)
    }

    fn leaf(&self, at: usize) -> Option<Leaf<'s>> {
        let text: &'s str = &self.components.get(at)?.text;
        Some(Leaf { text, id: self.first_item.saturating_add(u32::try_from(at).ok()?) })
    }
}

impl<'a> Source<'a> {
    /// Reads a decoded input into segments. A faulty segment is listed in [`Source::faults`]; reading goes on
    /// after it. One pass over the bytes.
    ///
    /// # Errors
    /// [`ReadError`] where the service characters are unusable or the input is beyond the limits.
    pub fn read(decoded: &'a Decoded<'a>) -> Result<Self, ReadError> {
        let text: &'a str = &decoded.text;
        let start = text.len() - text.trim_start().len();
        let (separators, una) = Separators::read(text.as_bytes().get(start..).unwrap_or_default())?;
        let mut source = Self { separators, ..Self::default() };
        // Of a large interchange the separators are counted: lists that double hold what they had twice.
        let values = match text.len() < COUNTED_BYTES {
            true => text.len() / 6,
            false => memchr::memchr3_iter(
                separators.element,
                separators.component,
                separators.terminator,
                text.as_bytes(),
            )
            .count(),
        };
        source.components.reserve(values.min(COMPONENTS_MAX));
        source.segments.reserve(text.len() / 20);
        if una > 0 {
            let span = Span::new(decoded.source_offset(start), decoded.source_offset(start + una));
            let value = text.get(start + 3..start + una).unwrap_or_default();
            source.components.push(Component { text: Cow::Borrowed(value), span, element: 1, component: 1 });
            source.segments.push(Segment { tag: *b"UNA", span, message: 0, number: 1, first: 0, end: 1 });
        }
        let mut scan = Scan { decoded, text, bytes: text.as_bytes(), at: start + una, source };
        while scan.segment() {
            if scan.source.components.len() > COMPONENTS_MAX || scan.source.segments.len() > SEGMENTS_MAX {
                return Err(ReadError::TooMany);
            }
        }
        Ok(scan.source)
    }

    /// A segment with its components, by index.
    pub fn view(&self, index: usize) -> Option<View<'_>> {
        let segment = self.segments.get(index)?;
        let components = self.components.get(segment.first as usize..segment.end as usize)?;
        Some(View {
            tag: &segment.tag,
            span: segment.span,
            components,
            first_item: self.base.saturating_add(segment.first),
        })
    }

    /// The first component with a line end within, to hang an issue on, and how many there are.
    pub fn first_wrapped(&self) -> Option<(ItemId, usize)> {
        let first = u32::try_from(*self.wrapped.first()?).ok()?;
        Some((self.base.saturating_add(first), self.wrapped.len()))
    }

    /// Enters every component into a ledger, in source order; padding (a component of blanks) is structural.
    /// Call it once, after [`crate::group`]: leaves of views carry item numbers from then on.
    pub fn enter(&mut self, ledger: &mut Ledger) {
        self.base = ledger.next_id();
        ledger.reserve(self.components.len());
        for segment in &self.segments {
            let components = self.components.get(segment.first as usize..segment.end as usize);
            for component in components.unwrap_or_default() {
                let place = Place::Edifact {
                    message: segment.message,
                    number: segment.number,
                    tag: segment.tag,
                    element: component.element,
                    component: component.component,
                };
                let id = ledger.add(place, component.span);
                if component.text.trim().is_empty() {
                    ledger.claim(id, Outcome::Structural, "");
                }
            }
        }
    }
}

struct Scan<'a> {
    decoded: &'a Decoded<'a>,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    source: Source<'a>,
}

impl<'a> Scan<'a> {
    /// Reads one segment; `false` at the end of the input.
    fn segment(&mut self) -> bool {
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_whitespace() || *b == 0) {
            self.at += 1;
        }
        if self.at >= self.bytes.len() {
            return false;
        }
        let s = self.source.separators;
        let release = s.release.unwrap_or(s.terminator);
        let begin = self.at;
        let first = self.source.components.len();
        let index = self.source.segments.len();
        let mut tag = None;
        let (mut element, mut component) = (0u8, 1u8);
        let (mut start, mut released) = (self.at, false);
        let mut fault = Some(FaultKind::Unterminated);
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == s.terminator {
                fault = None;
                break;
            }
            if byte == release {
                released = true;
                self.at += 1;
                // What is released is the next character of the syntax.
                while self.bytes.get(self.at).is_some_and(|b| is_line_end(*b)) {
                    self.at += 1;
                }
                if self.at >= self.bytes.len() {
                    fault = Some(FaultKind::DanglingRelease);
                    break;
                }
            } else if byte == s.element || byte == s.component {
                self.value(start, released, element, component, &mut tag);
                let (level, other) = if byte == s.element {
                    component = 1;
                    (&mut element, None)
                } else {
                    (&mut component, Some(element))
                };
                if *level == POSITION_MAX {
                    self.note(index, FaultKind::TooManyElements);
                } else {
                    *level += 1;
                }
                if other == Some(0) {
                    self.note(index, FaultKind::Tag);
                }
                (start, released) = (self.at + 1, false);
            }
            self.at += 1;
        }
        let end = self.at.min(self.bytes.len());
        self.value_to(end, start, released, element, component, &mut tag);
        self.at = end + 1;
        if let Some(kind) = fault {
            self.note(index, kind);
        }
        if tag.is_none() {
            self.note(index, FaultKind::Tag);
        }
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.source.segments.push(Segment {
            tag: tag.unwrap_or(*b"???"),
            span: Span::new(self.decoded.source_offset(begin), self.decoded.source_offset(end)),
            message: 0,
            number: narrow(index + 1),
            first: narrow(first),
            end: narrow(self.source.components.len()),
        });
        true
    }

    fn note(&mut self, segment: usize, kind: FaultKind) {
        let fault = Fault { segment, kind };
        if self.source.faults.last() != Some(&fault) {
            self.source.faults.push(fault);
        }
    }

    fn value(&mut self, start: usize, released: bool, element: u8, component: u8, tag: &mut Option<[u8; 3]>) {
        self.value_to(self.at, start, released, element, component, tag);
    }

    /// Ends the value that began at `start`: the tag, or a component, or nothing where it is empty.
    fn value_to(
        &mut self,
        end: usize,
        start: usize,
        released: bool,
        element: u8,
        component: u8,
        tag: &mut Option<[u8; 3]>,
    ) {
        let raw = self.text.get(start..end).unwrap_or_default();
        if element == 0 && component == 1 {
            let whole = unwrapped(raw);
            let bytes = whole.trim_ascii_end().as_bytes();
            let fits = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
            if let [a, b, c] = bytes
                && bytes.iter().all(fits)
            {
                *tag = Some([*a, *b, *c]);
                return;
            }
        }
        if raw.is_empty() {
            return;
        }
        let wrapped = raw.bytes().any(is_line_end);
        // FTX C108: lines of free text.
        let free = element == 4 && *tag == Some(*b"FTX");
        let raw = if wrapped && !free { unwrapped(raw) } else { Cow::Borrowed(raw) };
        let text = match (self.source.separators.release, raw) {
            (Some(release), raw) if released => Cow::Owned(unescape(&raw, char::from(release))),
            (_, raw) => raw,
        };
        if wrapped {
            self.source.wrapped.push(self.source.components.len());
        }
        let span = Span::new(self.decoded.source_offset(start), self.decoded.source_offset(end));
        self.source.components.push(Component { text, span, element: element.max(1), component });
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// A text without its line ends.
fn unwrapped(text: &str) -> Cow<'_, str> {
    match text.bytes().any(is_line_end) {
        true => Cow::Owned(text.replace(['\r', '\n'], "")),
        false => Cow::Borrowed(text),
    }
}

/// Takes release characters out: the character after one stands for itself.
fn unescape(raw: &str, release: char) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == release {
            out.extend(chars.find(|c| !matches!(c, '\r' | '\n')));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(decoded: &'a Decoded<'a>) -> Source<'a> {
        Source::read(decoded).unwrap()
    }

    #[test]
    fn components_have_text_and_bytes() {
        let input = b"UNA:+.? '\r\nNAD+SLA+++ST JAMES?'S: 50?? ?: 1?+1'\nSEQ++1'";
        let decoded = Decoded::utf8_or_windows_1252(input);
        let source = read(&decoded);
        assert!(source.faults.is_empty());
        let nad = source.view(1).unwrap();
        assert_eq!(nad.text(1, 1), "SLA");
        assert_eq!(nad.text(4, 1), "ST JAMES'S");
        assert_eq!(nad.text(4, 2), " 50? : 1+1");
        assert_eq!(nad.components[1].span.of(input), b"ST JAMES?'S");
        assert_eq!(source.view(2).unwrap().text(2, 1), "1");
        assert_eq!(source.view(2).unwrap().get(1, 1), None);
    }

    #[test]
    fn line_ends_within_elements_are_taken_out() {
        let text = "SEQ++1'\r\nIN\r\nV+MQ+44I\r\n5.:911'NAD+SLA+++O?\r\n'BRI\nEN'FTX+SPC+++first\r\nsecond:thi?\n?rd'UNT+4+1'";
        let wrapped = Decoded::utf8_or_windows_1252(text.as_bytes());
        let source = read(&wrapped);
        assert!(source.faults.is_empty(), "{:?}", source.faults);
        let at = |segment: usize, element, component| {
            source.view(segment).unwrap().text(element, component).to_owned()
        };
        assert_eq!(
            source.segments.iter().map(|s| s.tag).collect::<Vec<_>>(),
            [*b"SEQ", *b"INV", *b"NAD", *b"FTX", *b"UNT"]
        );
        assert_eq!((at(1, 2, 1), at(2, 4, 1)), ("44I5.".to_owned(), "O'BRIEN".to_owned()));
        assert_eq!((at(3, 4, 1), at(3, 4, 2)), ("first\r\nsecond".to_owned(), "thi?rd".to_owned()));
        assert_eq!(source.wrapped.len(), 4);
        assert_eq!(source.components[source.wrapped[0]].text, "44I5.");
    }

    #[test]
    fn a_faulty_segment_does_not_stop_the_next() {
        let decoded = Decoded::utf8_or_windows_1252(b"nad+x'BGM+LSR'A:B+1'DTM+137");
        let source = read(&decoded);
        let kinds: Vec<_> = source.faults.iter().map(|f| (f.segment, f.kind)).collect();
        assert_eq!(kinds, [(0, FaultKind::Tag), (2, FaultKind::Tag), (3, FaultKind::Unterminated)]);
        assert_eq!(source.segments[1].tag, *b"BGM");
        assert_eq!(source.view(0).unwrap().text(1, 1), "nad");
    }

    #[test]
    fn windows_1252_bytes_keep_their_offsets() {
        let input = b"NAD+PO+++D\xE9sir\xE9e'SPR+PRO'";
        let decoded = Decoded::utf8_or_windows_1252(input);
        let source = read(&decoded);
        let name = &source.view(0).unwrap().components[1];
        assert_eq!(name.text, "Désirée");
        assert_eq!(name.span.of(input), b"D\xE9sir\xE9e");
        assert_eq!(source.view(1).unwrap().components[0].span.of(input), b"PRO");
    }

    #[test]
    fn too_many_elements_is_a_fault_and_no_panic() {
        let text = format!("FTX{}x'BGM+LSR'", "+".repeat(400));
        let decoded = Decoded::utf8_or_windows_1252(text.as_bytes());
        let source = read(&decoded);
        assert_eq!(source.faults, [Fault { segment: 0, kind: FaultKind::TooManyElements }]);
        assert_eq!(source.segments.len(), 2);
    }

    #[test]
    fn a_dangling_release_character() {
        let decoded = Decoded::utf8_or_windows_1252(b"BGM+LSR?");
        assert_eq!(read(&decoded).faults, [Fault { segment: 0, kind: FaultKind::DanglingRelease }]);
    }
}
