//! HL7 v3 data types as FHIR: `Identifier`, `Coding`, `Period`, `Quantity`, `dateTime`.

use std::borrow::Cow;

use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity, When, common};
use causeway_fhir::types::{extension, left_out_end, stated_code, ukcore_extension};
use causeway_fhir::writer::{decimal, ordered};
use causeway_fhir::{Writer, systems};
use causeway_terminology::ucum::ucum;
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::code::{self, SNOMED_OID, Sctid};
use crate::time::{Effective, Time};

/// The FHIR URI of an OID, by a format's own table or [`systems::of_oid`]; `None` where the text is no OID.
pub type SystemOf = fn(&str) -> Option<Cow<'static, str>>;

/// [`systems::of_oid`]: for formats that have no table of their own.
pub fn any_system(oid: &str) -> Option<Cow<'static, str>> {
    systems::is_oid(oid).then(|| systems::of_oid(oid))
}

/// The elements of `identifier` from all ids of an element: a GUID is the sender's own, an extension belongs to its
/// root.
pub fn identifier_elements(w: &mut Writer, guid_system: &str, system: SystemOf, element: Element<'_>) {
    for id in element.children_named("id") {
        w.element(|w| identifier_body(w, guid_system, system, id));
    }
}

/// The content of an `Identifier`.
pub fn identifier_body(w: &mut Writer, guid_system: &str, system: SystemOf, id: Element<'_>) {
    match (id.attribute("root"), id.attribute("extension")) {
        (Some(root), Some(value)) if !value.is_blank() => {
            if let Some(uri) = system(root.text.trim()) {
                w.string("system", &uri, root);
            }
            w.leaf("value", value);
        }
        (Some(root), None) if !root.is_blank() => {
            w.fixed("system", guid_system);
            w.leaf("value", root);
        }
        _ => {}
    }
}

/// `coding` of a CD: its own code and every translation.
pub fn codings(w: &mut Writer, system: SystemOf, cd: Element<'_>) {
    w.array("coding", |w| {
        for part in code::codes(cd) {
            coding(w, system, part);
        }
    });
}

/// One code as an element of `coding`. Returns whether it is of SNOMED CT. The id of a SNOMED CT description is never
/// a `code`: it goes into the extension of UK Core. A code system that is no OID is told.
pub fn coding(w: &mut Writer, system: SystemOf, part: Element<'_>) -> bool {
    let (Some(value), oid) = (part.attribute("code"), part.attribute("codeSystem")) else { return false };
    if value.is_blank() {
        return false;
    }
    let snomed = oid.is_some_and(|s| s.text.trim() == SNOMED_OID);
    let kind = if snomed { code::sctid(value.text.trim()) } else { Sctid::Other };
    w.element(|w| {
        if kind == Sctid::Description {
            w.array("extension", |w| description(w, value));
        }
        let uri = oid.filter(|o| !o.is_blank()).and_then(|oid| match system(oid.text.trim()) {
            Some(uri) => Some((uri, oid)),
            None => {
                w.issue(Some(oid.id), common::CODE_SYSTEM_UNKNOWN.issue());
                None
            }
        });
        match uri {
            Some((uri, oid)) if kind == Sctid::Description => w.string("system", &uri, oid),
            Some((uri, oid)) => stated_code(w, &uri, oid, value),
            None if kind == Sctid::Description => {}
            None => w.leaf("code", value),
        }
        w.leaf_opt("display", part.attribute("displayName").filter(|d| !d.is_blank()));
    });
    snomed && kind != Sctid::Other
}

/// The id of a SNOMED CT description (UK Core extension CodingSCTDescId).
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

/// `…DateTime` for a point, `…Period` for ends, under a stem (`effective`, `onset`, `occurrence`).
pub fn effective(w: &mut Writer, stem: &str, effective: Effective<'_>) {
    match effective {
        Effective::None => {}
        Effective::At(time) => moment(w, &format!("{stem}DateTime"), time),
        Effective::Between(start, end) => period(w, &format!("{stem}Period"), start, end),
    }
}

/// As [`effective`], but a beginning alone is a point, as messages write it that state no end on purpose.
pub fn effective_or_start(w: &mut Writer, stem: &str, effective: Effective<'_>) {
    match effective {
        Effective::Between(start, Some(end)) => period(w, &format!("{stem}Period"), start, Some(end)),
        other => {
            if let Some(time) = other.start() {
                moment(w, &format!("{stem}DateTime"), time);
            }
        }
    }
}

/// `Period` from what is known of its ends; an end that can't be one is left out and told.
pub fn period(w: &mut Writer, key: &str, start: Option<Time<'_>>, end: Option<Time<'_>>) {
    w.object(key, |w| {
        if let Some(start) = start {
            moment(w, "start", start);
        }
        let first = start.map(|s| s.when);
        if let Some(end) = end.filter(|e| !left_out_end(w, first.as_ref(), &e.when, &e.leaf)) {
            moment(w, "end", end);
        }
    });
}

/// A FHIR `dateTime`, with an issue where the local time is in doubt.
pub fn moment(w: &mut Writer, key: &str, time: Time<'_>) {
    if let Some(doubt) = time.when.doubt() {
        let issue = Issue::new(Severity::Warning, IssueCode::Value, "local-time-doubtful", doubt);
        w.issue(Some(time.leaf.id), issue);
    }
    w.date_time(key, &time.when, time.leaf);
}

/// A FHIR `instant`, where the source is exact enough. Here the digits count as they stand, `000000` too.
pub fn instant(w: &mut Writer, key: &str, time: Option<Time<'_>>, zone: &TimeZone) {
    let Some(time) = time else { return };
    let stated = When::hl7(time.leaf.text, zone).unwrap_or(time.when);
    if !w.instant(key, &stated, time.leaf) {
        w.claim(
            time.leaf,
            Outcome::Unsupported,
            "an instant needs a time of day, which the source does not state",
        );
    }
}

/// The unit of a PQ: its own, or where that is `1` the words of its translation.
fn unit<'d>(quantity: Element<'d>) -> Option<Leaf<'d>> {
    let own = quantity.attribute("unit").filter(|u| !u.is_blank());
    let words = quantity.child("translation").and_then(code::original_text).filter(|u| !u.is_blank());
    match own {
        Some(own) if own.text.trim() != "1" => Some(own),
        _ => words,
    }
}

/// Whether a PQ has a number that FHIR can hold.
pub fn is_number(quantity: Element<'_>) -> bool {
    quantity.attribute("value").is_some_and(|v| decimal(v.text).is_some())
}

/// The content of a `Quantity`. `comparator` may be empty. `inherited` is the unit of the value that a
/// reference range belongs to.
pub fn quantity(
    w: &mut Writer,
    pq: Element<'_>,
    comparator: (&str, Option<Leaf<'_>>),
    inherited: Option<Element<'_>>,
) {
    let Some(value) = pq.attribute("value") else { return };
    let Some(digits) = decimal(value.text) else {
        if !value.is_blank() {
            w.issue(Some(value.id), common::AMOUNT_INVALID.issue());
        }
        return;
    };
    let written = pq.child("translation").and_then(|t| t.attribute("value")).filter(|v| !v.is_blank());
    let equals = |text: &str| decimal(text).is_some_and(|d| ordered(&d, &digits) && ordered(&digits, &d));
    if let Some(written) = written.filter(|written| !equals(written.text)) {
        w.issue(Some(written.id), common::AMOUNTS_DIFFER.issue());
    }
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

/// The content of an element of `Observation.referenceRange`: limits, in the unit of the value that they belong to where they
/// have none of their own, and words.
pub fn reference_range(w: &mut Writer, range: Element<'_>, value: Option<Element<'_>>) {
    let limits = range.child("value");
    let ends = limits.map_or([None, None], |limits| [limits.child("low"), limits.child("high")]);
    let words = range.child("text").and_then(|t| t.text());
    if let Some((text, items)) = reversed_words(w, ends[0], ends[1]) {
        let text = words.map_or(text.clone(), |words| format!("{} ({text})", words.text.trim()));
        w.string("text", &text, (items, words));
        return;
    }
    for (name, end) in ["low", "high"].into_iter().zip(ends) {
        if let Some(limit) = end {
            w.object(name, |w| quantity(w, limit, ("", None), value));
        }
    }
    w.leaf_opt("text", words);
}

/// A range that ends below where it begins is told and written as text; whether it was one.
pub fn reversed(w: &mut Writer, low: Option<Element<'_>>, high: Option<Element<'_>>) -> bool {
    let Some((text, items)) = reversed_words(w, low, high) else { return false };
    w.string("valueString", &text, items);
    true
}

/// The words of a range that ends below where it begins, with their items; it is told.
fn reversed_words<'d>(
    w: &mut Writer,
    low: Option<Element<'d>>,
    high: Option<Element<'d>>,
) -> Option<(String, Vec<Leaf<'d>>)> {
    let (low, high) = (low?, high?);
    let ends = [low, high].map(|end| end.attribute("value"));
    let ([Some(from), Some(to)], units) = (ends, [low, high].map(unit)) else { return None };
    if ordered(&decimal(from.text)?, &decimal(to.text)?) {
        return None;
    }
    w.issue(Some(to.id), common::RANGE_REVERSED.issue());
    let words = |end: Leaf<'_>, unit: Option<Leaf<'_>>| {
        unit.map_or(end.text.trim().to_owned(), |unit| format!("{} {}", end.text.trim(), unit.text.trim()))
    };
    let text = format!("{} - {}", words(from, units[0]), words(to, units[1]));
    Some((text, [Some(from), Some(to), units[0], units[1]].into_iter().flatten().collect()))
}

/// A physical quantity under a key: the amount and unit that the author wrote, which HL7 keeps in `translation` where the
/// unit is no UCUM unit. Returns whether there was one.
pub fn authored_quantity(w: &mut Writer, key: &str, quantity: Element<'_>) -> bool {
    let own = quantity.attribute("value");
    let translation = quantity.child("translation");
    let written = translation.and_then(|t| t.attribute("value"));
    let Some(value) = written.or(own).filter(|v| !v.is_blank()) else { return false };
    let Some(digits) = decimal(value.text) else {
        w.issue(Some(value.id), common::AMOUNT_INVALID.issue());
        return false;
    };
    if let (Some(own), Some(written)) = (own, written) {
        if decimal(own.text) != decimal(written.text) {
            w.issue(Some(own.id), common::AMOUNTS_DIFFER.issue());
        }
        w.claim(own, Outcome::Unsupported, "the amount is carried from its translation");
    }
    let words = translation.and_then(code::original_text);
    let unit = quantity.attribute("unit").filter(|u| !matches!(u.text.trim(), "" | "1"));
    w.object(key, |w| {
        w.number("value", &digits, value);
        match (words, unit) {
            (Some(words), _) => w.leaf("unit", words),
            (None, Some(unit)) => {
                w.leaf("unit", unit);
                if let Some(code) = ucum(unit.text) {
                    w.fixed("system", systems::UCUM);
                    w.string("code", code, unit);
                }
            }
            _ => {}
        }
    })
}
