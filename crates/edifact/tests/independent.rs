//! `edifact-rs`, an independent reader, must see the same segments, values and bytes as this crate.

use std::path::PathBuf;

use causeway_core::text::Decoded;
use causeway_edifact::Source;

/// Tag, then element, component, value and bytes of each component with a value.
type Seen = Vec<(String, Vec<(usize, usize, String, usize, usize)>)>;

fn ours(input: &[u8]) -> Seen {
    let decoded = Decoded::utf8_or_windows_1252(input);
    let source = Source::read(&decoded).expect("readable");
    assert!(source.faults.is_empty(), "{:?}", source.faults);
    (0..source.segments.len())
        .filter_map(|index| source.view(index))
        .filter(|view| view.tag != b"UNA")
        .map(|view| {
            let values = view.components.iter().map(|c| {
                let (start, end) = (c.span.start as usize, c.span.end as usize);
                (usize::from(c.element), usize::from(c.component), c.text.to_string(), start, end)
            });
            (String::from_utf8_lossy(view.tag).into_owned(), values.collect())
        })
        .collect()
}

fn theirs(input: &[u8]) -> Seen {
    edifact_rs::from_bytes(input)
        .map(|segment| segment.expect("readable by edifact-rs"))
        .map(|segment| {
            let mut values = Vec::new();
            for (e, element) in segment.elements.iter().enumerate() {
                for (c, (text, span)) in element.components.iter().enumerate() {
                    if !text.is_empty() {
                        values.push((e + 1, c + 1, text.to_string(), span.start, span.end));
                    }
                }
            }
            (segment.tag.to_string(), values)
        })
        .collect()
}

/// `edifact-rs` takes tags of letters only, and NHS messages are full of `S01`: for the comparison their digits
/// become letters of the same length.
fn lettered(input: &[u8]) -> Vec<u8> {
    let mut out = input.to_vec();
    for at in 0..out.len().saturating_sub(3) {
        let begins = at == 0 || matches!(out[at - 1], b'\'' | b'\n');
        if begins && out[at] == b'S' && out[at + 1].is_ascii_digit() && out[at + 2].is_ascii_digit() {
            out[at + 1] += b'A' - b'0';
            out[at + 2] += b'A' - b'0';
        }
    }
    out
}

fn compare(name: &str, input: &[u8]) {
    let input = lettered(input);
    assert_eq!(ours(&input), theirs(&input), "{name}");
}

#[test]
fn escapes_separators_and_empty_elements() {
    compare("escapes", b"UNA:+.? '\nUNH+1+MEDRPT:0:1:RT:NHS003'NAD+PO+++ST JAMES?'S:a?+b?:c??'FTX+CID+++x'");
    compare("empty", b"BGM+LSR'ADR++++ZZ99 3VZ'RSL+NV+11++:::ng/mL+HI'SEQ++1'UNT+5+1'");
    compare("other separators", b"UNA|^.! ~UNB^UNOC|3~FTX^CID^^^a!^b|c!|d~");
}

#[test]
#[allow(clippy::print_stderr)]
fn corpus() {
    let folder = std::env::var_os("CAUSEWAY_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    let folder = folder.join("edifact-pathology");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is absent (set CAUSEWAY_CORPORA to the folder of corpora)", folder.display());
        return;
    }
    let mut compared = 0;
    for part in ["in", "invalid"] {
        for file in std::fs::read_dir(folder.join(part)).expect("a folder").flatten() {
            let mut input = std::fs::read(file.path()).expect("a file");
            // Some files leave out the last terminator, which is a fault to both readers.
            if !input.trim_ascii_end().ends_with(b"'") {
                input.push(b'\'');
            }
            // A UNA without its reserved blank is beyond the other reader.
            if input.starts_with(b"UNA:+.?'") {
                continue;
            }
            compare(&file.path().display().to_string(), &input);
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} files");
}
