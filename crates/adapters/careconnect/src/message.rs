//! From a document to a bundle.

use causeway_adapter::{Composer, Sink};
use causeway_core::{Issue, IssueCode, Outcome, Severity};
use causeway_json::{Node, Tree};

use crate::copy::Copier;
use crate::record::{Record, Refusal};
use crate::resource;

/// Translates a document and hands everything to the sink.
pub(crate) fn translate(tree: &Tree<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
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
        None => Record::read(c, root),
    };
    match read {
        Ok(record) => {
            structure(c, root);
            write(c, root, &record);
        }
        Err(Refusal(issue)) => {
            c.issue(issue);
            c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Rejected, "the record was refused");
        }
    }
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Unsupported, "no place in R4; kept only in the original");
    c.flush(sink);
}

fn write(c: &mut Composer<'_>, root: Node<'_>, record: &Record<'_>) {
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
        resource::write(c, copy, entry);
    }
    let (label, event) = match root.string_of("resourceType") {
        Some("Bundle") => ("record", event(root)),
        _ => ("resource", "resource"),
    };
    c.end(label, event, None);
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
fn structure(c: &mut Composer<'_>, root: Node<'_>) {
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
                c.claim(items, Outcome::Structural, "");
            }
            // It decides what the output is called and how strict reading is.
            "type" | "resourceType" => {
                c.claim(node.leaves(), Outcome::Decides, "what the document is, and so whether it is read");
            }
            _ => c.claim(node.leaves(), Outcome::Structural, ""),
        }
    }
}
