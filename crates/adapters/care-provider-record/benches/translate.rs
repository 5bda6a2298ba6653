//! Records with ever more daily notes, beside reading them into the tree alone; and the way back.
//!
//! `cargo bench -p causeway-adapter-care-provider-record`
#![allow(clippy::print_stdout)]

use std::hint::black_box;

use causeway_adapter::contract::bench::{Bench, least};
use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::{Adapter, translate};
use causeway_adapter_care_provider_record::CareProviderRecord;
use causeway_core::Ledger;
use causeway_json::Tree;
use serde_json::Value;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Everything that the record may hold is translated.
const OPTIONS: &[&str] = &["legal-items", "safeguarding-items", "sensitive-items", "incident-text"];

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

/// Reading alone: the tree, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    black_box(Tree::parse(input, &mut ledger).is_ok());
}

/// What writing the whole record of the fixtures back costs.
fn back() {
    let mut context = test_context();
    context.options = OPTIONS.iter().map(|option| (*option).to_owned()).collect();
    let output = translate(&CareProviderRecord, &record(0), &context).outputs.swap_remove(0);
    let bundle: Value = serde_json::from_slice(&output.json).expect("JSON");
    let time = least(|| {
        black_box(CareProviderRecord.encode(black_box(&bundle), &context).map_or(0, |e| e.bytes.len()));
    });
    println!("  one whole record, written back: {time:.0} µs");
}

fn main() {
    let _ = Bench::of(&CareProviderRecord)
        .reading(&read)
        .with(OPTIONS)
        .fixtures()
        .growth("daily notes", [1, 4, 16, 64].map(|times| (times * 32, record(times * 32))));
    back();
}
