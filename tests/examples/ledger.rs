//! The truth of the ledger at random, by the ten thousand: every case of fixtures/, and the files of folders that are named.
//!
//! `cargo run --release -p causeway-tests --example ledger -- MUTANTS [SEED] [FOLDER]...`
#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use causeway_adapter::contract::Suite;
use causeway_tests::cases;

/// Changed inputs over all adapters, where no number is given.
const MUTANTS: u64 = 50_000;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, or: u64| words.get(at).and_then(|w| w.parse().ok()).unwrap_or(or);
    let (mutants, seed) = (number(0, MUTANTS), number(1, 1));
    let mut inputs: Vec<(&str, String, Vec<u8>)> = Vec::new();
    let all = cases();
    for case in &all {
        inputs.push((&case.adapter, case.name.clone(), case.input.clone()));
    }
    for path in words.iter().skip(2).flat_map(|folder| files(Path::new(folder))) {
        let input = std::fs::read(&path).unwrap_or_default();
        if let Ok((adapter, _)) = causeway::detect::choose(causeway::ADAPTERS, None, &input) {
            inputs.push((adapter.name(), path.display().to_string(), input));
        }
    }
    let each = mutants.div_ceil(causeway::ADAPTERS.len() as u64);
    let (mut tried, mut lies) = (0, 0);
    for adapter in causeway::ADAPTERS {
        let mine = inputs.iter().filter(|(of, ..)| *of == adapter.name());
        let suite = mine
            .fold(Suite::new(*adapter), |suite, (_, name, input)| suite.case(name.clone(), input.clone()));
        let started = Instant::now();
        let found = suite.lies_at_random(each, seed);
        println!(
            "{:24} {:7} changed inputs of {:6} items, {} lies; {:.0} s",
            adapter.name(),
            found.mutants,
            found.items,
            found.lies.len(),
            started.elapsed().as_secs_f64()
        );
        for (at, what) in &found.lies {
            println!("    {at}: {what}");
        }
        tried += found.mutants;
        lies += found.lies.len();
    }
    println!("{tried} changed inputs, seed {seed}: {lies} lies");
    if lies == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
