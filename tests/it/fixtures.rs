//! Every fixture case of every adapter: expected files, profile, contract.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use causeway_adapter::contract::Suite;
use causeway_tests::{Case, cases};

/// `UPDATE=1` writes the expected files; a person reads them before they are committed.
fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|v| v == "1")
}

#[test]
fn every_case_gives_what_is_expected() {
    let mut faults = String::new();
    for case in cases() {
        compare(&case, &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{faults}\nUPDATE=1 rewrites the expected files; read them before you commit them"
    );
}

fn compare(case: &Case, faults: &mut String) {
    let files = case.rendered(&case.translate());
    let mut names = BTreeSet::new();
    for (name, content) in &files {
        names.insert(name.clone());
        let path = case.folder.join(name);
        if updating() {
            std::fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            continue;
        }
        match std::fs::read(&path) {
            Ok(expected) if expected == *content => {}
            Ok(expected) => {
                let line = first_difference(&expected, content);
                let _ = writeln!(faults, "{}/{}: {name} differs at line {line}", case.adapter, case.name);
            }
            Err(_) => {
                let _ = writeln!(faults, "{}/{}: {name} is missing", case.adapter, case.name);
            }
        }
    }
    let present = std::fs::read_dir(&case.folder).into_iter().flatten().flatten();
    for name in present.map(|e| e.file_name().to_string_lossy().into_owned()) {
        if name.starts_with("expected.") && !names.contains(&name) {
            if updating() {
                let _ = std::fs::remove_file(case.folder.join(&name));
            } else {
                let _ = writeln!(faults, "{}/{}: {name} is no longer written", case.adapter, case.name);
            }
        }
    }
}

fn first_difference(expected: &[u8], got: &[u8]) -> usize {
    let (expected, got) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(got));
    let same = expected.lines().zip(got.lines()).take_while(|(a, b)| a == b).count();
    same + 1
}

#[test]
fn every_bundle_passes_the_profile_checker() {
    let mut faults = String::new();
    for case in cases() {
        for output in case.translate().outputs {
            for finding in causeway_profile::check(&output.json).findings {
                let excused = case.file.breaks.iter().any(|b| b.rule == finding.rule && !b.reason.is_empty());
                if finding.severity == causeway_profile::Severity::Error && !excused {
                    let _ = writeln!(
                        faults,
                        "{}/{} {}: {} [{}] {}",
                        case.adapter, case.name, output.label, finding.path, finding.rule, finding.text
                    );
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_adapter_has_cases_a_refusal_and_a_readme() {
    let all = cases();
    for adapter in causeway::ADAPTERS {
        let mine: Vec<&Case> = all.iter().filter(|c| c.adapter == adapter.name()).collect();
        assert!(mine.len() >= 5, "{}: {} cases", adapter.name(), mine.len());
        assert!(mine.iter().any(|c| c.translate().rejected()), "{}: no case is refused", adapter.name());
        let readme = causeway_adapter::contract::project_root()
            .join("crates/adapters")
            .join(adapter.name())
            .join("README.md");
        let text = std::fs::read_to_string(readme).unwrap_or_default();
        assert!(text.len() > 800, "{}: README.md is missing or thin", adapter.name());
    }
}

#[test]
fn every_format_is_detected_and_no_other_adapter_claims_it() {
    for case in cases() {
        if let Ok((found, _)) = causeway::detect::choose(causeway::ADAPTERS, None, &case.input) {
            assert_eq!(found.name(), case.adapter, "{} is taken for another format", case.name);
        }
        let found = causeway::detect::choose(causeway::ADAPTERS, None, &case.input).is_ok();
        assert!(found || case.translate().unreadable, "{}/{} is not recognised", case.adapter, case.name);
    }
}

#[test]
fn ledgers_add_up_on_every_case() {
    for case in cases() {
        Suite::new(case.adapter())
            .context(case.context())
            .case(case.name.clone(), case.input.clone())
            .accounts();
    }
}
