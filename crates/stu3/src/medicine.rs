//! Medicines: requests, statements, their dosages.

use causeway_core::{IssueCode, Outcome};
use causeway_fhir::Writer;
use causeway_fhir::types::unknown_concept;
use causeway_json::Node;

use crate::codes::PRESCRIPTION_TYPE;
use crate::copy::extension::{part, value};
use crate::copy::{Copier, warning};
use crate::part::{Flag, Part};
use crate::rules;

/// Extension for the organisation on whose behalf somebody asked, which R4 has no element for. HL7's own
/// extensions for elements of STU3 are not valid within R4.
const ON_BEHALF_OF: &str = "https://fhir.causeway.example/StructureDefinition/requester-on-behalf-of";

/// An element with code of its own. Whether it was one of these.
pub(crate) fn element<'t>(p: &Part<'_, 't>, w: &mut Writer, name: &str, node: Node<'t>) -> bool {
    match (p.stu3, name) {
        ("MedicationRequest" | "ProcedureRequest" | "ReferralRequest", "requester") => requester(p, w, node),
        ("MedicationRequest", "dispenseRequest") => dispense(p, w, Some(node)),
        ("MedicationRequest", "substitution") => substitution(p, w, node),
        (_, "dosageInstruction" | "dosage") => dosages(p.copy, w, name, node),
        ("MedicationStatement", "status") => status(p, w, node),
        ("MedicationStatement", "taken") => taken(p, w, node),
        _ => return false,
    }
    true
}

/// What a medicine gains.
pub(crate) fn additions(p: &Part<'_, '_>, w: &mut Writer) {
    if p.stu3 != "MedicationRequest" {
        return;
    }
    if p.node.get("dispenseRequest").is_none() {
        dispense(p, w, None);
    }
    course(p, w);
    if let Some(ext) = p.lifted.status_reason {
        if let Some(reason) = part(ext, "statusReason").and_then(value) {
            p.copy.member(w, "statusReason", reason);
        }
        w.mapped(part(ext, "statusReason").and_then(|e| e.leaf_of("url")));
        w.mapped(ext.leaf_of("url"));
    }
    if p.node.get("substitution").is_none() {
        // UK Core demands a word on substitution, and the source has none.
        w.object("substitution", unknown_substitution);
    }
}

/// That nothing is known of substitution, as a concept: some readers refuse a choice that says it by an extension alone.
fn unknown_substitution(w: &mut Writer) {
    unknown_concept(w, "allowedCodeableConcept");
}

/// Who asked: R4 has the agent alone.
fn requester<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let agent = node.get("agent").unwrap_or(node);
    let behalf = node.get("onBehalfOf");
    w.object("requester", |w| {
        if let Some(behalf) = behalf {
            w.array("extension", |w| {
                w.element(|w| {
                    w.fixed("url", ON_BEHALF_OF);
                    p.copy.typed_as("Extension").member(w, "valueReference", behalf);
                });
            });
        }
        if agent.get("reference").is_some() {
            p.copy.reference(w, agent);
        } else if agent.index() != node.index() {
            p.copy.typed_as("Reference").body(w, agent);
        }
    });
}

fn dispense<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Option<Node<'t>>) {
    let allowed = p.lifted.repeat.and_then(|r| part(r, "numberOfRepeatPrescriptionsAllowed"));
    let own = node.and_then(|n| n.get("numberOfRepeatsAllowed"));
    w.object("dispenseRequest", |w| {
        if let Some(node) = node {
            p.copy.within("dispenseRequest").body(w, node);
        }
        let number = allowed.and_then(value).filter(|_| own.is_none()).and_then(Node::leaf);
        if let Some(number) = number.filter(|n| n.text.bytes().all(|b| b.is_ascii_digit())) {
            w.number("numberOfRepeatsAllowed", number.text, number);
            w.mapped(allowed.and_then(|a| a.leaf_of("url")));
        }
    });
    if let Some(repeat) = p.lifted.repeat {
        w.mapped(repeat.leaf_of("url"));
    }
}

fn substitution<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.object("substitution", |w| {
        for (name, child) in node.members() {
            match name {
                "allowed" => p.copy.within("substitution").member(w, "allowedBoolean", child),
                _ => p.copy.within("substitution").field(w, node, name, child),
            }
        }
        if node.get("allowed").is_none() {
            unknown_substitution(w);
        }
    });
}

/// The kind of prescription, by the official table; a code that has no row keeps its coding.
fn course(p: &Part<'_, '_>, w: &mut Writer) {
    let Some(ext) = p.lifted.prescription_type else { return };
    w.mapped(ext.leaf_of("url"));
    let Some(concept) = value(ext) else { return };
    w.object("courseOfTherapyType", |w| {
        w.array("coding", |w| {
            for coding in concept.get("coding").into_iter().flat_map(Node::elements) {
                w.element(|w| kind(p.copy, w, coding));
            }
        });
        w.leaf_opt("text", concept.leaf_of("text"));
    });
}

fn kind<'t>(copy: Copier<'_, 't>, w: &mut Writer, coding: Node<'t>) {
    let code = coding.leaf_of("code");
    let Some((code, target)) = code.and_then(|c| Some((c, PRESCRIPTION_TYPE.lookup(c.text)?))) else {
        let text = "the kind of prescription is not in the conversion table; its own code was kept";
        w.issue(code.map(|c| c.id), warning(IssueCode::CodeInvalid, "prescription-type-unknown", text));
        copy.typed_as("Coding").body(w, coding);
        return;
    };
    w.fixed("system", target.system);
    w.string("code", target.code, code);
    w.fixed("display", target.display);
    let reason = "said by the code that it became";
    w.claim((coding.leaf_of("system"), coding.leaf_of("display")), Outcome::Structural, reason);
}

/// A statement's status; that the patient does not take it is a status in R4.
fn status<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let Some(leaf) = node.leaf() else { return };
    match p.flag("taken") {
        Flag::NotDone(taken) => {
            w.string("status", "not-taken", taken);
            let reason = "R4 has one status, and says by it that the medicine is not taken";
            w.claim(leaf, Outcome::Unsupported, reason);
        }
        Flag::Done => p.copy.member(w, "status", node),
        Flag::Unreadable => p.undecided(w, node),
    }
}

fn taken<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    match p.flag("taken") {
        Flag::NotDone(_) => {}
        Flag::Done => w.decides(
            node.leaf(),
            "that the status stands as it is: R4 says by it alone whether a medicine is not taken",
        ),
        Flag::Unreadable => {
            w.issue(node.first_leaf().map(|leaf| leaf.id), rules::TAKEN_UNREADABLE.issue());
            w.claim(node.leaves(), Outcome::Unsupported, rules::TAKEN_UNREADABLE.text);
        }
    }
}

/// Dosages: dose and rate moved into a list.
pub(crate) fn dosages<'t>(copy: Copier<'_, 't>, w: &mut Writer, key: &str, node: Node<'t>) {
    let list: Vec<Node<'t>> = match node.is_array() {
        true => node.elements().collect(),
        false => vec![node],
    };
    w.array(key, |w| {
        for dosage in list {
            w.element(|w| self::dosage(copy, w, dosage));
        }
    });
}

fn dosage<'t>(copy: Copier<'_, 't>, w: &mut Writer, dosage: Node<'t>) {
    let moved = |name: &str| {
        matches!(name, "doseRange" | "doseQuantity" | "rateRatio" | "rateRange" | "rateQuantity")
    };
    let (copy, dose) = (copy.typed_as("Dosage"), copy.typed_as("Dosage.doseAndRate"));
    for (name, child) in dosage.members().filter(|(name, _)| !moved(name)) {
        copy.field(w, dosage, name, child);
    }
    w.array("doseAndRate", |w| {
        w.element(|w| {
            for (name, child) in dosage.members().filter(|(name, _)| moved(name)) {
                let key = if name == "doseSimpleQuantity" { "doseQuantity" } else { name };
                dose.member(w, key, child);
            }
        });
    });
}
