//! The catalogue of what Causeway can say: every id that the code raises has an entry, and one id in one format has one
//! severity and kind for each of its sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use causeway_adapter::contract::project_root;

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "tests" | "benches" | "examples" | "contract") {
            sources(&path, into);
        } else if name.ends_with(".rs") {
            into.push(path);
        }
    }
}

/// Ids that stand as literals behind an issue code, as in `IssueCode::Value, "date-invalid"`.
fn raised(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    let mut ids = BTreeSet::new();
    for piece in code.split("IssueCode::").skip(1) {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        let Some(rest) = rest.strip_prefix(',') else { continue };
        let rest = rest.trim_start().trim_start_matches("rule:").trim_start();
        let Some(id) = rest.strip_prefix('"').and_then(|r| r.split('"').next()) else { continue };
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            ids.insert(id.to_owned());
        }
    }
    ids
}

#[test]
fn every_id_that_the_code_raises_is_in_the_catalogue() {
    let known: BTreeSet<&str> = causeway::rules::catalogue()
        .iter()
        .flat_map(|(_, tables)| tables.iter().copied().flatten())
        .map(|rule| rule.id)
        .collect();
    assert!(known.len() > 150, "{} rules: the catalogue is not whole", known.len());
    let mut files = Vec::new();
    sources(&project_root().join("crates"), &mut files);
    let mut missing = Vec::new();
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for id in raised(&text) {
            seen += 1;
            if !known.contains(id.as_str()) {
                missing.push(format!("{id} ({})", file.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} ids found: this test no longer knows how they are written");
    assert!(missing.is_empty(), "no entry in a table of rules: {missing:#?}");
}

#[test]
fn one_id_of_one_chapter_says_one_thing_in_one_place() {
    for (chapter, tables) in causeway::rules::catalogue() {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, table) in tables.iter().enumerate() {
            for rule in *table {
                assert_eq!(
                    *places.entry(rule.id).or_insert(number),
                    number,
                    "{chapter}: {} stands in two tables",
                    rule.id
                );
                assert!(!rule.to_do().is_empty(), "{chapter}: {} does not say what to do", rule.id);
            }
        }
    }
}

#[test]
fn the_scan_finds_an_id_without_an_entry() {
    let text = "c.issue(Issue::new(Severity::Error,\n IssueCode::Value, \"no-such-rule\", text))";
    assert_eq!(raised(text).into_iter().collect::<Vec<_>>(), ["no-such-rule"]);
}
