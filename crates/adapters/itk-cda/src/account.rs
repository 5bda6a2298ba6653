//! The end of the account: what nothing was written from.

use causeway_adapter::Composer;
use causeway_core::Outcome;
use causeway_xml::Element;

/// Elements that name templates and say nothing of a person.
const TEMPLATES: [&str; 6] =
    ["typeId", "messageType", "templateId", "contentId", "realmCode", "seperatableInd"];

/// Attributes that fix the meaning of an element in the message model.
const STRUCTURAL: [&str; 14] = [
    "classCode",
    "moodCode",
    "typeCode",
    "determinerCode",
    "contextControlCode",
    "contextConductionInd",
    "inversionInd",
    "negationInd",
    "schemaLocation",
    "representation",
    "mediaType",
    "institutionSpecified",
    "independentInd",
    "type",
];

/// Classifies every item of a document that nothing has claimed.
pub(crate) fn close(c: &mut Composer<'_>, root: Element<'_>) {
    for element in std::iter::once(root).chain(root.descendants()) {
        if TEMPLATES.contains(&element.name()) {
            c.ledger.claim_rest(element.items(), Outcome::Structural, "");
            continue;
        }
        for (name, leaf) in element.attributes() {
            let outcome = match name {
                "nullFlavor" => {
                    let reason = "the sender says that it has no information here";
                    (Outcome::Unsupported, reason)
                }
                _ if STRUCTURAL.contains(&name) || leaf.is_blank() => (Outcome::Structural, ""),
                _ => continue,
            };
            c.ledger.claim_rest(leaf.id..leaf.id + 1, outcome.0, outcome.1);
        }
    }
    c.ledger.claim_rest(root.items(), Outcome::Unsupported, "no place in FHIR; kept only in the original");
    for item in causeway_hl7v3::repeated::repeated(root, c.ledger.items()) {
        c.issue_at(item, causeway_core::common::ELEMENT_REPEATED.issue());
    }
}
