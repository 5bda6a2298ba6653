//! Consents: what is permitted and denied stands in provisions in R4. An exception that were lost would turn the consent
//! round, so all of it is carried.

use causeway_fhir::Writer;
use causeway_fhir::types::{concept_element, concept_fixed};
use causeway_fhir::{Coding, systems};
use causeway_json::Node;

use crate::part::Part;
use crate::rules;

/// Elements of a consent, or of an exception, that a provision holds, by their names in STU3 and R4.
const PROVISION: [(&str, &str); 7] = [
    ("period", "period"),
    ("actor", "actor"),
    ("action", "action"),
    ("securityLabel", "securityLabel"),
    ("purpose", "purpose"),
    ("dataPeriod", "dataPeriod"),
    ("data", "data"),
];

/// Whether an element of a consent is written within its provision.
pub(crate) fn holds(name: &str) -> bool {
    name == "except" || PROVISION.iter().any(|(from, _)| *from == name)
}

/// What a consent gains: its provision, and what R4 demands.
pub(crate) fn additions(p: &Part<'_, '_>, w: &mut Writer) {
    w.object("provision", |w| provision(p, w, p.node, 0));
    if p.node.get("except").is_some() {
        w.issue(p.node.leaf_of("id").map(|l| l.id), rules::CONSENT_EXCEPTION.issue());
    }
    if let Some(identifier) = p.node.get("sourceIdentifier").filter(|_| !has_source(p.node)) {
        w.object("sourceReference", |w| p.copy.within("sourceReference").member(w, "identifier", identifier));
    }
    // A consent names its policy (R4, ppc-1); that none is known is said.
    let policy = p.node.get("policy").is_some_and(|policy| policy.elements().next().is_some());
    if !policy && p.node.get("policyRule").is_none() {
        concept_fixed(w, "policyRule", Coding::new(systems::DATA_ABSENT, "unknown", "Unknown"));
        w.issue(p.node.leaf_of("id").map(|l| l.id), rules::REQUIRED_UNKNOWN.issue());
    }
    if p.node.get("category").is_none() {
        w.array("category", |w| {
            concept_element(w, Coding::new(systems::DATA_ABSENT, "unknown", "Unknown"), ());
        });
    }
}

fn has_source(consent: Node<'_>) -> bool {
    consent.get("sourceAttachment").is_some() || consent.get("sourceReference").is_some()
}

fn provision<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>, depth: usize) {
    let copy = p.copy.typed_as("Consent.provision");
    if let Some(kind) = node.get("type").filter(|_| depth > 0) {
        copy.member(w, "type", kind);
    }
    for (from, to) in PROVISION {
        if let Some(child) = node.get(from) {
            copy.member(w, to, child);
        }
    }
    // `class` and `code` are of exceptions alone.
    for (from, to) in [("class", "class"), ("code", "code")] {
        if let Some(child) = node.get(from).filter(|_| depth > 0) {
            match (from, child.is_array()) {
                ("code", true) => {
                    w.array(to, |w| {
                        for code in child.elements() {
                            w.element(|w| code_body(p, w, code));
                        }
                    });
                }
                _ => copy.member(w, to, child),
            }
        }
    }
    if let Some(exceptions) = node.get("except").filter(|_| depth == 0) {
        w.array("provision", |w| {
            for exception in exceptions.elements() {
                w.element(|w| provision(p, w, exception, depth + 1));
            }
        });
    }
}

/// A coding in STU3, a concept in R4.
fn code_body<'t>(p: &Part<'_, 't>, w: &mut Writer, code: Node<'t>) {
    w.array("coding", |w| {
        w.element(|w| p.copy.typed_as("Coding").body(w, code));
    });
}
