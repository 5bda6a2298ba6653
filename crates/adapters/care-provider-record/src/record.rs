//! One record: what is refused, what is held back, what is written, and what is left.

use causeway_adapter::{Composer, Sink};
use causeway_core::{Issue, IssueCode, Outcome, Severity};
use causeway_fhir::systems;
use causeway_json::shape::{self, Fault, Shape};
use causeway_json::{Node, Tree};

use crate::bind::IDENTIFIER;
use crate::item::{In, Refused, refuse};
use crate::open::{Record, provider_code};
use crate::sections::whole::RECORD;
use crate::{about_me, checks, compose, refusals, rules, subject};

/// Why an item was refused.
const REFUSED: &str = "it breaks the schema and was refused; an issue says where";

/// Why an item has no place.
const UNKNOWN: &str = "the schema has no such member here; it was kept only in the original";

/// Translates a parsed document.
pub fn translate(tree: &Tree<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
    let root = tree.root();
    let mut refused = Refused::default();
    if !root.get("subject").is_some_and(Node::is_object) {
        let text = "the document has no subject: it says of nobody what it says";
        refuse_all(c, sink, root, text, "subject-missing");
        return;
    }
    let mut findings = shape::check(root, &Shape::Object(&RECORD));
    findings.retain(|finding| !refusals::is_spaced_number(finding));
    findings.retain(|finding| match refusals::respelt(finding) {
        Some(code) => {
            refused.respell(finding.node, code);
            if let Some(leaf) = finding.node.leaf() {
                c.issue_at(leaf.id, rules::CODE_RESPELT.issue());
            }
            false
        }
        None => true,
    });
    for issue in refusals::issues(&findings) {
        c.issue(issue);
    }
    for finding in findings {
        let missing = matches!(finding.fault, Fault::Missing(_) | Fault::MissingAny(_));
        if refusals::suffers_alone(&finding) {
            refuse(c, &mut refused, finding.node, REFUSED);
        } else if let Some(unit) = refusals::unit(finding.node, missing) {
            refuse(c, &mut refused, unit, REFUSED);
        }
    }
    for double in tree.duplicates() {
        let text = "the object has this member twice, so which one is meant is not known";
        c.issue(
            Issue::new(Severity::Error, IssueCode::Duplicate, "member-twice", text).at(double.position()),
        );
        let unit = refusals::unit(double, false).unwrap_or(double);
        refuse(c, &mut refused, unit, text);
    }
    checks::before(root, c, &mut refused);
    let whole = In::new(root, &refused);
    if !subject::identified(whole) {
        let text = "the subject has neither a sound NHS number nor a family name with a date of birth";
        refuse_all(c, sink, root, text, "subject-unidentified");
        return;
    }
    write_record(whole, c);
    c.flush(sink);
}

fn refuse_all(
    c: &mut Composer<'_>,
    sink: &mut dyn Sink,
    root: Node<'_>,
    text: &'static str,
    rule: &'static str,
) {
    c.issue(Issue::new(Severity::Error, IssueCode::Required, rule, text).at(root.position()));
    let all = 0..c.ledger.next_id();
    c.ledger.overrule(all, Outcome::Rejected, text);
    c.flush(sink);
}

fn write_record(root: In<'_>, c: &mut Composer<'_>) {
    let uid = root.leaf("recordUid");
    let owner = provider_code(root).map_or(c.context.sender.code.as_str(), |leaf| leaf.text).to_owned();
    let key = uid.map_or_else(|| subject::key(root), |uid| uid.text.to_owned());
    let key = format!("{owner}|{key}");
    c.begin(&key);
    let system = systems::local(&owner, IDENTIFIER);
    let patient = c.reference("Patient", &key);
    let mut record = Record { c, root, patient, provider: None, system };
    record.provider = subject::provider(&mut record, &owner);
    subject::patient(&mut record, &key);
    subject::record(&mut record, &key);
    about_me::write(&mut record);
    compose::sections(&mut record);
    let Record { c, root, .. } = record;
    leftovers(root, c);
    let label = if uid.is_some() { "record" } else { "record without id" };
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Unsupported, UNKNOWN);
    c.end(label, "dscr-record", None);
    let unknown: Vec<_> = c
        .ledger
        .items()
        .iter()
        .zip(0..)
        .filter(|(item, _)| c.ledger.reason_of(item) == UNKNOWN)
        .map(|(_, id)| id)
        .collect();
    for id in unknown.into_iter().take(causeway_core::limits::ISSUES_MAX) {
        c.issue_at(id, Issue::new(Severity::Warning, IssueCode::NotSupported, "member-unknown", UNKNOWN));
    }
}

/// What nothing was said of: blanks, the schema's name, and members that the schema does not know.
fn leftovers(root: In<'_>, c: &mut Composer<'_>) {
    for leaf in root.node.leaves() {
        if leaf.is_blank() {
            c.claim(leaf, Outcome::Structural, "");
        }
    }
    c.claim(root.leaf("$schema"), Outcome::Structural, "");
    for (name, member) in root.node.members() {
        if RECORD.fields.iter().all(|field| field.name != name) {
            let text = "the schema has no section of this name; it was kept only in the original";
            let issue = Issue::new(Severity::Warning, IssueCode::NotSupported, "section-unknown", text);
            c.issue(issue.at(member.position()));
            c.claim(member.leaves(), Outcome::Unsupported, text);
        }
    }
}
