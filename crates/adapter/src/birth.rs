//! The dates of birth and death, which can't be after the day on which they are told.

use causeway_core::{Leaf, When};
use causeway_fhir::types::extension;
use causeway_fhir::{Writer, systems::CAUSEWAY};

use crate::common;

/// Whether a date of birth is after the moment of receipt. Such a one is told, and kept as its source's text in an
/// extension of `birthDate`.
pub fn is_in_future(w: &mut Writer, received: jiff::Timestamp, when: &When, leaf: Leaf<'_>) -> bool {
    if when.earliest() <= received.as_second() {
        return false;
    }
    w.issue(Some(leaf.id), common::BIRTH_FUTURE.issue());
    w.object("_birthDate", |w| {
        w.array("extension", |w| {
            extension(w, &format!("{CAUSEWAY}/StructureDefinition/source-text"), |w| {
                w.leaf("valueString", leaf);
            });
        });
    });
    w.lossy(leaf, "a date of birth after the day of receipt is none; its text was kept");
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
    died.earliest() > received.as_second() || born.is_some_and(|born| died.is_before(born))
}
