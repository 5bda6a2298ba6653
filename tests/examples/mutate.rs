//! Mutated inputs by the million: no panic, and every account adds up; or, the other way, changed bundles into every format that
//! is written: no panic, nothing lost without its name, nothing invented.
//!
//! `cargo run --release -p causeway-tests --example mutate -- ROUNDS [ADAPTER[,ADAPTER]...|all] [SEED] [back]`
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Instant;

use causeway_adapter::Adapter;
use causeway_adapter::contract::{Suite, test_context, ways_back};
use causeway_adapter::translate;
use causeway_tests::cases;
use serde_json::Value;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rounds: u64 = words.first().and_then(|w| w.parse().ok()).unwrap_or(100_000);
    let only: Vec<&str> = words.get(1).map(|w| w.split(',').collect()).unwrap_or_default();
    let seed: u64 = words.get(2).and_then(|w| w.parse().ok()).unwrap_or(1);
    let back = words.get(3).is_some_and(|w| w == "back");
    let every = only.is_empty() || only == ["all"];
    let unknown: Vec<_> =
        only.iter().filter(|o| !causeway::ADAPTERS.iter().any(|a| a.name() == **o)).collect();
    assert!(every || unknown.is_empty(), "no such adapter: {unknown:?}");
    let wanted = |a: &&&dyn Adapter| (every || only.contains(&a.name())) && (!back || a.encodes());
    let all = cases();
    let bundles = if back { bundles() } else { Vec::new() };
    for adapter in causeway::ADAPTERS.iter().filter(wanted) {
        let started = Instant::now();
        let found = if back {
            let written = ways_back::survives_mutation(*adapter, &bundles, rounds, seed);
            format!("changed bundles, {written} of them written, 0 panics, 0 lost unnamed, 0 invented")
        } else {
            let mine = all.iter().filter(|c| c.adapter == adapter.name());
            let suite =
                mine.fold(Suite::new(*adapter), |suite, c| suite.case(c.name.clone(), c.input.clone()));
            suite.survives_mutation(rounds, seed);
            "mutated inputs, 0 panics, 0 unexplained".to_owned()
        };
        let took = started.elapsed().as_secs_f64();
        println!(
            "{:24} {rounds} {found}; {took:.0} s, {:.1} µs each; peak {} MB",
            adapter.name(),
            took * 1e6 / rounds as f64,
            peak_mb()
        );
    }
}

/// Bundles of all cases that are not large.
fn bundles() -> Vec<Value> {
    let adapter = |name: &str| causeway::ADAPTERS.iter().find(|a| a.name() == name);
    let mut found = Vec::new();
    for case in cases().iter().filter(|c| c.input.len() < 32 * 1024) {
        let Some(adapter) = adapter(&case.adapter) else { continue };
        let outputs = translate(*adapter, &case.input, &test_context()).outputs;
        found.extend(outputs.iter().take(2).filter_map(|o| serde_json::from_slice(&o.json).ok()));
    }
    found
}

/// Largest memory that the process has had, in megabytes.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
