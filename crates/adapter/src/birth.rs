//! The dates of birth and death, which can't be after the day on which they are told.

use causeway_core::{Leaf, Rule, When};
use causeway_fhir::Writer;
use causeway_fhir::types::source_text;

use crate::common;

/// Years that nobody has lived to the end of.
const YEARS_MAX: i64 = 130;

/// Whether a date of birth is so long ago that nobody born then can be meant.
fn is_long_past(received: jiff::Timestamp, born: &When) -> bool {
    const YEAR_SECONDS: i64 = 31_557_600;
    born.earliest() < received.as_second() - YEARS_MAX * YEAR_SECONDS
}

/// What is to be told of a date of birth that is carried all the same: a day that systems write for none, or one that is long
/// past.
pub fn past_doubt(received: jiff::Timestamp, born: &When) -> Option<&'static Rule> {
    if born.is_sentinel() {
        return Some(&common::BIRTH_SENTINEL);
    }
    is_long_past(received, born).then_some(&common::BIRTH_LONG_PAST)
}

/// Whether a date of birth is after the moment of receipt. Such a one is told, and kept as its source's text in an
/// extension of `birthDate`. One that is long past is told and carried.
pub fn is_in_future(w: &mut Writer, received: jiff::Timestamp, when: &When, leaf: Leaf<'_>) -> bool {
    if when.earliest() <= received.as_second() {
        if let Some(rule) = past_doubt(received, when) {
            w.issue(Some(leaf.id), rule.issue());
        }
        return false;
    }
    w.issue(Some(leaf.id), common::BIRTH_FUTURE.issue());
    source_text(w, "birthDate", leaf);
    true
}

/// Whether a date of death that nothing else bears out is a day that systems write for none: it makes nobody dead. It is told, and
/// kept as its source's text in an extension of `deceasedDateTime`.
pub fn is_no_death(w: &mut Writer, died: &When, leaf: Leaf<'_>) -> bool {
    if !died.is_sentinel() {
        return false;
    }
    w.issue(Some(leaf.id), common::DEATH_SENTINEL.issue());
    source_text(w, "deceasedDateTime", leaf);
    true
}

/// Tells of a date of death that can't be: after the moment of receipt, or before the birth. It is carried all the same, for
/// that somebody died is not to be lost over the day.
pub fn tell_death(
    w: &mut Writer,
    received: jiff::Timestamp,
    died: &When,
    born: Option<&When>,
    leaf: Leaf<'_>,
) {
    if is_death_doubtful(received, died, born) {
        w.issue(Some(leaf.id), common::DEATH_DOUBTFUL.issue());
    }
}

/// Whether a date of death can't be.
pub fn is_death_doubtful(received: jiff::Timestamp, died: &When, born: Option<&When>) -> bool {
    let unlikely = died.unlikely("deceasedDateTime", causeway_core::likely::last_day(received));
    unlikely.is_some()
        || died.earliest() > received.as_second()
        || born.is_some_and(|born| died.is_before(born))
}
