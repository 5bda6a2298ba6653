//! FHIR back to MEDRPT: what comes back, and that what doesn't is named.
#![allow(missing_docs)]

use std::path::Path;

use causeway_adapter::Adapter;
use causeway_adapter::contract::{corpora, project_root, test_context, ways_back};
use causeway_adapter_edifact_pathology::EdifactPathology;
use serde_json::json;

fn is_message(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "edi" || e == "edifact" || e == "dat")
}

#[test]
fn what_does_not_come_back_is_named() {
    ways_back::holds(
        &EdifactPathology,
        &project_root().join("fixtures/edifact-pathology"),
        &is_message,
        (500, 5),
    );
    let Some(folder) = corpora("edifact-pathology") else { return };
    ways_back::holds(&EdifactPathology, &folder.join("in"), &is_message, (0, 5));
}

#[test]
fn a_status_that_would_read_as_another_is_refused() {
    let report = |status: &str| {
        json!({"resourceType": "Bundle", "id": "b", "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}], "name": [{"family": "LARKSPUR"}]}},
            {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "Sodium"}, "subject": {"reference": "urn:uuid:1"}, "valueQuantity": {"value": 140, "unit": "mmol/L"}}},
            {"fullUrl": "urn:uuid:3", "resource": {"resourceType": "DiagnosticReport", "status": status, "code": {"text": "x"}, "identifier": [{"system": "urn:x", "value": "R1"}], "subject": {"reference": "urn:uuid:1"}, "performer": [{"display": "Laboratory"}], "result": [{"reference": "urn:uuid:2"}]}}
        ]})
    };
    let written = EdifactPathology.encode(&report("final"), &test_context()).expect("a message");
    let text = String::from_utf8(written.bytes).expect("ASCII");
    assert!(text.contains("RSL+NV+140++:::mmol/L'") && text.contains("RFF+SRI:R1'"), "{text}");
    let issue = EdifactPathology.encode(&report("partial"), &test_context()).expect_err("no code");
    assert_eq!(issue.rule, "status-not-writable");
    assert_eq!(
        EdifactPathology.encode(&json!({"entry": []}), &test_context()).expect_err("none").rule,
        "no-report-to-write"
    );
}
