//! Small pieces that several resources share.

use causeway_fhir::Writer;
use causeway_fhir::types::data_absent;
use causeway_hl7v3::write::{codings, identifier_elements};
use causeway_hl7v3::{original_text, words};
use causeway_terminology::Map;
use causeway_xml::Element;

use crate::codes::{GUID, system};

/// `CodeableConcept` under a key: all codings, and the author's words. Whether anything was written.
pub(crate) fn code(w: &mut Writer, key: &str, cd: Option<Element<'_>>) -> bool {
    cd.is_some_and(|cd| w.object(key, |w| code_body(w, cd)))
}

/// The content of a `CodeableConcept`.
pub(crate) fn code_body(w: &mut Writer, cd: Element<'_>) {
    codings(w, system, cd);
    let text = original_text(cd).filter(|t| !t.is_blank());
    let alone = cd.attribute("code").is_none();
    w.leaf_opt("text", text.or_else(|| words(cd).filter(|_| alone)));
}

/// An array of `CodeableConcept`.
pub(crate) fn code_list<'d>(w: &mut Writer, key: &str, list: impl IntoIterator<Item = Element<'d>>) {
    w.array(key, |w| {
        for cd in list {
            w.element(|w| code_body(w, cd));
        }
    });
}

/// `identifier` from all ids.
pub(crate) fn identifiers(w: &mut Writer, element: Element<'_>) {
    w.array("identifier", |w| identifier_elements(w, GUID, system, element));
}

/// The status by a table; `absent` where none is stated or it is not in the table.
pub(crate) fn status(w: &mut Writer, map: &Map, statement: Element<'_>, absent: &str) {
    let leaf = statement.child("statusCode").and_then(|s| s.attribute("code"));
    match leaf.and_then(|leaf| map.lookup(leaf.text.trim()).map(|target| (target.code, leaf))) {
        Some((code, leaf)) => w.string("status", code, leaf),
        None => w.fixed("status", absent),
    }
}

/// The content of an element that must be there and has no value in the source.
pub(crate) fn absent(w: &mut Writer) {
    data_absent(w, "unknown", ());
}

/// One note.
pub(crate) fn note(w: &mut Writer, text: &str, from: impl causeway_core::Sources) {
    w.element(|w| w.string("text", text.trim(), from));
}
