//! The grammar of FHSREG: what a message says of all its transactions, and the transactions. Nothing is judged here.

use std::ops::Range;

use causeway_adapter::Composer;
use causeway_core::{ItemId, Leaf, Outcome, When};
use causeway_edifact::{Message, Source, View};
use jiff::tz::TimeZone;

use crate::rules;

/// The head of a message, which holds for each of its transactions.
#[derive(Debug, Default)]
pub(crate) struct Head<'s> {
    pub segments: Vec<View<'s>>,
}

/// One transaction: what follows an S01, until the next.
#[derive(Debug, Default)]
pub(crate) struct Transaction<'s> {
    pub segments: Vec<View<'s>>,
    /// Section headings and the beginnings of parts: they say nothing of a person.
    pub structural: Vec<ItemId>,
    pub items: Range<ItemId>,
}

/// The items of a message, from its first segment to its last.
pub(crate) fn items(source: &Source<'_>, message: &Message) -> Range<ItemId> {
    let mut all = message.segments().filter_map(|index| source.view(index)).map(|view| view.items());
    let first = all.next().unwrap_or_default();
    let end = all.next_back().map_or(first.end, |last| last.end);
    first.start..end
}

/// Reads a message into its head and its transactions.
pub(crate) fn read<'s>(source: &'s Source<'_>, message: &Message) -> (Head<'s>, Vec<Transaction<'s>>) {
    let mut head = Head::default();
    let mut found: Vec<Transaction<'s>> = Vec::new();
    for view in message.body.clone().filter_map(|index| source.view(index)) {
        if view.tag == b"S01" {
            found.push(Transaction { items: view.items(), ..Transaction::default() });
        }
        match found.last_mut() {
            None => head.segments.push(view),
            Some(transaction) => {
                transaction.items.end = view.items().end;
                match view.tag {
                    b"S01" | b"S02" => transaction.structural.extend(view.items()),
                    _ => transaction.segments.push(view),
                }
            }
        }
    }
    (head, found)
}

fn find<'s>(segments: &[View<'s>], tag: &[u8; 3], qualifier: &str) -> Option<View<'s>> {
    segments
        .iter()
        .find(|v| v.tag == tag && (qualifier.is_empty() || v.text(1, 1).trim() == qualifier))
        .copied()
}

impl<'s> Head<'s> {
    /// A segment by its tag and qualifier.
    pub(crate) fn find(&self, tag: &[u8; 3], qualifier: &str) -> Option<View<'s>> {
        find(&self.segments, tag, qualifier)
    }

    /// The kind of its transactions (RFF+950).
    pub(crate) fn kind(&self) -> Option<Leaf<'s>> {
        self.find(b"RFF", "950")?.get(1, 2).filter(|l| !l.is_blank())
    }

    /// The authority's cipher (NAD+FHS) with its qualifier.
    pub(crate) fn authority(&self) -> Option<Value<'s>> {
        value(self.find(b"NAD", "FHS")?, (2, 1))
    }
}

/// A value with the item that qualifies it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'s> {
    pub leaf: Leaf<'s>,
    pub qualifier: Option<Leaf<'s>>,
}

impl<'s> Value<'s> {
    /// Both items.
    pub(crate) fn from(&self) -> (Leaf<'s>, Option<Leaf<'s>>) {
        (self.leaf, self.qualifier)
    }

    pub(crate) fn text(&self) -> &'s str {
        self.leaf.text.trim()
    }
}

fn value(view: View<'_>, (element, component): (u8, u8)) -> Option<Value<'_>> {
    let leaf = view.get(element, component).filter(|l| !l.is_blank())?;
    Some(Value { leaf, qualifier: view.get(1, 1).filter(|q| q.id != leaf.id) })
}

impl<'s> Transaction<'s> {
    /// A segment by its tag and qualifier.
    pub(crate) fn find(&self, tag: &[u8; 3], qualifier: &str) -> Option<View<'s>> {
        find(&self.segments, tag, qualifier)
    }

    /// A value by tag and qualifier of its segment, data element and component.
    pub(crate) fn value(&self, tag: &[u8; 3], qualifier: &str, at: (u8, u8)) -> Option<Value<'s>> {
        value(self.find(tag, qualifier)?, at)
    }

    /// Its number (RFF+TN).
    pub(crate) fn number(&self) -> Option<Value<'s>> {
        self.value(b"RFF", "TN", (1, 2))
    }

    /// The number of the person (PNA+PAT).
    pub(crate) fn person(&self) -> Option<Value<'s>> {
        self.value(b"PNA", "PAT", (2, 1))
    }

    /// A part of the name: SU surname, FO forename, MI second forename, FS further forenames, TI title.
    pub(crate) fn name_part(&self, who: &str, part: &str) -> Option<Value<'s>> {
        name_part(self.find(b"PNA", who)?, part)
    }
}

/// A part of a name by its qualifier.
pub(crate) fn name_part<'s>(pna: View<'s>, part: &str) -> Option<Value<'s>> {
    (3..=12u8).find_map(|element| {
        let qualifier = pna.get(element, 1).filter(|q| q.text.trim() == part)?;
        let leaf = pna.get(element, 2).filter(|l| !l.is_blank())?;
        Some(Value { leaf, qualifier: Some(qualifier) })
    })
}

/// A date or time with its items: qualifier, value, format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'s> {
    pub when: When,
    pub from: [Option<Leaf<'s>>; 3],
}

/// Reads a DTM segment; the value where it is no date in the format that it names. Formats of UN/EDIFACT 2379: 102
/// CCYYMMDD, 203 CCYYMMDDHHMM, 306 the same in receipts.
pub(crate) fn moment<'s>(dtm: View<'s>, zone: &TimeZone) -> Result<Option<Moment<'s>>, Leaf<'s>> {
    let from = [dtm.get(1, 1), dtm.get(1, 2), dtm.get(1, 3)];
    let Some(value) = from[1].filter(|l| !l.is_blank()) else { return Ok(None) };
    let digits = match dtm.text(1, 3).trim() {
        "102" => 8,
        "203" | "306" => 12,
        _ => return Err(value),
    };
    let text = value.text.trim();
    if text.len() != digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(value);
    }
    When::hl7(text, zone).map(|when| Some(Moment { when, from })).map_err(|_| value)
}

/// Accounts for what is left of a message: qualifiers and formats that say nothing of a person, and what has no place.
pub(crate) fn account(c: &mut Composer<'_>, source: &Source<'_>, message: &Message) {
    for view in message.segments().filter_map(|at| source.view(at)) {
        let structural: &[(u8, u8)] = match view.tag {
            b"UNH" | b"UNT" | b"S01" | b"S02" => {
                c.ledger.claim_rest(view.items(), Outcome::Structural, "");
                continue;
            }
            b"BGM" => &[(1, 1), (2, 1), (3, 1), (4, 1)],
            b"NAD" | b"HEA" => &[(2, 2)],
            b"GIS" | b"PNA" => &[(1, 2), (2, 2)],
            b"PDI" | b"LOC" => &[(1, 2)],
            _ => &[],
        };
        for (element, component) in structural {
            if let Some(leaf) = view.get(*element, *component) {
                c.ledger.claim_rest(leaf.id..leaf.id + 1, Outcome::Structural, "");
            }
        }
    }
    let items = items(source, message);
    let open =
        |id: &ItemId| c.ledger.items().get(*id as usize).is_some_and(|i| i.outcome == Outcome::Unexplained);
    let first = items.clone().find(open);
    c.ledger.claim_rest(
        items,
        Outcome::Unsupported,
        "FHIR has no place for it here: kept in the original only",
    );
    if let Some(first) = first {
        c.issue_at(first, rules::KEPT_IN_ORIGINAL.issue());
    }
}
