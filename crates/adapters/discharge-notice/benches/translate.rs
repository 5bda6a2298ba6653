//! One notice, flat and as a DSTU2 bundle: µs with the ledger on, beside its floor in the same run, which is
//! `serde_json` reading the same bytes plus copying the output.
//!
//! `cargo bench -p causeway-adapter-discharge-notice`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::translate;
use causeway_adapter_discharge_notice::DischargeNotice;

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
    for case in ["discharge-notice", "dstu2-assessment-notice"] {
        let path = project_root().join("fixtures/discharge-notice").join(case).join("input.json");
        let Ok(input) = std::fs::read(&path) else {
            println!("{case}: no such fixture");
            continue;
        };
        let outputs = translate(&DischargeNotice, &input, &context).outputs;
        let whole = least(|| {
            black_box(translate(&DischargeNotice, black_box(&input), &context));
        });
        let read = least(|| {
            black_box(serde_json::from_slice::<serde_json::Value>(black_box(&input)).expect("JSON"));
        });
        let write = least(|| {
            black_box(outputs.iter().map(|output| output.json.clone()).collect::<Vec<_>>());
        });
        println!(
            "{case}: {whole:.1} µs, floor {:.1} (serde_json {read:.1} + copy {write:.1}), ratio {:.1}",
            read + write,
            whole / (read + write)
        );
    }
}
