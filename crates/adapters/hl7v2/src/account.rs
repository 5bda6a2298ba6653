//! The account of what is left when a message has been written, and how much of it that is.

use causeway_adapter::Composer;
use causeway_core::{ItemId, Leaf, Ledger, Outcome, Place};
use causeway_hl7v2::{Message, Segment};

use crate::env::Env;
use crate::limits::UNSUPPORTED_TOLD_PERCENT;
use crate::rules;
use crate::value;

/// What is left: set ids and envelope are structural, the rest is said to be unsupported, segment by segment.
pub fn rest(c: &mut Composer<'_>, env: &Env<'_>, segments: &[Segment<'_>], items: std::ops::Range<ItemId>) {
    let mut named: Vec<[u8; 3]> = Vec::new();
    for segment in segments.iter().copied() {
        let name = segment.name();
        if let Some(leaf) = Some(segment).filter(|s| &s.name() == b"MSH").and_then(unlike_a_structure) {
            c.issue(env.breach(&rules::STRUCTURE_UNKNOWN, Some(leaf.id)));
        }
        for item in structural(segment) {
            c.ledger.claim(item, Outcome::Structural, "");
        }
        let kind = segment.leaf(2).filter(|_| &name == b"OBX" && segment.field(5).says());
        if let Some(kind) = kind.filter(|kind| value::is_text(kind.text)) {
            c.ledger.claim(kind.id, Outcome::Decides, "the type of the value in OBX-5");
        }
        for null in segment.all().nulls().filter(|null| !null.whole) {
            // Where its field is written whole, without this part, that says the same.
            let others = segment.field(null.field).rep(null.repetition).items();
            let others = c.ledger.items().get(others.start as usize..others.end as usize).unwrap_or_default();
            if others.iter().any(|i| i.outcome == Outcome::Mapped) {
                c.ledger.claim(null.item, Outcome::Mapped, "");
            }
        }
        let range = segment.all().items();
        let read = c.ledger.items().get(range.start as usize..range.end as usize).unwrap_or_default();
        let untouched = read.iter().all(|i| matches!(i.outcome, Outcome::Unexplained | Outcome::Structural));
        let left = read.iter().any(|i| i.outcome == Outcome::Unexplained);
        let reason = if name.first() == Some(&b'Z') {
            "a segment of the sender's own (Z-segment), kept only in the original"
        } else if untouched {
            "this segment is not translated, kept only in the original"
        } else {
            "this item has no place in what is written, kept only in the original"
        };
        if untouched && left && !named.contains(&name) && named.len() < 100 {
            named.push(name);
            let first = segment.all().leaves().next().map(|l| l.id);
            // Nothing but its set id and what the source takes back.
            let null =
                segment.all().nulls().next().filter(|_| segment.by_field().all(|(field, _)| field == 1));
            match null {
                Some(null) => c.issue(env.breach(&rules::SEGMENT_DELETED, Some(null.item))),
                None => c.issue(env.breach(&rules::SEGMENT_UNSUPPORTED, first)),
            }
        }
        c.ledger.claim_rest(range, Outcome::Unsupported, reason);
    }
    for item in env.message.simplified() {
        let mapped = c.ledger.items().get(item as usize).is_some_and(|i| i.outcome == Outcome::Mapped);
        if mapped {
            c.ledger.claim(
                item,
                Outcome::MappedWithLoss,
                "highlighting, layout or control characters were dropped",
            );
        }
    }
    c.ledger.claim_rest(items, Outcome::Unsupported, "kept only in the original");
}

/// The sentence that says how many of the items that speak of a person or their care were not translated and in which
/// segments they stand, where they are [`UNSUPPORTED_TOLD_PERCENT`] of them or more. Envelope and set ids don't count.
pub fn share(ledger: &Ledger, message: &Message<'_>, items: std::ops::Range<ItemId>) -> Option<String> {
    let first = items.start as usize;
    let all = ledger.items().get(first..items.end as usize).unwrap_or_default();
    let (mut care, mut lost) = (0usize, 0usize);
    let mut named: Vec<[u8; 3]> = Vec::new();
    for item in all {
        let Place::Hl7 { segment, .. } = item.place else { continue };
        if &segment == b"MSH" || item.outcome == Outcome::Structural {
            continue;
        }
        care += 1;
        if item.outcome == Outcome::Unsupported {
            lost += 1;
            if !named.contains(&segment) {
                named.push(segment);
            }
        }
    }
    if lost == 0 || lost * 100 < care * UNSUPPORTED_TOLD_PERCENT || message.segments().len() < 2 {
        return None;
    }
    let names: Vec<String> = named.iter().take(12).map(|n| String::from_utf8_lossy(n).into_owned()).collect();
    Some(format!(
        "{lost} of {care} items were not translated, in {}; they are kept only in the original",
        names.join(" ")
    ))
}

/// Items that say nothing of a person: set ids, types of text values, the envelope.
fn structural(segment: Segment<'_>) -> Vec<ItemId> {
    let mut found: Vec<ItemId> = Vec::new();
    let mut field = |n: u16| found.extend(segment.field(n).items());
    match &segment.name() {
        b"MSH" => [5, 7, 8].into_iter().chain(11..=25).for_each(field),
        b"SFT" | b"DSC" => found.extend(segment.all().items()),
        b"EVN" | b"PID" | b"NK1" | b"AL1" | b"DG1" | b"PR1" | b"OBR" | b"NTE" | b"PV1" | b"IN1" | b"GT1"
        | b"SPM" | b"TXA" | b"RGS" | b"AIS" | b"AIG" | b"AIL" | b"AIP" | b"TQ1" | b"DB1" | b"IAM"
        | b"CON" => field(1),
        b"OBX" => {
            field(1);
            if !segment.field(5).says() {
                field(2);
            }
        }
        _ => {}
    }
    if &segment.name() == b"MSH" && unlike_a_structure(segment).is_none() {
        found.extend(segment.first(9).comp(3).items());
    }
    found
}

/// What stands in MSH-9.3 and is not like a message structure (HL7 table 0354): `ACK`, `ADT_A01`.
fn unlike_a_structure(msh: Segment<'_>) -> Option<Leaf<'_>> {
    let like = |text: &str| {
        let mut parts = text.split('_');
        let mut is_part = |first: bool| {
            let part = parts.next();
            part.map_or(!first, |p| {
                p.len() == 3 && p.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            })
        };
        is_part(true) && is_part(false) && parts.next().is_none()
    };
    msh.comp(9, 3).filter(|leaf| !like(leaf.text))
}
