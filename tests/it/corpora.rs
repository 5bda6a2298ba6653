//! The corpora of others as a whole: what is to be refused is refused with code and place, and no adapter takes a file of another
//! format for its own.

use std::path::{Path, PathBuf};

use causeway_adapter::contract::{corpora, test_context};
use causeway_adapter::translate;
use causeway_core::Severity;

/// Folders, and the adapter that reads what lies in them.
const OWNERS: [(&str, &str); 12] = [
    ("careconnect-stu3", "careconnect"),
    ("edifact-pathology", "edifact-pathology"),
    ("eps-hl7v3", "eps"),
    ("gp2gp", "gp2gp"),
    ("hl7v2", "hl7v2"),
    ("hl7v2-general", "hl7v2"),
    ("itk-cda-111", "itk-cda"),
    ("itk3-toc", "transfer-of-care"),
    ("nhais", "nhais"),
    ("social-care-mais", "care-act-assessment"),
    ("stu3-to-r4", "careconnect"),
    ("summary-care-record", "summary-care-record"),
];

/// Files of `invalid` that are taken all the same, and why.
const TAKEN: [(&str, &str); 2] = [("hl7v2/bad_birth_date.hl7", DATE), ("stu3-to-r4/bad_date.json", DATE)];
/// The date alone is told and not carried; nothing else of the record depends on it.
const DATE: &str = "date-invalid";

/// A resource that is the same in STU3 and R4: nobody can tell by it which it was.
const EITHER: &str = "AllergyIntoleranceEncounter-associatedEncounter_000.json";

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

/// What of a file is not as it should be; `None` where it is refused with code and place, or nobody takes it.
fn not_refused(input: &[u8]) -> Option<String> {
    let Ok((adapter, _)) = causeway::detect::choose(causeway::ADAPTERS, None, input) else { return None };
    let translation = translate(adapter, input, &test_context());
    let placed = translation.issues.iter().any(|i| {
        i.severity >= Severity::Error
            && !i.rule.is_empty()
            // Of what gave nothing the whole is the place.
            && (translation.outputs.is_empty() || i.position.as_ref().is_some_and(|p| !p.path.is_empty()))
    });
    (!(translation.rejected() && placed)).then(|| {
        let told: Vec<_> = translation.issues.iter().map(|i| i.rule).collect();
        format!("{}: {} bundles, {told:?}", adapter.name(), translation.outputs.len())
    })
}

#[test]
fn what_is_to_be_refused_is_refused_with_code_and_place() {
    let (mut all, mut taken) = (0, 0);
    let mut open = Vec::new();
    for (folder, _) in OWNERS {
        let Some(root) = corpora(folder) else { return };
        for path in files(&root.join("invalid")) {
            let name = format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            // What another translator answered to the file beside it.
            if name.contains(".answer.") {
                continue;
            }
            all += 1;
            let why = not_refused(&std::fs::read(&path).expect("a file"));
            match (why, TAKEN.iter().find(|(taken, _)| *taken == name)) {
                (None, None) => {}
                (Some(why), Some((_, rule))) if why.contains(rule) => taken += 1,
                (why, _) => open.push(format!("{name} {why:?}")),
            }
        }
    }
    assert!(all > 100 && taken == TAKEN.len(), "{all}, {taken}");
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn a_file_of_another_format_is_left_to_it() {
    let (mut taken, mut wrong) = (0, Vec::new());
    for (folder, owner) in OWNERS {
        let Some(root) = corpora(folder) else { return };
        for path in files(&root.join("in")) {
            let input = std::fs::read(&path).expect("a file");
            match causeway::detect::choose(causeway::ADAPTERS, None, &input) {
                Ok((adapter, _)) if adapter.name() == owner => taken += 1,
                Ok(_) if path.ends_with(EITHER) => {}
                Ok((adapter, _)) => wrong.push(format!("{}: {}", path.display(), adapter.name())),
                Err(_) => {}
            }
        }
    }
    assert!(taken > 300, "{taken}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
