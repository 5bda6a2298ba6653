//! Translation against its floor in the same run (reading the same bytes into the tree, plus writing the same output
//! with `serde_json` from a tree that is already there), and growth from 1× to 64×.
//!
//! `cargo bench -p causeway-adapter-care-act-assessment`

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::translate;
use causeway_adapter_care_act_assessment::CareActAssessment;
use causeway_core::Ledger;
use causeway_json::Tree;
use serde_json::{Value, json};

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

/// A graph of the assessment, the plan and the person of the fixtures, so many times.
fn graph(times: usize) -> Vec<u8> {
    let case = |name: &str| -> Value {
        let path = project_root().join("fixtures/care-act-assessment").join(name).join("input.json");
        serde_json::from_slice(&std::fs::read(path).expect("the fixture")).expect("JSON")
    };
    let (assessment, plan, person) = (case("assessment"), case("plan"), case("person"));
    let mut records = Vec::new();
    for n in 0..times {
        for (record, list) in [(&assessment, false), (&plan, false), (&person, true)] {
            let mut record = record.clone();
            let id = if list { &mut record["identifier"][1] } else { &mut record["identifier"] };
            id["value"] = json!(format!("N-{n}"));
            records.push(record);
        }
    }
    serde_json::to_vec(&json!({"@context": "context.jsonld", "@graph": records})).expect("JSON")
}

fn main() {
    let context = test_context();
    for (times, rounds) in [(1, 400), (4, 200), (16, 60), (64, 20), (256, 8)] {
        let input = graph(times);
        let translation = translate(&CareActAssessment, &input, &context);
        let bundles: Vec<Value> =
            translation.outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect();
        let parse = fastest(rounds, || {
            let mut ledger = Ledger::new();
            black_box(Tree::parse(black_box(&input), &mut ledger).is_ok());
        });
        let write = fastest(rounds, || {
            for bundle in &bundles {
                black_box(serde_json::to_vec(black_box(bundle)).map(|v| v.len()).unwrap_or(0));
            }
        });
        let whole = fastest(rounds, || {
            black_box(translate(&CareActAssessment, black_box(&input), &context).outputs.len());
        });
        println!(
            "{} records, {} bytes, {} items: {whole:.0} µs, {:.1} µs a record; floor {:.0} µs (parse {parse:.0} + write \
             {write:.0}), ratio {:.2}, {:.0} MB/s",
            times * 3,
            input.len(),
            translation.ledger.len(),
            whole / (times * 3) as f64,
            parse + write,
            whole / (parse + write),
            input.len() as f64 / whole,
        );
    }
}
