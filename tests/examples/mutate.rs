//! Mutated inputs by the million: no panic, and every account adds up.
//!
//! `cargo run --release -p causeway-tests --example mutate -- ROUNDS [ADAPTER] [SEED]`
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Instant;

use causeway_adapter::contract::Suite;
use causeway_tests::cases;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rounds: u64 = words.first().and_then(|w| w.parse().ok()).unwrap_or(100_000);
    let only = words.get(1).map(String::as_str).filter(|w| *w != "all");
    let seed: u64 = words.get(2).and_then(|w| w.parse().ok()).unwrap_or(1);
    let all = cases();
    for adapter in causeway::ADAPTERS.iter().filter(|a| only.is_none_or(|name| a.name() == name)) {
        let mine = all.iter().filter(|c| c.adapter == adapter.name());
        let suite = mine.fold(Suite::new(*adapter), |suite, c| suite.case(c.name.clone(), c.input.clone()));
        let started = Instant::now();
        suite.survives_mutation(rounds, seed);
        let took = started.elapsed().as_secs_f64();
        println!(
            "{:24} {rounds} mutated inputs, 0 panics, 0 unexplained; {took:.0} s, {:.1} µs each; peak {} MB",
            adapter.name(),
            took * 1e6 / rounds as f64,
            peak_mb()
        );
    }
}

/// Largest memory that the process has had, in megabytes.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
