//! What a site adds without a developer: the seam between a translation and the site's own tables. Reading and
//! judging the tables is another crate's; here is what they are asked, by the kit, for every adapter alike.

use std::fmt::Debug;
use std::sync::Arc;

use causeway_core::{Issue, ItemId, Ledger, Outcome};
use causeway_fhir::writer::Trail;

use crate::Sender;

/// The tables of a site, shared. Equal where they are the same ones.
#[derive(Clone, Debug)]
pub struct Local(pub Arc<dyn LocalMaps>);

impl PartialEq for Local {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Local {}

/// A value for which the adapter has no place: a field of a Z-segment, a cell of an extra column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its item.
    pub item: ItemId,
    /// Its text, unescaped.
    pub text: String,
}

/// A finished bundle and what is known of how it was made.
#[derive(Debug)]
pub struct Work<'a> {
    /// Who sent the message.
    pub sender: &'a Sender,
    /// Name of the adapter.
    pub adapter: &'a str,
    /// Zone of local times.
    pub zone: &'a jiff::tz::TimeZone,
    /// The bundle, FHIR R4 JSON.
    pub bundle: &'a [u8],
    /// Where items went.
    pub trail: &'a Trail,
    /// The values without a place.
    pub offered: &'a [Offered],
    /// The account so far, for places and outcomes.
    pub ledger: &'a Ledger,
}

/// What became of an item by a local map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The item.
    pub item: ItemId,
    /// Its outcome.
    pub outcome: Outcome,
    /// `local map NAME version N`.
    pub reason: &'static str,
    /// Where it went, from the resource's type on; empty where nowhere.
    pub path: String,
}

/// A bundle after the local maps.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The bundle again, with what the maps added; `None` where they added nothing.
    pub bundle: Option<Vec<u8>>,
    /// What became of items.
    pub claims: Vec<Claim>,
    /// What a person should know, by item.
    pub issues: Vec<(ItemId, Issue)>,
}

/// The tables of a site. They add to what an adapter wrote; they take nothing away and overwrite nothing.
pub trait LocalMaps: Debug + Send + Sync {
    /// Whether any table is for messages of this sender in this format.
    fn concern(&self, sender: &Sender, adapter: &str) -> bool;

    /// Whether a table for this sender and format names this place of the source.
    fn name(&self, sender: &Sender, adapter: &str, place: &str) -> bool;

    /// Applies them to one bundle.
    fn apply(&self, work: &Work<'_>) -> Applied;

    /// The tables as text, for a process of its own that translates: what [`LocalMaps`] are made of again.
    fn carried(&self) -> String;
}

/// A place of the source without what tells one occurrence from another: `row 12, Ward` is `Ward`, `message 2, ZPI-3[2].1`
/// is `ZPI-3.1`, `dm_visits row 12, visit_type` is `dm_visits.visit_type`.
pub fn generic(place: &str) -> String {
    let mut rest = place;
    if let Some((table, after)) = rest.split_once(" row ")
        && !table.is_empty()
        && !table.contains([' ', ','])
        && let Some((number, column)) = after.split_once(", ")
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return format!("{table}.{column}");
    }
    for head in ["row ", "message "] {
        if let Some((number, after)) = rest.strip_prefix(head).and_then(|r| r.split_once(", "))
            && number.bytes().all(|b| b.is_ascii_digit())
        {
            rest = after;
        }
    }
    if let Some((number, after)) = rest.strip_prefix("segment ").and_then(|r| r.split_once(' '))
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        rest = after;
    }
    let mut out = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('[') {
        match after.split_once(']') {
            Some((index, tail)) if index.bytes().all(|b| b.is_ascii_digit()) => {
                out.push_str(before);
                rest = tail;
            }
            _ => {
                out.push_str(before);
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::generic;

    #[test]
    fn places_without_their_occurrence() {
        for (place, wanted) in [
            ("row 12, Event Outcome", "Event Outcome"),
            ("ZPI[2]-3[2].1", "ZPI-3.1"),
            ("message 2, ZPI-3.1", "ZPI-3.1"),
            ("message 1, segment 16 INV-2.4", "INV-2.4"),
            ("/a[2]/b[1]/@code", "/a/b/@code"),
            ("row a, b", "row a, b"),
            ("Ward [old]", "Ward [old]"),
            ("dm_visits row 12, visit_type", "dm_visits.visit_type"),
            ("a long row 12, cell", "a long row 12, cell"),
        ] {
            assert_eq!(generic(place), wanted);
        }
    }
}
