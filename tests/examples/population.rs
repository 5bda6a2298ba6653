//! A generated population, every format, through adapters, profile checker and record.
//!
//! `cargo run --release -p causeway-tests --example population -- [PEOPLE] [SEED]`
#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::process::ExitCode;
use std::time::Instant;

use causeway_record::Record;
use causeway_tests::population::Run;

/// People, where no number is given.
const PEOPLE: usize = 300;

fn main() -> ExitCode {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|w| w.parse().ok()).collect();
    let people = words.first().map_or(PEOPLE, |n| *n as usize);
    let seed = words.get(1).copied().unwrap_or(7);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    let started = Instant::now();
    let run = Run::of(seed, people, &record);
    println!("{}  whole run {:.1} s", run.summary(), started.elapsed().as_secs_f64());
    if run.fault_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
