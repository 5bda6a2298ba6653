//! FHIR R4 back to a clinical document: what comes back, and that what doesn't is named.
#![allow(missing_docs)]

use std::path::Path;

use causeway_adapter::contract::ways_back::named;
use causeway_adapter::contract::{corpora, project_root, test_context, ways_back};
use causeway_adapter::{Adapter, Encoded, translate};
use causeway_adapter_itk_cda::ItkCda;
use serde_json::{Value, json};

fn bundles(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let outputs = translate(&ItkCda, &bytes, &test_context()).outputs;
    outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect()
}

/// Messages with documents that are not withdrawn.
fn is_document(path: &Path) -> bool {
    if path.extension().is_none_or(|e| e != "xml") || path.to_string_lossy().contains("expected") {
        return false;
    }
    let all = bundles(path);
    let refused = |b: &Value| ItkCda.encode(b, &test_context()).err().map(|issue| issue.rule);
    for rule in all.iter().filter_map(refused) {
        assert_eq!(rule, "document-sense", "{}", path.display());
    }
    !all.is_empty() && all.iter().all(|b| refused(b).is_none())
}

#[test]
fn what_does_not_come_back_is_named() {
    ways_back::holds(&ItkCda, &project_root().join("fixtures/itk-cda"), &is_document, (500, 5));
    let Some(folder) = corpora("itk-cda-111") else { return };
    ways_back::holds(&ItkCda, &folder.join("in"), &is_document, (0, 2));
}

fn bundle(resources: &[Value]) -> Value {
    let entry = |(n, r): (usize, &Value)| {
        let id = format!("00000000-0000-4000-8000-00000000000{n}");
        let mut r = r.clone();
        r["id"] = json!(id);
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": r})
    };
    json!({"resourceType": "Bundle", "id": "b-1", "type": "transaction",
        "entry": resources.iter().enumerate().map(entry).collect::<Vec<_>>()})
}

fn person() -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"use": "official", "family": "Larkspur", "given": ["Edith"]}], "birthDate": "1942-03-09"})
}

fn visit(class: &str) -> Value {
    json!({"resourceType": "Encounter", "status": "finished", "period": {"start": "2026-11-01", "end": "2026-11-04"},
        "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class}})
}

fn of_person(mut resource: Value) -> Value {
    let name = if resource["resourceType"] == "AllergyIntolerance" { "patient" } else { "subject" };
    resource[name] = json!({"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"});
    resource
}

fn read(encoded: &Encoded) -> Vec<Value> {
    let again = translate(&ItkCda, &encoded.bytes, &test_context());
    assert!(!again.rejected(), "{:?}", again.issues);
    // Who reads it answers it, as it asks.
    assert!(again.acknowledgement.is_some_and(|a| a.positive));
    let bundle: Value = serde_json::from_slice(&again.outputs[0].json).expect("JSON");
    bundle["entry"].as_array().expect("entries").iter().map(|e| e["resource"].clone()).collect()
}

fn of<'v>(all: &'v [Value], kind: &str) -> Vec<&'v Value> {
    all.iter().filter(|r| r["resourceType"] == *kind).collect()
}

#[test]
fn by_the_care_that_it_tells_of() {
    for (class, title) in [
        ("IMP", "Discharge summary"),
        ("EMER", "Emergency care discharge summary"),
        ("AMB", "Outpatient letter"),
    ] {
        let encoded = ItkCda.encode(&bundle(&[person(), visit(class)]), &test_context()).expect("a document");
        let all = read(&encoded);
        assert_eq!(of(&all, "Composition")[0]["title"], title);
        assert_eq!(of(&all, "Patient")[0]["identifier"][0]["value"], "9990000018");
        assert!(named(&encoded).contains(&"Encounter.class.code".to_owned()));
    }
    let refused = |all: &[Value]| ItkCda.encode(&bundle(all), &test_context()).expect_err("no document").rule;
    assert_eq!(refused(&[person()]), "document-kind-unknown");
    assert_eq!(refused(&[visit("IMP")]), "document-patient-count");
    assert_eq!(refused(&[person(), person(), visit("IMP")]), "document-patient-count");
    let withdrawn =
        json!({"resourceType": "Composition", "status": "entered-in-error", "title": "Discharge"});
    assert_eq!(refused(&[person(), visit("IMP"), withdrawn]), "document-sense");
}

#[test]
fn what_is_coded_comes_back_as_what_it_is() {
    let snomed = |code: &str, display: &str| json!({"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]});
    let status = |list: &str, code: &str| json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{list}"), "code": code}]});
    let all = [
        person(),
        visit("IMP"),
        of_person(
            json!({"resourceType": "Condition", "code": snomed("195967001", "Asthma"), "onsetDateTime": "1998",
            "clinicalStatus": status("condition-clinical", "active")}),
        ),
        of_person(
            json!({"resourceType": "Condition", "code": {"text": "Stroke"}, "verificationStatus": status("condition-ver-status", "refuted")}),
        ),
        of_person(
            json!({"resourceType": "Condition", "code": {"text": "Angina <query>"}, "verificationStatus": status("condition-ver-status", "provisional")}),
        ),
        of_person(json!({"resourceType": "AllergyIntolerance", "code": snomed("373270004", "Penicillin"),
            "clinicalStatus": status("allergyintolerance-clinical", "active"), "verificationStatus": status("allergyintolerance-verification", "confirmed"),
            "reaction": [{"manifestation": [snomed("271807003", "Eruption of skin")]}]})),
        of_person(json!({"resourceType": "Observation", "status": "final", "code": {"text": "Platelets"},
            "valueQuantity": {"value": 5.10, "comparator": "<", "unit": "10*9/L"}})),
        of_person(
            json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "medicationCodeableConcept": {"text": "Amlodipine 5 mg"},
            "dosageInstruction": [{"text": "One in the morning"}], "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}}}),
        ),
        of_person(
            json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "doNotPerform": true,
            "medicationCodeableConcept": {"text": "Aspirin"}}),
        ),
        of_person(
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "Blood pressure"},
            "component": [{"code": {"text": "Systolic"}, "valueQuantity": {"value": 132, "unit": "mm[Hg]"}}]}),
        ),
    ];
    let encoded = ItkCda.encode(&bundle(&all), &test_context()).expect("a document");
    let read = read(&encoded);
    let conditions = of(&read, "Condition");
    assert_eq!(conditions.len(), 2, "{conditions:#?}");
    assert_eq!(
        (&conditions[0]["code"]["coding"][0]["code"], &conditions[0]["onsetDateTime"]),
        (&"195967001".into(), &"1998".into())
    );
    assert_eq!(conditions[1]["verificationStatus"]["coding"][0]["code"], "refuted");
    let allergy = of(&read, "AllergyIntolerance")[0];
    assert_eq!(allergy["code"]["coding"][0]["code"], "373270004");
    assert_eq!(allergy["reaction"][0]["manifestation"][0]["coding"][0]["code"], "271807003");
    let platelets =
        of(&read, "Observation").into_iter().find(|o| o["code"]["text"] == "Platelets").expect("it");
    assert_eq!(platelets["valueQuantity"]["comparator"], "<");
    assert_eq!(platelets["valueQuantity"]["value"].to_string(), "5.1");
    let medicines = of(&read, "MedicationRequest");
    assert_eq!(medicines.len(), 1, "{medicines:#?}");
    assert_eq!(medicines[0]["dispenseRequest"]["quantity"]["value"], 28);
    assert!(of(&read, "Observation").iter().any(|o| o["code"]["text"] == "Systolic"));
    // What has no coded form of its sense stands in the text, with its sense, and is named.
    let text = of(&read, "Composition")[0]["section"].to_string();
    assert!(text.contains("Angina &lt;query&gt;, provisional"), "{text}");
    assert!(text.contains("Aspirin, not to be done"), "{text}");
    let named = named(&encoded);
    for path in [
        "Condition.verificationStatus.coding.code",
        "MedicationRequest.doNotPerform",
        "Observation.component.valueQuantity.value",
    ] {
        assert!(named.iter().any(|n| n == path), "{path}: {named:#?}");
    }
}

#[test]
fn the_same_bundle_makes_the_same_document() {
    let one =
        || ItkCda.encode(&bundle(&[person(), visit("IMP")]), &test_context()).expect("a document").bytes;
    assert_eq!(one(), one());
}
