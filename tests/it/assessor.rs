//! What the assessor's pages say stands behind a clause is there.

use causeway_service::pages::assessor::{CLAUSES, COMMITMENT, Proof, Status};
use causeway_service::pages::results::Results;

/// A clause that claims something names its tests; each named test exists; every clause says what would refute it.
#[test]
fn every_clause_leads_to_tests_that_exist() {
    let root = causeway_adapter::contract::project_root();
    for clause in &CLAUSES {
        for (file, name) in clause.tests() {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            let at = text.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("{file}: no test {name}"));
            let before = &text[at.saturating_sub(80)..at];
            assert!(before.contains("test"), "{file}: {name} is no test");
        }
        for point in clause.points {
            let claims = matches!(point.by, Proof::Tests(_));
            assert!(!claims || !point.tests().is_empty(), "{}: {} has no test", clause.id, point.words);
        }
        assert!(!clause.refuted_by.is_empty() && !clause.pages.is_empty(), "{}", clause.id);
        for part in clause.words.split(" … ") {
            assert!(COMMITMENT.contains(part), "{}: {part:?} is not of the commitment", clause.id);
        }
    }
}

/// The status of a clause is not a matter of what was written: a failed test behind it takes it away.
#[test]
fn a_failed_test_takes_the_status_of_its_clause_away() {
    let mut results = Results::default();
    let clause = CLAUSES.iter().find(|c| c.shown(&results) == Status::Demonstrated).unwrap();
    assert_eq!(clause.shown(&results), Status::Demonstrated);
    assert!(clause.said(&results).contains("No results"));
    // One passed test does not show the other points.
    let tests: Vec<_> = clause.tests().collect();
    results.read(&format!("test it::{} ... ok\n", tests[0].1));
    assert_eq!(clause.shown(&results), Status::Partly);
    for (_, name) in clause.tests() {
        results.read(&format!("test it::{name} ... ok\n"));
    }
    assert!(clause.said(&results).starts_with("All "), "{}", clause.said(&results));
    assert_eq!(clause.shown(&results), Status::Demonstrated);
    results.read(&format!("test again::{} ... FAILED\n", tests[0].1));
    assert_eq!(clause.shown(&results), Status::NotDemonstrated);
    // A clause whose other points nothing shows has no status of those that passed alone.
    let other = CLAUSES.iter().find(|c| c.id == "care-teams").unwrap();
    assert_eq!(other.shown(&results), Status::NotDemonstrated);
    assert_eq!(CLAUSES[0].shown(&results), Status::CannotBeShown);
}

/// The hazard log names no test that is not there.
#[test]
fn every_hazard_names_a_test_that_exists() {
    let root = causeway_adapter::contract::project_root();
    let log = std::fs::read_to_string(root.join("crates/causeway/evidence/hazard-log.csv")).unwrap();
    let mut tests = String::new();
    for file in crate::layers::sources(&root.join("crates"))
        .into_iter()
        .chain(crate::layers::sources(&root.join("tests")))
    {
        tests.push_str(&std::fs::read_to_string(file).unwrap());
    }
    let names: Vec<&str> = log.lines().skip(1).filter_map(|line| line.split(',').nth(5)).collect();
    assert!(names.len() >= 6, "{log}");
    for name in names {
        let at = tests.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("no test {name}"));
        let before: String = tests[..at].chars().rev().take(80).collect::<String>().chars().rev().collect();
        assert!(before.contains("test"), "{name} is no test");
    }
}
