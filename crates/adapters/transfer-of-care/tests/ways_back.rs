//! FHIR R4 back to an ITK3 message: what comes back, and that what doesn't is named.
#![allow(missing_docs)]

use std::path::Path;

use causeway_adapter::contract::ways_back::named;
use causeway_adapter::contract::{corpora, project_root, test_context, ways_back};
use causeway_adapter::{Adapter, Encoded, translate};
use causeway_adapter_transfer_of_care::TransferOfCare;
use serde_json::{Value, json};

/// Documents of which nobody says what care they tell of can't be sent as a transfer of it.
fn is_transfer(path: &Path) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    if !path.extension().is_some_and(|e| e == "xml" || e == "json")
        || path.to_string_lossy().contains("expected")
    {
        return false;
    }
    let bundles = translate(&TransferOfCare, &bytes, &test_context()).outputs;
    let bundle = |json: &[u8]| serde_json::from_slice::<Value>(json).expect("JSON");
    !bundles.is_empty()
        && bundles.iter().all(|o| TransferOfCare.encode(&bundle(&o.json), &test_context()).is_ok())
}

#[test]
fn what_does_not_come_back_is_named() {
    ways_back::holds(
        &TransferOfCare,
        &project_root().join("fixtures/transfer-of-care"),
        &is_transfer,
        (300, 15),
    );
    let Some(folder) = corpora("itk3-toc") else { return };
    ways_back::holds(&TransferOfCare, &folder.join("in"), &is_transfer, (0, 15));
}

fn bundle(resources: &[Value]) -> Value {
    let entry = |(n, r): (usize, &Value)| json!({"fullUrl": format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}"), "resource": r});
    json!({"resourceType": "Bundle", "id": "b-1", "type": "transaction",
        "entry": resources.iter().enumerate().map(entry).collect::<Vec<_>>()})
}

fn person() -> Value {
    json!({"resourceType": "Patient", "id": "p", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"use": "official", "family": "Larkspur", "given": ["Edith"]}], "birthDate": "1942-03-09"})
}

fn visit(class: &str) -> Value {
    json!({"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class}})
}

/// The message as the tree that JSON would give.
fn written(encoded: &Encoded) -> causeway_json::Tree<'static> {
    causeway_stu3::xml::read(&encoded.bytes, &mut causeway_core::Ledger::new()).expect("XML")
}

#[test]
fn by_the_care_that_it_tells_of() {
    for (class, event) in [("IMP", "ITK003D"), ("EMER", "ITK005D"), ("AMB", "ITK006D")] {
        let encoded =
            TransferOfCare.encode(&bundle(&[person(), visit(class)]), &test_context()).expect("a message");
        let message = written(&encoded);
        let entries: Vec<_> = message.root().get("entry").expect("entries").elements().collect();
        let header = entries[0].get("resource").expect("a header");
        assert_eq!(header.string_of("resourceType"), Some("MessageHeader"));
        assert_eq!(header.get("event").and_then(|e| e.string_of("code")), Some(event));
        // The header leads to the document, and the document begins with its Composition.
        let focus = header.get("focus").and_then(|f| f.elements().next()?.string_of("reference"));
        let document = entries.iter().find(|e| e.string_of("fullUrl") == focus).expect("the document");
        let document = document.get("resource").expect("a bundle");
        assert_eq!(document.string_of("type"), Some("document"));
        let first = document.get("entry").and_then(|e| e.elements().next()?.get("resource"));
        assert_eq!(first.and_then(|r| r.string_of("resourceType")), Some("Composition"));
        let again = translate(&TransferOfCare, &encoded.bytes, &test_context());
        assert_eq!(again.outputs[0].event, event);
        // An answer is asked for, and given by who reads it.
        assert!(again.acknowledgement.is_some_and(|a| a.positive));
    }
    for bad in [bundle(&[person()]), bundle(&[person(), visit("HH")]), bundle(&[visit("IMP")])] {
        assert!(TransferOfCare.encode(&bad, &test_context()).is_err());
    }
}

#[test]
fn headings_hold_what_belongs_under_them() {
    let condition = json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"},
        "code": {"text": "Fracture of <neck> of femur"}});
    let refuted = json!({"resourceType": "Condition", "id": "d", "subject": {"reference": "Patient/p"},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "refuted"}]},
        "code": {"text": "Stroke"}});
    let all = bundle(&[person(), visit("IMP"), condition, refuted]);
    let encoded = TransferOfCare.encode(&all, &test_context()).expect("a message");
    let message = String::from_utf8_lossy(&encoded.bytes).into_owned();
    assert!(message.contains("887161000000102") && message.contains("Fracture of &lt;neck&gt; of femur"));
    // What is refuted is read as refuted, or is not there and named.
    let again = translate(&TransferOfCare, &encoded.bytes, &test_context());
    let read = String::from_utf8_lossy(&again.outputs[0].json).into_owned();
    assert!(!read.contains("Stroke") || read.contains("refuted"));
    assert!(read.contains("Stroke") || named(&encoded).iter().any(|path| path.starts_with("Condition")));
}
