//! Finds the summaries of a message, and says why there are none.

use causeway_adapter::{Composer, Sink};
use causeway_core::{Issue, IssueCode, Outcome, Severity};
use causeway_xml::{Document, Element};

use crate::{people, summary};

/// What an input holds.
enum Content<'d> {
    /// Whole summaries.
    Summaries(Vec<Element<'d>>),
    /// A section, or a presentation text, without a summary around it.
    Fragment(Element<'d>),
    /// Neither.
    Nothing,
}

fn content<'d>(root: Element<'d>) -> Content<'d> {
    if root.name() == "GPSummary" {
        return Content::Summaries(vec![root]);
    }
    let found: Vec<Element<'d>> = root.descendants().filter(|e| e.name() == "GPSummary").collect();
    if !found.is_empty() {
        return Content::Summaries(found);
    }
    match root.name() {
        "pertinentInformation2" | "pertinentCREType" | "html" => Content::Fragment(root),
        _ => Content::Nothing,
    }
}

/// Translates every summary of a document and hands everything to the sink.
pub(crate) fn translate(document: &Document<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
    let root = document.root();
    let event = interaction(root);
    match content(root) {
        Content::Summaries(found) => {
            for (number, element) in found.into_iter().enumerate() {
                one(c, element, &format!("summary {}", number + 1), event);
            }
        }
        Content::Fragment(element) => one(c, element, "section", event),
        Content::Nothing => nothing(c, root),
    }
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Structural, "");
    c.flush(sink);
}

fn one(c: &mut Composer<'_>, element: Element<'_>, label: &str, event: &str) {
    c.begin(&people::record_key(element));
    match summary::translate(c, element) {
        Ok(()) => {
            c.end(label, event, None);
            summary::account(c, element);
        }
        Err(refusal) => {
            c.abandon();
            let why = "the summary was refused";
            c.ledger.overrule(element.items(), Outcome::Rejected, why);
            c.ledger.claim_rest(element.items(), Outcome::Rejected, why);
            match refusal.about {
                Some(item) => c.issue_at(item, refusal.issue),
                None => c.issue(refusal.issue),
            }
        }
    }
}

/// The interaction that the message names, in words of this project.
fn interaction(root: Element<'_>) -> &'static str {
    const KNOWN: [&str; 5] = [
        "QUPC_IN210000UK04",
        "REPC_IN150016UK05",
        "REPC_IN150015UK05",
        "REPC_RM150007UK05",
        "QUQI_IN010000UK14",
    ];
    let names = std::iter::once(root).chain(root.descendants()).map(Element::name);
    names.filter_map(|n| KNOWN.iter().copied().find(|k| *k == n)).next().unwrap_or("GPSummary")
}

/// Spine's codes for "access is not permitted" and "there is no such record".
const NO_ACCESS: [&str; 2] = ["420", "30418"];
const NO_RECORD: [&str; 2] = ["210", "30312"];

/// A message without a summary: an answer that refuses one, or something else.
fn nothing(c: &mut Composer<'_>, root: Element<'_>) {
    let codes: Vec<_> = root
        .descendants()
        .filter(|e| e.name() == "justifyingDetectedIssueEvent")
        .filter_map(|e| e.child("code").and_then(|code| code.attribute("code")))
        .collect();
    let said =
        |list: [&str; 2]| codes.iter().rev().find(|leaf| list.contains(&leaf.text.trim())).map(|l| l.id);
    let (code, rule, text, about) = if let Some(at) = said(NO_ACCESS) {
        let text = "Spine does not permit access to the record; no record was given";
        (IssueCode::Suppressed, "spine-access-refused", text, Some(at))
    } else if let Some(at) = said(NO_RECORD) {
        let text = "Spine has no such record; no record was given";
        (IssueCode::NotFound, "spine-record-not-found", text, Some(at))
    } else if let Some(first) = codes.first() {
        let text = "Spine answered with an error; no record was given";
        (IssueCode::BusinessRule, "spine-error", text, Some(first.id))
    } else {
        let text = "the message holds no GP summary";
        (IssueCode::NotSupported, "summary-absent", text, root.items().next())
    };
    let issue = Issue::new(Severity::Error, code, rule, text);
    match about {
        Some(item) => c.issue_at(item, issue),
        None => c.issue(issue),
    }
    let why = "the message holds no record";
    c.ledger.overrule(0..c.ledger.next_id(), Outcome::Rejected, why);
    c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Rejected, why);
}
