//! The accounting: for every source item one outcome, and the sum is 100 %.

use std::sync::Arc;

use crate::place::{Outline, Place, Position, Span};
use crate::text::trim;

/// Number of a source item within its ledger.
pub type ItemId = u32;

/// One value of the source, with its number in the ledger. Cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The value, unescaped.
    pub text: &'a str,
    /// Its item.
    pub id: ItemId,
}

impl<'a> Leaf<'a> {
    /// The same item with only a part of its text.
    #[must_use]
    pub fn with(self, text: &'a str) -> Self {
        Self { text, id: self.id }
    }

    /// The same item with blanks cut off both ends.
    #[must_use]
    pub fn trim(self) -> Self {
        self.with(trim(self.text))
    }

    /// Whether there is nothing but blanks.
    pub fn is_blank(self) -> bool {
        trim(self.text).is_empty()
    }
}

/// What became of a source item. The order is the order of precedence: a later claim of a higher outcome
/// replaces a lower one, never the reverse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Nothing has been said of it. An adapter that leaves one has a fault.
    #[default]
    Unexplained,
    /// Delimiters, counts, set ids, envelope: says nothing of a person; changing it changes no output.
    Structural,
    /// Kept only in the original; no place was found for it.
    Unsupported,
    /// Its value is not written itself; it decides what is written of others (a qualifier, a type, a flag that is not set).
    /// The reason says what.
    Decides,
    /// Its value reached the output.
    Mapped,
    /// Its value reached the output, and something of it was lost; the reason says what.
    MappedWithLoss,
    /// Held back by a rule, which the reason names.
    Withheld,
    /// Refused; the reason says why.
    Rejected,
}

impl Outcome {
    /// Every outcome, in the order in which totals are printed.
    pub const ALL: [Outcome; 8] = [
        Outcome::Mapped,
        Outcome::MappedWithLoss,
        Outcome::Decides,
        Outcome::Withheld,
        Outcome::Rejected,
        Outcome::Unsupported,
        Outcome::Structural,
        Outcome::Unexplained,
    ];

    /// The word used in ledgers and pages.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Unexplained => "unexplained",
            Outcome::Structural => "structural",
            Outcome::Unsupported => "unsupported",
            Outcome::Decides => "decides",
            Outcome::Mapped => "mapped",
            Outcome::MappedWithLoss => "mapped-with-loss",
            Outcome::Withheld => "withheld",
            Outcome::Rejected => "rejected",
        }
    }
}

/// One source item: where it stands and what became of it. A message has hundreds of thousands, so an item is kept at 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where, compactly.
    pub place: Place,
    /// Which bytes.
    pub span: Span,
    /// What became of it.
    pub outcome: Outcome,
    /// Why: the number of its sentence in the ledger ([`Ledger::reason_of`]); 0 where there is none.
    reason: u16,
}

/// Items by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    counts: [u64; 8],
}

impl Totals {
    /// Items with this outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.counts[outcome as usize]
    }

    /// All items.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        self.counts[outcome as usize] += 1;
    }

    /// Adds another total.
    pub fn merge(&mut self, other: &Totals) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
    }
}

/// Which items a value came from. One leaf, several, or none.
pub trait Sources {
    /// Calls `f` for each.
    fn each(&self, f: &mut dyn FnMut(ItemId));
}

impl Sources for () {
    fn each(&self, _: &mut dyn FnMut(ItemId)) {}
}
impl Sources for ItemId {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        f(*self);
    }
}
impl Sources for Leaf<'_> {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        f(self.id);
    }
}
impl<S: Sources> Sources for Option<S> {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        if let Some(inner) = self {
            inner.each(f);
        }
    }
}
impl<S: Sources> Sources for [S] {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        for inner in self {
            inner.each(f);
        }
    }
}
impl<S: Sources> Sources for Vec<S> {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.as_slice().each(f);
    }
}
impl<S: Sources, const N: usize> Sources for [S; N] {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.as_slice().each(f);
    }
}
impl<S: Sources + ?Sized> Sources for &S {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        (**self).each(f);
    }
}
impl<A: Sources, B: Sources> Sources for (A, B) {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.0.each(f);
        self.1.each(f);
    }
}
impl<A: Sources, B: Sources, C: Sources> Sources for (A, B, C) {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.0.each(f);
        self.1.each(f);
        self.2.each(f);
    }
}

/// The account of one message (or of one batch of a long stream).
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    items: Vec<Item>,
    /// The sentences that items name by number, from 1.
    reasons: Vec<&'static str>,
    outline: Option<Arc<dyn Outline>>,
    /// In explain mode: the FHIR paths that each item went to, in the order of writing.
    paths: Vec<(ItemId, Box<str>)>,
    /// From the first byte that any item covers to the last.
    reach: Option<Span>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for `items` more.
    pub fn reserve(&mut self, items: usize) {
        self.items.reserve(items);
    }

    /// Names the places of this source.
    pub fn set_outline(&mut self, outline: Arc<dyn Outline>) {
        self.outline = Some(outline);
    }

    /// The names of this source's places.
    pub fn outline(&self) -> Option<&Arc<dyn Outline>> {
        self.outline.as_ref()
    }

    /// Enters a source item, unexplained so far, and returns its number.
    pub fn add(&mut self, place: Place, span: Span) -> ItemId {
        let id = self.items.len().min(crate::limits::ITEMS_MAX) as ItemId;
        self.items.push(Item { place, span, outcome: Outcome::Unexplained, reason: 0 });
        self.stretch(span);
        id
    }

    fn stretch(&mut self, span: Span) {
        let known = self.reach.unwrap_or(span);
        self.reach = Some(Span { start: known.start.min(span.start), end: known.end.max(span.end) });
    }

    /// Bytes of the source from the first that any item covers to the last.
    pub fn reach(&self) -> usize {
        self.reach.map_or(0, Span::len)
    }

    /// The number of a sentence: it is the same one that is given here again and again, so its address tells it.
    fn number(&mut self, reason: &'static str) -> u16 {
        if reason.is_empty() {
            return 0;
        }
        let known = self.reasons.iter().rposition(|known| std::ptr::eq(*known, reason));
        let at = known.unwrap_or_else(|| {
            if self.reasons.len() + 1 < crate::limits::REASONS_MAX {
                self.reasons.push(reason);
            } else if self.reasons.len() < crate::limits::REASONS_MAX {
                self.reasons.push("one of more reasons than a ledger tells apart");
            }
            self.reasons.len() - 1
        });
        u16::try_from(at + 1).unwrap_or(u16::MAX)
    }

    /// Why something became of an item; a fixed sentence, never a value, and empty where the outcome needs none.
    pub fn reason_of(&self, item: &Item) -> &'static str {
        usize::from(item.reason)
            .checked_sub(1)
            .and_then(|at| self.reasons.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// Claims an outcome for an item. A lower claim never replaces a higher one; see [`Outcome`].
    pub fn claim(&mut self, id: ItemId, outcome: Outcome, reason: &'static str) {
        let reason = self.number(reason);
        if let Some(item) = self.items.get_mut(id as usize)
            && outcome > item.outcome
        {
            item.outcome = outcome;
            item.reason = reason;
        }
    }

    /// Says of an item that is mapped and of which nothing is said yet by what it was.
    pub fn note(&mut self, id: ItemId, reason: &'static str) {
        let reason = self.number(reason);
        if let Some(item) = self.items.get_mut(id as usize)
            && item.outcome == Outcome::Mapped
            && item.reason == 0
        {
            item.reason = reason;
        }
    }

    /// Claims an outcome for every item in a range of numbers that has none yet.
    pub fn claim_rest(&mut self, range: std::ops::Range<ItemId>, outcome: Outcome, reason: &'static str) {
        let reason = self.number(reason);
        let end = (range.end as usize).min(self.items.len());
        let start = (range.start as usize).min(end);
        for item in &mut self.items[start..end] {
            if item.outcome == Outcome::Unexplained {
                item.outcome = outcome;
                item.reason = reason;
            }
        }
    }

    /// Sets an outcome for every item in a range, whatever was claimed before: a record that is refused
    /// takes all its items with it. Structural items stay structural.
    pub fn overrule(&mut self, range: std::ops::Range<ItemId>, outcome: Outcome, reason: &'static str) {
        let reason = self.number(reason);
        let end = (range.end as usize).min(self.items.len());
        let start = (range.start as usize).min(end);
        for item in &mut self.items[start..end] {
            if item.outcome != Outcome::Structural {
                item.outcome = outcome;
                item.reason = reason;
            }
        }
    }

    /// Records the FHIR path that an item went to (explain mode).
    pub fn trace(&mut self, id: ItemId, path: &str) {
        self.paths.push((id, path.into()));
    }

    /// Items, in source order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no item has been entered.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The number that the next item will have.
    pub fn next_id(&self) -> ItemId {
        self.items.len().min(crate::limits::ITEMS_MAX) as ItemId
    }

    /// FHIR paths by item (explain mode), in the order of writing.
    pub fn paths(&self) -> &[(ItemId, Box<str>)] {
        &self.paths
    }

    /// Counts by outcome.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for item in &self.items {
            totals.add(item.outcome);
        }
        totals
    }

    /// Where an item stands, in words.
    pub fn position(&self, id: ItemId) -> Option<Position> {
        let item = self.items.get(id as usize)?;
        Some(Position::new(item.place.render(self.outline.as_ref()), item.span))
    }

    /// Appends another ledger of the same source (a later batch of a stream).
    pub fn append(&mut self, other: Ledger) {
        let base = self.next_id();
        if self.outline.is_none() {
            self.outline = other.outline;
        }
        let numbers: Vec<u16> = other.reasons.iter().map(|reason| self.number(reason)).collect();
        self.items.extend(other.items.into_iter().map(|item| {
            let number = usize::from(item.reason).checked_sub(1).and_then(|at| numbers.get(at));
            Item { reason: number.copied().unwrap_or(0), ..item }
        }));
        other.reach.into_iter().for_each(|span| self.stretch(span));
        self.paths.extend(other.paths.into_iter().map(|(id, path)| (id.saturating_add(base), path)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_of(items: usize) -> Ledger {
        let mut ledger = Ledger::new();
        for row in 0..items {
            ledger.add(Place::Cell { row: row as u32, column: 0 }, Span::new(row, row + 1));
        }
        ledger
    }

    #[test]
    fn the_higher_claim_stays() {
        let mut ledger = ledger_of(1);
        ledger.claim(0, Outcome::MappedWithLoss, "only the day was kept");
        ledger.claim(0, Outcome::Mapped, "");
        assert_eq!(ledger.items()[0].outcome, Outcome::MappedWithLoss);
        assert_eq!(ledger.reason_of(&ledger.items()[0]), "only the day was kept");
        assert!(size_of::<Item>() <= 24);
    }

    #[test]
    fn a_refused_record_takes_its_items_and_leaves_its_neighbours() {
        let mut ledger = ledger_of(4);
        ledger.claim(1, Outcome::Mapped, "");
        ledger.claim(2, Outcome::Structural, "");
        ledger.overrule(1..3, Outcome::Rejected, "no identifier");
        let words: Vec<_> = ledger.items().iter().map(|i| i.outcome.word()).collect();
        assert_eq!(words, ["unexplained", "rejected", "structural", "unexplained"]);
        assert_eq!(ledger.totals().total(), 4);
    }

    #[test]
    fn the_reach_is_from_the_first_byte_to_the_last() {
        let mut ledger = Ledger::new();
        assert_eq!(ledger.reach(), 0);
        ledger.add(Place::Whole, Span::new(40, 50));
        ledger.add(Place::Whole, Span::new(10, 12));
        let mut other = Ledger::new();
        other.add(Place::Whole, Span::new(60, 70));
        ledger.append(other);
        assert_eq!(ledger.reach(), 60);
    }

    #[test]
    fn batches_keep_their_paths() {
        let mut first = ledger_of(2);
        let mut second = ledger_of(2);
        first.claim(0, Outcome::Withheld, "a");
        second.claim(0, Outcome::Withheld, "b");
        second.claim(1, Outcome::Withheld, "a");
        second.trace(1, "Patient.gender");
        first.append(second);
        assert_eq!(first.paths()[0].0, 3);
        let reasons: Vec<_> = first.items().iter().map(|item| first.reason_of(item)).collect();
        assert_eq!(reasons, ["a", "", "b", "a"]);
    }
}
