//! Documents, encounters, questionnaires, services, devices: what is not alike in R4.

use causeway_core::Outcome;
use causeway_fhir::types::concept;
use causeway_fhir::{Coding, Writer, systems};
use causeway_json::Node;

use crate::copy::extension::{of_stay, value};
use crate::part::{Part, absent};

/// An element with code of its own. Whether it was one of these.
pub(crate) fn element<'t>(p: &Part<'_, 't>, w: &mut Writer, name: &str, node: Node<'t>) -> bool {
    match (p.stu3, name) {
        ("DocumentReference", "status") => p.copy.member(w, "status", node),
        ("DocumentReference", "created") => {}
        ("DocumentReference", "content") => contents(p, w, node),
        ("DocumentReference", "context") => context(p, w, node),
        ("Encounter", "class") => {
            if node.is_object() {
                p.copy.member(w, "class", node);
            }
        }
        ("Encounter", "diagnosis") => diagnoses(p, w, node),
        ("Encounter", "hospitalization") => match node.is_object() {
            true => stay(p, w, Some(node)),
            false => p.copy.member(w, name, node),
        },
        ("QuestionnaireResponse", "questionnaire") => questionnaire(p, w, node),
        ("QuestionnaireResponse", "item") => items(p, w, node),
        ("HealthcareService", "programName") => {
            w.array("program", |w| {
                for leaf in node.elements().filter_map(Node::leaf) {
                    w.element(|w| w.leaf("text", leaf));
                }
            });
        }
        ("HealthcareService", "eligibility") => eligibility(p, w),
        ("HealthcareService", "eligibilityNote") => {
            if p.node.get("eligibility").is_none() {
                eligibility(p, w);
            }
        }
        ("MessageHeader", "destination") => destinations(p, w, Some(node)),
        ("MessageHeader", "receiver") => {
            if p.node.get("destination").is_none() {
                destinations(p, w, None);
            }
        }
        // Written as an extension, with the others.
        ("MessageHeader", "timestamp") => {}
        ("Device", "udi") => udi(p, w, node),
        ("Device", "version") => {
            if let Some(leaf) = node.leaf() {
                w.array("version", |w| {
                    w.element(|w| w.leaf("value", leaf));
                });
            }
        }
        _ => return false,
    }
    true
}

/// What such a resource gains.
pub(crate) fn additions(p: &Part<'_, '_>, w: &mut Writer) {
    if p.lifted.admission.is_some() && p.node.get("hospitalization").is_none() {
        stay(p, w, None);
    }
    match p.stu3 {
        "Encounter" if !p.node.get("class").is_some_and(Node::is_object) => {
            // R4 demands a class, and GP Connect has none.
            w.object("class", |w| Coding::new(systems::NULL_FLAVOR, "UNK", "unknown").body(w, ()));
        }
        "Appointment" => {
            if let Some(ext) = p.lifted.cancellation {
                w.mapped(ext.leaf_of("url"));
                match value(ext) {
                    Some(text) if text.leaf().is_some() => {
                        w.object("cancelationReason", |w| w.leaf_opt("text", text.leaf()));
                    }
                    Some(concept) => p.copy.member(w, "cancelationReason", concept),
                    None => {}
                }
            }
        }
        "Patient" => communication(p, w),
        _ => {}
    }
}

/// The stay of an encounter.
fn stay<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Option<Node<'t>>) {
    let copy = p.copy.within("hospitalization");
    w.object("hospitalization", |w| {
        of_stay(copy, w, node.and_then(|n| n.get("extension")), &p.lifted);
        let Some(node) = node else { return };
        for (name, child) in node.members().filter(|(name, _)| *name != "extension") {
            copy.field(w, node, name, child);
        }
    });
}

/// Where a message goes; whoever is to read it there is said of the first destination in R4.
fn destinations<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Option<Node<'t>>) {
    let part = p.copy.within("destination");
    let list: Vec<Node<'t>> = match node {
        Some(list) if list.is_array() => list.elements().collect(),
        one => one.into_iter().collect(),
    };
    w.array("destination", |w| {
        for number in 0..list.len().max(1) {
            w.element(|w| {
                let start = w.bytes().len();
                let destination = list.get(number);
                for (name, child) in destination.into_iter().flat_map(|d| d.members()) {
                    part.field(w, p.node, name, child);
                }
                if let Some(receiver) = p.node.get("receiver").filter(|_| number == 0) {
                    part.member(w, "receiver", receiver);
                }
                part.complete(w, start);
            });
        }
    });
}

/// For whom a service is, and the remark on it.
fn eligibility(p: &Part<'_, '_>, w: &mut Writer) {
    let copy = p.copy.within("eligibility");
    w.array("eligibility", |w| {
        w.element(|w| {
            for (from, to) in [("eligibility", "code"), ("eligibilityNote", "comment")] {
                if let Some(node) = p.node.get(from) {
                    copy.member(w, to, node);
                }
            }
        });
    });
}

/// Languages that CareConnect has in an extension, where R4 looks for them: those whose code is one of BCP 47,
/// which R4 demands there. The extension keeps them all.
fn communication(p: &Part<'_, '_>, w: &mut Writer) {
    if p.node.get("communication").is_some() {
        return;
    }
    let own = p.node.get("extension").into_iter().flat_map(Node::elements);
    let own =
        own.filter(|e| crate::codes::extension_name(e.string_of("url").unwrap_or("")) == "NHSCommunication");
    w.array("communication", |w| {
        for ext in own {
            let language = crate::copy::extension::part(ext, "language").and_then(value);
            let preferred = crate::copy::extension::part(ext, "preferred").and_then(value);
            let coding = language.and_then(|l| l.get("coding")?.elements().next());
            let code = coding.and_then(|c| c.leaf_of("code"));
            let two_letters = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_lowercase());
            let Some(code) = code.filter(|c| two_letters(c.text)) else { continue };
            w.element(|w| {
                concept(w, "language", Coding::new(systems::BCP_47, code.text, ""), code);
                if let Some(preferred) = preferred {
                    p.copy.within("communication").member(w, "preferred", preferred);
                }
            });
        }
    });
}

/// Contents; when the document was made is said of the attachment in R4.
fn contents<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let created = p.node.get("created");
    let (part, file) = (p.copy.within("content"), p.copy.typed_as("Attachment"));
    w.array("content", |w| {
        for content in node.elements() {
            w.element(|w| {
                let start = w.bytes().len();
                for (name, child) in content.members() {
                    if name != "attachment" {
                        part.field(w, content, name, child);
                        continue;
                    }
                    w.object("attachment", |w| {
                        file.body(w, child);
                        if let Some(created) = created.filter(|_| child.get("creation").is_none()) {
                            file.member(w, "creation", created);
                        }
                    });
                }
                part.complete(w, start);
            });
        }
    });
}

fn context<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.object("context", |w| {
        for (name, child) in node.members() {
            match name {
                "related" => related(p, w, child),
                _ => p.copy.within("context").field(w, node, name, child),
            }
        }
    });
}

/// What a document is related to: a reference, or an identifier, which R4 has within the reference.
fn related<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("related", |w| {
        for relation in node.elements() {
            w.element(|w| {
                let copy = p.copy.typed_as("Reference");
                if let Some(target) = relation.get("ref") {
                    copy.body(w, target);
                }
                let told = relation.get("ref").is_some_and(|r| r.get("identifier").is_some());
                if let Some(identifier) = relation.get("identifier").filter(|_| !told) {
                    copy.member(w, "identifier", identifier);
                }
            });
        }
    });
}

fn diagnoses<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("diagnosis", |w| {
        for diagnosis in node.elements() {
            w.element(|w| p.copy.within("diagnosis").body(w, diagnosis));
        }
    });
}

/// R4 names a questionnaire by its canonical URL.
fn questionnaire(p: &Part<'_, '_>, w: &mut Writer, node: Node<'_>) {
    let leaf = node.leaf_of("reference");
    match leaf.filter(|l| l.text.contains("://")) {
        Some(url) => w.leaf("questionnaire", url),
        None => w.claim(
            node.leaves(),
            Outcome::Unsupported,
            "R4 names a questionnaire by its canonical URL, which the source does not give",
        ),
    }
    let _ = p;
}

/// Items, within items and answers too. One without a link id, against both versions, says so.
fn items<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let copy = p.copy.typed_as("QuestionnaireResponse.item");
    w.array("item", |w| {
        for item in node.elements() {
            w.element(|w| {
                for (name, child) in item.members() {
                    match name {
                        "item" => items(p, w, child),
                        "answer" => answers(p, w, child),
                        "subject" => {
                            p.copy.lost(w, child, "R4 has no subject of an item; kept in the original")
                        }
                        _ => copy.field(w, item, name, child),
                    }
                }
                if item.leaf_of("linkId").is_none() {
                    absent(w, "_linkId");
                }
            });
        }
    });
}

fn answers<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let copy = p.copy.typed_as("QuestionnaireResponse.item.answer");
    w.array("answer", |w| {
        for answer in node.elements() {
            w.element(|w| {
                for (name, child) in answer.members() {
                    match name {
                        "item" => items(p, w, child),
                        _ => copy.field(w, answer, name, child),
                    }
                }
            });
        }
    });
}

fn udi<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("udiCarrier", |w| {
        w.element(|w| {
            for (name, child) in node.members() {
                match name {
                    "name" => {}
                    "carrierHRF" | "carrierAIDC" | "deviceIdentifier" | "jurisdiction" | "issuer"
                    | "entryType" => p.copy.within("udiCarrier").field(w, node, name, child),
                    _ => p.copy.lost(w, child, "R4 has no such element of a device's identity"),
                }
            }
        });
    });
    if let Some(name) = node.leaf_of("name") {
        w.array("deviceName", |w| {
            w.element(|w| {
                w.leaf("name", name);
                w.fixed("type", "udi-label-name");
            });
        });
    }
}
