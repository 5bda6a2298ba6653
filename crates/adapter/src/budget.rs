//! What a translation may cost, before it is begun.
//!
//! A source item costs the same memory whether it holds a scanned letter or nothing: a file of forty million empty
//! lines is small on the wire and takes gigabytes. So the places at which items begin are counted in the bytes, which
//! costs about as much as copying them, and what would need more memory than the budget is refused as a whole, by
//! name and with the place at which the budget ends. Formats that stream need no such budget.

use causeway_core::{Issue, Position, Span};

use crate::{Adapter, common};

/// Bytes of memory that one translation may be expected to need, unless the operator says otherwise.
pub const MEMORY_BYTES: u64 = 768 * 1024 * 1024;

/// Bytes of memory for each byte of input: the text itself, as it is read, written, and kept.
const BYTE_COST: u64 = 5;

/// How a format marks where its items begin, and what each costs in bytes of memory: its place in the source tree and
/// the ledger, its share of what is written, and its line of the account as it is kept. Measured over hostile shapes of
/// each format: the tree and what is written take up to 290 bytes a mark (rows of a table), 270 (HL7 v2), 210
/// (EDIFACT), 240 (JSON), 190 (XML); the account as text up to 160.
#[derive(Clone, Copy, Debug)]
struct Grammar {
    marks: &'static [u8],
    cost: u64,
}

const TABLE: Grammar = Grammar { marks: b",;\t\n\r", cost: 450 };
const EDIFACT: Grammar = Grammar { marks: b"+:'", cost: 450 };
const HL7: Grammar = Grammar { marks: b"|^~&\r\n", cost: 450 };
const XML: Grammar = Grammar { marks: b"<=", cost: 300 };
const JSON: Grammar = Grammar { marks: b",:{[", cost: 400 };

/// The grammars that a format's messages may be written in, by its media types.
fn grammars(adapter: &dyn Adapter) -> impl Iterator<Item = Grammar> {
    let kinds = adapter.format().media_types;
    let has = move |words: &[&str]| kinds.iter().any(|kind| words.iter().any(|word| kind.contains(word)));
    let known = [
        (has(&["csv", "text/plain"]), TABLE),
        (has(&["edi"]), EDIFACT),
        (has(&["hl7-v2", "er7"]), HL7),
        (has(&["xml", "multipart", "hl7v3"]), XML),
        (has(&["json"]), JSON),
    ];
    let any = known.iter().any(|(is, _)| *is);
    known.into_iter().filter(move |(is, _)| *is || !any).map(|(_, grammar)| grammar)
}

/// Bytes of memory that a translation of this input may need.
#[must_use]
pub fn estimate(adapter: &dyn Adapter, input: &[u8]) -> u64 {
    let count = |mark: &u8| memchr::memchr_iter(*mark, input).count() as u64;
    let of = |g: Grammar| g.marks.iter().map(count).sum::<u64>() * g.cost;
    let items = grammars(adapter).map(of).max().unwrap_or_default();
    items + input.len() as u64 * BYTE_COST
}

/// Refuses an input whose translation would need more memory than `limit`.
///
/// # Errors
/// [`common::TOO_COSTLY`] with the place at which the budget ends.
pub fn within(adapter: &dyn Adapter, input: &[u8], limit: u64) -> Result<(), Issue> {
    if estimate(adapter, input) <= limit {
        return Ok(());
    }
    // Which of the pieces it was that went beyond: by halves, for the estimate only grows.
    let (mut low, mut high) = (0, input.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let fits = input.get(..middle).is_some_and(|front| estimate(adapter, front) <= limit);
        if fits { low = middle + 1 } else { high = middle }
    }
    let lines = input.get(..high).unwrap_or_default().iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
    let at = Position::new(format!("line {}, byte {high}", lines + 1), Span::new(high, high));
    Err(common::TOO_COSTLY.with(&(limit / 1024 / 1024).to_string()).at(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Detection, Format, Sector, Sink, Telling};

    struct Of(Format);
    impl Adapter for Of {
        fn format(&self) -> &'static Format {
            Box::leak(Box::new(self.0))
        }
        fn detect(&self, _: &[u8]) -> Detection {
            Detection::no()
        }
        fn translate(&self, _: &[u8], _: &Context, _: &mut dyn Sink) -> Result<(), Issue> {
            Ok(())
        }
    }

    fn of(kind: &'static [&'static str]) -> Of {
        Of(Format {
            name: "x",
            title: "x",
            summary: "x",
            sector: Sector::Health,
            telling: Telling::Event,
            versions: &[],
            media_types: kind,
            extensions: &[],
        })
    }

    #[test]
    fn items_count_and_long_texts_hardly_do() {
        let mib = 1024 * 1024;
        for (kind, hostile) in [
            (&["text/csv"][..], "\n"),
            (&["application/edifact"], "A+'"),
            (&["application/hl7-v2"], "|"),
            (&["application/xml"], "<a/>"),
            (&["application/fhir+json"], "1,"),
            // A format whose grammar is not known is held to each.
            (&["application/new"], "|"),
        ] {
            let adapter = of(kind);
            let many = hostile.repeat(20 * mib / hostile.len());
            let issue = within(&adapter, many.as_bytes(), MEMORY_BYTES).unwrap_err();
            assert_eq!((issue.rule, issue.code.code()), ("too-costly", "too-long"), "{kind:?}");
            let at = issue.position.unwrap().span.start as usize;
            assert!(within(&adapter, &many.as_bytes()[..at - 1], MEMORY_BYTES).is_ok(), "{kind:?}");
            assert!(within(&adapter, &many.as_bytes()[..at], MEMORY_BYTES).is_err(), "{kind:?}");
            // The control: a scanned letter of the same size passes.
            assert!(within(&adapter, "QUJD".repeat(5 * mib).as_bytes(), MEMORY_BYTES).is_ok(), "{kind:?}");
        }
    }
}
