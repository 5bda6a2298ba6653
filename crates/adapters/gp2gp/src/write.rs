//! What several resources write alike.

use causeway_core::{Issue, IssueCode, Leaf, Severity, Sources, When};
use causeway_fhir::types::{extension, ukcore_extension};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Writer, systems};
use causeway_terminology::ucum::ucum;
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes::{DEGRADED, SNOMED_OID};
use crate::hl7::{self, Effective, Sctid, Time};

/// `identifier` from all ids of an element: a GUID is the sender's own, an extension belongs to its root.
pub(crate) fn identifiers(w: &mut Writer, guid_system: &str, element: Element<'_>) {
    w.array("identifier", |w| identifier_elements(w, guid_system, element));
}

/// The elements of `identifier`, for callers that add others.
pub(crate) fn identifier_elements(w: &mut Writer, guid_system: &str, element: Element<'_>) {
    for id in element.children_named("id") {
        let (root, extension) = (id.attribute("root"), id.attribute("extension"));
        w.element(|w| match (root, extension) {
            (Some(root), Some(value)) if !value.is_blank() => {
                w.string("system", &systems::of_oid(root.text.trim()), root);
                w.leaf("value", value);
            }
            (Some(root), None) if !root.is_blank() => {
                w.fixed("system", guid_system);
                w.leaf("value", root);
            }
            _ => {}
        });
    }
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
    w.array("coding", |w| {
        for part in hl7::codes(code) {
            coding(w, part);
        }
    });
}

/// The content of a `CodeableConcept`.
pub(crate) fn concept_body(w: &mut Writer, code: Element<'_>, entry: &str) {
    let mut snomed = false;
    w.array("coding", |w| {
        for part in hl7::codes(code) {
            snomed |= coding(w, part);
        }
        if let Some(degraded) = DEGRADED.lookup(entry).filter(|_| !snomed) {
            w.element(|w| {
                w.fixed("system", degraded.system);
                w.fixed("code", degraded.code);
                w.fixed("display", degraded.display);
            });
        }
    });
    if let Some(words) = hl7::words(code) {
        w.leaf("text", words);
    }
}

/// One code as an element of `coding`. Returns whether it is of SNOMED CT.
fn coding(w: &mut Writer, part: Element<'_>) -> bool {
    let (Some(code), system) = (part.attribute("code"), part.attribute("codeSystem")) else { return false };
    if code.is_blank() {
        return false;
    }
    let snomed = system.is_some_and(|s| s.text.trim() == SNOMED_OID);
    let kind = if snomed { hl7::sctid(code.text.trim()) } else { Sctid::Other };
    w.element(|w| {
        if kind == Sctid::Description {
            w.array("extension", |w| description(w, code));
        }
        if let Some(system) = system {
            w.string("system", &systems::of_oid(system.text.trim()), system);
        }
        if kind != Sctid::Description {
            w.leaf("code", code);
        }
        w.leaf_opt("display", part.attribute("displayName"));
    });
    snomed && kind != Sctid::Other
}

/// The id of a SNOMED CT description: never a `code`, which holds concepts.
fn description(w: &mut Writer, code: Leaf<'_>) {
    w.element(|w| {
        w.array("extension", |w| {
            extension(w, "descriptionId", |w| {
                w.object("valueIdentifier", |w| {
                    w.fixed("system", systems::SNOMED);
                    w.leaf("value", code);
                });
            });
        });
        w.fixed("url", &ukcore_extension("CodingSCTDescId"));
    });
}

/// `effectiveDateTime` or `effectivePeriod` under a stem (`effective`, `onset`, `occurrence`).
pub(crate) fn effective(w: &mut Writer, stem: &str, effective: Effective<'_>) {
    match effective {
        Effective::None => {}
        Effective::At(time) => moment(w, &format!("{stem}DateTime"), time),
        Effective::Between(start, end) => period(w, &format!("{stem}Period"), start, end),
    }
}

/// `Period` from what is known of its ends.
pub(crate) fn period(w: &mut Writer, key: &str, start: Option<Time<'_>>, end: Option<Time<'_>>) {
    w.object(key, |w| {
        if let Some(start) = start {
            moment(w, "start", start);
        }
        if let Some(end) = end {
            moment(w, "end", end);
        }
    });
}

/// A FHIR `dateTime`, with an issue where the local time is in doubt.
pub(crate) fn moment(w: &mut Writer, key: &str, time: Time<'_>) {
    if let Some(doubt) = time.when.doubt() {
        let issue = Issue::new(Severity::Warning, IssueCode::Value, "local-time-in-doubt", doubt);
        w.issue(Some(time.leaf.id), issue);
    }
    w.date_time(key, &time.when, time.leaf);
}

/// A FHIR `instant`, where the source is exact enough. Here the digits count as they stand, `000000` too.
pub(crate) fn instant(w: &mut Writer, key: &str, time: Option<Time<'_>>, zone: &TimeZone) {
    let Some(time) = time else { return };
    let stated = When::hl7(time.leaf.text, zone).unwrap_or(time.when);
    match stated.fhir_instant() {
        Some(text) => w.string(key, &text, time.leaf),
        None => w.claim(
            time.leaf,
            causeway_core::Outcome::Unsupported,
            "an instant needs a time of day, which the source does not state",
        ),
    }
}

/// The unit of a PQ: its own, or where that is `1` the words of its translation.
fn unit<'d>(quantity: Element<'d>) -> Option<Leaf<'d>> {
    let own = quantity.attribute("unit").filter(|u| !u.is_blank());
    let words = quantity.child("translation").and_then(hl7::original_text).filter(|u| !u.is_blank());
    match own {
        Some(own) if own.text.trim() != "1" => Some(own),
        _ => words,
    }
}

/// Whether a PQ has a number that FHIR can hold.
pub(crate) fn is_number(quantity: Element<'_>) -> bool {
    quantity.attribute("value").is_some_and(|v| decimal(v.text).is_some())
}

/// The content of a `Quantity`. `comparator` may be empty. `inherited` is the unit of the value that a
/// reference range belongs to.
pub(crate) fn quantity(
    w: &mut Writer,
    pq: Element<'_>,
    comparator: (&str, Option<Leaf<'_>>),
    inherited: Option<Element<'_>>,
) {
    let Some(value) = pq.attribute("value") else { return };
    let Some(digits) = decimal(value.text) else { return };
    w.number("value", &digits, value);
    if !comparator.0.is_empty() {
        w.string("comparator", comparator.0, comparator.1);
    }
    let Some(found) = unit(pq).or_else(|| inherited.and_then(unit)) else { return };
    w.leaf("unit", found);
    if let Some(code) = ucum(found.text) {
        w.fixed("system", systems::UCUM);
        w.fixed("code", code);
    }
    // `1` beside the real unit decides nothing once it is known to be `1`.
    if let Some(own) = pq.attribute("unit").filter(|u| u.text.trim() == "1") {
        w.mapped(own);
    }
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
}

impl<'d> Note<'d> {
    /// The whole text of an item.
    pub fn of(leaf: Leaf<'d>) -> Self {
        Self { text: hl7::dedent(leaf.text), leaf, time: None }
    }

    /// A part of the text of an item.
    pub fn part(leaf: Leaf<'d>, text: &str) -> Self {
        Self { text: hl7::dedent(text), leaf, time: None }
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
        w.string("text", &note.text, note.leaf);
    });
}

/// `data-absent-reason` on a primitive that the profile demands and the source does not state.
pub(crate) fn absent(w: &mut Writer, key: &str, reason: &str, from: impl Sources) {
    w.object(key, |w| {
        w.array("extension", |w| {
            w.element(|w| {
                w.fixed("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason");
                w.string("valueCode", reason, from);
            });
        });
    });
}
