//! What of a message says nothing, and what has no place.

use causeway_adapter::Composer;
use causeway_core::{ItemId, Outcome};
use causeway_xml::Element;

use crate::rules;

/// Attributes of HL7 v3's grammar.
pub(crate) const GRAMMAR: [&str; 10] = [
    "classCode",
    "moodCode",
    "determinerCode",
    "typeCode",
    "contextControlCode",
    "contextConductionInd",
    "inversionInd",
    "negationInd",
    "nullFlavor",
    "type",
];

/// Root of the short ids of prescriptions: the element that holds one says so already.
const PRESCRIPTION_ID: &str = "2.16.840.1.113883.2.1.3.2.4.18.8";

/// Whether an element with all below it is grammar, or repeats what stands elsewhere.
fn is_grammar(element: Element<'_>) -> bool {
    match element.name() {
        "templateId"
        | "seperatableInd"
        | "separatableInd"
        | "typeId"
        | "pertinentCareRecordElementCategory" => true,
        "administrativeGenderCode" => true,
        // The items say it of themselves.
        "repeatNumber" => element
            .parent()
            .is_some_and(|p| matches!(p.name(), "pertinentPrescription" | "pertinentSupplyHeader")),
        // The message's own id, where the record has another.
        "id" => element
            .parent()
            .is_some_and(|p| matches!(p.name(), "ParentPrescription" | "pertinentSupplyHeader")),
        // The code of an act says what its name says.
        "code" => {
            let parent = element.parent().map_or("", Element::name);
            let of_people = ["AgentPerson", "manufacturedRequestedMaterial", "manufacturedSuppliedMaterial"];
            !of_people.contains(&parent)
        }
        _ => false,
    }
}

fn claim(c: &mut Composer<'_>, element: Element<'_>, whole: bool) {
    let whole = whole || is_grammar(element);
    for (name, leaf) in element.attributes() {
        // A code that was read by a table, or by its place, has its system there.
        let system = name == "codeSystem" || name == "root" && leaf.text.trim() == PRESCRIPTION_ID;
        if whole || system || GRAMMAR.contains(&name) || name.contains("schemaLocation") {
            c.ledger.claim_rest(leaf.id..leaf.id + 1, Outcome::Structural, "");
        }
    }
    if whole {
        c.ledger.claim_rest(element.items(), Outcome::Structural, "");
    }
    if element.name() == "Signature" {
        let why = "the signature holds for the original message, which is kept";
        c.ledger.claim_rest(element.items(), Outcome::Unsupported, why);
        return;
    }
    for child in element.children() {
        claim(c, child, whole);
    }
}

/// Claims what is left of a record; what has no place is told once.
pub(crate) fn record(c: &mut Composer<'_>, element: Element<'_>) {
    claim(c, element, false);
    let open =
        |id: &ItemId| c.ledger.items().get(*id as usize).is_some_and(|i| i.outcome == Outcome::Unexplained);
    let first = element.items().find(open);
    c.ledger.claim_rest(
        element.items(),
        Outcome::Unsupported,
        "FHIR has no place for it here: kept in the original only",
    );
    if let Some(first) = first {
        c.issue_at(first, rules::KEPT_IN_ORIGINAL.issue());
    }
    for item in causeway_hl7v3::repeated::repeated(element, c.ledger.items()) {
        c.issue_at(item, causeway_core::common::ELEMENT_REPEATED.issue());
    }
}
