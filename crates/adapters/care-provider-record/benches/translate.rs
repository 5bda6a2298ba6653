//! Translation and encoding against their floor in the same run (reading the same bytes into the tree, plus writing
//! the same output with `serde_json` from a tree that is already there), and growth from 1× to 64×.
//!
//! `cargo bench -p causeway-adapter-care-provider-record`

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::{Adapter, translate};
use causeway_adapter_care_provider_record::CareProviderRecord;
use causeway_core::Ledger;
use causeway_json::Tree;
use serde_json::Value;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Fastest of several runs, in microseconds.
fn fastest(rounds: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    best
}

/// The whole record of the fixtures with its daily notes repeated.
fn record(times: usize) -> Vec<u8> {
    let path = project_root().join("fixtures/care-provider-record/edith-larkspur/input.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(path).expect("the fixture")).expect("JSON");
    if times > 0 {
        let notes = record["dailyNotes"].as_array().cloned().unwrap_or_default();
        let many: Vec<Value> = (0..times)
            .flat_map(|n| {
                notes.iter().cloned().map(move |mut note| {
                    note["recordUid"] =
                        Value::from(format!("{}-{n}", note["recordUid"].as_str().unwrap_or("")));
                    note
                })
            })
            .collect();
        record["dailyNotes"] = Value::Array(many);
    }
    serde_json::to_vec(&record).expect("JSON")
}

fn measure(name: &str, input: &[u8], rounds: usize) {
    let mut context = test_context();
    context.options =
        ["legal-items", "safeguarding-items", "sensitive-items", "incident-text"].map(str::to_owned).to_vec();
    let translation = translate(&CareProviderRecord, input, &context);
    let items = translation.ledger.len();
    let bundle: Value = serde_json::from_slice(&translation.outputs[0].json).expect("JSON");
    let parse = fastest(rounds, || {
        let mut ledger = Ledger::new();
        black_box(Tree::parse(black_box(input), &mut ledger).is_ok());
    });
    let write = fastest(rounds, || {
        black_box(serde_json::to_vec(black_box(&bundle)).map(|v| v.len()).unwrap_or(0));
    });
    let whole = fastest(rounds, || {
        black_box(translate(&CareProviderRecord, black_box(input), &context).outputs.len());
    });
    let back = fastest(rounds, || {
        black_box(
            CareProviderRecord.encode(black_box(&bundle), &context).map(|e| e.bytes.len()).unwrap_or(0),
        );
    });
    println!(
        "{name}: {} bytes, {items} items, {} resources: translate {whole:.0} µs, floor {:.0} µs (parse {parse:.0} + \
         write {write:.0}), ratio {:.2}, {:.0} MB/s; encode {back:.0} µs",
        input.len(),
        translation.outputs[0].resources,
        parse + write,
        whole / (parse + write),
        input.len() as f64 / whole,
    );
}

fn main() {
    measure("one whole record", &record(0), 400);
    for times in [1, 4, 16, 64] {
        measure(&format!("daily notes × {}", times * 32), &record(times * 32), 20);
    }
}
