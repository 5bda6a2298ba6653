//! Bytes to tree.

use std::borrow::Cow;
use std::sync::Arc;

use causeway_core::names::Names;
use causeway_core::text::{Decoded, trim};
use causeway_core::{Ledger, Outcome, Place, Span};
use quick_xml::Reader;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::Event;

use crate::document::{Attribute, Document, Node, Value};
use crate::error::{Fault, XmlError};
use crate::escape::{attribute_value, push_lines, resolve};
use crate::limits;
use crate::outline::{NONE, Paths, Step};

/// Bytes to text: UTF-8, or a single-byte set where the XML declaration names one.
///
/// # Errors
/// [`Fault::Charset`] for UTF-16 and for bytes that are not in the declared character set.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, XmlError> {
    let refuse = |offset| XmlError { fault: Fault::Charset, offset, path: String::new() };
    if matches!(bytes, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, ..] | [_, 0, ..]) {
        return Err(refuse(0));
    }
    let head = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let declaration =
        head.trim_start_matches('\u{feff}').strip_prefix("<?xml").and_then(|d| d.split("?>").next());
    let single = declaration.is_some_and(|d| {
        ["iso-8859-1", "windows-1252", "latin1"]
            .iter()
            .any(|set| d.contains(&format!("encoding=\"{set}\"")) || d.contains(&format!("encoding='{set}'")))
    });
    if single {
        return Ok(Decoded::windows_1252(bytes));
    }
    let decoded = Decoded::utf8_or_windows_1252(bytes);
    if decoded.guessed {
        return Err(refuse(std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), |_| 0)));
    }
    Ok(decoded)
}

impl<'a> Document<'a> {
    /// Reads a document and enters its items into a ledger, whose outline becomes the document's paths.
    /// Namespace declarations are claimed as structural.
    ///
    /// # Errors
    /// [`XmlError`] with the place of the first fault. The ledger then holds a part of the items.
    pub fn parse(decoded: &'a Decoded<'a>, ledger: &mut Ledger) -> Result<Self, XmlError> {
        Self::parse_within(decoded, 0, ledger)
    }

    /// As [`Document::parse`], for a document that lies within a larger input: `base` is the offset of its
    /// first byte there, and spans are in the larger input.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_within(
        decoded: &'a Decoded<'a>,
        base: usize,
        ledger: &mut Ledger,
    ) -> Result<Self, XmlError> {
        let text: &'a str = &decoded.text;
        let mut builder = Builder::new(decoded, base, ledger);
        match builder.run(text) {
            Ok(()) => Ok(builder.finish()),
            Err((fault, offset)) => {
                let path =
                    builder.open.last().map_or_else(String::new, |open| builder.paths.path(open.index));
                Err(XmlError { fault, offset: base + decoded.source_offset(offset), path })
            }
        }
    }
}

type Failure = (Fault, usize);

struct Open {
    index: u32,
    /// Where the counts of its children begin.
    counts: usize,
    namespaces: usize,
}

/// A text that is still growing: character data, CDATA and references that follow one another are one text.
#[derive(Default)]
struct Pending<'a> {
    text: Cow<'a, str>,
    start: usize,
    end: usize,
    some: bool,
}

struct Builder<'a, 'l> {
    decoded: &'a Decoded<'a>,
    base: usize,
    ledger: &'l mut Ledger,
    document: Document<'a>,
    paths: Paths,
    open: Vec<Open>,
    /// Of each open element, one after the other: numbers of the names of its children so far, and how often each came.
    counts: Vec<(u32, u32)>,
    /// Namespace declarations in force: prefix and number of the URI.
    scope: Vec<(&'a str, u16)>,
    pending: Pending<'a>,
    /// A prefix that XML allows.
    prefix: &'a str,
}

impl<'a, 'l> Builder<'a, 'l> {
    fn new(decoded: &'a Decoded<'a>, base: usize, ledger: &'l mut Ledger) -> Self {
        // Of a large document the marks are counted: lists that double hold what they had twice.
        let count = |mark: u8| decoded.text.bytes().filter(|byte| *byte == mark).count();
        let large = decoded.text.len() >= causeway_core::limits::COUNTED_BYTES;
        let guess = if large { count(b'<') } else { decoded.text.len() / 32 };
        let values = if large { count(b'=') } else { guess };
        ledger.reserve(if large { values + guess / 2 } else { guess });
        let document = Document {
            nodes: Vec::with_capacity(guess),
            attributes: Vec::with_capacity(values),
            unescaped: Vec::new(),
            names: Vec::new(),
            texts: Vec::new(),
            namespaces: vec![Cow::Borrowed("")],
        };
        Self {
            decoded,
            base,
            ledger,
            document,
            paths: Paths {
                names: Names::default(),
                steps: Vec::with_capacity(guess),
                attributes: Vec::with_capacity(values),
            },
            open: Vec::new(),
            counts: Vec::new(),
            scope: Vec::new(),
            pending: Pending::default(),
            prefix: "",
        }
    }

    fn run(&mut self, text: &'a str) -> Result<(), Failure> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = false;
        let mut at = 0;
        loop {
            let event =
                reader.read_event().map_err(|error| syntax(&error, reader.error_position() as usize))?;
            let end = reader.buffer_position() as usize;
            let raw = text.get(at..end).unwrap_or("");
            match event {
                Event::Start(e) => self.start(raw, at, end, e.name().as_ref().len(), false)?,
                Event::Empty(e) => self.start(raw, at, end, e.name().as_ref().len(), true)?,
                Event::End(_) => self.end(at, end)?,
                Event::Text(_) => self.characters(raw, at, end),
                Event::CData(_) => {
                    let inner = raw.get(9..raw.len().saturating_sub(3)).unwrap_or("");
                    self.characters(inner, at, end);
                }
                Event::GeneralRef(_) => {
                    let name = raw.strip_prefix('&').and_then(|r| r.strip_suffix(';')).unwrap_or("");
                    let char = resolve(name).map_err(|fault| (fault, at))?;
                    self.character(char, at, end);
                }
                Event::DocType(_) => return Err((Fault::Doctype, at)),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
            at = end;
        }
        self.flush(at)?;
        match (self.open.is_empty(), self.document.nodes.is_empty()) {
            (false, _) => Err((Fault::Truncated, at)),
            (_, true) => Err((Fault::Empty, at)),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Document<'a> {
        self.ledger.set_outline(Arc::new(self.paths));
        self.document
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + self.decoded.source_offset(start), self.base + self.decoded.source_offset(end))
    }

    /// Whether XML allows a prefix; most are the one before.
    fn is_prefix(&mut self, prefix: &'a str) -> bool {
        if prefix.is_empty() || prefix == self.prefix {
            return true;
        }
        let allowed = is_name(prefix);
        if allowed {
            self.prefix = prefix;
        }
        allowed
    }

    /// The number of a name; `None` for one that XML does not allow, which is looked at where it is new.
    fn name(&mut self, name: &'a str) -> Option<u32> {
        let number = self.paths.names.number(name);
        if number as usize == self.document.names.len() {
            self.document.names.push(name);
            return is_name(name).then_some(number);
        }
        Some(number)
    }

    fn start(
        &mut self,
        raw: &'a str,
        at: usize,
        end: usize,
        name_len: usize,
        empty: bool,
    ) -> Result<(), Failure> {
        self.flush(at)?;
        if self.open.is_empty() && !self.document.nodes.is_empty() {
            return Err((Fault::OutsideRoot, at));
        }
        if self.open.len() >= limits::DEPTH_MAX {
            return Err((Fault::Depth, at));
        }
        if self.document.nodes.len() >= limits::NODES_MAX {
            return Err((Fault::Nodes, at));
        }
        let tag = raw.get(1..1 + name_len).unwrap_or("");
        let (prefix, local) = parted(tag);
        if name_len > limits::NAME_BYTES_MAX {
            return Err((Fault::Length, at));
        }
        let named = self.is_prefix(prefix);
        let name = self.name(local).filter(|_| named).ok_or((Fault::Name, at))?;
        let ordinal = self.open.last().map_or(1, |parent| count(&mut self.counts, parent.counts, name));
        let index = self.document.nodes.len() as u32;
        let parent = self.open.last().map_or(NONE, |open| open.index);
        let first = self.document.attributes.len() as u32;
        self.paths.steps.push(Step { parent, name, ordinal, first_attribute: first });
        let span = self.span(at, end);
        self.document.nodes.push(Node {
            name: local,
            parent,
            end: index + 1,
            first_item: self.ledger.next_id(),
            end_item: 0,
            first,
            attributes: 0,
            namespace: 0,
            start_byte: span.start,
            end_byte: span.end,
        });
        let namespaces = self.scope.len();
        let inner = raw.get(1 + name_len..raw.len().saturating_sub(if empty { 2 } else { 1 })).unwrap_or("");
        let attributes = self.attributes(inner, at + 1 + name_len, index)?;
        // Most elements have no prefix: the comparison of two empty names is not worth a call.
        let same = |p: &str| p.len() == prefix.len() && (p.is_empty() || p == prefix);
        let namespace = self.scope.iter().rev().find(|(p, _)| same(p)).map_or(0, |(_, uri)| *uri);
        let end_item = self.ledger.next_id();
        if let Some(node) = self.document.nodes.last_mut() {
            node.attributes = attributes;
            node.namespace = namespace;
            node.end_item = end_item;
        }
        if empty {
            self.scope.truncate(namespaces);
        } else {
            self.open.push(Open { index, counts: self.counts.len(), namespaces });
        }
        Ok(())
    }

    fn attributes(&mut self, raw: &'a str, base: usize, node: u32) -> Result<u16, Failure> {
        let mut number: u16 = 0;
        let first = self.document.attributes.len();
        let mut rest = after_blanks(raw);
        while !rest.is_empty() {
            let at = base + raw.len() - rest.len();
            let wrong = (Fault::Attribute, at);
            let equals = rest.bytes().position(|b| b == b'=').ok_or(wrong)?;
            let name = trim(rest.get(..equals).unwrap_or(""));
            let after = after_blanks(rest.get(equals + 1..).unwrap_or(""));
            let quote = after.bytes().next().filter(|b| matches!(b, b'"' | b'\'')).ok_or(wrong)?;
            let inside = after.get(1..).unwrap_or("");
            // One look at the value: where it ends, and whether it holds anything that stands for something else.
            let mut is_plain = true;
            let mut value = inside.bytes();
            let length = value.position(|b| {
                is_plain &= b >= b' ' && b != b'&' && b != b'<';
                b == quote
            });
            let length = length.ok_or(wrong)?;
            let (value, after) = (inside.get(..length).unwrap_or(""), inside.get(length + 1..).unwrap_or(""));
            if !after.is_empty() && !after.starts_with(|c: char| c.is_ascii_whitespace()) {
                return Err(wrong);
            }
            if usize::from(number) >= limits::ATTRIBUTES_MAX {
                return Err((Fault::Attributes, at));
            }
            if name.len() > limits::NAME_BYTES_MAX || value.len() > limits::VALUE_BYTES_MAX {
                return Err((Fault::Length, at));
            }
            let start = base + raw.len() - after.len() - 1 - value.len();
            let place = Place::Attribute { node, attribute: number };
            let said = match is_plain {
                true => Cow::Borrowed(value),
                false => attribute_value(value).map_err(|(fault, at)| (fault, start + at))?,
            };
            self.attribute(name, said, start..start + value.len(), place, first)?;
            number += 1;
            rest = after_blanks(after);
        }
        Ok(number)
    }

    fn attribute(
        &mut self,
        name: &'a str,
        value: Cow<'a, str>,
        at: std::ops::Range<usize>,
        place: Place,
        first: usize,
    ) -> Result<(), Failure> {
        let start = at.start;
        let span = self.span(start, at.end);
        let item = self.ledger.add(place, span);
        let (prefix, local) = parted(name);
        let declared = match (prefix, local) {
            ("xmlns", prefix) => Some(prefix),
            ("", "xmlns") => Some(""),
            _ => None,
        };
        let named = declared.is_some() || self.is_prefix(prefix);
        let path_name = self.name(if declared.is_some() { name } else { local });
        let path_name = path_name.filter(|_| named).ok_or((Fault::Attribute, start))?;
        self.paths.attributes.push(path_name);
        let siblings = self.document.attributes.get(first..).unwrap_or_default();
        if declared.is_none() && prefix.is_empty() && siblings.iter().any(|other| other.name == path_name) {
            return Err((Fault::Attribute, start));
        }
        if let Some(prefix) = declared {
            self.ledger.claim(item, Outcome::Structural, "");
            let known = self.document.namespaces.iter().position(|uri| *uri == value);
            let number = match known {
                Some(number) => number,
                None if self.document.namespaces.len() < limits::COUNTED_NAMES_MAX => {
                    self.document.namespaces.push(value.clone());
                    self.document.namespaces.len() - 1
                }
                None => 0,
            };
            self.scope.push((prefix, number as u16));
        }
        let value = match value {
            Cow::Borrowed(text) => Value::Raw(text),
            Cow::Owned(text) => {
                self.document.unescaped.push(text.into_boxed_str());
                Value::Unescaped((self.document.unescaped.len() - 1) as u32)
            }
        };
        let name = if declared.is_some() { NONE } else { path_name };
        self.document.attributes.push(Attribute { value, name, item });
        Ok(())
    }

    fn end(&mut self, at: usize, end: usize) -> Result<(), Failure> {
        self.flush(at)?;
        let Some(open) = self.open.pop() else { return Err((Fault::EndTag, at)) };
        self.scope.truncate(open.namespaces);
        self.counts.truncate(open.counts);
        let last = self.document.nodes.len() as u32;
        let end_item = self.ledger.next_id();
        let end_byte = self.span(end, end).end;
        if let Some(node) = self.document.nodes.get_mut(open.index as usize) {
            node.end = last;
            node.end_item = end_item;
            node.end_byte = end_byte;
        }
        Ok(())
    }

    fn characters(&mut self, raw: &'a str, at: usize, end: usize) {
        if raw.is_empty() {
            return;
        }
        let pending = &mut self.pending;
        if !pending.some {
            pending.start = at;
            pending.some = true;
            pending.text = Cow::Borrowed("");
        }
        pending.end = end;
        if pending.text.is_empty() && !raw.contains('\r') {
            pending.text = Cow::Borrowed(raw);
        } else {
            push_lines(pending.text.to_mut(), raw);
        }
    }

    fn character(&mut self, char: char, at: usize, end: usize) {
        let pending = &mut self.pending;
        if !pending.some {
            pending.start = at;
            pending.some = true;
            pending.text = Cow::Borrowed("");
        }
        pending.end = end;
        pending.text.to_mut().push(char);
    }

    /// Makes a text of what is pending, unless it is blank.
    #[inline]
    fn flush(&mut self, at: usize) -> Result<(), Failure> {
        if self.pending.some { self.flush_some(at) } else { Ok(()) }
    }

    fn flush_some(&mut self, at: usize) -> Result<(), Failure> {
        let pending = std::mem::take(&mut self.pending);
        // Behind the root element programs that end texts with a NUL send it along.
        let padding = |b: u8| b == 0 && self.open.is_empty() && !self.document.nodes.is_empty();
        if pending.text.bytes().all(|b| b.is_ascii_whitespace() || padding(b)) {
            return Ok(());
        }
        let Some(open) = self.open.last() else { return Err((Fault::OutsideRoot, pending.start)) };
        if pending.text.len() > limits::VALUE_BYTES_MAX {
            return Err((Fault::Length, at));
        }
        let parent = open.index;
        let index = self.document.nodes.len() as u32;
        let span = self.span(pending.start, pending.end);
        let item = self.ledger.add(Place::Node(index), span);
        self.paths.steps.push(Step { parent, name: NONE, ordinal: 0, first_attribute: 0 });
        self.document.nodes.push(Node {
            name: "",
            parent,
            end: index + 1,
            first_item: item,
            end_item: item + 1,
            first: self.document.texts.len() as u32,
            attributes: 0,
            namespace: 0,
            start_byte: span.start,
            end_byte: span.end,
        });
        self.document.texts.push(pending.text);
        Ok(())
    }
}

/// A text without the blanks before it: mostly there are none, or one.
fn after_blanks(text: &str) -> &str {
    match text.as_bytes() {
        [b' ', 0x21..=0x7E, ..] => text.get(1..).unwrap_or(""),
        [0x21..=0x7E, ..] => text,
        _ => text.trim_start(),
    }
}

/// Prefix and local name: names are short, so their bytes are looked at one by one.
fn parted(name: &str) -> (&str, &str) {
    match name.bytes().position(|byte| byte == b':') {
        Some(at) => (name.get(..at).unwrap_or(""), name.get(at + 1..).unwrap_or("")),
        None => ("", name),
    }
}

/// Whether XML allows a name (XML 1.0, 2.3: Name).
fn is_name(name: &str) -> bool {
    let begins = |c: char| {
        matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
            | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}' | '\u{200D}' | '\u{2070}'..='\u{218F}'
            | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
            | '\u{10000}'..='\u{EFFFF}')
    };
    let goes_on = |c: char| {
        begins(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}' | '\u{2040}')
    };
    // Most names are of letters and digits alone.
    let [first, rest @ ..] = name.as_bytes() else { return false };
    if first.is_ascii_alphabetic() && rest.iter().all(u8::is_ascii_alphanumeric) {
        return true;
    }
    let mut chars = name.chars();
    chars.next().is_some_and(begins) && chars.all(goes_on)
}

/// Counts a child of the innermost open element, whose counts begin at `first`.
fn count(counts: &mut Vec<(u32, u32)>, first: usize, name: u32) -> u32 {
    let own = counts.get_mut(first..).unwrap_or_default();
    let known = own.len();
    if let Some((_, count)) = own.iter_mut().rev().find(|(n, _)| *n == name) {
        *count += 1;
        return *count;
    }
    if known >= limits::COUNTED_NAMES_MAX {
        return 0;
    }
    counts.push((name, 1));
    1
}

fn syntax(error: &quick_xml::Error, offset: usize) -> Failure {
    let fault = match error {
        quick_xml::Error::Syntax(SyntaxError::InvalidBangMarkup) => Fault::Syntax,
        quick_xml::Error::Syntax(SyntaxError::UnclosedDoctype) => Fault::Doctype,
        quick_xml::Error::Syntax(_) => Fault::Truncated,
        quick_xml::Error::IllFormed(IllFormedError::MissingDoctypeName) => Fault::Doctype,
        quick_xml::Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
        ) => Fault::EndTag,
        quick_xml::Error::IllFormed(IllFormedError::MissingEndTag(_)) => Fault::Truncated,
        quick_xml::Error::InvalidAttr(_) => Fault::Attribute,
        _ => Fault::Syntax,
    };
    (fault, offset)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
