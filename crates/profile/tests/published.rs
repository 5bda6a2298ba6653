//! The published UK Core examples: no errors but for defects that are named here.
#![allow(clippy::print_stderr)]

use causeway_profile::{Severity, check};
use std::path::{Path, PathBuf};

/// Examples that break a rule, with the rule that they break.
const DEFECTS: &[(&str, &str)] = &[
    // It has a valueCode beside the valueCodeableConcept that the extension asks for.
    ("Extension-UKCore-ConditionEpisode-Example", "r4/choice"),
    ("Extension-UKCore-ConditionEpisode-Example", "ukcore/Extension-UKCore-ConditionEpisode/value[x]"),
    // Its fullUrls are relative.
    ("UKCore-Bundle-NEWS2Observations-Example", "bundle/full-url-absolute"),
    // References without their type.
    ("UKCore-MedicationDispense-Amoxicillin-Example", "r4/reference-format"),
    ("UKCore-MedicationDispense-CiprofloxacinIV-Example", "r4/reference-format"),
    ("UKCore-MedicationDispense-CiprofloxacinOral-Example", "r4/reference-format"),
    // "Organization/https://…"
    ("UKCore-Provenance-RARecordConsent-Example", "r4/reference-format"),
];

#[test]
fn published_examples_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let fhir = std::env::var_os("CAUSEWAY_FHIR").map_or_else(|| root.join("../shared/fhir"), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(fhir.join("ukcore/examples")) else {
        eprintln!("SKIPPED: no ukcore/examples; set CAUSEWAY_FHIR to a folder that holds them");
        return;
    };
    let (mut count, mut wrong) = (0, Vec::new());
    for file in folder.flatten() {
        let path = file.path();
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        let report = check(&std::fs::read(&path).unwrap_or_default());
        count += 1;
        for finding in report.findings.into_iter().filter(|f| f.severity == Severity::Error) {
            if !DEFECTS.contains(&(name.as_str(), finding.rule.as_str())) {
                wrong.push(format!("{name} {} {} {}", finding.path, finding.rule, finding.text));
            }
        }
    }
    assert!(count > 200, "only {count} examples were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
