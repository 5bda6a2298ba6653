//! What is remembered of a file across its rows, in a fixed number of bytes for each person: enough to tell
//! contradictions, not enough to give anybody away.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use causeway_core::Span;

use crate::limits::{EVENTS_MAX, LINKS_MAX, PEOPLE_MAX};

/// Characteristics whose contradictions within one period are told.
pub const TRACKED: usize = 7;

/// Number of a value that is in no value set.
pub const OTHER_VALUE: u8 = 255;

/// A person in the file, by hashes.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    nhs: u32,
    born: u32,
    name: u32,
    period: u32,
    gender: u8,
    values: [u8; TRACKED],
}

/// Where a linked person was first mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Row.
    pub row: u32,
    /// Place in the row.
    pub column: u16,
    /// Bytes.
    pub span: Span,
}

/// What contradicts an earlier row of the same person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contradictions {
    /// Another NHS number.
    pub nhs: bool,
    /// Another council id beside the same NHS number.
    pub ids: bool,
    /// Another gender.
    pub gender: bool,
    /// Another date of birth.
    pub born: bool,
    /// Another name.
    pub name: bool,
}

/// What a row states of a person.
#[derive(Clone, Copy, Debug)]
pub struct Stated<'a, P> {
    /// NHS number.
    pub nhs: Option<&'a str>,
    /// Date of birth.
    pub born: Option<(i16, u8, u8)>,
    /// Identifies the reporting period.
    pub period: P,
    /// Number of a gender, 0 where not stated.
    pub gender: u8,
    /// What of the name tells two people apart.
    pub name: Option<&'a str>,
}

/// The memory of one file.
#[derive(Debug, Default)]
pub struct Census {
    people: HashMap<u64, Known>,
    by_nhs: HashMap<u64, u64>,
    links: HashMap<u64, Link>,
    events: HashSet<u64>,
    /// Whether something was not remembered because a limit was reached.
    pub limited: bool,
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// 32 bits of a hash; never 0, which stands for "not stated".
fn short(value: Option<impl Hash>) -> u32 {
    value.map_or(0, |value| (hash(value) as u32).max(1))
}

fn differs<T: Copy + PartialEq + Default>(known: &mut T, stated: T) -> bool {
    if stated == T::default() || *known == stated {
        return false;
    }
    let contradicts = *known != T::default();
    if !contradicts {
        *known = stated;
    }
    contradicts
}

impl Census {
    /// Enters a person and tells what contradicts earlier rows.
    pub fn person(&mut self, key: &str, stated: &Stated<'_, impl Hash>) -> Contradictions {
        let id = hash(key);
        if self.people.len() >= PEOPLE_MAX && !self.people.contains_key(&id) {
            self.limited = true;
            return Contradictions::default();
        }
        let known = self.people.entry(id).or_default();
        let period = short(Some(&stated.period));
        if known.period != period {
            known.period = period;
            known.values = [0; TRACKED];
        }
        Contradictions {
            nhs: differs(&mut known.nhs, short(stated.nhs)),
            born: differs(&mut known.born, short(stated.born)),
            gender: differs(&mut known.gender, stated.gender),
            name: differs(&mut known.name, short(stated.name)),
            ids: stated.nhs.is_some_and(|nhs| *self.by_nhs.entry(hash(nhs)).or_insert(id) != id),
        }
    }

    /// Enters a characteristic of a person within the period at hand. Returns whether it contradicts an
    /// earlier row.
    pub fn characteristic(&mut self, key: &str, which: usize, value: u8) -> bool {
        let Some(known) = self.people.get_mut(&hash(key)) else { return false };
        known.values.get_mut(which).is_some_and(|slot| differs(slot, value))
    }

    /// Enters an event by its business key; returns which of its like it is, from 1. Where events are no
    /// longer remembered, every one counts as the first.
    pub fn event(&mut self, key: &str) -> u32 {
        if self.events.len() >= EVENTS_MAX {
            self.limited = true;
            return 1;
        }
        let base = hash(key);
        // The count is in the hash, so that one set of numbers is all the memory there is. Each repetition
        // probes those before it; a limit keeps a file of equal rows linear.
        let mut count = 1;
        while count < u32::from(u16::MAX) && !self.events.insert(hash((base, count))) {
            count = if count < 16 { count + 1 } else { self.gallop(base, count) };
        }
        count
    }

    /// The first number from `from` on that is free: doubling, then halving.
    fn gallop(&self, base: u64, from: u32) -> u32 {
        let taken = |n: u32| self.events.contains(&hash((base, n)));
        let mut high = from;
        while taken(high) && high < u32::from(u16::MAX) {
            high = high.saturating_mul(2).min(u32::from(u16::MAX));
        }
        let mut low = from;
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if taken(middle) { low = middle } else { high = middle }
        }
        high
    }

    /// Enters the mention of a linked person.
    pub fn link(&mut self, key: &str, link: Link) {
        if self.links.len() >= LINKS_MAX {
            self.limited = true;
            return;
        }
        self.links.entry(hash(key)).or_insert(link);
    }

    /// At the end of the file: first mentions of linked people who are not in it, in source order.
    pub fn absent(&self) -> Vec<Link> {
        if self.limited {
            return Vec::new();
        }
        let mut absent: Vec<Link> = self
            .links
            .iter()
            .filter(|(key, _)| !self.people.contains_key(key))
            .map(|(_, link)| *link)
            .collect();
        absent.sort_unstable();
        absent
    }

    /// People, events and links remembered.
    pub fn len(&self) -> (usize, usize, usize) {
        (self.people.len(), self.events.len(), self.links.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_counted_without_gaps() {
        let mut census = Census::default();
        for n in 1..=500 {
            assert_eq!(census.event("a"), n);
        }
        assert_eq!(census.event("b"), 1);
        assert_eq!(census.len().1, 501);
    }

    #[test]
    fn contradictions_are_told_once_stated() {
        let mut census = Census::default();
        let stated = |nhs, born, period, gender, name| Stated { nhs, born, period, gender, name };
        let nothing = stated(None, None, 1, 0, None);
        assert_eq!(census.person("998/1", &nothing), Contradictions::default());
        let first = stated(Some("9990000018"), None, 1, 2, Some("larkspur e"));
        assert_eq!(census.person("998/1", &first), Contradictions::default());
        let second = stated(Some("9990000026"), Some((1942, 3, 9)), 1, 1, Some("barley o"));
        let found = census.person("998/1", &second);
        assert_eq!(found, Contradictions { nhs: true, gender: true, name: true, ..Default::default() });
        assert!(census.person("998/2", &Stated { gender: 0, name: None, ..first }).ids);
        assert!(!census.characteristic("998/1", 0, 3));
        assert!(census.characteristic("998/1", 0, 4));
        census.person("998/1", &Stated { period: 2, ..nothing });
        assert!(!census.characteristic("998/1", 0, 4));
    }
}
