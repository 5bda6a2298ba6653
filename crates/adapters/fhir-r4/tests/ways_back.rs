//! A bundle as a patient summary: what it tells comes back or is named, and the document keeps the rules of R4.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::Path;

use causeway_adapter::contract::ways_back::{Round, named};
use causeway_adapter::contract::{project_root, test_context, ways_back};
use causeway_adapter::{Adapter, Encoded, translate};
use causeway_adapter_fhir_r4::FhirR4;
use causeway_profile::Severity;
use serde_json::{Value, json};

fn bundle_of(path: &Path) -> Option<Value> {
    let output =
        translate(&FhirR4, &std::fs::read(path).ok()?, &test_context()).outputs.into_iter().next()?;
    serde_json::from_slice(&output.json).ok()
}

/// Bundles of one person each, as every adapter of ours makes them.
fn is_one_person(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "expected.r4.json")
        && bundle_of(path).is_some_and(|bundle| FhirR4.encode(&bundle, &test_context()).is_ok())
}

fn errors(document: &[u8]) -> Vec<String> {
    let found = causeway_profile::check(document).findings;
    found.iter().filter(|f| f.severity == Severity::Error).map(|f| format!("{f:?}")).collect()
}

#[test]
fn what_does_not_come_back_is_named() {
    let Round { all, lost, silent } =
        ways_back::round(&FhirR4, &project_root().join("fixtures"), &is_one_person);
    eprintln!("fixtures of all formats: {all} facts, {lost} lost");
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(all > 1000, "{all}");
}

#[test]
fn a_summary_breaks_no_rule_that_its_bundle_keeps() {
    let mut written = 0;
    for format in std::fs::read_dir(project_root().join("fixtures")).expect("fixtures").flatten() {
        for case in std::fs::read_dir(format.path()).expect("cases").flatten() {
            let path = case.path().join("expected.r4.json");
            if !is_one_person(&path) {
                continue;
            }
            let bundle = bundle_of(&path).expect("a bundle");
            let encoded = FhirR4.encode(&bundle, &test_context()).expect("a summary");
            let (before, after) = (errors(bundle.to_string().as_bytes()), errors(&encoded.bytes));
            assert!(after.len() <= before.len(), "{}: {after:#?}", path.display());
            written += 1;
        }
    }
    assert!(written > 10, "{written}");
}

fn entry(number: u32, resource: Value) -> Value {
    json!({"fullUrl": format!("urn:uuid:00000000-0000-4000-8000-00000000000{number}"), "resource": resource})
}

fn written(entries: &[Value]) -> Encoded {
    let bundle = json!({"resourceType": "Bundle", "id": "b", "type": "transaction", "entry": entries});
    FhirR4.encode(&bundle, &test_context()).expect("a summary")
}

#[test]
fn a_document_with_what_is_said_and_what_nobody_told() {
    let person = "urn:uuid:00000000-0000-4000-8000-000000000001";
    let entries = [
        entry(
            1,
            json!({"resourceType": "Patient", "name": [{"family": "Larkspur"}], "birthDate": "1942-03-09"}),
        ),
        entry(
            2,
            json!({"resourceType": "AllergyIntolerance", "patient": {"reference": person}, "code": {"text": "Latex"},
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "inactive"}]},
            "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "refuted"}]}}),
        ),
        entry(
            3,
            json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": person},
            "substitution": {"allowedBoolean": true}, "medicationCodeableConcept": {"text": "Amlodipine <5 mg>"},
            "requester": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000004"}}),
        ),
        entry(4, json!({"resourceType": "Practitioner", "name": [{"family": "Merrow"}]})),
        entry(
            5,
            json!({"resourceType": "Appointment", "status": "booked", "participant": [{"actor": {"reference": person}, "status": "accepted"}]}),
        ),
    ];
    let encoded = written(&entries);
    let document: Value = serde_json::from_slice(&encoded.bytes).expect("JSON");
    assert_eq!(errors(&encoded.bytes), Vec::<String>::new());
    let composition = &document["entry"][0]["resource"];
    assert_eq!(
        (&document["type"], &composition["resourceType"]),
        (&"document".into(), &"Composition".into())
    );
    assert_eq!(composition["subject"]["reference"], person);
    let sections = composition["section"].as_array().expect("sections");
    let text = |n: usize| sections[n]["text"]["div"].as_str().expect("a text");
    assert!(text(0).contains("Latex, refuted"), "{}", text(0));
    assert!(text(1).contains("Amlodipine &lt;5 mg&gt;"));
    assert_eq!(sections[2]["emptyReason"]["coding"][0]["code"], "unavailable");
    let all = document.to_string();
    assert!(all.contains("Merrow") && !all.contains("booked"));
    assert!(named(&encoded).contains(&"Appointment.status".to_owned()), "{:?}", named(&encoded));
    // The same bundle makes the same document.
    assert_eq!(written(&entries).bytes, encoded.bytes);
    let again = translate(&FhirR4, &encoded.bytes, &test_context());
    assert_eq!(again.outputs[0].event, "60591-5");
}

#[test]
fn of_one_person_only() {
    let person = || json!({"resourceType": "Patient"});
    for entries in [vec![], vec![entry(1, person()), entry(2, person())]] {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let refused = FhirR4.encode(&bundle, &test_context()).expect_err("no summary");
        assert_eq!(refused.rule, "summary-patient-count");
    }
}
