//! From bytes to bundles: envelope, framing, one bundle for each transaction, and the receipt.

use causeway_adapter::{Acknowledgement, Composer, Context, Sink};
use causeway_core::text::Decoded;
use causeway_core::{Issue, ItemId, Leaf, Outcome};
use causeway_edifact::{Interchange, Message, Source, View, group};

use crate::codes::TRANSACTION;
use crate::recep::{self, Verdict};
use crate::refusal::Refusal;
use crate::task::{self, Parties, from_practice};
use crate::transaction::{self, Head, Transaction, account, moment};
use crate::{patient, rules};

/// The adapter's name.
pub(crate) const NAME: &str = "nhais";

/// Translates an input.
pub(crate) fn translate(input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
    let decoded = Decoded::utf8_or_windows_1252(input);
    let mut source = Source::read(&decoded).map_err(|error| rules::UNREADABLE.with(&error.to_string()))?;
    let interchanges = group(&mut source);
    if interchanges.iter().all(|i| i.header.is_none() && i.messages.is_empty()) {
        return Err(rules::NO_MESSAGE.issue());
    }
    let mut c = Composer::new(NAME, context);
    source.enter(&mut c.ledger);
    if let Some((at, _)) = source.first_wrapped() {
        c.issue_at(at, rules::LINE_END.issue());
    }
    for unb in interchanges.iter().filter_map(|i| i.header).filter_map(|at| source.view(at)) {
        if let Some(leaf) = unb.get(11, 1).filter(|leaf| leaf.text == "1") {
            c.issue_at(leaf.id, rules::TEST.issue());
        }
    }
    let mut answer = String::new();
    let mut positive = true;
    for interchange in &interchanges {
        let verdicts = one(&mut c, &source, interchange, sink);
        let header = interchange.header.and_then(|at| source.view(at));
        if let (Some(unb), Some(verdicts)) = (header, verdicts) {
            positive &= recep::write(&mut answer, &unb, &verdicts, context);
        }
    }
    envelope_items(&mut c, &source);
    c.flush(sink);
    if !answer.is_empty() {
        sink.acknowledgement(Acknowledgement {
            bytes: answer.into_bytes(),
            media_type: "application/edifact",
            extension: "edi",
            positive,
        });
    }
    Ok(())
}

fn raise(c: &mut Composer<'_>, at: Option<ItemId>, issue: Issue) {
    match at {
        Some(item) => c.issue_at(item, issue),
        None => c.issue(issue),
    }
}

/// UNA, UNB, UNZ, UNG and UNE are envelope, but for what a transaction took from them.
fn envelope_items(c: &mut Composer<'_>, source: &Source<'_>) {
    for view in (0..source.segments.len()).filter_map(|at| source.view(at)) {
        if view.tag == b"UNB" {
            // Mailboxes of GP Links are one code; what qualifies one is nowhere carried.
            for (_, leaf) in [2, 3].into_iter().flat_map(|e| view.element(e)).filter(|(at, _)| *at > 1) {
                let why = "the qualifier of a mailbox is kept in the original only";
                c.ledger.claim_rest(leaf.id..leaf.id + 1, Outcome::Unsupported, why);
            }
        }
        if matches!(view.tag, b"UNA" | b"UNB" | b"UNZ" | b"UNG" | b"UNE") {
            c.ledger.claim_rest(view.items(), Outcome::Structural, "");
        }
    }
}

/// Translates the messages of one interchange; what to answer, unless it holds receipts alone.
fn one(
    c: &mut Composer<'_>,
    source: &Source<'_>,
    interchange: &Interchange,
    sink: &mut dyn Sink,
) -> Option<Vec<Verdict>> {
    let broken = envelope(c, source, interchange);
    let unb = interchange.header.and_then(|at| source.view(at));
    let mut verdicts = Vec::new();
    let mut receipts = 0;
    for message in &interchange.messages {
        let mut verdict = Verdict::new(source.view(message.header).map_or("", |unh| unh.text(1, 1)));
        let refusal = match broken {
            Some(refusal) => Some(refusal),
            None => framing(source, message)
                .and_then(|receipt| {
                    receipts += usize::from(receipt);
                    match receipt {
                        true => recep::translate(c, source, message, unb),
                        false => registrations(c, source, message, unb, &mut verdict),
                    }
                })
                .err(),
        };
        if let Some(refusal) = refusal {
            refuse(c, transaction::items(source, message), refusal, broken.is_none());
            verdict.refused = true;
        }
        verdicts.push(verdict);
        c.hand_over(sink);
    }
    (receipts < interchange.messages.len()).then_some(verdicts)
}

/// Checks UNB and UNZ, and tells of segments outside every message. Where the references of UNB and UNZ differ, the
/// two are not of one interchange, and nothing between them is trusted.
fn envelope(c: &mut Composer<'_>, source: &Source<'_>, interchange: &Interchange) -> Option<Refusal> {
    let unb = interchange.header.and_then(|at| source.view(at));
    let unz = interchange.trailer.and_then(|at| source.view(at));
    for view in interchange.loose.iter().filter_map(|at| source.view(*at)) {
        c.ledger.claim_rest(view.items(), Outcome::Rejected, "the segment stands outside every message");
        raise(c, view.first(), rules::OUTSIDE.issue());
    }
    let mut broken = None;
    if let (Some(unb), Some(unz)) = (unb, unz)
        && unb.text(5, 1).trim() != unz.text(2, 1).trim()
    {
        let at = unz.get(2, 1).map(|l| l.id).or(unz.first());
        broken = Some(Refusal::new(&rules::INTERCHANGE_REFERENCE, at));
    } else if interchange.messages.is_empty() && unb.is_some() {
        broken = Some(Refusal::new(&rules::INTERCHANGE_EMPTY, unb.and_then(|v| v.first())));
    }
    if let Some(refusal) = broken {
        raise(c, refusal.at, refusal.issue());
    }
    match (unb, unz) {
        (Some(unb), None) => raise(c, unb.first(), rules::INTERCHANGE_END.issue()),
        (None, _) => raise(c, unz.and_then(|v| v.first()), rules::INTERCHANGE_HEADER.issue()),
        _ => {}
    }
    if let Some(stated) = unz.and_then(|unz| unz.get(1, 1))
        && stated.text.trim().parse() != Ok(interchange.messages.len())
    {
        c.issue_at(stated.id, rules::MESSAGE_COUNT.issue());
    }
    broken
}

/// Whether a message is whole: ended by its own UNT that counts its segments, without a faulty segment. And whether
/// it is a receipt.
fn framing(source: &Source<'_>, message: &Message) -> Result<bool, Refusal> {
    let unh = source.view(message.header);
    let at = unh.as_ref().and_then(View::first);
    let kind = unh.and_then(|unh| unh.get(2, 1));
    let receipt = match kind.map_or("", |l| l.text.trim()) {
        "FHSREG" => false,
        "RECEP" => true,
        _ => return Err(Refusal::new(&rules::MESSAGE_TYPE, kind.map(|l| l.id).or(at))),
    };
    let Some(unt) = message.trailer.and_then(|at| source.view(at)) else {
        return Err(Refusal::new(&rules::MESSAGE_END, at));
    };
    if unh.map_or("", |unh| unh.text(1, 1)).trim() != unt.text(2, 1).trim() {
        let at = unt.get(2, 1).map(|l| l.id).or(unt.first()).or(at);
        return Err(Refusal::new(&rules::MESSAGE_REFERENCE, at));
    }
    let within = message.header..message.trailer.unwrap_or(message.body.end);
    let start = source.faults.partition_point(|fault| fault.segment < within.start);
    if let Some(fault) = source.faults.get(start).filter(|fault| within.contains(&fault.segment)) {
        let at = source.view(fault.segment).and_then(|v| v.first()).or(at);
        return Err(Refusal::new(&rules::SEGMENT_SYNTAX, at));
    }
    if let Some(stated) = unt.get(1, 1)
        && stated.text.trim().parse() != Ok(message.count())
    {
        return Err(Refusal::new(&rules::SEGMENT_COUNT, Some(stated.id)));
    }
    Ok(receipt)
}

/// Takes the items of a refused message or transaction along, and tells why unless the envelope already has.
fn refuse(c: &mut Composer<'_>, items: std::ops::Range<ItemId>, refusal: Refusal, tell: bool) {
    c.ledger.overrule(items.clone(), Outcome::Rejected, refusal.rule.text);
    c.ledger.claim_rest(items, Outcome::Rejected, refusal.rule.text);
    if tell {
        raise(c, refusal.at, refusal.issue());
    }
}

/// Translates the transactions of one FHSREG message.
fn registrations(
    c: &mut Composer<'_>,
    source: &Source<'_>,
    message: &Message,
    unb: Option<View<'_>>,
    verdict: &mut Verdict,
) -> Result<(), Refusal> {
    let unh = source.view(message.header);
    let first = unh.and_then(|v| v.first());
    let (head, transactions) = transaction::read(source, message);
    let kind = head.kind().ok_or(Refusal::new(&rules::KIND_MISSING, first))?;
    if TRANSACTION.lookup(kind.text.trim()).is_none() {
        return Err(Refusal::new(&rules::KIND_UNKNOWN, Some(kind.id)));
    }
    let authority = head.authority();
    if authority.is_none() {
        let at = head.segments.first().and_then(|v| v.first()).or(first);
        return Err(Refusal { words: AUTHORITY, ..Refusal::new(&rules::ITEM_MISSING, at) });
    }
    if transactions.is_empty() {
        return Err(Refusal::new(&rules::NO_TRANSACTION, first));
    }
    verdict.authority = authority.map(|a| a.text().to_owned()).unwrap_or_default();
    let practice = unb.and_then(|unb| unb.get(if from_practice(kind.text.trim()) { 2 } else { 3 }, 1));
    let parties = Parties { practice: practice.filter(|l| !l.is_blank()) };
    for (number, t) in transactions.iter().enumerate() {
        for id in &t.structural {
            c.ledger.claim(*id, Outcome::Structural, "");
        }
        if verdict.gp.is_empty() {
            verdict.gp = t.value(b"NAD", "GP", (2, 1)).map(|v| v.text().to_owned()).unwrap_or_default();
        }
        match check(t, kind.text.trim(), &c.context.zone.clone()) {
            Ok(()) => registration(c, (&head, t), kind, parties, (message.number, number + 1)),
            Err(refusal) => {
                refuse(c, t.items.clone(), refusal, true);
                verdict.refused = true;
            }
        }
    }
    account(c, source, message);
    Ok(())
}

const AUTHORITY: &str = "the authority's cipher (NAD+FHS)";

/// What a kind of transaction requires. Source: HA/GP Links specification, chapter 3, by way of INBOUND.md and
/// OUTBOUND.md of NHSDigital/integration-adaptor-nhais.
fn check(t: &Transaction<'_>, kind: &str, zone: &jiff::tz::TimeZone) -> Result<(), Refusal> {
    let start = (!t.items.is_empty()).then_some(t.items.start);
    let missing = |words| Err(Refusal { words, ..Refusal::new(&rules::ITEM_MISSING, start) });
    let lacks_date = |qualifier| -> Result<bool, Refusal> {
        match t.find(b"DTM", qualifier).map(|dtm| moment(dtm, zone)) {
            Some(Ok(found)) => Ok(found.is_none()),
            Some(Err(at)) => Err(Refusal::new(&rules::DATE_INVALID, Some(at.id))),
            None => Ok(true),
        }
    };
    if t.number().is_none() {
        return missing("its number (RFF+TN)");
    }
    if kind == "F8" {
        return Ok(());
    }
    if t.value(b"NAD", "GP", (2, 1)).is_none() {
        return missing("the practitioner (NAD+GP)");
    }
    if matches!(kind, "F1" | "F2" | "F9" | "F10" | "F11" | "G2" | "G3" | "G5") && t.person().is_none() {
        return missing("the person's number (PNA+PAT)");
    }
    if matches!(kind, "G1" | "F9") && t.name_part("PAT", "SU").is_none() {
        return missing("the person's surname (PNA+PAT SU)");
    }
    if matches!(kind, "F2" | "G5") {
        if t.value(b"GIS", "", (1, 1)).is_none() {
            return missing("the reason of the deduction (GIS)");
        }
        if lacks_date("961")? {
            return missing("the date of the deduction (DTM+961)");
        }
    }
    if kind == "F9" {
        if t.value(b"HEA", "FRN", (2, 1)).is_none() {
            return missing("the reason of the notification (HEA+FRN)");
        }
        if lacks_date("329")? {
            return missing("the date of birth (DTM+329)");
        }
        if lacks_date("962")? {
            return missing("the day it expires (DTM+962)");
        }
    }
    if kind == "G1" {
        if t.value(b"HEA", "ACD", (2, 1)).is_none() {
            return missing("the acceptance code (HEA+ACD)");
        }
        if t.value(b"HEA", "ATP", (2, 1)).is_none() {
            return missing("the type of acceptance (HEA+ATP)");
        }
        if lacks_date("956")? {
            return missing("the date of the acceptance (DTM+956)");
        }
    }
    if matches!(kind, "F11" | "G3") && t.value(b"FTX", "RGI", (4, 1)).is_none() {
        return missing("the notes (FTX+RGI)");
    }
    Ok(())
}

/// Writes the bundle of one transaction.
fn registration(
    c: &mut Composer<'_>,
    (head, t): (&Head<'_>, &Transaction<'_>),
    kind: Leaf<'_>,
    parties: Parties<'_>,
    (message, number): (u16, usize),
) {
    // Numbers come round after ten million transactions of a practice: the time of the message tells them apart.
    let sent = head.find(b"DTM", "137").map_or("", |v| v.text(1, 2).trim());
    let authority = head.authority().map_or("", |a| a.text());
    let practice = parties.practice.map_or("", |l| l.text.trim());
    let own = t.number().map_or("", |n| n.text());
    let key = format!("{authority}|{practice}|{}|{sent}|{own}", kind.text.trim());
    c.begin(&key);
    let person = (kind.text.trim() != "F8" || t.person().is_some())
        .then(|| patient::write(c, head, t, &format!("{authority}|{practice}|{sent}|{own}")));
    task::write(c, (head, t), kind, parties, (person.as_ref(), &key));
    let recipient = (!from_practice(kind.text.trim())).then(|| practice.to_owned()).filter(|p| !p.is_empty());
    c.end(
        format!("message {message}, transaction {number}"),
        format!("FHSREG {}", kind.text.trim()),
        recipient,
    );
}
