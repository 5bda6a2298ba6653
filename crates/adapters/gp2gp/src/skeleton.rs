//! Skeleton messages: a payload too large for one message leaves a part of the extract out, which comes as an
//! attachment and stands in the payload as a reference to a document.

use causeway_core::Ledger;
use causeway_xml::{Document, decode};

/// Puts the part that was left out back in. Where its place can't be found the payload stays as it is, and the
/// document that it refers to is a document without its content.
pub(crate) fn fill(payload: &[u8], document: &str, part: &[u8]) -> Vec<u8> {
    let Some(root) = root_of(part) else { return payload.to_vec() };
    if root.name.starts_with("RCMR_IN03") {
        return part.to_vec();
    }
    let Some((start, end)) = place(payload, document) else { return payload.to_vec() };
    let before = payload.get(..start).unwrap_or_default();
    let after = payload.get(end..).unwrap_or_default();
    [before, part.get(root.start..root.end).unwrap_or_default(), after].concat()
}

struct Root {
    name: String,
    start: usize,
    end: usize,
}

fn root_of(bytes: &[u8]) -> Option<Root> {
    let decoded = decode(bytes).ok()?;
    let mut ledger = Ledger::new();
    let parsed = Document::parse(&decoded, &mut ledger).ok()?;
    let span = parsed.root().span();
    Some(Root { name: parsed.root().name().to_owned(), start: span.start as usize, end: span.end as usize })
}

/// The narrative statement that refers to a document.
fn place(payload: &[u8], document: &str) -> Option<(usize, usize)> {
    let decoded = decode(payload).ok()?;
    let mut ledger = Ledger::new();
    let parsed = Document::parse(&decoded, &mut ledger).ok()?;
    let wanted = document.trim_start_matches('_');
    let statement = parsed.root().descendants().filter(|e| e.name() == "NarrativeStatement").find(|e| {
        e.path(&["reference", "referredToExternalDocument"])
            .and_then(crate::hl7::guid)
            .is_some_and(|id| id.text.trim().trim_start_matches('_').eq_ignore_ascii_case(wanted))
    })?;
    let span = statement.span();
    Some((span.start as usize, span.end as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_takes_the_place_of_its_reference() {
        let payload = b"<a><NarrativeStatement><reference><referredToExternalDocument><id root='D1'/></referredToExternalDocument></reference></NarrativeStatement><b/></a>";
        let filled = fill(payload, "D1", b"<?xml version='1.0'?><x><y/></x>");
        assert_eq!(filled, b"<a><x><y/></x><b/></a>");
        assert_eq!(fill(payload, "D2", b"<x/>"), payload);
        assert_eq!(fill(payload, "D1", b"<RCMR_IN030000UK06/>"), b"<RCMR_IN030000UK06/>");
    }
}
