//! Where something stands in a source message.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// A range of bytes in the source as it was received. `end` is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset one past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from two offsets; offsets beyond 4 GiB saturate.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: saturate(start), end: saturate(end) }
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the span holds no byte.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The bytes of the source that the span covers; empty where it lies outside.
    pub fn of(self, source: &[u8]) -> &[u8] {
        source.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

fn saturate(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// A compact place of one source item. It becomes text by [`Place::render`], mostly never.
///
/// A ledger holds one for each item of a message, so it is `Copy` and at most 12 bytes; what a format knows
/// beyond numbers (column headings, element names) is in the ledger's [`Outline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The whole input.
    Whole,
    /// HL7 v2: segment, its occurrence among its namesakes (from 1), then field, repetition, component and
    /// subcomponent, each from 1; 0 where the level is not divided.
    Hl7 {
        /// Three characters of the segment's name.
        segment: [u8; 3],
        /// Occurrence among segments of the same name in the message, from 1.
        occurrence: u16,
        /// Field number as HL7 counts it (MSH-1 is the field separator).
        field: u16,
        /// Repetition, from 1.
        repetition: u16,
        /// Component, from 1; 0 where the field has only one.
        component: u8,
        /// Subcomponent, from 1; 0 where the component has only one.
        sub: u8,
    },
    /// EDIFACT: message within the interchange (from 1; 0 for UNB/UNZ), segment by its number within the
    /// message (from 1), element and component from 1.
    Edifact {
        /// Message number within the interchange, 0 for the interchange's own segments.
        message: u16,
        /// Segment number within the message.
        number: u32,
        /// Three characters of the segment's tag.
        tag: [u8; 3],
        /// Data element, from 1.
        element: u8,
        /// Component, from 1.
        component: u8,
    },
    /// A cell of a table: record number as a person counts it (heading is row 1) and column from 0.
    Cell {
        /// Row, the heading being 1.
        row: u32,
        /// Column, from 0, named by the outline.
        column: u16,
    },
    /// The text of a tree's node (XML element text, JSON leaf), named by the outline.
    Node(u32),
    /// An attribute of a tree's node.
    Attribute {
        /// The element.
        node: u32,
        /// The attribute's number within it, from 0.
        attribute: u16,
    },
}

/// Gives names to the places of one source: column headings, element paths.
pub trait Outline: Send + Sync + fmt::Debug {
    /// The text of a place, without any value of the source; `None` for a place of another kind.
    fn name(&self, place: Place) -> Option<String>;
}

/// The headings of a table.
impl Outline for Vec<String> {
    fn name(&self, place: Place) -> Option<String> {
        match place {
            Place::Cell { row, column } => {
                let heading = self.get(usize::from(column)).map_or("", String::as_str);
                Some(format!("row {row}, {heading}"))
            }
            _ => None,
        }
    }
}

impl Place {
    /// The place in words: `PID-3[2].1`, `message 1, 7/RSL+2.1`, `row 12, Event Outcome`, an XML path or a
    /// JSON pointer.
    pub fn render(self, outline: Option<&Arc<dyn Outline>>) -> String {
        match self {
            Place::Whole => "the whole input".to_owned(),
            Place::Hl7 { segment, occurrence, field, repetition, component, sub } => {
                let mut text = ascii(segment);
                if occurrence > 1 {
                    let _ = write!(text, "[{occurrence}]");
                }
                if field > 0 {
                    let _ = write!(text, "-{field}");
                }
                if repetition > 1 {
                    let _ = write!(text, "[{repetition}]");
                }
                if component > 0 {
                    let _ = write!(text, ".{component}");
                }
                if sub > 0 {
                    let _ = write!(text, ".{sub}");
                }
                text
            }
            Place::Edifact { message, number, tag, element, component } => {
                let mut text = if message == 0 {
                    "interchange, ".to_owned()
                } else {
                    format!("message {message}, segment {number} ")
                };
                text.push_str(&ascii(tag));
                if element > 0 {
                    let _ = write!(text, "-{element}");
                }
                if component > 0 {
                    let _ = write!(text, ".{component}");
                }
                text
            }
            Place::Cell { row, column } => outline
                .and_then(|o| o.name(self))
                .unwrap_or_else(|| format!("row {row}, column {}", column + 1)),
            Place::Node(node) => outline.and_then(|o| o.name(self)).unwrap_or_else(|| format!("node {node}")),
            Place::Attribute { node, attribute } => outline
                .and_then(|o| o.name(self))
                .unwrap_or_else(|| format!("node {node}, attribute {attribute}")),
        }
    }
}

fn ascii(name: [u8; 3]) -> String {
    name.iter().filter(|b| b.is_ascii_graphic()).map(|b| char::from(*b)).collect()
}

/// A place in words, with the bytes it covers. This is what an issue carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The place in words. Never holds a value of the source.
    pub path: String,
    /// The bytes; empty where only the path is known.
    pub span: Span,
}

impl Position {
    /// A position from a path and a span. A very long path loses its middle.
    pub fn new(path: impl Into<String>, span: Span) -> Self {
        let mut path = path.into();
        if path.chars().count() > crate::limits::POSITION_CHARS_MAX {
            let half = crate::limits::POSITION_CHARS_MAX / 2;
            let head: String = path.chars().take(half).collect();
            let tail: String = path.chars().skip(path.chars().count() - half).collect();
            path = format!("{head}…{tail}");
        }
        Self { path, span }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if !self.span.is_empty() {
            write!(f, " (bytes {}–{})", self.span.start, self.span.end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_people_write_them() {
        let hl7 =
            Place::Hl7 { segment: *b"PID", occurrence: 1, field: 3, repetition: 2, component: 1, sub: 0 };
        assert_eq!(hl7.render(None), "PID-3[2].1");
        let edifact = Place::Edifact { message: 1, number: 16, tag: *b"INV", element: 2, component: 4 };
        assert_eq!(edifact.render(None), "message 1, segment 16 INV-2.4");
        let outline: Arc<dyn Outline> = Arc::new(vec!["LA Code".to_owned(), "Event Outcome".to_owned()]);
        assert_eq!(Place::Cell { row: 12, column: 1 }.render(Some(&outline)), "row 12, Event Outcome");
        assert!(size_of::<Place>() <= 12);
    }

    #[test]
    fn a_span_outside_the_source_is_empty() {
        assert_eq!(Span::new(2, 4).of(b"abcdef"), b"cd");
        assert_eq!(Span::new(4, 9).of(b"abcdef"), b"");
    }
}
