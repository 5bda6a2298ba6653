//! Prescription orders in FHIR R4, as NHS Digital's EPS API takes them: what makes one no prescription is refused whole, for
//! it can't be told which prescription is meant, or how it is to be dispensed. Source: EPS FHIR API, its answers 400.

use causeway_adapter::Rule;
use causeway_core::Leaf;
use causeway_core::prescription::is_prescription_id;
use causeway_json::Node;

use crate::rules;

/// Items of one prescription. Source: EPS, dispensing messages.
const ITEMS_MAX: usize = 4;
const EVENTS: &str = "https://fhir.nhs.uk/CodeSystem/message-event";
const ORDER_NUMBER: &str = "https://fhir.nhs.uk/Id/prescription-order-number";
/// Intents that an item of an order may have.
const INTENTS: [&str; 3] = ["order", "original-order", "instance-order"];

/// What makes a message no prescription order, and where; `None` where it is one, or says that it is something else.
pub(crate) fn fault(message: Node<'_>) -> Option<(Leaf<'_>, Rule)> {
    let resources: Vec<Node<'_>> =
        message.get("entry").into_iter().flat_map(Node::elements).filter_map(|e| e.get("resource")).collect();
    let event = resources.first()?.get("eventCoding")?;
    if event.string_of("code") != Some("prescription-order") || event.string_of("system") != Some(EVENTS) {
        return None;
    }
    let items: Vec<Node<'_>> =
        resources.into_iter().filter(|r| r.string_of("resourceType") == Some("MedicationRequest")).collect();
    for item in &items {
        let group = item.get("groupIdentifier");
        let short =
            group.filter(|g| g.string_of("system") == Some(ORDER_NUMBER)).and_then(|g| g.leaf_of("value"));
        if let Some(short) = short.filter(|s| !is_prescription_id(s.text)) {
            return Some((short, rules::ORDER_ID));
        }
        if let Some(intent) = item.leaf_of("intent").filter(|i| !INTENTS.contains(&i.text)) {
            return Some((intent, rules::ORDER_INTENT));
        }
    }
    if let Some(beyond) = items.get(ITEMS_MAX).and_then(|item| item.first_leaf()) {
        return Some((beyond, rules::ORDER_ITEMS));
    }
    // One kind of treatment; acute and repeat items may stand in one, which is then acute.
    let courses: Vec<Leaf<'_>> = items.iter().filter_map(|item| course(*item)).collect();
    let first = courses.first()?;
    let may_mix = |leaf: &Leaf<'_>| matches!(leaf.text, "acute" | "continuous");
    let other = courses.iter().find(|c| c.text != first.text && !(may_mix(c) && may_mix(first)))?;
    Some((*other, rules::ORDER_COURSES))
}

fn course(item: Node<'_>) -> Option<Leaf<'_>> {
    item.get("courseOfTherapyType")?.get("coding")?.elements().next()?.leaf_of("code")
}
