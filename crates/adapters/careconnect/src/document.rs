//! Documents, encounters, questionnaires, services, devices: what is not alike in R4.

use causeway_core::Outcome;
use causeway_fhir::types::concept;
use causeway_fhir::{Coding, Writer, systems};
use causeway_json::Node;

use crate::extension::value;
use crate::resource::{Part, absent};

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
        ("QuestionnaireResponse", "questionnaire") => questionnaire(p, w, node),
        ("QuestionnaireResponse", "item") => items(p, w, node),
        ("HealthcareService", "programName") => {
            w.array("program", |w| {
                for leaf in node.elements().filter_map(Node::leaf) {
                    w.element(|w| w.leaf("text", leaf));
                }
            });
        }
        ("HealthcareService", "eligibility") => {
            w.array("eligibility", |w| {
                w.element(|w| p.copy.member(w, "code", node));
            });
        }
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
            let language = crate::extension::part(ext, "language").and_then(value);
            let preferred = crate::extension::part(ext, "preferred").and_then(value);
            let coding = language.and_then(|l| l.get("coding")?.elements().next());
            let code = coding.and_then(|c| c.leaf_of("code"));
            let two_letters = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_lowercase());
            let Some(code) = code.filter(|c| two_letters(c.text)) else { continue };
            w.element(|w| {
                concept(w, "language", Coding::new(systems::BCP_47, code.text, ""), code);
                if let Some(preferred) = preferred {
                    p.copy.member(w, "preferred", preferred);
                }
            });
        }
    });
}

/// Contents; when the document was made is said of the attachment in R4.
fn contents<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let created = p.node.get("created");
    w.array("content", |w| {
        for content in node.elements() {
            w.element(|w| {
                for (name, child) in content.members() {
                    if name != "attachment" {
                        p.copy.field(w, content, name, child);
                        continue;
                    }
                    w.object("attachment", |w| {
                        p.copy.body(w, child);
                        if let Some(created) = created.filter(|_| child.get("creation").is_none()) {
                            p.copy.member(w, "creation", created);
                        }
                    });
                }
            });
        }
    });
}

fn context<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.object("context", |w| {
        for (name, child) in node.members() {
            match name {
                "encounter" => p.copy.list(w, name, child),
                "related" => related(p, w, child),
                _ => p.copy.field(w, node, name, child),
            }
        }
    });
}

/// What a document is related to: a reference, or an identifier, which R4 has within the reference.
fn related<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("related", |w| {
        for relation in node.elements() {
            w.element(|w| {
                if let Some(target) = relation.get("ref") {
                    p.copy.body(w, target);
                }
                let told = relation.get("ref").is_some_and(|r| r.get("identifier").is_some());
                if let Some(identifier) = relation.get("identifier").filter(|_| !told) {
                    p.copy.member(w, "identifier", identifier);
                }
            });
        }
    });
}

fn diagnoses<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("diagnosis", |w| {
        for diagnosis in node.elements() {
            w.element(|w| {
                for (name, child) in diagnosis.members() {
                    p.copy.field(w, diagnosis, if name == "role" { "use" } else { name }, child);
                }
            });
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
                        _ => p.copy.field(w, item, name, child),
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
    w.array("answer", |w| {
        for answer in node.elements() {
            w.element(|w| {
                for (name, child) in answer.members() {
                    match name {
                        "item" => items(p, w, child),
                        _ => p.copy.field(w, answer, name, child),
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
                    | "entryType" => p.copy.field(w, node, name, child),
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
