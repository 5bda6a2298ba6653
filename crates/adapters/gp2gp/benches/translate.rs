//! Translation of a 1.2 MB extract against its floor (parsing the same bytes into the tree with the ledger, plus
//! writing as many bytes of strings through the writer), and growth from 1 MB to 20 MB.
//!
//! `cargo bench -p causeway-adapter-gp2gp`

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::translate;
use causeway_adapter_gp2gp::Gp2gp;
use causeway_core::Ledger;
use causeway_fhir::Writer;
use causeway_xml::{Document, decode};

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An extract of at least so many bytes, from the consultations of the fixtures with ids of their own.
fn extract(size: usize) -> Vec<u8> {
    let cases =
        ["consultation-with-problem", "medication-chain", "allergies", "pathology-report", "blood-pressure"];
    let read = |case: &str| {
        let path = project_root().join("fixtures/gp2gp").join(case).join("input.xml");
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let first = read("consultation-with-problem");
    const OPEN: &str = "<component typeCode=\"COMP\"><ehrComposition";
    const CLOSE: &str = "</ehrComposition></component>";
    let cut = |text: &str| {
        let start = text.find(OPEN).unwrap_or(0);
        let end = text.rfind(CLOSE).map_or(0, |at| at + CLOSE.len());
        (
            text.get(..start).unwrap_or("").to_owned(),
            text.get(start..end).unwrap_or("").to_owned(),
            text.get(end..).unwrap_or("").to_owned(),
        )
    };
    let (head, _, tail) = cut(&first);
    let bodies: Vec<String> = cases.iter().map(|case| cut(&read(case)).1).collect();
    assert!(bodies.iter().all(|b| !b.is_empty()), "the fixtures are absent");
    let mut out = head;
    let mut round = 0u32;
    while out.len() + tail.len() < size {
        for body in &bodies {
            renew(body, round, &mut out);
        }
        round += 1;
    }
    out.push_str(&tail);
    out.into_bytes()
}

/// Copies a text with the end of every GUID changed, agents left alone.
fn renew(body: &str, round: u32, out: &mut String) {
    let mut rest = body;
    while let Some(at) = rest.find("<id root=\"") {
        let start = at + "<id root=\"".len();
        let end = rest.get(start..).and_then(|t| t.find('"')).map_or(start, |e| start + e);
        let id = rest.get(start..end).unwrap_or("");
        let agent = rest.get(..at).unwrap_or("").ends_with("<agentRef classCode=\"AGNT\">");
        out.push_str(rest.get(..start).unwrap_or(""));
        if id.len() == 36 && !agent {
            out.push_str(id.get(..28).unwrap_or(""));
            out.push_str(&format!("{round:08X}"));
        } else {
            out.push_str(id);
        }
        rest = rest.get(end..).unwrap_or("");
    }
    out.push_str(rest);
}

/// The best of some runs.
fn best(runs: u32, mut f: impl FnMut()) -> Duration {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        f();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn parse_only(input: &[u8]) {
    let decoded = decode(input).expect("text");
    let mut ledger = Ledger::new();
    let document = Document::parse(&decoded, &mut ledger).expect("well formed");
    black_box((document.len(), ledger.len()));
}

fn write_only(bytes: usize) {
    let mut w = Writer::new(false);
    w.element(|w| {
        while w.bytes().len() < bytes {
            w.string("display", "O/E - blood pressure reading", 0u32);
        }
    });
    black_box(w.take());
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn main() {
    let context = test_context();
    let run = |input: &[u8]| black_box(translate(&Gp2gp, input, &context).ledger.len());
    let input = extract(1_200_000);
    let translation = translate(&Gp2gp, &input, &context);
    let output: usize = translation.outputs.iter().map(|o| o.json.len()).sum();
    assert!(!translation.rejected(), "the bench's extract is refused");
    let (items, bytes) = (translation.ledger.len(), input.len());
    drop(translation);
    let whole = best(20, || {
        run(&input);
    });
    let parse = best(20, || parse_only(&input));
    let write = best(20, || write_only(output));
    println!("1.2 MB extract: {bytes} bytes, {items} items, {output} bytes of FHIR");
    println!(
        "  translate with ledger {:.1} ms ({:.0} MB/s)",
        ms(whole),
        bytes as f64 / 1e6 / whole.as_secs_f64()
    );
    println!(
        "  floor {:.1} ms (parse {:.1} + write {:.1}), ratio {:.2}",
        ms(parse + write),
        ms(parse),
        ms(write),
        ms(whole) / ms(parse + write)
    );
    let base = extract(1_000_000);
    let one = best(10, || {
        run(&base);
    });
    let parse_one = best(10, || parse_only(&base));
    for factor in [5usize, 10, 20] {
        let input = extract(factor * 1_000_000);
        let time = best(4, || {
            run(&input);
        });
        let parse = best(2, || parse_only(&input));
        println!("  {factor} MB: parsing alone {:.1} times that of 1 MB", ms(parse) / ms(parse_one));
        println!(
            "  {factor} MB: {:.0} ms, {:.1} times the time of 1 MB ({:.1} ms)",
            ms(time),
            ms(time) / ms(one),
            ms(one)
        );
    }
}
