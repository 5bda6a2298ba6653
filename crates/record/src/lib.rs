//! The integrated record: one person's facts from every source, each as its source told it, with its history
//! and the way back to its original.

mod bundle;
mod compare;
mod dates;
mod demographics;
mod describe;
mod error;
mod facts;
mod golden;
mod identity;
pub mod limits;
mod matching;
mod model;
mod outline;
mod parameters;
mod params;
mod paths;
mod policy;
mod reference;
pub mod rules;
mod sections;
mod sqlite;
mod summary;
mod tables;

pub use describe::in_words;
pub use error::{RecordError, Result};
pub use facts::{Fact, FactDifference, Line, Measured, Standing, Telling, joins};
pub use golden::golden;
pub use matching::LOOK_ALIKE as LOOK_ALIKE_POINTS;
pub use model::*;
pub use parameters::{is_r4_type, leads_to, meets, search_includes, search_parameters};
pub use sqlite::{
    DueRecords, MessageTold, Outlived, Place, Prepared, Record, Snapshot, TextEntry, Texts, Told, View,
    Waited, Written,
};
pub use sqlite::{copy, decisions_of_people, digest_of, due, examine, told};
pub use summary::{Change, Moment, Part, Point, SafetyLine, Show, Summary, SummaryQuery, Test};

/// The first instant and the one after the last that a FHIR `date`, `dateTime` or `instant` may mean; `None` where it is none.
/// A date is of Europe/London.
pub fn date_range(text: &str) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let (low, high) = dates::range(text)?;
    let at = |microsecond| jiff::Timestamp::from_microsecond(microsecond).ok();
    Some((at(low)?, at(high.saturating_add(1))?))
}

/// The digest by which the record knows that bundles of a message were applied: see [`MessageTold`].
pub fn applied_digest(bundles: &[&[u8]]) -> [u8; 32] {
    bundle::digest(bundles)
}
