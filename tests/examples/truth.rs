//! The truth set through every format that tells of what is joined.
//!
//! `cargo run --release -p causeway-tests --example truth -- [PEOPLE] [SEED]`
#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::process::ExitCode;

use causeway_record::Record;
use causeway_tests::truth::Judged;

/// People, where no number is given.
const PEOPLE: usize = 2000;

fn main() -> ExitCode {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|w| w.parse().ok()).collect();
    let people = words.first().map_or(PEOPLE, |n| *n as usize);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    let judged = Judged::of(words.get(1).copied().unwrap_or(7), people, &record);
    println!("{}", judged.summary());
    if judged.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
