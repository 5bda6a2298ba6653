//! One alarm: µs with the ledger on, beside its floor in the same run, which is reading the XML alone plus copying
//! the output. Messages are small and stand alone, so there is no growth to measure.
//!
//! `cargo bench -p causeway-adapter-telecare-alarm`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::translate;
use causeway_adapter_telecare_alarm::TelecareAlarm;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of one timing.
const RUNS: u32 = 2_000;

/// The least of several times for one call, in µs.
fn least(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        (0..RUNS).for_each(|_| f());
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(RUNS));
    }
    best
}

fn main() {
    let context = test_context();
    for case in ["fall-detector", "unknown-codes"] {
        let path = project_root().join("fixtures/telecare-alarm").join(case).join("input.xml");
        let Ok(input) = std::fs::read(&path) else {
            println!("{case}: no such fixture");
            continue;
        };
        let outputs = translate(&TelecareAlarm, &input, &context).outputs;
        let whole = least(|| {
            black_box(translate(&TelecareAlarm, black_box(&input), &context));
        });
        let read = least(|| {
            let decoded = decode(black_box(&input)).expect("a fixture that can be read");
            black_box(Document::parse(&decoded, &mut Ledger::new()).expect("a fixture that can be read"));
        });
        let write = least(|| {
            black_box(outputs.iter().map(|output| output.json.clone()).collect::<Vec<_>>());
        });
        println!(
            "{case}: {whole:.1} µs, floor {:.1} (XML {read:.1} + copy {write:.1}), ratio {:.1}",
            read + write,
            whole / (read + write)
        );
    }
}
