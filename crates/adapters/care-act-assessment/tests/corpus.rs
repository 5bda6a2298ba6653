//! The published examples of the standard: the valid ones are taken, the invalid ones are refused with the code and
//! path that their expectation names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use causeway_adapter::contract::{Suite, corpora, test_context};
use causeway_adapter::{Translation, translate};
use causeway_adapter_care_act_assessment::CareActAssessment;
use causeway_adapter_care_act_assessment::vocabulary::{CODES, json_path};
use causeway_core::Outcome;
use serde_json::Value;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|entry| std::fs::read_dir(entry.path()).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonld"))
        .collect();
    found.sort();
    found
}

fn run(path: &Path) -> (Translation, Value) {
    let input = std::fs::read(path).expect("a file");
    let document = serde_json::from_slice(&input).expect("JSON");
    (translate(&CareActAssessment, &input, &test_context()), document)
}

/// Code and path of each refusal.
fn refusals(translation: &Translation, document: &Value) -> BTreeSet<(String, String)> {
    translation
        .issues
        .iter()
        .filter(|issue| CODES.contains(&issue.rule))
        .map(|issue| {
            let pointer = issue.position.as_ref().map_or("", |p| p.path.as_str());
            (issue.rule.to_owned(), json_path(pointer, document))
        })
        .collect()
}

#[test]
fn every_valid_example_is_taken() {
    let Some(root) = corpora("social-care-mais") else { return };
    let files = files(&root.join("in"));
    assert_eq!(files.len(), 13);
    for path in files {
        let (translation, document) = run(&path);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert_eq!(refusals(&translation, &document), BTreeSet::new(), "{name}");
        assert!(!translation.rejected(), "{name} has something rejected");
        assert!(!translation.outputs.is_empty(), "{name} gave nothing");
        assert_eq!(translation.ledger.totals().of(Outcome::Unexplained), 0, "{name}");
        for output in &translation.outputs {
            let report = causeway_profile::check(&output.json);
            let faults: Vec<String> = report
                .findings
                .iter()
                .filter(|f| f.severity >= causeway_profile::Severity::Error)
                .map(|f| format!("{} {}", f.path, f.rule))
                .collect();
            assert!(faults.is_empty(), "{name}: {faults:#?}");
        }
    }
}

/// Expectations that are judged wrong, with the reason.
const JUDGED_WRONG: [(&str, &str); 1] = [(
    "placements/invalid-other-missing-text.jsonld",
    "the list is empty, though the file chooses the code for other four times without its text, which the standard's \
     rules forbid: four rule violations",
)];

#[test]
fn every_invalid_example_is_refused_as_expected() {
    let Some(root) = corpora("social-care-mais") else { return };
    let expectations: Value =
        serde_json::from_slice(&std::fs::read(root.join("invalid/expectations.json")).expect("expectations"))
            .expect("JSON");
    let files = files(&root.join("invalid"));
    let (mut agreed, mut judged) = (0, 0);
    for path in &files {
        let name = path.strip_prefix(root.join("invalid")).expect("below").to_string_lossy().into_owned();
        let list = expectations["published"]
            .get(&name)
            .or_else(|| expectations["byName"].get(&name))
            .unwrap_or_else(|| panic!("{name} has no expectation"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let expected: BTreeSet<(String, String)> =
            list.as_array().into_iter().flatten().map(|e| (text(&e["code"]), text(&e["jsonPath"]))).collect();
        let (translation, document) = run(path);
        let seen = refusals(&translation, &document);
        assert!(translation.outputs.is_empty(), "{name} was not refused");
        assert!(translation.rejected(), "{name}");
        if JUDGED_WRONG.iter().any(|(wrong, _)| *wrong == name) {
            assert_eq!(
                seen.iter().filter(|(code, _)| code == "rule-violation").count(),
                4,
                "{name}: {seen:?}"
            );
            judged += 1;
        } else {
            assert_eq!(seen, expected, "{name}");
            agreed += 1;
        }
    }
    assert_eq!((agreed, judged, files.len()), (33, 1, 34));
}

#[test]
fn the_examples_keep_the_contract_too() {
    let Some(root) = corpora("social-care-mais") else { return };
    let mut suite = Suite::new(&CareActAssessment);
    for path in files(&root.join("in")).into_iter().chain(files(&root.join("invalid"))) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        suite = suite.case(name, std::fs::read(&path).expect("a file"));
    }
    suite.accounts();
    suite.resolves_references();
    suite.tells_the_truth();
    suite.survives_mutation(3_000, 7);
}
