//! A resource that is being written, as the writers of its elements are given it.

use causeway_fhir::Writer;
use causeway_fhir::types::data_absent;
use causeway_json::Node;

use crate::copy::Copier;
use crate::copy::extension::Lifted;
use crate::kinds::Kind;

/// A resource that is being written.
pub(crate) struct Part<'r, 't> {
    pub copy: Copier<'r, 't>,
    pub node: Node<'t>,
    pub stu3: &'t str,
    pub kind: &'static Kind,
    pub lifted: Lifted<'t>,
    /// The identifier of the document that a composition stands for.
    pub document: Option<Node<'t>>,
}

/// The extension that says that a required value is not known, under the element's name.
pub(crate) fn absent(w: &mut Writer, key: &str) {
    w.object(key, absent_body);
}

/// Its content.
pub(crate) fn absent_body(w: &mut Writer) {
    data_absent(w, "unknown", ());
}
