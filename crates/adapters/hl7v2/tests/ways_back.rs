//! FHIR back to HL7 v2: what comes back, and that what doesn't is named.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use causeway_adapter::contract::test_context;
use causeway_adapter::{Adapter, Encoded, translate};
use causeway_adapter_hl7v2::Hl7v2;
use serde_json::{Value, json};

fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(messages(&path));
        } else if path.extension().is_some_and(|e| e == "hl7") && !path.to_string_lossy().contains(".ack.") {
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
    let translation = translate(&Hl7v2, bytes, &test_context());
    translation.outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect()
}

fn encode(bundle: &Value) -> Encoded {
    Hl7v2.encode(bundle, &test_context()).expect("a message")
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
        round(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/hl7v2")));
    eprintln!("fixtures: {all} facts, {lost} lost");
    assert!(silent.is_empty(), "{silent:#?}");
    // Vaccinations and appointments are not written: they are most of what is lost.
    assert!(all > 3000 && lost * 100 < all * 10, "{lost} of {all}");
}

#[test]
fn the_corpora_come_back_but_for_what_is_named() {
    let Some(root) = std::env::var_os("CAUSEWAY_CORPORA").map(PathBuf::from).filter(|p| p.is_dir()) else {
        return eprintln!("skipped: no corpora (CAUSEWAY_CORPORA)");
    };
    for (name, percent) in [("hl7v2", 2), ("hl7v2-general", 22)] {
        let (all, lost, silent) = round(&root.join(name).join("in"));
        eprintln!("{name}: {all} facts, {lost} lost");
        assert!(silent.is_empty(), "{name}: {:#?}", silent.iter().take(20).collect::<Vec<_>>());
        assert!(all > 0 && lost * 100 <= all * percent, "{name}: {lost} of {all}");
    }
}

fn segments(encoded: &Encoded) -> Vec<String> {
    let text = String::from_utf8(encoded.bytes.clone()).expect("UTF-8");
    text.split('\r').filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

fn bundle(resources: Vec<Value>) -> Value {
    let entry = |(n, r): (usize, Value)| json!({"fullUrl": format!("urn:uuid:0000000{n}"), "resource": r});
    json!({"resourceType": "Bundle", "id": "b-1", "entry": resources.into_iter().enumerate().map(entry).collect::<Vec<_>>()})
}

fn person() -> Value {
    json!({
        "resourceType": "Patient",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"use": "official", "family": "Lark|spur^x", "given": ["Edith"]}],
        "birthDate": "1941-03"
    })
}

#[test]
fn by_what_happened() {
    let visit = |status: &str| json!({"resourceType": "Encounter", "status": status, "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}});
    let report = json!({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "FBC"}});
    let letter =
        json!({"resourceType": "DocumentReference", "status": "current", "type": {"text": "Letter"}});
    for (resource, event) in [
        (visit("in-progress"), "ADT^A01^ADT_A01"),
        (visit("finished"), "ADT^A03^ADT_A03"),
        (visit("cancelled"), "ADT^A11^ADT_A09"),
        (visit("unknown"), "ADT^A31^ADT_A05"),
        (report, "ORU^R01^ORU_R01"),
        (letter, "MDM^T02^MDM_T02"),
    ] {
        let lines = segments(&encode(&bundle(vec![person(), resource])));
        assert_eq!(lines[0].split('|').nth(8), Some(event));
        let pid = lines.iter().find(|l| l.starts_with("PID")).expect("a PID");
        assert!(pid.contains("9990000018^^^NHS^NH") && pid.contains("Lark\\F\\spur\\S\\x^Edith"), "{pid}");
        assert!(pid.contains("|194103"), "{pid}");
    }
}

#[test]
fn what_would_read_as_its_contrary_is_not_written() {
    let condition = |status: &str| {
        json!({"resourceType": "Condition", "code": {"text": "Asthma"}, "subject": {"reference": "urn:uuid:00000000"},
            "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": status}]}})
    };
    let allergy = json!({"resourceType": "AllergyIntolerance", "code": {"text": "Penicillin"}, "patient": {"reference": "urn:uuid:00000000"},
        "clinicalStatus": {"coding": [{"code": "resolved"}]}});
    let told = |resource: Value| segments(&encode(&bundle(vec![person(), resource]))).join("\n");
    assert!(told(condition("confirmed")).contains("Asthma"), "the control");
    assert!(!told(condition("refuted")).contains("Asthma"));
    assert!(!told(condition("differential")).contains("Asthma"));
    assert!(!told(allergy.clone()).contains("Penicillin"));
    let encoded = encode(&bundle(vec![person(), allergy]));
    assert!(named(&encoded).iter().any(|n| n == "AllergyIntolerance.code.text"), "{:?}", named(&encoded));
}

#[test]
fn nobody_to_tell_of() {
    let issue = Hl7v2.encode(&bundle(vec![]), &test_context()).expect_err("no patient");
    assert_eq!(issue.rule, "nobody-to-tell-of");
}
