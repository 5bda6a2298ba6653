//! What a translation costs, beside its floor: reading the message into its index and ledger, and copying the
//! bytes that come out, in the same run.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::contract::test_context;
use causeway_adapter::{Context, translate};
use causeway_adapter_hl7v2::Hl7v2;
use causeway_core::Ledger;
use causeway_hl7v2::Message;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HEAD: &str = "PID|1||AV104772^^^AVH^PI~9990000018^^^NHS^NH||LARKSPUR^EDITH^MARY^^MRS^^L||19420309|2|||14 LANTERN ROW^^ASHBOURNE VALE^VALESHIRE^ZZ99 3VZ^GBR^H||01632960118^PRN^PH~07700900118^PRS^CP||EN|W||||||A||N||||||N\r";

/// An admission of about 1.5 kB.
fn admission() -> String {
    include_str!("../../../../fixtures/hl7v2/admission/input.hl7").to_owned()
        + "NK1|3|BRAMBLE^JOAN^^^MRS^^L|FND^Friend|9 WEIR COTTAGES^^ASHBOURNE VALE^VALESHIRE^ZZ99 6VZ^GBR^H|01632960120^PRN^PH||C\r\
           AL1|2|FA|227493005^Cashew nut^SCT|MO|Urticaria|19990101\r\
           DG1|2||I48.9^Atrial fibrillation^I10||202610122010|W|||||||||2\r"
}

/// A laboratory report of so many results.
fn report(results: usize) -> String {
    let mut text =
        String::from("MSH|^~\\&|WINPATH|ZV801|TIE|ZV801|20261013113000||ORU^R01|AVL20261013008|P|2.4\r");
    text.push_str(HEAD);
    text.push_str("OBR|1|R7731^AVH|26L0113377^WINPATH|FBC^Full blood count^WINPATH|||202610122005|||||||202610122030|BLDV&Venous blood|C9900456^ASHDOWN^RUTH^^^DR^^^GMC||||||202610131125||HM|F\r");
    for n in 1..=results {
        text.push_str(&format!(
            "OBX|{n}|NM|{}-{}^Analyte {n}^LN||{n}.40|mmol/L|3.5-{n}.9|H|||F|||202610122005\r",
            1000 + n,
            n % 10
        ));
    }
    text
}

/// Microseconds that one call takes: the best of several rounds.
fn time(mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0u32;
    while start.elapsed().as_millis() < 60 {
        f();
        calls += 1;
    }
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        (0..calls.max(1)).for_each(|_| f());
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls.max(1)));
    }
    best
}

fn row(name: &str, input: &str, context: &Context) {
    let bytes = input.as_bytes();
    let translation = translate(&Hl7v2, bytes, context);
    let outputs: Vec<&[u8]> = translation.outputs.iter().map(|o| o.json.as_slice()).collect();
    let written: usize = outputs.iter().map(|o| o.len()).sum();
    let whole = time(|| {
        black_box(translate(&Hl7v2, black_box(bytes), context));
    });
    let parse = time(|| {
        let mut ledger = Ledger::new();
        for piece in causeway_hl7v2::pieces(black_box(bytes)) {
            if let causeway_hl7v2::Piece::Message(range) = piece {
                let start = range.start;
                if let Ok(mut message) = Message::parse(&bytes[range], start) {
                    message.enter(&mut ledger);
                    black_box(&message);
                }
            }
        }
        black_box(ledger);
    });
    let write = time(|| {
        for output in &outputs {
            let mut w = causeway_fhir::Writer::new(false);
            // The floor of writing: every byte goes through the escaping of strings once.
            w.fixed("x", std::str::from_utf8(black_box(output)).unwrap_or_default());
            black_box(w.bytes());
        }
    });
    let floor = parse + write;
    println!(
        "{name:<18} {:>8} B in {written:>9} B out {:>8} items {whole:>10.1} µs  floor {floor:>8.1} (read {parse:.1}, write {write:.1})  ratio {:>5.1}  {:>8.0} msg/s {:>7.1} MB/s",
        bytes.len(),
        translation.ledger.len(),
        whole / floor,
        translation.outputs.len() as f64 * 1e6 / whole,
        bytes.len() as f64 / whole,
    );
}

fn main() {
    let context = test_context();
    // `-- profile` translates and nothing else, for a profiler.
    if std::env::args().any(|a| a == "profile") {
        let input = admission();
        let start = Instant::now();
        while start.elapsed().as_secs() < 4 {
            black_box(translate(&Hl7v2, black_box(input.as_bytes()), &context));
        }
        return;
    }
    row("ADT A01", &admission(), &context);
    row("ORU 30 results", &report(30), &context);
    for factor in [1, 4, 16, 64] {
        row(&format!("ORU 30 × {factor}"), &report(30 * factor), &context);
    }
    let batch = admission();
    for factor in [1, 4, 16, 64] {
        row(&format!("ADT batch × {factor}"), &batch.repeat(factor), &context);
    }
}
