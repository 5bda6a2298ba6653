//! What several resources write alike.

use causeway_core::Leaf;
use causeway_fhir::Writer;
use causeway_hl7v3::write::any_system;
pub(crate) use causeway_hl7v3::write::coding;
pub(crate) use causeway_hl7v3::write::{effective, instant, is_number, moment, period, quantity};
use causeway_xml::Element;

use crate::codes::{DEGRADED, SNOMED_OID};
use crate::hl7::{self, Time};

/// `identifier` from all ids of an element: a GUID is the sender's own, an extension belongs to its root.
pub(crate) fn identifiers(w: &mut Writer, guid_system: &str, element: Element<'_>) {
    w.array("identifier", |w| identifier_elements(w, guid_system, element));
}

/// The elements of `identifier`, for callers that add others.
pub(crate) fn identifier_elements(w: &mut Writer, guid_system: &str, element: Element<'_>) {
    causeway_hl7v3::write::identifier_elements(w, guid_system, any_system, element);
}

/// A CD as `CodeableConcept` under a key. Every translation is kept. `entry` names the row of the table of
/// degraded codes to add where the source gives no SNOMED CT code; empty adds none.
pub(crate) fn concept(w: &mut Writer, key: &str, code: Element<'_>, entry: &str) -> bool {
    w.object(key, |w| concept_body(w, code, entry))
}

/// As [`concept`], within an array.
pub(crate) fn concept_element(w: &mut Writer, code: Element<'_>, entry: &str) -> bool {
    w.element(|w| concept_body(w, code, entry))
}

/// `coding` alone, for callers that write other words.
pub(crate) fn codings(w: &mut Writer, code: Element<'_>) {
    causeway_hl7v3::write::codings(w, any_system, code);
}

/// The content of a `CodeableConcept`.
pub(crate) fn concept_body(w: &mut Writer, code: Element<'_>, entry: &str) {
    let mut snomed = false;
    w.array("coding", |w| {
        for part in hl7::codes(code) {
            snomed |= coding(w, any_system, part);
        }
        if !snomed {
            degraded(w, entry);
        }
    });
    if let Some(words) = hl7::words(code) {
        w.leaf("text", words);
    }
}

/// The code to add where the source gives no SNOMED CT code, by its row; nothing where there is no such row.
pub(crate) fn degraded(w: &mut Writer, entry: &str) {
    if let Some(degraded) = DEGRADED.lookup(entry) {
        w.element(|w| {
            w.fixed("system", degraded.system);
            w.fixed("code", degraded.code);
            w.fixed("display", degraded.display);
        });
    }
}

/// Whether a code is a concept of SNOMED CT.
pub(crate) fn is_snomed(part: Element<'_>) -> bool {
    let text = |name| part.attribute(name).map_or("", |l| l.text.trim());
    text("codeSystem") == SNOMED_OID && hl7::sctid(text("code")) == hl7::Sctid::Concept
}

/// `note` from texts with the time they were written, where it is known.
pub(crate) fn notes<'d>(w: &mut Writer, texts: &[Note<'d>]) {
    w.array("note", |w| texts.iter().for_each(|note| note_element(w, note)));
}

/// A remark.
#[derive(Clone, Debug)]
pub(crate) struct Note<'d> {
    pub text: String,
    pub leaf: Leaf<'d>,
    pub time: Option<Time<'d>>,
    /// Another item that the text came from.
    pub also: Option<Leaf<'d>>,
}

impl<'d> Note<'d> {
    /// The whole text of an item.
    pub fn of(leaf: Leaf<'d>) -> Self {
        Self { text: hl7::dedent(leaf.text), leaf, time: None, also: None }
    }

    /// A part of the text of an item.
    pub fn part(leaf: Leaf<'d>, text: &str) -> Self {
        Self { text: hl7::dedent(text), leaf, time: None, also: None }
    }
}

/// One `Annotation`.
pub(crate) fn note_element(w: &mut Writer, note: &Note<'_>) {
    if note.text.is_empty() {
        return;
    }
    w.element(|w| {
        if let Some(time) = note.time {
            moment(w, "time", time);
        }
        w.string("text", &note.text, (note.leaf, note.also));
    });
}
