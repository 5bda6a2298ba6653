//! Looking values up: segments and their parts are ranges of the index.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use causeway_core::{ItemId, Leaf, Sources};

use crate::message::{Line, Message, flag, key};

impl Message<'_> {
    /// The segments, in source order.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = Segment<'_>> {
        (0..self.lines.len()).map(|index| Segment::new(self, index))
    }

    /// A segment by its number, from 0.
    pub fn segment_at(&self, index: usize) -> Option<Segment<'_>> {
        (index < self.lines.len()).then(|| Segment::new(self, index))
    }
}

/// One segment of a message.
#[derive(Clone, Copy)]
pub struct Segment<'m> {
    message: &'m Message<'m>,
    index: usize,
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({})", String::from_utf8_lossy(&self.name()))
    }
}

impl<'m> Segment<'m> {
    pub(crate) fn new(message: &'m Message<'m>, index: usize) -> Self {
        Self { message, index }
    }

    fn line(self) -> Option<&'m Line> {
        self.message.lines.get(self.index)
    }

    /// Its name: three capital letters or digits; `???` for a line that is no segment.
    pub fn name(self) -> [u8; 3] {
        self.line().map_or(*b"???", |line| line.name)
    }

    /// Its number within the message, from 0.
    pub fn index(self) -> usize {
        self.index
    }

    /// Its occurrence among its namesakes, from 1.
    pub fn occurrence(self) -> u16 {
        self.line().map_or(0, |line| line.occurrence)
    }

    /// All of its values.
    pub fn all(self) -> Part<'m> {
        let (lo, hi) = self.line().map_or((0, 0), |line| (line.first, line.last));
        Part { message: self.message, lo, hi, prefix: 0, level: Level::Segment }
    }

    /// A field, as HL7 counts them (from 1).
    #[inline]
    pub fn field(self, number: u16) -> Part<'m> {
        self.all().narrow(u64::from(number) << 32, Level::Field)
    }

    /// The first repetition of a field.
    pub fn first(self, number: u16) -> Part<'m> {
        self.field(number).rep(1)
    }

    /// The value of a simple field: first repetition, first component, first subcomponent.
    #[inline]
    pub fn leaf(self, number: u16) -> Option<Leaf<'m>> {
        self.field(number).leaf()
    }

    /// Keys and texts of its values outside one field.
    fn said(self, except: u16) -> impl Iterator<Item = (u64, &'m str)> {
        let all = self.all();
        (all.lo..all.hi).filter_map(move |index| {
            let value = self.message.values.get(index as usize)?;
            let counts = value.flags & flag::BLANK == 0 && value.key >> 32 != u64::from(except);
            counts.then(|| (value.key, self.message.text_of(index)))
        })
    }

    /// Whether another segment says all that this one says, one field aside: each repetition of a field is found in one of that
    /// field there, whatever their order. `same` compares two values.
    pub fn says_no_more_than(self, other: Segment<'m>, except: u16, same: fn(&str, &str) -> bool) -> bool {
        const REPETITION: u64 = 0xFFFF_0000;
        const REPETITIONS_COMPARED: usize = 32;
        let theirs: Vec<(u64, &str)> = other.said(except).collect();
        let mine: Vec<(u64, &str)> = self.said(except).collect();
        let place = |key: u64| key & !REPETITION;
        // The values of a field, by repetition.
        let field = |values: &[(u64, &'m str)], field: u64| {
            let (from, to) = (field << 32, (field + 1) << 32);
            let range = values.partition_point(|v| v.0 < from)..values.partition_point(|v| v.0 < to);
            values.get(range).unwrap_or_default().to_vec()
        };
        mine.chunk_by(|a, b| a.0 >> 32 == b.0 >> 32).all(|values| {
            let number = values.first().map_or(0, |v| v.0 >> 32);
            let there = field(&theirs, number);
            let there: Vec<&[(u64, &str)]> =
                there.chunk_by(|a, b| a.0 >> 16 == b.0 >> 16).take(REPETITIONS_COMPARED).collect();
            values.chunk_by(|a, b| a.0 >> 16 == b.0 >> 16).all(|rep| {
                there.iter().any(|other| {
                    let mut other = other.iter();
                    rep.iter().all(|v| {
                        let found = other.by_ref().find(|o| place(o.0) >= place(v.0));
                        found.is_some_and(|o| place(o.0) == place(v.0) && same(o.1, v.1))
                    })
                })
            })
        })
    }

    /// A number that two segments of equal content share: see [`Segment::equals`].
    pub fn fingerprint(self, except: u16) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        self.name().hash(&mut hasher);
        self.said(except).for_each(|said| said.hash(&mut hasher));
        hasher.finish()
    }

    /// Whether two segments hold the same values at the same places, those of one field aside.
    pub fn equals(self, other: Segment<'m>, except: u16) -> bool {
        self.name() == other.name() && self.said(except).eq(other.said(except))
    }

    /// Its values that say something, each with the number of its field.
    pub fn by_field(self) -> impl Iterator<Item = (u16, Leaf<'m>)> {
        let all = self.all();
        (all.lo..all.hi).filter_map(move |index| {
            let value = self.message.values.get(index as usize)?;
            Some(((value.key >> 32) as u16, all.at(index)?))
        })
    }

    /// The value of a component of the first repetition.
    pub fn comp(self, field: u16, component: u8) -> Option<Leaf<'m>> {
        self.first(field).comp(component).leaf()
    }
}

impl Sources for Segment<'_> {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.all().each(f);
    }
}

/// An explicit null, two quotation marks: the source deletes what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Null {
    /// Field.
    pub field: u16,
    /// Repetition of the field.
    pub repetition: u16,
    /// Component.
    pub component: u8,
    /// Whether it is the whole field.
    pub whole: bool,
    /// Its item.
    pub item: ItemId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Segment,
    Field,
    Repetition,
    Component,
    Sub,
}

impl Level {
    /// Number of low bits of the key that are still open at this level.
    fn open_bits(self) -> u32 {
        match self {
            Level::Segment => 63,
            Level::Field => 32,
            Level::Repetition => 16,
            Level::Component => 8,
            Level::Sub => 0,
        }
    }
}

/// A field, repetition, component or subcomponent: a range of values. It may be empty.
#[derive(Clone, Copy)]
pub struct Part<'m> {
    message: &'m Message<'m>,
    lo: u32,
    hi: u32,
    prefix: u64,
    level: Level,
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} values)", self.hi - self.lo)
    }
}

impl<'m> Part<'m> {
    #[inline]
    fn narrow(self, add: u64, level: Level) -> Self {
        let prefix = self.prefix | add;
        let (lo, hi) = self.range(prefix, prefix + (1 << level.open_bits()));
        Self { lo, hi, prefix, level, ..self }
    }

    /// Indexes of the values whose key lies in a range. Parts are mostly short and mostly hold the range or end before it, so a
    /// few steps are walked before a binary search is worth its jumps.
    #[inline]
    fn range(self, from: u64, to: u64) -> (u32, u32) {
        const STEPS: usize = 8;
        let values = self.message.values.get(self.lo as usize..self.hi as usize).unwrap_or_default();
        match values.last() {
            None => return (self.lo, self.lo),
            Some(last) if last.key < from => return (self.hi, self.hi),
            Some(_) => {}
        }
        let mut lo = 0;
        if values.len() > STEPS {
            lo = values.partition_point(|v| v.key < from);
        } else {
            while values.get(lo).is_some_and(|v| v.key < from) {
                lo += 1;
            }
        }
        let mut hi = lo;
        while hi < lo + STEPS && values.get(hi).is_some_and(|v| v.key < to) {
            hi += 1;
        }
        if hi == lo + STEPS {
            hi += values.get(hi..).unwrap_or_default().partition_point(|v| v.key < to);
        }
        (self.lo + lo as u32, self.lo + hi as u32)
    }

    /// A repetition of a field, from 1.
    pub fn rep(self, number: u16) -> Self {
        self.narrow(u64::from(number) << 16, Level::Repetition)
    }

    /// The repetitions of a field that hold a value (blanks and the explicit null included).
    pub fn reps(self) -> impl Iterator<Item = Part<'m>> {
        let mut next = self.lo;
        std::iter::from_fn(move || {
            let value = self.message.values.get(next as usize).filter(|_| next < self.hi)?;
            let part = self.rep((value.key >> 16) as u16);
            next = part.hi.max(next + 1);
            Some(part)
        })
    }

    /// A component of a repetition, from 1 (of a field: of its first repetition).
    #[inline]
    pub fn comp(self, number: u8) -> Self {
        let at = if self.level == Level::Field { self.rep(1) } else { self };
        at.narrow(u64::from(number) << 8, Level::Component)
    }

    /// A subcomponent of a component, from 1.
    pub fn subcomp(self, number: u8) -> Self {
        self.narrow(u64::from(number), Level::Sub)
    }

    /// Index of the value that stands first at every level below this one.
    fn head(self) -> Option<u32> {
        let rest = match self.level {
            Level::Segment => return None,
            Level::Field => key(0, 1, 1, 1),
            Level::Repetition => key(0, 0, 1, 1),
            Level::Component => 1,
            Level::Sub => 0,
        };
        let wanted = self.prefix | rest;
        let value = self.message.values.get(self.lo as usize).filter(|_| self.lo < self.hi)?;
        (value.key == wanted).then_some(self.lo)
    }

    /// Its value, where it is a single one or the first of several; `None` where it is absent, blank or the
    /// explicit null. Blanks are cut off both ends.
    #[inline]
    pub fn leaf(self) -> Option<Leaf<'m>> {
        self.at(self.head()?)
    }

    fn at(self, index: u32) -> Option<Leaf<'m>> {
        let value = self.message.values.get(index as usize)?;
        let given = value.flags & (flag::BLANK | flag::NULL) == 0;
        given.then(|| Leaf { text: self.message.text_of(index), id: self.message.item(index) }.trim())
    }

    /// The item of the explicit null `""`, where this part is that.
    pub fn deleted(self) -> Option<ItemId> {
        let index = self.head()?;
        let value = self.message.values.get(index as usize)?;
        (value.flags & flag::NULL != 0).then(|| self.message.item(index))
    }

    /// All values in it that are neither blank nor the explicit null.
    pub fn leaves(self) -> impl Iterator<Item = Leaf<'m>> {
        (self.lo..self.hi).filter_map(move |index| self.at(index))
    }

    /// Its text as it was sent, with the separators between its values: what a text is that its sender divided.
    pub fn text(self) -> String {
        let mut out = String::new();
        for index in self.lo..self.hi {
            out.push_str(self.message.gap(index.checked_sub(1).filter(|_| index > self.lo), index));
            out.push_str(self.message.text_of(index));
        }
        let trimmed = out.trim();
        if trimmed.len() == out.len() { out } else { trimmed.to_owned() }
    }

    /// All explicit nulls in it.
    pub fn nulls(self) -> impl Iterator<Item = Null> + 'm {
        (self.lo..self.hi).filter_map(move |index| {
            let value = self.message.values.get(index as usize)?;
            let whole = value.flags & (flag::IN_COMPONENTS | flag::IN_SUBS) == 0
                && value.key & 0xFFFF_FFFF == key(0, 1, 1, 1);
            (value.flags & flag::NULL != 0).then(|| Null {
                field: (value.key >> 32) as u16,
                repetition: (value.key >> 16) as u16,
                component: (value.key >> 8) as u8,
                whole,
                item: self.message.item(index),
            })
        })
    }

    /// Whether it holds no value at all.
    pub fn is_empty(self) -> bool {
        self.lo >= self.hi
    }

    /// Whether it holds a value that says something.
    pub fn says(self) -> bool {
        self.leaves().next().is_some()
    }

    /// Item numbers of its values.
    pub fn items(self) -> Range<ItemId> {
        self.message.item(self.lo)..self.message.item(self.hi)
    }
}

impl Sources for Part<'_> {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.items().for_each(f);
    }
}
