//! Acute, current repeat and discontinued repeat medicines, and medicines that were given.

use causeway_core::{IssueCode, Leaf};
use causeway_fhir::types::concept;
use causeway_fhir::{Coding, Writer};
use causeway_xml::Element;

use crate::codes::{COURSE, EVENT_STATUS, MEDICINE_STATUS};
use crate::parts::Parts;
use crate::write;

/// The code of the product.
fn product<'d>(act: Element<'d>) -> Option<Element<'d>> {
    act.child("consumable")?.descendants().find(|e| e.name() == "code")
}

/// `medicationCodeableConcept`: the product's code, or its name, or that it is not known.
fn medicine(w: &mut Writer, act: Element<'_>) {
    if write::code(w, "medicationCodeableConcept", product(act)) {
        return;
    }
    let name = act.child("consumable").and_then(|c| c.descendants().find(|e| e.name() == "name"));
    w.object("medicationCodeableConcept", |w| match name.and_then(Element::text) {
        Some(name) => w.leaf("text", name),
        None => write::absent(w),
    });
}

/// `MedicationRequest`.
pub(crate) fn request(w: &mut Writer, p: &Parts<'_, '_>) {
    let act = p.entry.act;
    p.head(w, "subject");
    let discontinued = p.entry.name == "DiscontinuedRepeatMedication";
    status(w, act, discontinued);
    let repeat = p.entry.name != "AcuteMedication";
    w.fixed("intent", if repeat { "plan" } else { "order" });
    write::code_list(w, "category", &[act.child("code")]);
    medicine(w, act);
    p.said_in(w, "encounter");
    if let Some(time) = p.effective.start() {
        write::moment(w, "authoredOn", time);
    }
    w.array("reasonReference", |w| p.link_elements(w));
    p.notes(w);
    let (code, words) = match repeat {
        false => ("acute", "Short course (acute) therapy"),
        true => ("continuous", "Continuous long term therapy"),
    };
    concept(w, "courseOfTherapyType", Coding::new(COURSE, code, words), ());
    w.array("dosageInstruction", |w| dosage(w, act));
    // UK Core demands a word on substitution, and the message has none.
    w.object("substitution", |w| causeway_fhir::types::unknown_concept(w, "allowedCodeableConcept"));
    w.object("dispenseRequest", |w| {
        if let Some(end) = p.effective.end() {
            write::period(w, "validityPeriod", None, Some(end));
        }
        if let Some(quantity) = quantity(act) {
            write::quantity(w, "quantity", quantity);
        }
    });
}

/// A discontinued repeat is stopped, whatever its act's status, unless it was recorded in error.
fn status(w: &mut Writer, act: Element<'_>, discontinued: bool) {
    let leaf = act.child("statusCode").and_then(|s| s.attribute("code")).filter(|l| !l.is_blank());
    let nullified = leaf.filter(|l| l.text.trim() == "nullified");
    match (discontinued, nullified) {
        (_, Some(leaf)) => w.string("status", "entered-in-error", leaf),
        (true, None) => {
            w.fixed("status", "stopped");
            if let Some(leaf) = leaf.filter(|l| l.text.trim() != "completed") {
                let text = "the medicine is listed as discontinued, so it was carried as stopped";
                w.issue(Some(leaf.id), write::warning(IssueCode::Conflict, "discontinued-status", text));
            }
        }
        (false, None) => write::status(w, &MEDICINE_STATUS, act, "unknown"),
    }
}

fn dosage(w: &mut Writer, act: Element<'_>) {
    let instructions = act
        .children()
        .filter(|c| c.name().starts_with("pertinentInformation"))
        .flat_map(Element::children)
        .filter(|e| e.name() == "pertinentDosageInstructions");
    for text in instructions.filter_map(|i| i.child("value")).filter_map(Element::text) {
        w.element(|w| w.leaf("text", text));
    }
}

fn quantity<'d>(act: Element<'d>) -> Option<Element<'d>> {
    act.children_named("component")
        .filter_map(|c| c.child("medicationQuantity"))
        .find_map(|m| m.child("quantity"))
}

/// `MedicationAdministration`.
pub(crate) fn administration(w: &mut Writer, p: &Parts<'_, '_>) {
    let act = p.entry.act;
    p.head(w, "subject");
    write::status(w, &EVENT_STATUS, act, "unknown");
    write::code(w, "category", act.child("code"));
    medicine(w, act);
    p.said_in(w, "context");
    match p.effective.start() {
        Some(_) => write::effective(w, "effective", p.effective),
        None => {
            w.object("_effectiveDateTime", write::absent);
        }
    }
    w.array("reasonReference", |w| p.link_elements(w));
    p.notes(w);
    w.object("dosage", |w| {
        let texts: Vec<Leaf<'_>> = act
            .descendants()
            .filter(|e| e.name() == "pertinentDosageInstructions")
            .filter_map(|i| i.child("value").and_then(Element::text))
            .collect();
        let joined = texts.iter().map(|t| t.text.trim()).collect::<Vec<_>>().join("; ");
        w.string("text", &joined, &texts);
    });
}
