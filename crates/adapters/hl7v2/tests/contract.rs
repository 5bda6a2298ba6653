//! The adapter contract, over our own cases and over the corpora.

use causeway_adapter::contract::{Suite, corpora, test_context};
use causeway_adapter::{Translation, translate};
use causeway_adapter_hl7v2::Hl7v2;
use causeway_core::{Outcome, Severity};

#[test]
fn keeps_the_contract() {
    Suite::new(&Hl7v2).folder("fixtures/hl7v2").check();
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for corpus in ["hl7v2", "hl7v2-general"] {
        let Some(root) = corpora(corpus) else { continue };
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for path in entries.flatten().map(|e| e.path()) {
            let name = format!("{corpus}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn suite(cases: &[(String, Vec<u8>)]) -> Suite<'static> {
    cases.iter().fold(Suite::new(&Hl7v2), |suite, (name, input)| suite.case(name.clone(), input.clone()))
}

fn run(input: &[u8]) -> Translation {
    translate(&Hl7v2, input, &test_context())
}

#[test]
fn every_file_of_the_corpora_is_accounted_for() {
    let cases = files("in");
    if cases.is_empty() {
        return;
    }
    let suite = suite(&cases);
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    for (name, input) in &cases {
        assert!(!run(input).outputs.is_empty(), "{name}: no output");
    }
}

#[test]
fn the_ledgers_of_the_corpora_tell_the_truth() {
    let cases = files("in");
    suite(&cases).tells_the_truth();
}

#[test]
fn bad_files_are_refused_or_reported_with_code_and_position() {
    for (name, input) in files("invalid") {
        let translation = run(&input);
        let told = translation.issues.iter().any(|i| i.severity >= Severity::Warning && i.position.is_some());
        assert!(told, "{name}: nothing is said with a position");
        assert_eq!(translation.ledger.totals().of(Outcome::Unexplained), 0, "{name}");
    }
}
