//! The date of birth, which can't be after the day on which it is told.

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
