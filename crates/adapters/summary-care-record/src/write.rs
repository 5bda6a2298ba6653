//! What several resources write alike.

use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_fhir::types::{extension, ukcore_extension};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Writer, systems};
use causeway_terminology::Map;
use causeway_terminology::ucum::ucum;
use causeway_xml::Element;

use crate::codes;
use crate::hl7::{self, Effective, Time};

/// A warning, for [`Writer::issue`].
pub(crate) fn warning(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Warning, code, rule, text)
}

/// `identifier` from all ids of an element: a GUID is the sender's own, an extension belongs to its root.
pub(crate) fn identifiers(w: &mut Writer, elements: &[Element<'_>]) {
    w.array("identifier", |w| {
        for id in elements.iter().flat_map(|e| e.children_named("id")) {
            w.element(|w| identifier_body(w, id));
        }
    });
}

/// The content of an `Identifier`.
pub(crate) fn identifier_body(w: &mut Writer, id: Element<'_>) {
    match (id.attribute("root"), id.attribute("extension")) {
        (Some(root), Some(value)) if !value.is_blank() => {
            if let Some(uri) = codes::system(root.text.trim()) {
                w.string("system", &uri, root);
            }
            w.leaf("value", value);
        }
        (Some(root), None) if !root.is_blank() => {
            w.fixed("system", codes::GUID);
            w.leaf("value", root);
        }
        _ => {}
    }
}

/// A CD as `CodeableConcept` under a key. Every translation is kept.
pub(crate) fn code(w: &mut Writer, key: &str, code: Option<Element<'_>>) -> bool {
    code.is_some_and(|code| w.object(key, |w| code_body(w, code)))
}

/// As [`code`], as the one element of an array.
pub(crate) fn code_list(w: &mut Writer, key: &str, codes: &[Option<Element<'_>>]) {
    w.array(key, |w| {
        for code in codes.iter().flatten() {
            w.element(|w| code_body(w, *code));
        }
    });
}

/// The content of a `CodeableConcept`.
pub(crate) fn code_body(w: &mut Writer, code: Element<'_>) {
    w.array("coding", |w| {
        for part in std::iter::once(code).chain(code.children_named("translation")) {
            coding(w, part);
        }
    });
    match hl7::original_text(code).or_else(|| code.text()) {
        Some(words) => w.leaf("text", words),
        None if code.attribute("code").is_none() => {
            if let Some(words) = code.attribute("displayName") {
                w.leaf("text", words);
            }
        }
        None => {}
    }
}

/// One code as an element of `coding`.
fn coding(w: &mut Writer, part: Element<'_>) {
    let Some(code) = part.attribute("code").filter(|c| !c.is_blank()) else { return };
    let system = part.attribute("codeSystem").filter(|s| !s.is_blank());
    w.element(|w| {
        if let Some(oid) = system {
            match codes::system(oid.text.trim()) {
                Some(uri) => w.string("system", &uri, oid),
                None => w.issue(
                    Some(oid.id),
                    warning(
                        IssueCode::CodeInvalid,
                        "code-system-unknown",
                        "the code system is no OID; the code was kept without it",
                    ),
                ),
            }
        }
        w.leaf("code", code);
        w.leaf_opt("display", part.attribute("displayName").filter(|d| !d.is_blank()));
    });
}

/// `status` by a table; a code that is not in the table becomes `otherwise`, with an issue.
pub(crate) fn status(w: &mut Writer, map: &Map, act: Element<'_>, otherwise: &str) {
    let leaf = act.child("statusCode").and_then(|s| s.attribute("code"));
    let Some(leaf) = leaf.filter(|l| !l.is_blank()) else {
        w.fixed("status", otherwise);
        return;
    };
    match map.lookup(leaf.text.trim()) {
        Some(target) => w.string("status", target.code, leaf),
        None => {
            unknown_status(w, leaf);
            w.string("status", otherwise, leaf);
        }
    }
}

/// The issue of a status that no table knows.
pub(crate) fn unknown_status(w: &mut Writer, leaf: Leaf<'_>) {
    let text = "the status is not in the table of this message; it was carried as not known";
    w.issue(Some(leaf.id), warning(IssueCode::CodeInvalid, "status-unknown", text));
}

/// A point in time under a key, with its doubts told.
pub(crate) fn moment(w: &mut Writer, key: &str, time: Time<'_>) {
    if let Some(doubt) = time.when.doubt() {
        w.issue(Some(time.leaf.id), warning(IssueCode::Value, "local-time-doubtful", doubt));
    }
    w.date_time(key, &time.when, time.leaf);
}

/// `…DateTime` for a point or a start alone, `…Period` where there is an end.
pub(crate) fn effective(w: &mut Writer, stem: &str, effective: Effective<'_>) {
    match effective {
        Effective::Between(start, Some(end)) => period(w, &format!("{stem}Period"), start, Some(end)),
        other => {
            if let Some(time) = other.start() {
                moment(w, &format!("{stem}DateTime"), time);
            }
        }
    }
}

/// A `Period` under a key.
pub(crate) fn period(w: &mut Writer, key: &str, start: Option<Time<'_>>, end: Option<Time<'_>>) {
    w.object(key, |w| {
        if let Some(time) = start {
            moment(w, "start", time);
        }
        if let Some(time) = end {
            moment(w, "end", time);
        }
    });
}

/// The extension of a value that is required and that the source does not give.
pub(crate) fn absent(w: &mut Writer) {
    w.array("extension", |w| {
        extension(w, "http://hl7.org/fhir/StructureDefinition/data-absent-reason", |w| {
            w.fixed("valueCode", "unknown");
        });
    });
}

/// A physical quantity: the amount and unit that the author wrote, which HL7 keeps in `translation` where the
/// unit is no UCUM unit. Returns whether there was one.
pub(crate) fn quantity(w: &mut Writer, key: &str, quantity: Element<'_>) -> bool {
    let own = quantity.attribute("value");
    let translation = quantity.child("translation");
    let written = translation.and_then(|t| t.attribute("value"));
    let Some(value) = written.or(own).filter(|v| !v.is_blank()) else { return false };
    let Some(digits) = decimal(value.text) else {
        let text = "the amount is no decimal number; it was kept only in the original";
        w.issue(Some(value.id), warning(IssueCode::Value, "amount-invalid", text));
        return false;
    };
    if let (Some(own), Some(written)) = (own, written) {
        if decimal(own.text) != decimal(written.text) {
            let text = "the amount and its translation differ; the one with the author's unit was carried";
            w.issue(Some(own.id), warning(IssueCode::Conflict, "amounts-differ", text));
        }
        w.claim(own, Outcome::Unsupported, "the amount is carried from its translation");
    }
    let words = translation.and_then(hl7::original_text);
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

/// URL of a UK Core profile.
pub(crate) fn profile(kind: &str) -> String {
    format!("{}UKCore-{kind}", causeway_fhir::profiles::UKCORE)
}

/// URL of a UK Core extension.
pub(crate) fn ukcore(name: &str) -> String {
    ukcore_extension(name)
}
