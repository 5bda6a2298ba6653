//! What every other crate of Causeway stands on: identifiers, partial dates, positions in a source,
//! issues, and the accounting of source items.
//!
//! Nothing here reads a clock, a file, a socket or randomness.

pub mod address;
pub mod common;
pub mod format;
pub mod identifier;
pub mod issue;
pub mod ledger;
pub mod likely;
pub mod limits;
pub mod names;
pub mod place;
pub mod prescription;
pub mod rule;
pub mod snomed;
pub mod text;
pub mod when;

pub use format::{Sector, Telling};
pub use identifier::{CassrCode, CqcLocationId, NhsNumber, NhsNumberError, OdsCode};
pub use issue::{Issue, IssueCode, Severity};
pub use ledger::{Item, ItemId, Leaf, Ledger, Outcome, Sources, Totals};
pub use place::{Outline, Place, Position, Span};
pub use rule::Rule;
pub use when::{Offset, Precision, When, WhenError, month_in_words};

/// The time zone of the United Kingdom, with its whole history of summer times.
///
/// The data is compiled in, so the answer is the same on every machine.
pub fn london() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get("Europe/London").unwrap_or(jiff::tz::TimeZone::UTC)
}
