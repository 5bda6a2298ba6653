//! Medicines: `substanceAdministration` and `supply`.

use causeway_core::Outcome;
use causeway_fhir::Writer;
use causeway_hl7v3::write::{moment, quantity};
use causeway_hl7v3::{Effective, words};
use causeway_xml::Element;

use crate::codes::{EVENT_STATUS, REQUEST_STATUS};
use crate::statement::Statement;
use crate::{rules, value, write};

/// The content of `MedicationStatement`, `MedicationRequest`, `MedicationDispense` or `Immunization`.
pub(crate) fn body(w: &mut Writer, s: &Statement<'_, '_>, kind: &str) {
    s.identifiers(w);
    status(w, s, kind);
    let coded = if kind == "Immunization" { "vaccineCode" } else { "medicationCodeableConcept" };
    let drug = drug(s.element);
    if !write::code(w, coded, drug.0) {
        match drug.1 {
            Some(name) => {
                w.object(coded, |w| w.leaf("text", name));
            }
            None => {
                w.object(coded, write::absent);
            }
        }
    }
    match kind {
        "Immunization" => immunisation(w, s),
        "MedicationRequest" => request(w, s),
        "MedicationDispense" => dispense(w, s),
        _ => statement(w, s),
    }
}

/// The product's code, and its name.
fn drug<'d>(e: Element<'d>) -> (Option<Element<'d>>, Option<causeway_core::Leaf<'d>>) {
    let product = ["consumable", "product"].iter().find_map(|name| e.child(name));
    let Some(product) = product.and_then(|p| p.child("manufacturedProduct")) else { return (None, None) };
    let material = ["manufacturedMaterial", "manufacturedLabeledDrug"].iter().find_map(|n| product.child(n));
    let Some(material) = material else { return (None, None) };
    let says = |c: &Element<'_>| words(*c).is_some() || c.attribute("code").is_some();
    let name = material.child("name").and_then(Element::text).filter(|n| !n.is_blank());
    (material.child("code").filter(says), name)
}

fn status(w: &mut Writer, s: &Statement<'_, '_>, kind: &str) {
    let leaf = s.element.child("statusCode").and_then(|c| c.attribute("code"));
    let found = |map: &causeway_terminology::Map| Some((map.lookup(leaf?.text.trim())?.code, leaf?));
    match (kind, s.negated) {
        ("Immunization", Some(leaf)) => w.string("status", "not-done", leaf),
        ("MedicationStatement", Some(leaf)) => w.string("status", "not-taken", leaf),
        ("Immunization", None) => match found(&EVENT_STATUS) {
            Some(("stopped" | "not-done" | "on-hold", leaf)) => w.string("status", "not-done", leaf),
            Some(("entered-in-error", leaf)) => w.string("status", "entered-in-error", leaf),
            // R4 knows no other status: one that is stated and not known is told.
            other => {
                if other.is_none()
                    && let Some(leaf) = leaf
                {
                    w.issue(Some(leaf.id), rules::STATUS.issue());
                }
                w.fixed("status", "completed");
            }
        },
        ("MedicationRequest", _) => match found(&REQUEST_STATUS) {
            Some(("revoked", leaf)) => w.string("status", "stopped", leaf),
            Some((code, leaf)) => w.string("status", code, leaf),
            None => w.fixed("status", "unknown"),
        },
        (_, _) => match found(&EVENT_STATUS) {
            Some(("in-progress", leaf)) => {
                let code = if kind == "MedicationStatement" { "active" } else { "in-progress" };
                w.string("status", code, leaf);
            }
            Some(("preparation", leaf)) if kind == "MedicationStatement" => {
                w.string("status", "intended", leaf)
            }
            Some(("not-done", leaf)) if kind == "MedicationStatement" => {
                w.string("status", "not-taken", leaf)
            }
            Some(("not-done", leaf)) => w.string("status", "cancelled", leaf),
            Some((code, leaf)) => w.string("status", code, leaf),
            None => w.fixed("status", "unknown"),
        },
    }
}

fn statement(w: &mut Writer, s: &Statement<'_, '_>) {
    w.reference("subject", &s.scope.patient, ());
    if let Some(encounter) = &s.scope.encounter {
        w.reference("context", encounter, ());
    }
    causeway_hl7v3::write::effective(w, "effective", s.effective);
    if let Some(time) = s.scope.written {
        moment(w, "dateAsserted", time);
    }
    if let Some(agent) = s.authors.iter().find(|a| a.target.kind != "Device") {
        w.reference("informationSource", &agent.target, ());
    }
    s.linked(w, "reasonReference", &["Condition", "Observation"]);
    comments(w, s);
    dosage(w, s, "dosage");
}

fn request(w: &mut Writer, s: &Statement<'_, '_>) {
    let mood = s.element.attribute("moodCode");
    let intent = match s.mood() {
        "RQO" | "ARQ" => "order",
        "PRP" => "proposal",
        _ => "plan",
    };
    w.string("intent", intent, mood);
    s.scope.about(w, "subject");
    if let Some(time) = s.authors.iter().find_map(|a| a.time) {
        moment(w, "authoredOn", time);
    }
    s.recorder(w, "requester");
    s.linked(w, "reasonReference", &["Condition", "Observation"]);
    comments(w, s);
    dosage(w, s, "dosageInstruction");
    w.object("dispenseRequest", |w| {
        match s.effective {
            Effective::At(time) => causeway_hl7v3::write::period(w, "validityPeriod", Some(time), None),
            Effective::Between(start, end) => causeway_hl7v3::write::period(w, "validityPeriod", start, end),
            Effective::None => {}
        }
        amount(w, s.element);
    });
    // UK Core demands a word on substitution, and the document has none.
    let unknown = causeway_fhir::Coding::new(causeway_fhir::systems::NULL_FLAVOR, "UNK", "unknown");
    w.object("substitution", |w| causeway_fhir::types::concept_fixed(w, "allowedCodeableConcept", unknown));
}

fn dispense(w: &mut Writer, s: &Statement<'_, '_>) {
    w.reference("subject", &s.scope.patient, ());
    if let Some(encounter) = &s.scope.encounter {
        w.reference("context", encounter, ());
    }
    s.actors(w, "performer");
    amount(w, s.element);
    if let Some(time) = s.effective.start() {
        moment(w, "whenHandedOver", time);
    }
    comments(w, s);
    dosage(w, s, "dosageInstruction");
}

fn immunisation(w: &mut Writer, s: &Statement<'_, '_>) {
    let status = s.element.child("statusCode").and_then(|c| c.attribute("code"));
    let status =
        status.and_then(|leaf| EVENT_STATUS.lookup(leaf.text.trim())).map_or("", |target| target.code);
    if s.negated.is_some() || matches!(status, "stopped" | "not-done" | "on-hold") {
        // UK Core asks for a reason, and the document has none.
        causeway_fhir::types::unknown_concept(w, "statusReason");
    }
    w.reference("patient", &s.scope.patient, ());
    if let Some(encounter) = &s.scope.encounter {
        w.reference("encounter", encounter, ());
    }
    match s.effective.start() {
        Some(time) => moment(w, "occurrenceDateTime", time),
        // A word, for some readers demand the element itself.
        None => w.fixed("occurrenceString", "unknown"),
    }
    write::code(w, "site", s.element.child("approachSiteCode"));
    write::code(w, "route", s.element.child("routeCode"));
    if let Some(dose) = s.element.child("doseQuantity") {
        w.object("doseQuantity", |w| quantity(w, dose, ("", None), None));
    }
    s.actors(w, "performer");
    s.notes(w);
}

/// The supply within a medicine.
fn supply<'d>(e: Element<'d>) -> Option<Element<'d>> {
    e.children_named("entryRelationship").find_map(|r| r.child("supply"))
}

/// Whether a supply within a medicine is the one that its amount is read from.
pub(crate) fn is_its_supply(e: Element<'_>, other: Element<'_>) -> bool {
    e.attribute("moodCode").is_none_or(|mood| mood.text.trim() != "EVN")
        && supply(e).is_some_and(|own| own.index() == other.index())
}

/// `quantity` of a supply, its own or one within.
fn amount(w: &mut Writer, e: Element<'_>) {
    let own = e.child("quantity").or_else(|| supply(e).and_then(|s| s.child("quantity")));
    if let Some(own) = own.filter(|q| causeway_hl7v3::write::is_number(*q)) {
        w.object("quantity", |w| quantity(w, own, ("", None), None));
    }
}

/// Comments on a medicine. Its own text is how to take it, and stands in the dosage.
fn comments(w: &mut Writer, s: &Statement<'_, '_>) {
    w.array("note", |w| {
        for comment in &s.comments {
            if let Some((text, items)) = value::text(comment.child("text")) {
                write::note(w, &text, items);
            }
        }
    });
}

fn dosage(w: &mut Writer, s: &Statement<'_, '_>, key: &str) {
    let e = s.element;
    // A second time says when and how often: its forms (PIVL, EIVL) are not translated.
    if let Some(timing) = e.children_named("effectiveTime").nth(1)
        && let Some(item) = timing.items().next()
    {
        w.issue(Some(item), rules::DOSE_TIMING.issue());
        w.claim(
            timing.attributes().map(|(_, leaf)| leaf.id).collect::<Vec<_>>(),
            Outcome::Unsupported,
            "when it is to be taken is stated in a form that is not translated",
        );
    }
    w.array(key, |w| {
        w.element(|w| {
            value::string(w, "text", value::text(e.child("text")));
            write::code(w, "site", e.child("approachSiteCode"));
            write::code(w, "route", e.child("routeCode"));
            w.array("doseAndRate", |w| {
                w.element(|w| {
                    if let Some(dose) = e.child("doseQuantity") {
                        part(w, "dose", dose);
                    }
                    if let Some(rate) = e.child("rateQuantity") {
                        part(w, "rate", rate);
                    }
                });
            });
            if let Some(most) = e.child("maxDoseQuantity") {
                let (numerator, denominator) = (most.child("numerator"), most.child("denominator"));
                if let (Some(numerator), Some(denominator)) = (numerator, denominator) {
                    w.object("maxDosePerPeriod", |w| {
                        w.object("numerator", |w| quantity(w, numerator, ("", None), None));
                        w.object("denominator", |w| quantity(w, denominator, ("", None), None));
                    });
                }
            }
        });
    });
}

/// An amount, or the ends of a range of amounts.
fn part(w: &mut Writer, stem: &str, pq: Element<'_>) {
    if pq.attribute("value").is_some() {
        w.object(&format!("{stem}Quantity"), |w| quantity(w, pq, ("", None), None));
        return;
    }
    w.object(&format!("{stem}Range"), |w| {
        for name in ["low", "high"] {
            if let Some(end) = pq.child(name) {
                w.object(name, |w| quantity(w, end, ("", None), None));
            }
        }
    });
}
