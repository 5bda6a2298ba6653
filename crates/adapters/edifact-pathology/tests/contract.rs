//! The contract suite over the fixtures and the corpus, the acknowledgements, and the rules of the format.
#![allow(missing_docs, clippy::print_stderr)]

use causeway_adapter::contract::{self, Suite};
use causeway_adapter::{Translation, translate};
use causeway_adapter_edifact_pathology::EdifactPathology;
use causeway_core::{Outcome, Severity};

const CORPUS: &str = "edifact-pathology";

fn run(input: &[u8]) -> Translation {
    translate(&EdifactPathology, input, &contract::test_context())
}

/// Every file of a part of the corpus, by name; `None` where the corpus is absent.
fn corpus(part: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let folder = contract::corpora(CORPUS)?.join(part);
    let mut files: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    files.sort();
    let read = |p: &std::path::PathBuf| {
        let name = p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (name, std::fs::read(p).unwrap_or_default())
    };
    Some(files.iter().map(read).collect())
}

#[test]
fn keeps_the_contract() {
    Suite::new(&EdifactPathology).folder("fixtures/edifact-pathology").check();
}

#[test]
fn keeps_the_contract_over_the_corpus() {
    let (Some(good), Some(bad)) = (corpus("in"), corpus("invalid")) else { return };
    assert!(good.len() >= 15 && bad.len() >= 10);
    let mut suite = Suite::new(&EdifactPathology);
    for (name, input) in good.into_iter().chain(bad) {
        suite = suite.case(name, input);
    }
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
}

#[test]
fn every_valid_file_becomes_a_bundle_with_nothing_left_behind() {
    for (name, input) in corpus("in").unwrap_or_default() {
        let translation = run(&input);
        assert_eq!(translation.outputs.len(), 1, "{name}");
        assert!(!translation.rejected(), "{name}: {:?}", translation.issues);
        assert_eq!(translation.ledger.totals().of(Outcome::Unsupported), 0, "{name}");
    }
}

#[test]
fn every_invalid_file_is_refused_for_its_reason_and_its_neighbours_are_not() {
    let expected = [
        ("NHS004_screening_interchange_parsing_failure_with_nhsack", "interchange-reference-differs", 0),
        ("NHS004_screening_invalid_coding_with_nhsack", "code-list-unknown", 1),
        ("NHS004_screening_invalid_investigation_report_with_nhsack", "investigation-empty", 0),
        ("NHS004_screening_message_parsing_failure_with_nhsack", "message-reference-differs", 0),
        ("NHS004_screening_missing_investigation_text_with_nhsack", "investigation-text-missing", 0),
        ("NHS004_screening_missing_result_text_with_nhsack", "result-text-missing", 0),
        ("pathology_IAP", "party-details-missing", 5),
        ("pathology_IRA", "party-details-missing", 0),
        ("pathology_IRI", "interchange-reference-differs", 0),
        ("pathology_IRM", "message-end-missing", 0),
    ];
    for (name, input) in corpus("invalid").unwrap_or_default() {
        let Some((_, rule, bundles)) = expected.iter().find(|(file, ..)| *file == name) else {
            panic!("{name}: not expected")
        };
        let translation = run(&input);
        assert_eq!(translation.outputs.len(), *bundles, "{name}");
        let found = translation.issues.iter().find(|i| i.severity == Severity::Error).unwrap();
        assert_eq!(found.rule, *rule, "{name}");
        assert!(found.position.as_ref().is_some_and(|p| !p.span.is_empty()), "{name}: no position");
        assert!(translation.ledger.totals().of(Outcome::Rejected) > 0, "{name}");
        // A refusal does not hide where it stands from the sender.
        assert!(translation.acknowledgement.is_some(), "{name}: no acknowledgement");
    }
}

/// The part of a regular expression that the corpus uses: `\d+`, `\s`, an escaped character, `.`, a literal.
/// The error text of the other translator is a Java message; ours is our own sentence, so any text does there.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    let text: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut symbols = pattern.chars().peekable();
    let mut seen = String::new();
    while let Some(symbol) = symbols.next() {
        let escaped = if symbol == '\\' { symbols.next() } else { None };
        let many = escaped == Some('d') && symbols.next_if_eq(&'+').is_some();
        let fits = |c: char| match (symbol, escaped) {
            (_, Some('d')) => c.is_ascii_digit(),
            (_, Some('s')) => c.is_whitespace(),
            (_, Some(other)) => c == other,
            ('.', None) => true,
            (other, None) => c == other,
        };
        if !text.get(at).is_some_and(|c| fits(*c)) {
            eprintln!("differs after {seen:?}");
            return false;
        }
        seen.push(text[at]);
        at += 1;
        while many && text.get(at).is_some_and(char::is_ascii_digit) {
            at += 1;
        }
        if seen.ends_with("FTX+ERD+++") && pattern.contains("Index 2") {
            while symbols.next_if(|c| *c != '\'').is_some() {}
            while text.get(at).is_some_and(|c| *c != '\'') {
                at += 1;
            }
        }
    }
    at == text.len()
}

#[test]
fn acknowledgements_are_as_demanded() {
    let Some(patterns) = corpus("ack") else { return };
    let messages: Vec<_> = corpus("in").unwrap().into_iter().chain(corpus("invalid").unwrap()).collect();
    let mut checked = 0;
    for (name, pattern) in patterns {
        let Some(name) = name.strip_suffix(".regex") else { continue };
        let (_, input) = messages.iter().find(|(file, _)| file == name).unwrap();
        let answer = run(input).acknowledgement.unwrap();
        let (answer, pattern) =
            (String::from_utf8(answer.bytes).unwrap(), String::from_utf8(pattern).unwrap());
        assert!(matches(pattern.trim_end(), &answer), "{name}:\n{answer}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn an_acknowledgement_only_where_one_is_asked_for() {
    for (name, input) in corpus("in").unwrap_or_default() {
        let asked = String::from_utf8_lossy(&input).contains("MEDRPT++1'");
        let answer = run(&input).acknowledgement;
        assert_eq!(answer.is_some(), asked, "{name}");
        assert!(answer.is_none_or(|a| a.positive), "{name}");
    }
}
