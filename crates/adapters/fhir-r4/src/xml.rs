//! FHIR's XML form: read into the tree and the value that the JSON form gives.

use causeway_core::{Issue, Ledger, Outcome};
use causeway_json::{Node, Tree};
use causeway_profile::schema::TypeRef;
use causeway_stu3::xml;

use crate::rules;

/// Whether a document is FHIR in XML by its start: the root is a resource of R4, and FHIR's namespace is there.
pub(crate) fn is_fhir(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    xml::root_name(&text).is_some_and(crate::shape::is_resource) && text.contains("http://hl7.org/fhir")
}

/// Types of R4. What R4 does not have is a text, or an object where it has parts.
fn typed(owner: &str, name: &str) -> (String, bool) {
    match TypeRef::named(owner).and_then(|ty| ty.field(name)) {
        Some(field) => (field.ty().name().to_owned(), field.repeats()),
        None => ("string".to_owned(), false),
    }
}

/// Reads a document.
///
/// # Errors
/// A fatal issue with its place: it is no XML, not of FHIR's namespace, or nested too deeply.
pub(crate) fn read(input: &[u8], ledger: &mut Ledger) -> Result<Tree<'static>, Issue> {
    xml::read_by(typed, input, ledger)
}

/// Whether a member is what FHIR has no place for: loose text, foreign attributes and elements.
pub(crate) fn is_foreign(name: &str) -> bool {
    name.starts_with(['@', '#']) || name.starts_with("other:")
}

/// Tells what FHIR has no place for; it stays in the original.
pub(crate) fn foreign(node: Node<'_>, ledger: &mut Ledger, issues: &mut Vec<Issue>) {
    for (name, child) in node.members().filter(|(name, _)| is_foreign(name)) {
        for leaf in child.leaves() {
            // Where the schema lies is no content.
            if matches!(name, "@schemaLocation" | "@noNamespaceSchemaLocation") {
                ledger.claim(leaf.id, Outcome::Structural, "");
                continue;
            }
            let mut issue = rules::XML_FOREIGN.issue();
            issue.position = ledger.position(leaf.id);
            issues.push(issue);
            ledger.claim(leaf.id, Outcome::Unsupported, rules::XML_FOREIGN.text);
        }
    }
    for child in node.children() {
        foreign(child, ledger, issues);
    }
}
