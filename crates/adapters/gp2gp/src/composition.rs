//! What a composition is, by its code and what it holds.

use causeway_xml::Element;

use crate::codes::{NOT_CONSULTATIONS, SNOMED_OID};
use crate::hl7;

/// Whether a composition is a consultation, and not merely a holder of other entries.
pub(crate) fn is_encounter(composition: Element<'_>) -> bool {
    composition.child("code").is_some() && !is_holder(composition) && !is_registration(composition)
}

/// Whether its code says that there was no consultation.
pub(crate) fn is_holder(composition: Element<'_>) -> bool {
    composition.child("code").is_some_and(|c| hl7::says(c, SNOMED_OID, &NOT_CONSULTATIONS))
}

/// Whether it holds a registration and nothing else.
pub(crate) fn is_registration(composition: Element<'_>) -> bool {
    let mut components = composition.children_named("component").flat_map(Element::children).peekable();
    components.peek().is_some() && components.all(|c| c.name() == "RegistrationStatement")
}
