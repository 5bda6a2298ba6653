//! What the assessor's pages say stands behind a clause is there.

use causeway_service::pages::assessor::{CLAUSES, COMMITMENT, Status};

/// A clause that claims something names its tests; each named test exists; every clause says what would refute it.
#[test]
fn every_clause_leads_to_tests_that_exist() {
    let root = causeway_adapter::contract::project_root();
    for clause in &CLAUSES {
        for (file, name) in clause.tests {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            let at = text.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("{file}: no test {name}"));
            let before = &text[at.saturating_sub(80)..at];
            assert!(before.contains("test"), "{file}: {name} is no test");
        }
        let shown = matches!(clause.status, Status::Demonstrated | Status::Partly);
        assert!(!shown || !clause.tests.is_empty(), "{}: a status without a test", clause.id);
        assert!(!clause.refuted_by.is_empty() && !clause.pages.is_empty(), "{}", clause.id);
        for part in clause.words.split(" … ") {
            assert!(COMMITMENT.contains(part), "{}: {part:?} is not of the commitment", clause.id);
        }
    }
}
