//! Numbers for the names of a document: the members and elements that come again and again.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// Slots of the table in front of the map.
const SLOTS: usize = 256;

/// Gives each name a number, from 0, in the order in which the names first come.
///
/// A document has few names and says each of them often. A small table, whose slot is told by length and three bytes, answers
/// for most of them with one comparison; what it does not hold is looked up in a table with a keyed hash, so that no sender can
/// choose names that all fall together.
#[derive(Debug)]
pub struct Names {
    slots: [u32; SLOTS],
    hasher: RandomState,
    /// Numbers by the hash of their name.
    known: HashTable<u32>,
    texts: Vec<Box<str>>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            slots: [u32::MAX; SLOTS],
            hasher: RandomState::new(),
            known: HashTable::with_capacity(SLOTS / 4),
            texts: Vec::with_capacity(SLOTS / 4),
        }
    }
}

fn slot(name: &[u8]) -> usize {
    let at = |index: usize| usize::from(name.get(index).copied().unwrap_or(0));
    let length = name.len();
    let mixed = length * 7 + at(0) * 31 + at(length / 2) * 5 + at(length.saturating_sub(1)) * 17;
    mixed % SLOTS
}

impl Names {
    /// The number of a name.
    pub fn number(&mut self, name: &str) -> u32 {
        let slot = slot(name.as_bytes());
        let recent = self.slots.get(slot).copied().unwrap_or(u32::MAX);
        if self.texts.get(recent as usize).is_some_and(|text| **text == *name) {
            return recent;
        }
        let hash = self.hasher.hash_one(name);
        let same = |number: &u32| self.texts.get(*number as usize).is_some_and(|text| **text == *name);
        let number = match self.known.find(hash, same) {
            Some(number) => *number,
            None => {
                let next = self.texts.len() as u32;
                self.texts.push(name.into());
                let hash_of = |number: &u32| {
                    self.texts.get(*number as usize).map_or(0, |text| self.hasher.hash_one(&**text))
                };
                self.known.insert_unique(hash, next, hash_of);
                next
            }
        };
        if let Some(recent) = self.slots.get_mut(slot) {
            *recent = number;
        }
        number
    }

    /// The name with a number.
    pub fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number as usize).map(|text| &**text)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The names by number.
    pub fn into_texts(self) -> Vec<Box<str>> {
        self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_whatever_shares_its_slot() {
        let mut names = Names::default();
        let all: Vec<String> =
            (0..2000).map(|n| format!("n{:03}x", n % 700)).chain([String::new()]).collect();
        let numbers: Vec<u32> = all.iter().map(|name| names.number(name)).collect();
        let again: Vec<u32> = all.iter().map(|name| names.number(name)).collect();
        assert_eq!(numbers, again);
        assert_eq!(names.len(), 701);
        let texts = names.into_texts();
        assert!(all.iter().zip(numbers).all(|(name, number)| *texts[number as usize] == **name));
    }
}
