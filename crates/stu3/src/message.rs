//! From a document to a bundle.

use std::collections::HashSet;

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Outcome, Severity};
use causeway_json::{Node, Tree};

use crate::Reading;
use crate::copy::Copier;
use crate::record::{Record, Refusal};
use crate::resource;

/// Whether the start of a JSON text is that of a message or document of STU3: an envelope of ITK3 or its kin.
pub fn is_envelope(head: &[u8]) -> bool {
    if !causeway_adapter::head::holds(head, "\"resourceType\"") {
        return false;
    }
    let text = String::from_utf8_lossy(head);
    let has = |mark: &str| text.contains(mark);
    let said = |name: &str, values: &[&str]| {
        text.split(&format!("\"{name}\"")).skip(1).any(|rest| {
            let value = rest.trim_start().strip_prefix(':').map_or("", str::trim_start);
            values.iter().any(|v| value.starts_with(&format!("\"{v}\"")))
        })
    };
    if !said("resourceType", &["Bundle"])
        || has("terminology.hl7.org/")
        || has("/StructureDefinition/UKCore-")
    {
        return false;
    }
    let message = said("type", &["message"]) && said("resourceType", &["MessageHeader"]);
    let document = said("type", &["document"]) && said("resourceType", &["Composition"]);
    // What is of DSTU2 or R4 says nothing of STU3.
    (message || document) && has("/STU3/") || has("/ITK-Message-Bundle-") || has("/ITK-Document-Bundle-")
}

/// Translates a document into the composer; the caller flushes it. A refusal is an issue of severity error.
pub fn translate(tree: &Tree<'_>, c: &mut Composer<'_>, reading: Reading) {
    let root = tree.root();
    let read = match tree.duplicates().next() {
        Some(twice) => Err(Refusal(
            Issue::new(
                Severity::Error,
                IssueCode::Structure,
                "json-member-repeated",
                "a member of a JSON object occurs twice; what it means can't be told",
            )
            .at(twice.position()),
        )),
        None => Record::read(c, root, reading),
    };
    match read {
        Ok(record) => {
            let all = root.leaves();
            let references = match reading {
                Reading::Record => HashSet::new(),
                Reading::Envelope => {
                    all.clone().map(|l| l.text).filter(|t| t.starts_with("urn:") || t.contains('/')).collect()
                }
            };
            structure(c, root, reading, &references);
            write(c, root, &record, reading);
        }
        Err(Refusal(issue)) => {
            c.issue(issue);
            c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Rejected, "the record was refused");
        }
    }
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Unsupported, "no place in R4; kept only in the original");
}

fn write(c: &mut Composer<'_>, root: Node<'_>, record: &Record<'_>, reading: Reading) {
    let context = c.context;
    let sender = context.sender.code.clone();
    let copy = Copier { record, sender: &sender, context, ty: None, about: None };
    let subject = record.patient.and_then(|at| record.entries.get(at)).or_else(|| record.entries.first());
    let Some(subject) = subject else {
        let text = "the bundle holds no resource";
        let issue = Issue::new(Severity::Information, IssueCode::Informational, "bundle-empty", text);
        c.issue(issue.at(root.position()));
        return;
    };
    c.begin(&format!("{}|{}", subject.stu3, subject.key));
    for id in &record.repeated {
        let text =
            "two resources of a type have the same id; both were kept, and references lead to the first";
        let issue = Issue::new(Severity::Warning, IssueCode::Duplicate, "source-id-repeated", text);
        c.issue(issue.at(id.position()));
    }
    for entry in &record.entries {
        if crate::kinds::is_left_out(entry.stu3) {
            let at = entry.resource.get("resourceType").unwrap_or(entry.resource);
            c.issue(crate::rules::TYPE_NOT_CARRIED.issue().at(at.position()));
        }
        // A message that answers says by its own code what became of the one before.
        if entry.stu3 == "OperationOutcome" && reading == Reading::Record {
            c.issue(crate::rules::OUTCOME_IN_RECORD.issue().at(entry.resource.position()));
        }
        resource::write(c, copy, entry);
    }
    let (label, event) = match root.string_of("resourceType") {
        Some("Bundle") => ("record", event(root)),
        _ => ("resource", "resource"),
    };
    match (reading, record.entries.first()) {
        (Reading::Envelope, Some(first)) if root.string_of("resourceType") == Some("Bundle") => {
            let code = |name| first.resource.get(name).and_then(|e| e.string_of("code"));
            let receiver = first.resource.get("receiver");
            let recipient = receiver.and_then(|r| organisation(record, r));
            match first.stu3 {
                "MessageHeader" => c.end("message", code("event").unwrap_or("message"), recipient),
                _ => c.end("document", "document", None),
            };
        }
        _ => {
            c.end(label, event, None);
        }
    }
}

/// The ODS code of an organisation that is referred to, where the message gives it.
fn organisation(record: &Record<'_>, reference: Node<'_>) -> Option<String> {
    let target = reference.string_of("reference").and_then(|r| record.find(r)).map(|e| e.resource);
    let held = target.and_then(|t| t.get("identifier")).into_iter().flat_map(Node::elements);
    let mut all = reference.get("identifier").into_iter().chain(held);
    let ods = all.find(|i| i.string_of("system").is_some_and(|s| s.ends_with("/ods-organization-code")))?;
    ods.string_of("value").map(|v| v.trim().to_owned())
}

/// What kind of answer a bundle is, in words of this project.
fn event(root: Node<'_>) -> &'static str {
    match root.string_of("type") {
        Some("collection") => "structured record",
        Some("searchset") => "search result",
        Some("document") => "document",
        Some("message") => "message",
        _ => "bundle",
    }
}

/// The bundle around the resources says nothing of a person.
fn structure(c: &mut Composer<'_>, root: Node<'_>, reading: Reading, references: &HashSet<&str>) {
    if root.string_of("resourceType") != Some("Bundle") {
        return;
    }
    for (name, node) in root.members() {
        match name {
            "entry" => {
                let around = |e: Node<'_>| {
                    let parts = e.members().filter(|(name, _)| *name != "resource");
                    parts.flat_map(|(_, node)| node.leaves()).map(|l| l.id).collect::<Vec<_>>()
                };
                let items: Vec<u32> = node.elements().flat_map(around).collect();
                if reading == Reading::Envelope {
                    let named = |e: Node<'_>| {
                        let url = e.get("fullUrl")?;
                        references.contains(url.text()).then(|| url.leaf().map(|l| l.id))?
                    };
                    let decide: Vec<u32> = node.elements().filter_map(named).collect();
                    c.writer().decides(decide, "what refers to the resource names it so");
                }
                c.claim(items, Outcome::Structural, "");
                if reading == Reading::Envelope {
                    for inner in node.elements().filter_map(|e| e.get("resource")) {
                        structure(c, inner, reading, references);
                    }
                }
            }
            // It decides what the output is called and how strict reading is.
            "type" | "resourceType" => {
                c.claim(node.leaves(), Outcome::Decides, "what the document is, and so whether it is read");
            }
            _ => c.claim(node.leaves(), Outcome::Structural, ""),
        }
    }
}
