//! The end of the account: what nothing was written from.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::{hl7, rules};

/// Attributes that fix the meaning of an element in the message model and say nothing of a person.
const STRUCTURAL: [&str; 15] = [
    "classCode",
    "moodCode",
    "typeCode",
    "determinerCode",
    "contextControlCode",
    "contextConductionInd",
    "inversionInd",
    "negationInd",
    "independentInd",
    "schemaLocation",
    "nullFlavor",
    "mediaType",
    "inverted",
    "inclusive",
    "type",
];

/// Elements of the transmission wrapper and the extract's head.
const ENVELOPE: [&str; 17] = [
    "creationTime",
    "versionCode",
    "interactionId",
    "processingCode",
    "processingModeCode",
    "acceptAckCode",
    "communicationFunctionRcv",
    "communicationFunctionSnd",
    "author1",
    "signatureCode",
    "signatureText",
    "inFulfillmentOf2",
    "limitation",
    "sequenceNumber",
    "priorEhrRequest",
    "acknowledgement",
    "queryAck",
];

const TIMES: [&str; 6] = ["low", "high", "center", "time", "availabilityTime", "effectiveTime"];

/// Classifies every item that nothing has claimed, and names times that could not be read.
pub(crate) fn close(c: &mut Composer<'_>, root: Element<'_>, zone: &TimeZone) {
    let mut envelope_until = 0;
    for element in std::iter::once(root).chain(root.descendants()) {
        let items = element.items();
        if ENVELOPE.contains(&element.name()) {
            envelope_until = envelope_until.max(items.end);
        }
        let envelope = items.start < envelope_until;
        if !envelope && element.name() == "value" && element.parent().is_none_or(|e| e.name() != "qualifier")
        {
            tell_value(c, element);
        }
        for (name, leaf) in element.attributes() {
            if outcome(c, leaf) != Outcome::Unexplained {
                continue;
            }
            let unread =
                name == "value" && TIMES.contains(&element.name()) && hl7::when(leaf.text, zone).is_none();
            if unread && !envelope {
                unreadable_time(c, leaf);
            }
            if name == "classCode" && element.name() == "CompoundStatement" {
                c.ledger.claim(leaf.id, Outcome::Decides, "what kind of group the statement is");
            }
            if name == "type" && element.name() == "value" {
                c.ledger.claim(leaf.id, Outcome::Decides, "the type of the value");
            }
            let structural = envelope || STRUCTURAL.contains(&name) || leaf.is_blank();
            settle(c, leaf, structural);
        }
        for content in element.contents() {
            if let causeway_xml::Content::Text(leaf) = content {
                if element.name() == "text" && !envelope && is_left(c, leaf) && !is_of_stop(element) {
                    c.issue_at(leaf.id, rules::TEXT_LEFT.issue());
                }
                settle(c, leaf, envelope);
            }
        }
    }
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Unsupported, "kept only in the original");
    for item in causeway_hl7v3::repeated::repeated(root, c.ledger.items()) {
        c.issue_at(item, causeway_core::common::ELEMENT_REPEATED.issue());
    }
}

/// Whether an item says something and nothing was written from it.
fn is_left(c: &Composer<'_>, leaf: Leaf<'_>) -> bool {
    !leaf.is_blank() && !c.crowded() && outcome(c, leaf) == Outcome::Unexplained
}

/// Tells once of a value of which something was not written: an amount, a code, words. What a translation says beside the amount
/// itself is no loss.
fn tell_value(c: &mut Composer<'_>, value: Element<'_>) {
    let parts = value.children().filter(|part| part.name() != "translation");
    let left = std::iter::once(value).chain(parts).find_map(|part| {
        let said = ["value", "code", "displayName"].into_iter().filter_map(|name| part.attribute(name));
        said.into_iter().find(|leaf| is_left(c, *leaf))
    });
    if let Some(leaf) = left {
        c.issue_at(leaf.id, rules::VALUE_LEFT.issue());
    }
}

/// Whether a text is the dose of a statement that stops a medicine: it stands with what is stopped.
fn is_of_stop(text: Element<'_>) -> bool {
    let dosage = text.parent().filter(|dosage| dosage.name() == "pertinentMedicationDosage");
    let statement = dosage.and_then(Element::parent).and_then(Element::parent);
    statement.is_some_and(|statement| {
        statement.children_named("component").any(|part| part.child("ehrSupplyDiscontinue").is_some())
    })
}

fn outcome(c: &Composer<'_>, leaf: Leaf<'_>) -> Outcome {
    c.ledger.items().get(leaf.id as usize).map_or(Outcome::Structural, |item| item.outcome)
}

fn settle(c: &mut Composer<'_>, leaf: Leaf<'_>, structural: bool) {
    let (outcome, reason) = match structural {
        true => (Outcome::Structural, ""),
        false => (Outcome::Unsupported, "kept only in the original"),
    };
    c.ledger.claim_rest(leaf.id..leaf.id + 1, outcome, reason);
}

fn unreadable_time(c: &mut Composer<'_>, leaf: Leaf<'_>) {
    if leaf.is_blank() || c.crowded() {
        return;
    }
    let issue = Issue::new(
        Severity::Warning,
        IssueCode::Value,
        "date-invalid",
        "the value is not a date or time that exists, so it was not carried",
    );
    c.issue_at(leaf.id, issue);
    c.ledger.claim(leaf.id, Outcome::Withheld, "not a date or time that exists, so it was held back");
}
