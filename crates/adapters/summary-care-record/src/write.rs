//! What several resources write alike.

use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_fhir::Writer;
use causeway_fhir::types::{extension, ukcore_extension};
pub(crate) use causeway_hl7v3::write::{
    authored_quantity as quantity, effective_or_start as effective, moment, period, reference_range,
};
use causeway_terminology::Map;
use causeway_xml::Element;

use crate::{codes, hl7};

/// A warning, for [`Writer::issue`].
pub(crate) fn warning(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Warning, code, rule, text)
}

/// `identifier` from all ids of an element: a GUID is the sender's own, an extension belongs to its root.
pub(crate) fn identifiers(w: &mut Writer, elements: &[Element<'_>]) {
    w.array("identifier", |w| {
        for element in elements {
            causeway_hl7v3::write::identifier_elements(w, codes::GUID, codes::system, *element);
        }
    });
}

/// The content of an `Identifier`.
pub(crate) fn identifier_body(w: &mut Writer, id: Element<'_>) {
    causeway_hl7v3::write::identifier_body(w, codes::GUID, codes::system, id);
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
    causeway_hl7v3::write::codings(w, codes::system, code);
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

/// The extension of a value that is required and that the source does not give.
pub(crate) fn absent(w: &mut Writer) {
    w.array("extension", |w| {
        extension(w, "http://hl7.org/fhir/StructureDefinition/data-absent-reason", |w| {
            w.fixed("valueCode", "unknown");
        });
    });
}

/// URL of a UK Core profile.
pub(crate) fn profile(kind: &str) -> String {
    format!("{}UKCore-{kind}", causeway_fhir::profiles::UKCORE)
}

/// URL of a UK Core extension.
pub(crate) fn ukcore(name: &str) -> String {
    ukcore_extension(name)
}
