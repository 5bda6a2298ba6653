//! What several resources write alike.

use causeway_core::{Leaf, Outcome};
use causeway_fhir::types::{self, extension};
use causeway_fhir::writer::{decimal, ordered};
use causeway_fhir::{Writer, systems};
use causeway_hl7v3::code::SNOMED_OID;
use causeway_hl7v3::time::{Time, time};
use causeway_hl7v3::write::coding;
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::{codes, rules};

/// An act within a relation, whatever the number in the relation's name: `pertinentInformation5/NAME`.
pub(crate) fn part<'d>(parent: Element<'d>, name: &str) -> Option<Element<'d>> {
    parent.children().find_map(|c| c.child(name))
}

/// All of them.
pub(crate) fn parts<'d>(parent: Element<'d>, name: &'static str) -> impl Iterator<Item = Element<'d>> {
    parent.children().filter_map(move |c| c.child(name))
}

/// The `value` of an observation within a relation.
pub(crate) fn value<'d>(parent: Element<'d>, name: &str) -> Option<Element<'d>> {
    part(parent, name)?.child("value")
}

/// A GUID as FHIR writes it, with its item.
pub(crate) fn guid<'d>(element: Element<'d>) -> Option<(String, Leaf<'d>)> {
    let leaf = causeway_hl7v3::code::guid(element)?;
    Some((leaf.text.trim().to_ascii_lowercase(), leaf))
}

/// An `Identifier` from a GUID.
pub(crate) fn guid_identifier(w: &mut Writer, system: &str, found: Option<(String, Leaf<'_>)>) {
    if let Some((text, leaf)) = found {
        w.fixed("system", system);
        w.string("value", &text, leaf);
    }
}

/// A point in time. These messages state UTC without an offset: NHS Digital's own service writes them so.
pub(crate) fn moment<'d>(w: &mut Writer, element: Option<Element<'d>>) -> Option<Time<'d>> {
    let found = time(element, &TimeZone::UTC);
    let stated = element.and_then(|e| e.attribute("value")).filter(|v| !v.is_blank());
    if let (None, Some(stated)) = (found, stated) {
        w.issue(Some(stated.id), rules::DATE_LEFT_OUT.issue());
    }
    found
}

/// A `dateTime` under a key.
pub(crate) fn date_time(w: &mut Writer, key: &str, element: Option<Element<'_>>) {
    match (moment(w, element), element.and_then(|e| e.attribute("value"))) {
        (Some(time), _) => w.date_time(key, &time.when, time.leaf),
        (None, Some(stated)) if !stated.is_blank() => types::source_text(w, key, stated),
        _ => {}
    }
}

/// A `CodeableConcept` under a key.
pub(crate) fn concept(w: &mut Writer, key: &str, code: Option<Element<'_>>) -> bool {
    code.is_some_and(|code| w.object(key, |w| concept_body(w, code)))
}

/// Its content.
pub(crate) fn concept_body(w: &mut Writer, code: Element<'_>) {
    w.array("coding", |w| {
        coding(w, codes::system, code);
    });
    w.leaf_opt("text", causeway_hl7v3::code::original_text(code));
}

/// An extension with `valueCoding`.
pub(crate) fn coding_extension(w: &mut Writer, name: &str, code: Option<Element<'_>>) {
    let (Some(code), url) = (code, format!("{}{name}", codes::NHS_EXTENSION)) else { return };
    extension(w, &url, |w| {
        w.object("valueCoding", |w| coding_body(w, code));
    });
}

/// The content of a `Coding`.
pub(crate) fn coding_body(w: &mut Writer, code: Element<'_>) {
    let Some(value) = code.attribute("code").filter(|c| !c.is_blank()) else { return };
    if let Some(oid) = code.attribute("codeSystem").filter(|o| !o.is_blank()) {
        let uri = codes::system(oid.text.trim());
        causeway_fhir::types::stated_code(w, uri.as_deref().unwrap_or(oid.text.trim()), oid, value);
    } else {
        w.leaf("code", value);
    }
    w.leaf_opt("display", code.attribute("displayName").filter(|d| !d.is_blank()));
}

/// The quantity that the author wrote: number and unit of the translation, which is coded in SNOMED CT.
pub(crate) fn quantity(w: &mut Writer, key: &str, quantity: Option<Element<'_>>) {
    let Some(quantity) = quantity else { return };
    let translation = quantity.child("translation");
    let own = quantity.attribute("value").filter(|v| !v.is_blank());
    let written = translation.and_then(|t| t.attribute("value")).filter(|v| !v.is_blank());
    let Some(value) = written.or(own) else { return };
    let Some(digits) = decimal(value.text.trim()) else {
        w.issue(Some(value.id), rules::AMOUNT_INVALID.issue());
        return;
    };
    if let (Some(own), Some(_)) = (own, written) {
        let equals = |d: std::borrow::Cow<'_, str>| ordered(&d, &digits) && ordered(&digits, &d);
        if !decimal(own.text.trim()).is_some_and(equals) {
            w.issue(Some(own.id), causeway_core::common::AMOUNTS_DIFFER.issue());
        }
        w.claim(own, Outcome::Unsupported, "the amount is carried from its translation");
    }
    w.object(key, |w| {
        w.number("value", &digits, value);
        let Some(translation) = translation else {
            if let Some(unit) = quantity.attribute("unit").filter(|u| u.text.trim() != "1") {
                w.leaf("unit", unit);
            }
            return;
        };
        w.leaf_opt("unit", translation.attribute("displayName").filter(|d| !d.is_blank()));
        let oid = translation.attribute("codeSystem");
        if let (Some(code), Some(oid)) = (translation.attribute("code").filter(|c| !c.is_blank()), oid) {
            let uri = match oid.text.trim() {
                SNOMED_OID => systems::SNOMED.into(),
                other => systems::of_oid(other),
            };
            if causeway_core::snomed::is_no_code(&uri, code.text) {
                // A quantity has no code without its system.
                w.issue(Some(code.id), causeway_core::common::SNOMED_NO_CODE.issue());
                w.claim(
                    [Some(code), Some(oid)],
                    Outcome::Unsupported,
                    "the unit's code can be none of its system",
                );
                return;
            }
            w.string("system", &uri, oid);
            w.leaf("code", code);
        }
    });
}

/// A number with its item.
type Count<'d> = (u32, Leaf<'d>);

/// Issue and number of issues (`repeatNumber`): the first is issued zero times before, the whole allows one repeat less.
pub(crate) fn repeats<'d>(act: Element<'d>) -> Option<(Option<Count<'d>>, Count<'d>)> {
    let repeat = act.child("repeatNumber")?;
    let number = |name: &str| {
        let leaf = repeat.child(name)?.attribute("value")?;
        Some((leaf.text.trim().parse::<u32>().ok()?.checked_sub(1)?, leaf))
    };
    Some((number("low"), number("high")?))
}

/// The extension that says which issue of how many this is.
pub(crate) fn repeat_information(w: &mut Writer, act: Element<'_>) {
    let Some((low, high)) = repeats(act) else { return };
    w.element(|w| {
        w.array("extension", |w| {
            extension(w, "numberOfRepeatsAllowed", |w| w.number("valueInteger", &high.0.to_string(), high.1));
            if let Some(low) = low {
                extension(w, "numberOfRepeatsIssued", |w| {
                    w.number("valueInteger", &low.0.to_string(), low.1)
                });
            }
        });
        w.fixed("url", &format!("{}EPS-RepeatInformation", codes::NHS_EXTENSION));
    });
}
