//! Graphs of growing size, beside reading them into the tree alone.
//!
//! `cargo bench -p causeway-adapter-care-act-assessment`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter::contract::project_root;
use causeway_adapter_care_act_assessment::CareActAssessment;
use causeway_core::Ledger;
use causeway_json::Tree;
use serde_json::{Value, json};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// Reading alone: the tree, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    black_box(Tree::parse(input, &mut ledger).is_ok());
}

fn main() {
    let _ = Bench::of(&CareActAssessment)
        .reading(&read)
        .fixtures()
        .growth("records", [1, 4, 16, 64, 256].map(|times| (times * 3, graph(times))));
}
