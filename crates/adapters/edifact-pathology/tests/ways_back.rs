//! FHIR back to MEDRPT: what comes back, and that what doesn't is named.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use causeway_adapter::contract::test_context;
use causeway_adapter::{Adapter, Encoded, translate};
use causeway_adapter_edifact_pathology::EdifactPathology;
use serde_json::{Value, json};

fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(messages(&path));
        } else if path.extension().is_some_and(|e| e == "edi" || e == "edifact" || e == "dat") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Leaves of a bundle's resources as text: type, path without numbers, value. What every reader writes anew, references
/// and the translation's own account are left out. Made apart from what the encoder uses, to check its list.
fn facts(bundle: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (name, member) in map {
                    if !matches!(name.as_str(), "id" | "meta" | "resourceType" | "reference") {
                        walk(member, &format!("{path}.{name}"), out);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|member| walk(member, path, out)),
            Value::String(text) if text.starts_with("urn:uuid:") => {}
            leaf => out.push(format!("{path}={leaf}")),
        }
    }
    let mut out = Vec::new();
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        let resource = &entry["resource"];
        if !resource["entity"].is_array() {
            walk(resource, resource["resourceType"].as_str().unwrap_or_default(), &mut out);
        }
    }
    out
}

fn bundles(bytes: &[u8]) -> Vec<Value> {
    let translation = translate(&EdifactPathology, bytes, &test_context());
    translation.outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect()
}

fn encode(bundle: &Value) -> Encoded {
    EdifactPathology.encode(bundle, &test_context()).expect("a message")
}

/// Facts of the bundle that the written message doesn't tell, by a count of equal leaves.
fn missing(bundle: &Value, encoded: &Encoded) -> Vec<String> {
    let mut told: Vec<String> = bundles(&encoded.bytes).iter().flat_map(facts).collect();
    told.sort();
    let mut lost = Vec::new();
    for fact in facts(bundle) {
        match told.binary_search(&fact) {
            Ok(at) => drop(told.remove(at)),
            Err(_) => lost.push(fact),
        }
    }
    lost
}

fn named(encoded: &Encoded) -> Vec<String> {
    let place = |i: &causeway_core::Issue| i.position.as_ref().map(|p| p.path.clone()).unwrap_or_default();
    let plain = |p: String| p.split('[').map(|s| s.split_once(']').map_or(s, |x| x.1)).collect::<String>();
    encoded.left_behind.iter().map(place).map(plain).collect()
}

/// Every fact that is missing is named by its path, as often as it is missing.
fn unnamed(bundle: &Value, encoded: &Encoded) -> Vec<String> {
    let mut named = named(encoded);
    missing(bundle, encoded)
        .into_iter()
        .filter(|fact| {
            let path = fact.split_once('=').map_or(fact.as_str(), |x| x.0);
            match named.iter().position(|n| n == path) {
                Some(at) => {
                    named.swap_remove(at);
                    false
                }
                None => true,
            }
        })
        .collect()
}

/// Facts, facts lost, facts lost and not named.
fn round(folder: &Path) -> (usize, usize, Vec<String>) {
    let (mut all, mut lost, mut silent) = (0, 0, Vec::new());
    for path in messages(folder) {
        let bytes = std::fs::read(&path).expect("a file");
        for bundle in bundles(&bytes) {
            if !facts(&bundle).iter().any(|f| f.starts_with("Patient.")) {
                continue;
            }
            let encoded = encode(&bundle);
            all += facts(&bundle).len();
            lost += missing(&bundle, &encoded).len();
            let found = unnamed(&bundle, &encoded);
            silent.extend(found.into_iter().map(|f| format!("{}: {f}", path.display())));
        }
    }
    (all, lost, silent)
}

#[test]
fn what_does_not_come_back_is_named() {
    let (all, lost, silent) =
        round(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/edifact-pathology")));
    eprintln!("fixtures: {all} facts, {lost} lost");
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(all > 500 && lost * 100 < all * 5, "{lost} of {all}");
}

#[test]
fn the_corpora_come_back_but_for_what_is_named() {
    let Some(root) = std::env::var_os("CAUSEWAY_CORPORA").map(PathBuf::from).filter(|p| p.is_dir()) else {
        return eprintln!("skipped: no corpora (CAUSEWAY_CORPORA)");
    };
    let (all, lost, silent) = round(&root.join("edifact-pathology").join("in"));
    eprintln!("edifact-pathology: {all} facts, {lost} lost");
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(all > 0 && lost * 100 <= all * 5, "{lost} of {all}");
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
    let written = encode(&report("final"));
    let text = String::from_utf8(written.bytes).expect("ASCII");
    assert!(text.contains("RSL+NV+140++:::mmol/L'") && text.contains("RFF+SRI:R1'"), "{text}");
    let issue = EdifactPathology.encode(&report("partial"), &test_context()).expect_err("no code");
    assert_eq!(issue.rule, "status-not-writable");
    assert_eq!(
        EdifactPathology.encode(&json!({"entry": []}), &test_context()).expect_err("none").rule,
        "no-report-to-write"
    );
}
