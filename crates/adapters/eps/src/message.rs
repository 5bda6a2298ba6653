//! Finds the records of a message, and says why there are none.

use causeway_adapter::{Composer, Sink};
use causeway_core::{Leaf, Outcome};
use causeway_hl7v3::code::negated;
use causeway_xml::{Document, Element};

use crate::refusal::Refusal;
use crate::{account, prescription, request, rules, supply};

/// Elements that are a record: a prescription, what was supplied, a claim, or a request or answer about one.
pub(crate) const RECORDS: [&str; 11] = [
    "ParentPrescription",
    "DispenseNotification",
    "DispenseClaim",
    "PatientPrescriptionReleaseRequest",
    "NominatedPrescriptionReleaseRequest",
    "CancellationRequest",
    "CancellationResponse",
    "DispenseProposalReturn",
    "PrescriptionReleaseReject",
    "PrescriptionReturn",
    "ETPWithdraw",
];

/// Elements that are read with their negation: what covers a charge, and whether evidence for it was seen.
const READ_NEGATED: [&str; 2] = ["coveringChargeExempt", "authorizingEvidenceSeen"];

/// What a record negates anywhere in it or what leads to it does, acts and the relations between them: without it, it would say
/// the opposite.
fn negation<'d>(record: Element<'d>) -> Option<Leaf<'d>> {
    let around = std::iter::successors(record.parent(), |element| element.parent());
    let all = around.chain([record]).chain(record.descendants());
    all.filter(|e| !READ_NEGATED.contains(&e.name())).find_map(negated)
}

/// Translates every record of a document and hands everything to the sink.
pub(crate) fn translate(document: &Document<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
    let root = document.root();
    let all = std::iter::once(root).chain(root.descendants());
    let mut records: Vec<Element<'_>> = Vec::new();
    for element in all.filter(|e| RECORDS.contains(&e.name())) {
        // A record within a record is a part of it.
        if records.last().is_none_or(|r| element.items().start >= r.items().end || r.items().is_empty()) {
            records.push(element);
        }
    }
    if records.is_empty() {
        let why = "the message holds no record";
        match root.items().next() {
            Some(item) => c.issue_at(item, rules::NOTHING.issue()),
            None => c.issue(rules::NOTHING.issue()),
        }
        c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Rejected, why);
    }
    for (number, record) in records.iter().enumerate() {
        let event = record.name().to_owned();
        let done = match (negation(*record), record.name()) {
            (Some(leaf), _) => Err(Refusal { issue: rules::NEGATED.issue(), at: Some(leaf.id) }),
            (None, "ParentPrescription") => prescription::translate(c, *record),
            (None, "DispenseNotification") => supply::notification(c, *record),
            (None, "DispenseClaim") => supply::claim(c, *record),
            (None, _) => request::translate(c, *record),
        };
        match done {
            Ok(recipient) => {
                c.end(format!("record {}", number + 1), event, recipient);
                account::record(c, *record);
                c.hand_over(sink);
            }
            Err(refusal) => {
                c.abandon();
                let why = "the record was refused";
                c.ledger.overrule(record.items(), Outcome::Rejected, why);
                c.ledger.claim_rest(record.items(), Outcome::Rejected, why);
                match refusal.at {
                    Some(item) => c.issue_at(item, refusal.issue),
                    None => c.issue(refusal.issue),
                }
            }
        }
    }
    // The wrapper of transport and control act.
    c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Structural, "");
    c.flush(sink);
}
