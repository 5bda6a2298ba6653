//! One message as a flat index of its values.

use std::collections::HashMap;
use std::ops::Range;

use causeway_core::limits::COUNTED_BYTES;
use causeway_core::text::Decoded;
use causeway_core::{ItemId, Ledger, Outcome, Place, Position, Span};

use crate::Delimiters;
use crate::charset::decode;
use crate::escape::unescape;
use crate::fault::{Fault, FaultKind, ParseError};
use crate::limits::{
    COMPONENTS_MAX, FAULTS_MAX, FIELDS_MAX, MESSAGE_BYTES_MAX, REPETITIONS_MAX, SEGMENTS_MAX, VALUES_MAX,
};
use crate::lines::{Class, is_between, is_character, join, segment_name};
use crate::types::{self, Division};

pub(crate) mod flag {
    /// The value's text is in the arena, its escapes resolved.
    pub const RESOLVED: u8 = 1;
    /// Highlighting, layout or control characters were dropped.
    pub const DROPPED: u8 = 2;
    /// The explicit null, two quotation marks.
    pub const NULL: u8 = 4;
    /// Nothing but blanks.
    pub const BLANK: u8 = 8;
    /// Its field has several components.
    pub const IN_COMPONENTS: u8 = 16;
    /// Its component has several subcomponents.
    pub const IN_SUBS: u8 = 32;
}

/// Where a value stands within its segment, ordered as the source is: field, repetition, component, sub.
pub(crate) fn key(field: u16, repetition: u16, component: u8, sub: u8) -> u64 {
    u64::from(field) << 32 | u64::from(repetition) << 16 | u64::from(component) << 8 | u64::from(sub)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub key: u64,
    pub start: u32,
    pub end: u32,
    pub flags: u8,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub name: [u8; 3],
    pub occurrence: u16,
    pub first: u32,
    pub last: u32,
}

/// One message: its text and the index of its values.
#[derive(Debug)]
pub struct Message<'a> {
    decoded: Decoded<'a>,
    /// Where the message starts within the input.
    offset: usize,
    delimiters: Delimiters,
    pub(crate) lines: Vec<Line>,
    pub(crate) values: Vec<Value>,
    arena: String,
    /// By index of the value: range of the arena.
    resolved: Vec<(u32, u32, u32)>,
    faults: Vec<Fault>,
    base: ItemId,
    /// Whether its segments end with CR alone, so that LF is a character of text.
    ends_with_cr: bool,
    /// Whether a kept separator was told already: once a message is enough.
    kept_told: bool,
}

/// What follows a line.
enum Next {
    /// A segment, or nothing.
    Segment,
    /// The rest of its last field, from this offset.
    Rest { from: usize, by_lf: bool },
    /// An ADD segment: the rest of its last field, from this offset.
    Added(usize),
}

/// What was seen within a value.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// An escape, a control character or a line end: it needs a second look.
    special: bool,
    /// It goes on over a line end; whether that is told.
    joined: bool,
    told: bool,
    /// A separator was kept as a character.
    kept: bool,
}

fn classes(d: &Delimiters) -> [Class; 256] {
    let mut table = [Class::Text; 256];
    let mut set = |byte: u8, class: Class| {
        if let Some(slot) = table.get_mut(usize::from(byte)) {
            *slot = class;
        }
    };
    for byte in 1..0x20 {
        set(byte, Class::Special);
    }
    set(b'\t', Class::Text);
    set(b'\r', Class::End);
    set(b'\n', Class::End);
    if d.escape != 0 {
        set(d.escape, Class::Special);
    }
    if d.subcomponent != 0 {
        set(d.subcomponent, Class::Sub);
    }
    set(d.repetition, Class::Repetition);
    set(d.component, Class::Component);
    set(d.field, Class::Field);
    set(0, Class::Special);
    table
}

impl<'a> Message<'a> {
    /// Reads a message. `offset` is where its bytes start within the input.
    ///
    /// # Errors
    /// [`ParseError`] where nothing can be read.
    pub fn parse(bytes: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        if !bytes.starts_with(b"MSH") {
            return Err(ParseError::NoHeader);
        }
        let delimiters = Delimiters::read(bytes).ok_or(ParseError::Delimiters)?;
        Self::read(bytes, offset, delimiters)
    }

    /// Reads a segment of a batch envelope; FHS and BHS declare delimiters, BTS and FTS take those given.
    ///
    /// # Errors
    /// [`ParseError`] where it is none.
    pub fn parse_envelope(bytes: &'a [u8], offset: usize, inherited: Delimiters) -> Result<Self, ParseError> {
        let delimiters = match bytes.get(..3) {
            Some(b"FHS" | b"BHS") => Delimiters::read(bytes).unwrap_or(inherited),
            Some(b"BTS" | b"FTS") => inherited,
            _ => return Err(ParseError::NoHeader),
        };
        Self::read(bytes, offset, delimiters)
    }

    fn read(bytes: &'a [u8], offset: usize, delimiters: Delimiters) -> Result<Self, ParseError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ParseError::TooLong);
        }
        let mut faults = Vec::new();
        let decoded = decode(bytes, &delimiters, &mut faults)?;
        // Of a long message the separators are counted: lists that double hold what they had twice.
        let d = &delimiters;
        let values = match bytes.len() < COUNTED_BYTES {
            true => bytes.len() / 12,
            false => {
                memchr::memchr3_iter(d.field, d.component, d.repetition, bytes).count()
                    + memchr::memchr_iter(d.subcomponent, bytes).count()
            }
        };
        let mut message = Self {
            decoded,
            offset,
            delimiters,
            lines: Vec::with_capacity(bytes.len() / 100 + 4),
            values: Vec::with_capacity(values.min(VALUES_MAX) + 8),
            arena: String::new(),
            resolved: Vec::new(),
            faults,
            base: 0,
            ends_with_cr: false,
            kept_told: false,
        };
        message.index()?;
        Ok(message)
    }

    fn index(&mut self) -> Result<(), ParseError> {
        let table = classes(&self.delimiters);
        let mut counts: HashMap<[u8; 3], u16> = HashMap::new();
        let text = std::mem::take(&mut self.decoded.text);
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut result = Ok(());
        let first_end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
        self.ends_with_cr = bytes.get(first_end) == Some(&b'\r') && bytes.get(first_end + 1) != Some(&b'\n');
        while at < bytes.len() {
            if bytes.get(at).is_some_and(|b| is_between(*b)) {
                at += 1;
                continue;
            }
            if self.lines.len() >= SEGMENTS_MAX || self.values.len() >= VALUES_MAX {
                result = Err(ParseError::TooLong);
                break;
            }
            at = self.segment(&text, at, &table, &mut counts);
        }
        self.decoded.text = text;
        result
    }

    /// Reads one segment and returns where the next line may start.
    fn segment(
        &mut self,
        text: &str,
        start: usize,
        table: &[Class; 256],
        counts: &mut HashMap<[u8; 3], u16>,
    ) -> usize {
        let bytes = text.as_bytes();
        let first = self.values.len() as u32;
        let Some(name) = segment_name(bytes.get(start..).unwrap_or_default(), self.delimiters.field) else {
            let rest = bytes.get(start..).unwrap_or_default();
            let len = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            self.fault(FaultKind::NoSegment, Some(first));
            self.push(key(0, 1, 1, 1), start..start + len, Seen::default(), text);
            self.line(*b"???", first, counts);
            return start + len;
        };
        let mut cursor = Cursor { field: 0, repetition: 1, component: 1, sub: 1, saturated: false };
        let mut at = start + 3;
        let header = matches!(&name, b"MSH" | b"FHS" | b"BHS");
        if header {
            at = self.header(text, at);
            cursor.field = 2;
        }
        let (mut from, mut seen) = (at, Seen::default());
        let (mut repetition_from, mut component_from) = (self.values.len(), self.values.len());
        let mut division = Division::Any;
        loop {
            let class = bytes
                .get(at)
                .map_or(Class::End, |b| table.get(usize::from(*b)).copied().unwrap_or(Class::Text));
            match class {
                Class::Text => {
                    at += 1;
                    continue;
                }
                Class::Special => {
                    seen.special = true;
                    at += 1;
                    continue;
                }
                Class::Sub | Class::Component | Class::Repetition
                    if is_character(division, class, cursor.component, bytes, at) =>
                {
                    seen.kept = true;
                    at += 1;
                    continue;
                }
                Class::End => match self.next(bytes, at, (header, cursor.field)) {
                    Next::Segment => {}
                    Next::Rest { from, by_lf } => {
                        seen = Seen { special: true, joined: true, told: seen.told || !by_lf, ..seen };
                        at = from;
                        continue;
                    }
                    Next::Added(from) => {
                        seen = Seen { special: true, joined: true, ..seen };
                        at = from;
                        continue;
                    }
                },
                _ => {}
            }
            if at > from {
                self.push(cursor.key(), from..at, seen, text);
            }
            seen = Seen::default();
            if class != Class::Sub {
                self.divided(component_from, cursor.sub > 1, flag::IN_SUBS);
                component_from = self.values.len();
            }
            if !matches!(class, Class::Sub | Class::Component) {
                self.divided(repetition_from, cursor.component > 1, flag::IN_COMPONENTS);
                repetition_from = self.values.len();
            }
            if class == Class::End {
                break;
            }
            cursor.step(class);
            if class == Class::Field {
                division = self.division(name, cursor.field, first, text);
            }
            at += 1;
            from = at;
        }
        if cursor.saturated {
            let last = (self.values.len() as u32).checked_sub(1);
            self.fault(FaultKind::TooMany, last);
        }
        if cursor.field == 0 && !header {
            // A segment of nothing but its name has an item too, so that no byte is without account.
            self.push(key(0, 1, 1, 1), start..start + 3, Seen::default(), text);
            self.values.iter_mut().skip(first as usize).for_each(|value| value.flags |= flag::BLANK);
        }
        self.line(name, first, counts);
        at
    }

    /// How a field of the segment that begins with the value `first` may be divided.
    fn division(&self, name: [u8; 3], field: u16, first: u32, text: &str) -> Division {
        match types::division(name, field) {
            Division::Value => {
                let mut values = self.values.iter().skip(first as usize);
                let kind = values.find(|v| v.key == key(2, 1, 1, 1));
                types::of_value(kind.and_then(|v| text.get(v.start as usize..v.end as usize)).unwrap_or(""))
            }
            known => known,
        }
    }

    /// What stands after the line end at `at`. A header goes on only as long as it lacks what it must have.
    fn next(&self, bytes: &[u8], at: usize, (header, field): (bool, u16)) -> Next {
        const HEADER_FIELDS: u16 = 12;
        let rest = bytes.get(at..).unwrap_or_default();
        let run = rest.iter().take_while(|b| is_between(**b)).count();
        let line = rest.get(run..).unwrap_or_default();
        if line.is_empty() {
            return Next::Segment;
        }
        let by_lf = self.ends_with_cr && !rest.iter().take(run).any(|b| *b == b'\r');
        match segment_name(line, self.delimiters.field) {
            Some(_) if line.get(3) != Some(&self.delimiters.field) && by_lf => {}
            Some(name) if &name == b"ADD" && !header => return Next::Added(at + run + 4),
            Some(_) => return Next::Segment,
            None => {}
        }
        if header && (field >= HEADER_FIELDS || memchr::memchr(self.delimiters.field, line).is_none()) {
            return Next::Segment;
        }
        Next::Rest { from: at + run, by_lf }
    }

    /// MSH-1 and MSH-2; returns where the field separator after them stands.
    fn header(&mut self, text: &str, at: usize) -> usize {
        let rest = text.as_bytes().get(at + 1..).unwrap_or_default();
        let field = self.delimiters.field;
        let len = rest.iter().position(|b| *b == field || matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        let end = (at + 1).min(text.len());
        if end > at {
            self.push(key(1, 1, 1, 1), at..end, Seen::default(), text);
        }
        if len > 0 {
            self.push(key(2, 1, 1, 1), at + 1..at + 1 + len, Seen::default(), text);
        }
        (at + 1 + len).min(text.len())
    }

    fn line(&mut self, name: [u8; 3], first: u32, counts: &mut HashMap<[u8; 3], u16>) {
        let occurrence = counts.entry(name).or_insert(0);
        *occurrence = occurrence.saturating_add(1);
        self.lines.push(Line { name, occurrence: *occurrence, first, last: self.values.len() as u32 });
    }

    fn divided(&mut self, from: usize, is: bool, flag: u8) {
        if is {
            self.values.iter_mut().skip(from).for_each(|value| value.flags |= flag);
        }
    }

    fn push(&mut self, key: u64, range: Range<usize>, seen: Seen, text: &str) {
        let raw = text.get(range.clone()).unwrap_or("");
        let mut flags = 0;
        let index = self.values.len() as u32;
        if raw.trim_matches([' ', '\t']) == "\"\"" {
            flags |= flag::NULL;
        } else if raw.bytes().all(|b| b == b' ' || b == b'\t') {
            flags |= flag::BLANK;
        }
        if seen.special {
            let from = self.arena.len();
            let effect = if seen.joined {
                // Before the first line is done, this is the header: its line ends are nobody's text.
                let whole = join(raw, self.delimiters.field, self.lines.is_empty());
                unescape(&whole, &self.delimiters, &mut self.arena)
            } else {
                unescape(raw, &self.delimiters, &mut self.arena)
            };
            self.resolved.push((index, from as u32, self.arena.len() as u32));
            flags |= flag::RESOLVED;
            if effect.dropped {
                flags |= flag::DROPPED;
            }
            if effect.unknown {
                self.fault(FaultKind::UnknownEscape, Some(index));
            }
            if effect.controls {
                self.fault(FaultKind::ControlDropped, Some(index));
            }
            let blank = self.arena.get(from..).is_none_or(|t| t.trim().is_empty());
            if blank {
                flags |= flag::BLANK;
            } else if seen.told {
                self.fault(FaultKind::Continued, Some(index));
            }
        }
        if seen.kept && !self.kept_told {
            self.kept_told = true;
            self.fault(FaultKind::SeparatorKept, Some(index));
        }
        self.values.push(Value { key, start: range.start as u32, end: range.end as u32, flags });
    }

    fn fault(&mut self, kind: FaultKind, value: Option<u32>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { kind, value });
        }
    }

    /// Enters every value into a ledger, in source order; delimiters and blanks are claimed as structural.
    /// Leaves have their item numbers from then on.
    pub fn enter(&mut self, ledger: &mut Ledger) -> Range<ItemId> {
        self.base = ledger.next_id();
        ledger.reserve(self.values.len());
        for line in &self.lines {
            let header = matches!(&line.name, b"MSH" | b"FHS" | b"BHS");
            let range = line.first as usize..line.last as usize;
            for value in self.values.get(range).unwrap_or_default() {
                let id = ledger.add(place(line, value), self.span(value));
                let field = (value.key >> 32) as u16;
                if &line.name == b"MSH" && field == 2 {
                    ledger.claim(id, Outcome::Decides, "how the message is divided");
                } else if value.flags & flag::BLANK != 0 || (header && field <= 2) {
                    ledger.claim(id, Outcome::Structural, "");
                }
            }
        }
        self.base..ledger.next_id()
    }

    fn span(&self, value: &Value) -> Span {
        let at = |offset: u32| self.offset + self.decoded.source_offset(offset as usize);
        Span::new(at(value.start), at(value.end))
    }

    /// The text of a value, escapes resolved.
    pub(crate) fn text_of(&self, index: u32) -> &str {
        let Some(value) = self.values.get(index as usize) else { return "" };
        if value.flags & flag::RESOLVED == 0 {
            return self.decoded.text.get(value.start as usize..value.end as usize).unwrap_or("");
        }
        let found = self.resolved.binary_search_by_key(&index, |(i, _, _)| *i).ok();
        match found.and_then(|at| self.resolved.get(at)) {
            Some((_, from, to)) => self.arena.get(*from as usize..*to as usize).unwrap_or(""),
            None => "",
        }
    }

    /// The separators between two neighbouring values of one field.
    pub(crate) fn gap(&self, before: Option<u32>, index: u32) -> &str {
        let of = |index: u32| self.values.get(index as usize);
        let ends = before.and_then(of).zip(of(index));
        ends.and_then(|(a, b)| self.decoded.text.get(a.end as usize..b.start as usize)).unwrap_or("")
    }

    /// Item number of a value by its index, once entered.
    pub fn item(&self, index: u32) -> ItemId {
        self.base.saturating_add(index)
    }

    /// Where an item of this message stands.
    pub fn position(&self, item: ItemId) -> Option<Position> {
        let index = item.checked_sub(self.base)?;
        let value = self.values.get(index as usize)?;
        let line = self.lines.get(self.lines.partition_point(|line| line.last <= index))?;
        Some(Position::new(place(line, value).render(None), self.span(value)))
    }

    /// Items whose highlighting, layout or control characters were dropped.
    pub fn simplified(&self) -> impl Iterator<Item = ItemId> + '_ {
        let resolved = self.resolved.iter().filter_map(|(index, _, _)| {
            self.values.get(*index as usize).filter(|v| v.flags & flag::DROPPED != 0).map(|_| *index)
        });
        resolved.map(|index| self.item(index))
    }

    /// The delimiters declared.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// Name of the character set that was used.
    pub fn charset(&self) -> &'static str {
        self.decoded.charset
    }

    /// Whether any value is the explicit null.
    pub fn has_null(&self) -> bool {
        self.values.iter().any(|value| value.flags & flag::NULL != 0)
    }

    /// Faults of form, at most [`FAULTS_MAX`].
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

struct Cursor {
    field: u16,
    repetition: u16,
    component: u8,
    sub: u8,
    saturated: bool,
}

impl Cursor {
    fn key(&self) -> u64 {
        key(self.field, self.repetition, self.component, self.sub)
    }

    fn step(&mut self, class: Class) {
        let Self { field, repetition, component, sub, saturated } = self;
        match class {
            Class::Field => {
                *saturated |= *field >= FIELDS_MAX;
                *field = (*field + 1).min(FIELDS_MAX);
                (*repetition, *component, *sub) = (1, 1, 1);
            }
            Class::Repetition => {
                *saturated |= *repetition >= REPETITIONS_MAX;
                *repetition = (*repetition + 1).min(REPETITIONS_MAX);
                (*component, *sub) = (1, 1);
            }
            Class::Component => {
                *saturated |= *component >= COMPONENTS_MAX;
                *component = (*component + 1).min(COMPONENTS_MAX);
                *sub = 1;
            }
            _ => {
                *saturated |= *sub >= COMPONENTS_MAX;
                *sub = (*sub + 1).min(COMPONENTS_MAX);
            }
        }
    }
}

fn place(line: &Line, value: &Value) -> Place {
    let key = value.key;
    let shown = |level: u8, flag: u8| if level > 1 || value.flags & flag != 0 { level } else { 0 };
    let (component, sub) = ((key >> 8) as u8, key as u8);
    let sub = shown(sub, flag::IN_SUBS);
    let component = if sub > 0 { component } else { shown(component, flag::IN_COMPONENTS) };
    Place::Hl7 {
        segment: line.name,
        occurrence: line.occurrence,
        field: (key >> 32) as u16,
        repetition: (key >> 16) as u16,
        component,
        sub,
    }
}
