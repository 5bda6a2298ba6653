//! FHIR back to HL7 v2: what comes back, and that what doesn't is named.
#![allow(missing_docs)]

use std::path::Path;

use causeway_adapter::contract::ways_back::named;
use causeway_adapter::contract::{corpora, project_root, test_context, ways_back};
use causeway_adapter::{Adapter, Encoded};
use causeway_adapter_hl7v2::Hl7v2;
use serde_json::{Value, json};

fn is_message(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "hl7") && !path.to_string_lossy().contains(".ack.")
}

fn encode(bundle: &Value) -> Encoded {
    Hl7v2.encode(bundle, &test_context()).expect("a message")
}

#[test]
fn what_does_not_come_back_is_named() {
    // Vaccinations and appointments are not written: they are most of what is lost.
    ways_back::holds(&Hl7v2, &project_root().join("fixtures/hl7v2"), &is_message, (3000, 10));
    for (name, percent) in [("hl7v2", 2), ("hl7v2-general", 22)] {
        let Some(folder) = corpora(name) else { continue };
        ways_back::holds(&Hl7v2, &folder.join("in"), &is_message, (0, percent));
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
