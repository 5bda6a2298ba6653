//! What a translation may cost, before it is begun.
//!
//! A source item costs the same memory whether it holds a scanned letter or nothing: a file of forty million empty
//! lines is small on the wire and takes gigabytes. So the places at which items begin are counted in the bytes, which
//! costs about as much as copying them, and what would need more memory than the budget is refused as a whole, by
//! name and with the place at which the budget ends. Formats that stream need no such budget.
//!
//! What is let in may take [`MEMORY_TIMES`] the bytes of its input, and no message less than that of
//! [`INPUT_BYTES_LEAST`]: what has so many items that they alone take more is refused before it is read, and a bundle that
//! would become larger than what is left is taken back when it is written ([`output_bytes`]).

use causeway_core::{Issue, Ledger, Position, Span};

use crate::{Adapter, common};

/// Bytes of memory that one translation may be expected to need, unless the operator says otherwise.
pub const MEMORY_BYTES: u64 = 768 * 1024 * 1024;

/// Bytes of memory for each byte of input: the text itself, as it is read, written, and kept.
const BYTE_COST: u64 = 5;

/// How many times as much memory as its input has bytes a translation may take.
pub const MEMORY_TIMES: u64 = 20;

/// Bytes that an input counts at least: a small message may become much larger than it is.
pub const INPUT_BYTES_LEAST: u64 = 1024 * 1024;

/// Bytes of memory for each source item: in the ledger, in the tree that was read, as a claim.
const ITEM_BYTES: u64 = 120;

/// How often the text of an input is held: as it came, and decoded.
const COPIES: u64 = 2;

/// Bytes of memory for two bytes of a bundle: the text, and what is known of its resources while it is made and checked.
const TWO_WRITTEN: u64 = 3;

/// Bytes that a bundle may have in any case.
const OUTPUT_BYTES_LEAST: u64 = 1024 * 1024;

/// Why the items of a bundle that is too large were refused.
pub const TOO_LARGE: &str = "what would be written of the record is too large for what was sent";

/// Bytes of memory that are left for what is made of a source of which these are the items, while `waiting` bytes are held.
#[must_use]
pub fn free_bytes(ledger: &Ledger, waiting: usize) -> u64 {
    let source = (ledger.reach() as u64).max(INPUT_BYTES_LEAST);
    let held = source * COPIES + ledger.len() as u64 * ITEM_BYTES + waiting as u64;
    (source * MEMORY_TIMES).saturating_sub(held)
}

/// Bytes that a bundle may have, made of a source of which these are the items, while others of `waiting` bytes are held.
#[must_use]
pub fn output_bytes(ledger: &Ledger, waiting: usize) -> usize {
    let bytes = (free_bytes(ledger, waiting) * 2 / TWO_WRITTEN).max(OUTPUT_BYTES_LEAST);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// How a format marks where its items begin, and what each costs in bytes of memory: its place in the source tree and
/// the ledger, its share of what is written, and its line of the account as it is kept. Measured over hostile shapes of
/// each format: the tree and what is written take up to 290 bytes a mark (rows of a table), 270 (HL7 v2), 210
/// (EDIFACT), 240 (JSON), 190 (XML); the account as text up to 160.
#[derive(Clone, Copy, Debug)]
struct Grammar {
    marks: &'static [u8],
    cost: u64,
    /// Bytes of memory that are held for what begins at a byte, given the next: the tree that is read, the ledger's item and
    /// the claim of it, by the sizes of their types.
    held: fn(u8, u8) -> u64,
}

const TABLE: Grammar = Grammar { marks: b",;\t\n\r", cost: 450, held: held_of_table };
const EDIFACT: Grammar = Grammar { marks: b"+:'", cost: 450, held: held_of_edifact };
const HL7: Grammar = Grammar { marks: b"|^~&\r\n", cost: 450, held: held_of_hl7 };
const XML: Grammar = Grammar { marks: b"<=", cost: 300, held: held_of_xml };
const JSON: Grammar = Grammar { marks: b",:{[", cost: 400, held: held_of_json };

fn held_of_table(byte: u8, next: u8) -> u64 {
    let value = if TABLE.marks.contains(&next) { 0 } else { 56 };
    match byte {
        b',' | b';' | b'\t' => 32 + value,
        b'\n' | b'\r' => 48 + value,
        _ => 0,
    }
}

fn held_of_edifact(byte: u8, next: u8) -> u64 {
    match byte {
        b'+' | b':' if !EDIFACT.marks.contains(&next) => 96,
        b'\'' => 40,
        _ => 0,
    }
}

fn held_of_hl7(byte: u8, next: u8) -> u64 {
    match byte {
        b'|' | b'^' | b'~' | b'&' if !HL7.marks.contains(&next) => 80,
        b'\r' | b'\n' => 64,
        _ => 0,
    }
}

fn held_of_xml(byte: u8, next: u8) -> u64 {
    match (byte, next) {
        (b'<', b'/') | (b'>', b'<') => 0,
        (b'<', _) => 64,
        (b'>', next) if !next.is_ascii_whitespace() => 144,
        (b'=', _) => 84,
        _ => 0,
    }
}

/// Of a value in JSON: in the tree (48), the ledger (24) and, for formats that mend what is read, in the values of one resource
/// (72, in lists that double).
const JSON_VALUE: u64 = 176;

fn held_of_json(byte: u8, next: u8) -> u64 {
    match (byte, next) {
        (b',', _) => JSON_VALUE,
        (b'[' | b'{', b']' | b'}') => 48,
        (b'[' | b'{', _) => 48 + JSON_VALUE,
        _ => 0,
    }
}

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

/// Bytes of input that are never too dense, whatever they are.
const NEVER_DENSE_BYTES: usize = 64 * 1024;

/// Whether the items of an input alone would take more memory than its translation may: [`within`] refuses it.
#[must_use]
pub fn is_dense(adapter: &dyn Adapter, input: &[u8]) -> bool {
    if input.len() <= NEVER_DENSE_BYTES || adapter.streams() {
        return false;
    }
    let pairs = || input.iter().zip(input.iter().skip(1));
    let of = |g: Grammar| pairs().map(|(byte, next)| (g.held)(*byte, *next)).sum::<u64>();
    let held = grammars(adapter).map(of).max().unwrap_or_default();
    let least = (input.len() as u64).max(INPUT_BYTES_LEAST);
    held > least * (MEMORY_TIMES - COPIES) - OUTPUT_BYTES_LEAST
}

/// Refuses an input whose translation would need more memory than `limit`, or than its size allows.
///
/// # Errors
/// [`common::TOO_COSTLY`] with the place at which the budget ends, or [`common::TOO_DENSE`].
pub fn within(adapter: &dyn Adapter, input: &[u8], limit: u64) -> Result<(), Issue> {
    if is_dense(adapter, input) {
        let at = Position::new("the whole input", Span::new(0, input.len()));
        return Err(common::TOO_DENSE.with(&MEMORY_TIMES.to_string()).at(at));
    }
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

    struct Of(Format, bool);
    impl Adapter for Of {
        fn format(&self) -> &'static Format {
            Box::leak(Box::new(self.0))
        }
        fn streams(&self) -> bool {
            self.1
        }
        fn detect(&self, _: &[u8]) -> Detection {
            Detection::no()
        }
        fn translate(&self, _: &[u8], _: &Context, _: &mut dyn Sink) -> Result<(), Issue> {
            Ok(())
        }
    }

    fn of(kind: &'static [&'static str]) -> Of {
        Of(
            Format {
                name: "x",
                title: "x",
                summary: "x",
                sector: Sector::Health,
                telling: Telling::Event,
                versions: &[],
                media_types: kind,
                extensions: &[],
            },
            false,
        )
    }

    #[test]
    fn what_has_more_items_than_its_size_allows_is_refused() {
        // As people write it, and as nobody does.
        for (kind, usual, dense) in [
            (&["application/edifact"][..], "INV+MQ+42R4.:911::Serum sodium'RSL+NV+140.0:7+++mmol/L'", "A+B+"),
            (&["application/hl7-v2"], "OBX|1|NM|1001^Sodium^L||140|mmol/L|133-146||||F\r", "A|B^"),
            (
                &["application/xml"],
                "<value root=\"2.16.840.1.113883.2.1.4.1\" extension=\"9990000018\"/>",
                "<a>x</a>",
            ),
            (&["application/fhir+json"], "{\"system\":\"http://loinc.org\",\"code\":\"2951-2\"},", "1,"),
            (&["text/csv"], "9990000018,2026-01-05,09:30,72.5,kg,,\n", "\n"),
        ] {
            let adapter = of(kind);
            let told = |text: &str, bytes: usize| {
                let input = text.repeat(bytes / text.len());
                within(&adapter, input.as_bytes(), MEMORY_BYTES).err().map(|issue| issue.rule)
            };
            let mib = INPUT_BYTES_LEAST as usize;
            assert_eq!(told(usual, mib), None, "{kind:?}");
            assert_eq!(told(dense, mib), Some("too-dense"), "{kind:?}");
            // What is small may be as dense as it likes.
            assert_eq!(told(dense, NEVER_DENSE_BYTES), None, "{kind:?}");
        }
    }

    #[test]
    fn the_more_items_a_source_has_the_less_may_be_written_of_it() {
        let ledger = |bytes: usize, items: usize| {
            let mut ledger = Ledger::new();
            (0..items).for_each(|at| {
                ledger.add(causeway_core::Place::Whole, Span::new(at, if at == 0 { bytes } else { at + 1 }));
            });
            output_bytes(&ledger, 0)
        };
        let mib = INPUT_BYTES_LEAST as usize;
        // A small message may become as large as one of 1 MiB.
        assert_eq!(ledger(10, 1), ledger(mib, 1));
        assert!(ledger(4 * mib, 1) > 3 * ledger(mib, 1));
        assert!(ledger(mib, 100_000) < ledger(mib, 1) / 2);
        // And never less than that.
        assert_eq!(ledger(mib, 400_000), OUTPUT_BYTES_LEAST as usize);
        assert!(ledger(mib, 1) <= 12 * mib);
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
            // One that is not held to its size, so that the budget of all is what counts.
            let adapter = Of(of(kind).0, true);
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
