//! From an envelope, or a bare document, to bundles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_adapter::{Composer, Sink};
use causeway_core::text::without_blanks;
use causeway_core::{Issue, ItemId, Ledger, Outcome};
use causeway_mime::itk::Envelope;
use causeway_xml::{Document, Element};

use crate::acknowledgement::{self, Answer};
use crate::refusal::Refusal;
use crate::{account, document, limits, rules};

/// The message type that an input names, else what kind of document it is.
pub(crate) fn version(head: &[u8]) -> String {
    let Some(at) = causeway_adapter::head::find(head, "POCD_MT") else { return "CDA".to_owned() };
    let name = head.get(at..).unwrap_or_default().iter().take(20);
    let name: Vec<u8> = name.copied().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').collect();
    String::from_utf8(name).unwrap_or_default()
}

/// Translates every document of a message and hands everything to the sink.
pub(crate) fn translate(parsed: &Document<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
    let root = parsed.root();
    let envelope = Envelope::find(root);
    let mut answer = Answer::default();
    let documents: Vec<Element<'_>> =
        std::iter::once(root).chain(root.descendants()).filter(|e| e.name() == "ClinicalDocument").collect();
    if let Some(envelope) = envelope {
        counted(c, envelope);
    }
    let encoded = envelope.map_or(0, |e| payloads(c, e, &mut answer));
    let empty = documents.is_empty() && encoded == 0;
    if empty && !acknowledgement::received(c, root) && answer.refused.is_none() {
        nothing(c, root, &mut answer);
    }
    for (number, element) in documents.into_iter().enumerate() {
        if number >= limits::DOCUMENTS_MAX {
            let issue = rules::TOO_MANY.with(&limits::DOCUMENTS_MAX.to_string());
            refuse(c, element, Refusal { issue, about: element.items().next() }, &mut answer);
            continue;
        }
        one(c, element, envelope, number + 1, &mut answer);
    }
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Structural, "");
    let acknowledgement = acknowledgement::answer(c, root, envelope, &answer);
    c.flush(sink);
    if let Some(acknowledgement) = acknowledgement {
        sink.acknowledgement(acknowledgement);
    }
}

fn one(
    c: &mut Composer<'_>,
    element: Element<'_>,
    envelope: Option<Envelope<'_>>,
    number: usize,
    answer: &mut Answer,
) {
    c.begin(&document::key(element).unwrap_or_else(|| format!("without id|{number}")));
    match document::translate(c, element, envelope) {
        Ok(event) => {
            let recipient = envelope.and_then(Envelope::recipient);
            if let Some((_, leaf)) = recipient {
                c.claim(leaf, Outcome::Mapped, "");
            }
            c.end(format!("document {number}"), event, recipient.map(|(code, _)| code.to_owned()));
            account::close(c, element);
            answer.taken += 1;
        }
        Err(refusal) => {
            c.abandon();
            refuse(c, element, refusal, answer);
        }
    }
}

fn refuse(c: &mut Composer<'_>, element: Element<'_>, refusal: Refusal, answer: &mut Answer) {
    let why = "the document was refused";
    c.ledger.overrule(element.items(), Outcome::Rejected, why);
    c.ledger.claim_rest(element.items(), Outcome::Rejected, why);
    answer.refused.get_or_insert(refusal.issue.rule);
    match refusal.about {
        Some(item) => c.issue_at(item, refusal.issue),
        None => c.issue(refusal.issue),
    }
}

/// A message without a document.
fn nothing(c: &mut Composer<'_>, root: Element<'_>, answer: &mut Answer) {
    let payload = root.descendants().find(|e| matches!(e.name(), "payload" | "payloads" | "manifest"));
    let at = payload.and_then(|p| p.items().next()).or_else(|| root.items().next());
    let issue = rules::NO_DOCUMENT.issue();
    answer.refused.get_or_insert(issue.rule);
    match at {
        Some(item) => c.issue_at(item, issue),
        None => c.issue(issue),
    }
    let why = "the message holds no document";
    c.ledger.overrule(0..c.ledger.next_id(), Outcome::Rejected, why);
    c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Rejected, why);
}

/// Tells where an envelope states another number of payloads than it holds.
fn counted(c: &mut Composer<'_>, envelope: Envelope<'_>) {
    let held = envelope.payloads().count();
    let stated = envelope.element().child("payloads").and_then(|p| p.attribute("count"));
    if let Some(leaf) = stated.filter(|l| l.text.trim().parse() != Ok(held)) {
        c.issue_at(leaf.id, rules::COUNT.issue());
    }
}

/// Payloads that are not XML in the envelope: base64 of a document. Returns how many there were.
fn payloads(c: &mut Composer<'_>, envelope: Envelope<'_>, answer: &mut Answer) -> usize {
    let mut found = 0;
    for (number, payload) in envelope.payloads().enumerate() {
        if payload.document().is_some() {
            continue;
        }
        let Some(text) = payload.text() else { continue };
        found += 1;
        let refused = if payload.is("encrypted") || payload.is("compressed") {
            Some(rules::ENCRYPTED.issue())
        } else {
            within(c, text.text, text.id, number, answer).err()
        };
        if let Some(issue) = refused {
            refuse(c, payload.element, Refusal { issue, about: Some(text.id) }, answer);
        }
    }
    found
}

/// A document in base64: one source item, all of it or none.
fn within(
    c: &mut Composer<'_>,
    text: &str,
    item: ItemId,
    number: usize,
    answer: &mut Answer,
) -> Result<(), Issue> {
    let bytes =
        STANDARD.decode(without_blanks(text).as_bytes()).map_err(|_| rules::PAYLOAD_UNREAD.issue())?;
    let decoded = causeway_xml::decode(&bytes).map_err(|_| rules::PAYLOAD_UNREAD.issue())?;
    // The items within have no place in the input of their own: the payload stands for all of them.
    let own = std::mem::take(&mut c.ledger);
    let mut inner = Ledger::new();
    let result = match Document::parse(&decoded, &mut inner) {
        Ok(parsed) => {
            let root = parsed.root();
            let is = |e: &Element<'_>| e.name() == "ClinicalDocument";
            match std::iter::once(root).chain(root.descendants()).find(is) {
                Some(element) => {
                    c.ledger = inner;
                    let before = answer.refused;
                    one(c, element, None, number + 1, answer);
                    match answer.refused == before {
                        true => Ok(()),
                        false => Err(rules::PAYLOAD_UNREAD.issue()),
                    }
                }
                None => Err(rules::NO_DOCUMENT.issue()),
            }
        }
        Err(_) => Err(rules::PAYLOAD_UNREAD.issue()),
    };
    c.ledger = own;
    result?;
    c.claim(item, Outcome::Mapped, "");
    Ok(())
}
