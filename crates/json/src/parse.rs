//! Reads a document into a tree without recursion.

use std::sync::Arc;

use causeway_core::limits::COUNTED_BYTES;
use causeway_core::text::first_escaped;
use causeway_core::{Issue, IssueCode, Ledger, Place, Position, Severity, Span};

use crate::limits::{DEPTH_MAX, NAMES_MAX, NODES_MAX};
use crate::tree::{Data, Kind, NONE, Names, Step, Stored, Tree};

/// Why a document can't be read, and at which byte. The text holds nothing of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Byte of the source.
    pub at: usize,
    /// What is wrong there.
    pub text: &'static str,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (byte {})", self.text, self.at)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Issue {
    fn from(error: Error) -> Self {
        Issue::new(Severity::Fatal, IssueCode::Structure, "json-syntax", error.text)
            .at(Position::new("the JSON document", Span::new(error.at, error.at + 1)))
    }
}

impl<'a> Tree<'a> {
    /// Reads a document and enters its strings (but empty ones), numbers and booleans into the ledger.
    ///
    /// # Errors
    /// [`Error`] where the bytes are not one JSON document in UTF-8 within the limits. Nothing is then entered.
    pub fn parse(bytes: &'a [u8], ledger: &mut Ledger) -> Result<Self, Error> {
        let shift = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let source = std::str::from_utf8(bytes.get(shift..).unwrap_or_default())
            .map_err(|e| Error { at: shift + e.valid_up_to(), text: "the document is not UTF-8" })?;
        // Of a large document the marks are counted: lists that double hold what they had twice.
        let marks = source.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{'));
        let values = if source.len() >= COUNTED_BYTES { marks.count().min(NODES_MAX) + 1 } else { 0 };
        let mut reader = Reader {
            source,
            bytes: source.as_bytes(),
            at: 0,
            nodes: Vec::with_capacity(values),
            arena: String::new(),
            parents: Vec::with_capacity(values),
            interner: causeway_core::names::Names::default(),
            members: Vec::new(),
            duplicates: Vec::new(),
        };
        reader.document().map_err(|e| Error { at: e.at + shift, ..e })?;
        let names = Arc::new(Names { texts: reader.interner.into_texts(), parents: reader.parents });
        let mut tree = Tree {
            source,
            shift,
            nodes: reader.nodes,
            arena: reader.arena,
            names,
            duplicates: reader.duplicates,
        };
        tree.enter(ledger);
        Ok(tree)
    }

    pub(crate) fn enter(&mut self, ledger: &mut Ledger) {
        ledger.set_outline(self.names.clone());
        ledger.reserve(self.nodes.len());
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.span = Span::new(node.span.start as usize + self.shift, node.span.end as usize + self.shift);
            let valued = matches!(node.kind, Kind::Text | Kind::Number | Kind::True | Kind::False);
            if valued && !node.span.is_empty() {
                node.item = ledger.add(Place::Node(index as u32), node.span);
            }
        }
    }
}

struct Reader<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Data>,
    arena: String,
    parents: Vec<(u32, Step)>,
    interner: causeway_core::names::Names,
    /// Names of the members so far of all objects that are open, the innermost last.
    members: Vec<u32>,
    duplicates: Vec<u32>,
}

/// A container that is being read.
struct Open {
    node: u32,
    last: u32,
    count: u32,
    /// Where its names begin in [`Reader::members`]: small lists are searched, which is faster than hashing.
    members: usize,
}

/// Names up to which an object's names are searched one by one for duplicates.
const NAMES_SEARCHED_MAX: usize = 64;

impl<'a> Reader<'a> {
    fn fail<T>(&self, text: &'static str) -> Result<T, Error> {
        Err(Error { at: self.at, text })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
            // What is written for people is indented by many.
            while self.bytes.get(self.at..self.at + 8) == Some(&[b' '; 8]) {
                self.at += 8;
            }
        }
    }

    fn document(&mut self) -> Result<(), Error> {
        let mut open: Vec<Open> = Vec::new();
        self.blank();
        self.value(&mut open, Step::Root)?;
        while let Some(top) = open.last() {
            let object = self.nodes.get(top.node as usize).is_some_and(|n| n.kind == Kind::Object);
            let first = top.count == 0;
            self.blank();
            let close = if object { b'}' } else { b']' };
            match self.peek() {
                Some(byte) if byte == close => {
                    self.at += 1;
                    self.close(&mut open);
                    continue;
                }
                Some(b',') if !first => {
                    self.at += 1;
                    self.blank();
                }
                Some(_) if first => {}
                Some(_) => return self.fail("a comma or the end of the object or array was expected"),
                None => return self.fail("the document ends too early"),
            }
            let step =
                if object { self.name(&open)? } else { Step::Index(open.last().map_or(0, |o| o.count)) };
            self.blank();
            self.value(&mut open, step)?;
        }
        self.blank();
        // Programs that end texts with a NUL send it along.
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace()) {
            self.fail("something follows the end of the document")
        } else {
            Ok(())
        }
    }

    fn close(&mut self, open: &mut Vec<Open>) {
        let Some(done) = open.pop() else { return };
        self.members.truncate(done.members);
        if let Some(node) = self.nodes.get_mut(done.node as usize) {
            node.span.end = u32::try_from(self.at).unwrap_or(u32::MAX);
        }
    }

    fn name(&mut self, open: &[Open]) -> Result<Step, Error> {
        if self.peek() != Some(b'"') {
            return self.fail("the name of a member was expected");
        }
        let (start, end, stored) = self.text()?;
        let name = match stored {
            Stored::Source => self.interner.number(self.source.get(start..end).unwrap_or("")),
            Stored::Arena(from, to) => {
                let text = self.arena.get(from as usize..to as usize).unwrap_or("");
                let number = self.interner.number(text);
                self.arena.truncate(from as usize);
                number
            }
        };
        if self.interner.len() > NAMES_MAX {
            return self.fail("the document has too many different names");
        }
        if let Some(top) = open.last() {
            let own = self.members.get(top.members..).unwrap_or_default();
            if own.iter().take(NAMES_SEARCHED_MAX).any(|other| *other == name) {
                self.duplicates.push(self.nodes.len() as u32);
            }
            self.members.push(name);
        }
        self.blank();
        if self.peek() != Some(b':') {
            return self.fail("a colon was expected after the name");
        }
        self.at += 1;
        Ok(Step::Name(name))
    }

    fn value(&mut self, open: &mut Vec<Open>, step: Step) -> Result<(), Error> {
        let start = self.at;
        let (kind, span, stored) = match self.peek() {
            Some(b'{') => (Kind::Object, Span::new(start, start), Stored::Source),
            Some(b'[') => (Kind::Array, Span::new(start, start), Stored::Source),
            Some(b'"') => {
                let (from, to, stored) = self.text()?;
                (Kind::Text, Span::new(from, to), stored)
            }
            Some(b't') => (Kind::True, self.word("true")?, Stored::Source),
            Some(b'f') => (Kind::False, self.word("false")?, Stored::Source),
            Some(b'n') => (Kind::Null, self.word("null")?, Stored::Source),
            Some(b'-' | b'0'..=b'9') => (Kind::Number, self.digits()?, Stored::Source),
            Some(_) => return self.fail("a value was expected"),
            None => return self.fail("the document ends too early"),
        };
        let index = self.nodes.len() as u32;
        if self.nodes.len() >= NODES_MAX {
            return self.fail("the document has too many values");
        }
        self.nodes.push(Data { kind, span, stored, first: NONE, next: NONE, item: NONE });
        self.parents.push((open.last().map_or(NONE, |o| o.node), step));
        if let Some(top) = open.last_mut() {
            let before = if top.count == 0 { top.node } else { top.last };
            if let Some(node) = self.nodes.get_mut(before as usize) {
                *(if top.count == 0 { &mut node.first } else { &mut node.next }) = index;
            }
            top.last = index;
            top.count += 1;
        }
        if matches!(kind, Kind::Object | Kind::Array) {
            if open.len() >= DEPTH_MAX {
                return self.fail("the document is nested too deeply");
            }
            self.at += 1;
            open.push(Open { node: index, last: NONE, count: 0, members: self.members.len() });
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<Span, Error> {
        let start = self.at;
        if !self.bytes.get(start..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return self.fail("a value was expected");
        }
        self.at += word.len();
        Ok(Span::new(start, self.at))
    }

    fn run(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn digits(&mut self) -> Result<Span, Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let whole = self.run();
        if whole == 0 || (zero && whole > 1) {
            return self.fail("this is not a JSON number");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.run() == 0 {
                return self.fail("this is not a JSON number");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.run() == 0 {
                return self.fail("this is not a JSON number");
            }
        }
        Ok(Span::new(start, self.at))
    }

    /// A string: the bytes between the quotation marks, and where its text is.
    fn text(&mut self) -> Result<(usize, usize, Stored), Error> {
        self.at += 1;
        let start = self.at;
        let arena = self.arena.len();
        let mut copied = start;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += first_escaped(rest).unwrap_or(rest.len());
            match self.peek() {
                None => return self.fail("a string is not closed"),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.arena.push_str(self.source.get(copied..self.at).unwrap_or(""));
                    self.escape()?;
                    copied = self.at;
                }
                Some(_) => return self.fail("a string holds a control character"),
            }
        }
        let end = self.at;
        self.at += 1;
        if !escaped {
            return Ok((start, end, Stored::Source));
        }
        self.arena.push_str(self.source.get(copied..end).unwrap_or(""));
        Ok((start, end, Stored::Arena(arena as u32, self.arena.len() as u32)))
    }

    fn escape(&mut self) -> Result<(), Error> {
        let simple = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fail("an unknown escape"),
        };
        self.arena.push(simple);
        self.at += 2;
        Ok(())
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let text = self.source.get(at..at + 4)?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(text, 16).ok()
    }

    fn unicode(&mut self) -> Result<(), Error> {
        let Some(first) = self.hex(self.at + 2) else {
            return self.fail("an escape without four hex digits");
        };
        let second = match self.bytes.get(self.at + 6..self.at + 8) {
            Some(b"\\u") if (0xD800..0xDC00).contains(&first) => self.hex(self.at + 8),
            _ => None,
        };
        let (code, length) = match second {
            Some(low) if (0xDC00..0xE000).contains(&low) => {
                (0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00), 12)
            }
            _ => (first, 6),
        };
        match char::from_u32(code) {
            Some(c) => self.arena.push(c),
            None => return self.fail("half of a surrogate pair"),
        }
        self.at += length;
        Ok(())
    }
}
