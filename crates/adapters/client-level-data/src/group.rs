//! The bundle that is open: consecutive rows of one person.

use causeway_core::Leaf;
use causeway_fhir::Ref;

use crate::columns::Column;
use crate::person::Person;

/// An open bundle.
#[derive(Debug)]
pub struct Group {
    /// Its person.
    pub person: Person,
    /// The council.
    pub council: Ref,
    /// The person as Patient; a carer known by association is none.
    pub patient: Option<Ref>,
    /// First and last row.
    pub rows: (u32, u32),
    /// Kinds of events in it, one bit each in the order of [`crate::event::Kind`].
    pub kinds: u8,
    characteristics: Vec<(Column, String)>,
    reasons: Vec<(String, Ref)>,
}

impl Group {
    /// A bundle that holds its person and nothing else.
    pub fn new(person: Person, council: Ref, patient: Option<Ref>, row: u32) -> Self {
        Self {
            person,
            council,
            patient,
            rows: (row, row),
            kinds: 0,
            characteristics: Vec::new(),
            reasons: Vec::new(),
        }
    }

    /// Whether the bundle already says this of the person.
    pub fn known(&self, column: Column, leaf: Leaf<'_>) -> bool {
        self.characteristics.iter().any(|(c, text)| *c == column && text == leaf.text)
    }

    /// Remembers what the bundle says.
    pub fn note(&mut self, column: Column, leaf: Leaf<'_>) {
        self.characteristics.push((column, leaf.text.to_owned()));
    }

    /// The support reason that was written for a code.
    pub fn reason(&self, code: &str) -> Option<Ref> {
        self.reasons.iter().find(|(known, _)| known == code).map(|(_, written)| written.clone())
    }

    /// Remembers a support reason.
    pub fn note_reason(&mut self, code: &str, written: &Ref) {
        self.reasons.push((code.to_owned(), written.clone()));
    }
}
