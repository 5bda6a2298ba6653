//! FHIR R4 back to a GP Summary: what comes back, and that what doesn't is named.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::Path;

use causeway_adapter::contract::ways_back::named;
use causeway_adapter::contract::{corpora, project_root, test_context, ways_back};
use causeway_adapter::{Adapter, Encoded, translate};
use causeway_adapter_summary_care_record::SummaryCareRecord;
use serde_json::{Value, json};

fn bundles(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let outputs = translate(&SummaryCareRecord, &bytes, &test_context()).outputs;
    outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect()
}

/// Messages that hold whole summaries; those that can't be written are refused for one of these reasons.
fn is_summary(path: &Path) -> bool {
    if path.extension().is_none_or(|e| e != "xml") {
        return false;
    }
    let all = bundles(path);
    let refused = |b: &Value| SummaryCareRecord.encode(b, &test_context()).err().map(|issue| issue.rule);
    for rule in all.iter().filter_map(refused) {
        let known =
            ["summary-patient", "summary-restricted", "summary-incomplete", "summary-sense", "summary-kind"];
        assert!(known.contains(&rule), "{}: {rule}", path.display());
        eprintln!("{}: {rule}", path.display());
    }
    !all.is_empty() && all.iter().all(|b| refused(b).is_none())
}

#[test]
fn what_does_not_come_back_is_named() {
    ways_back::holds(
        &SummaryCareRecord,
        &project_root().join("fixtures/summary-care-record"),
        &is_summary,
        (300, 10),
    );
    let Some(folder) = corpora("summary-care-record") else { return };
    ways_back::holds(&SummaryCareRecord, &folder.join("in"), &is_summary, (0, 10));
}

fn bundle(resources: &[Value]) -> Value {
    let entry = |(n, r): (usize, &Value)| {
        let id = format!("00000000-0000-4000-8000-0000000000{n:02}");
        let mut r = r.clone();
        r["id"] = json!(id);
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": r})
    };
    json!({"resourceType": "Bundle", "id": "b-1", "type": "transaction",
        "entry": resources.iter().enumerate().map(entry).collect::<Vec<_>>()})
}

fn to(n: usize) -> Value {
    json!({"reference": format!("urn:uuid:00000000-0000-4000-8000-0000000000{n:02}")})
}

/// A patient, registered with a practice that the directory knows.
fn practice() -> Vec<Value> {
    vec![
        json!({"resourceType": "Patient", "generalPractitioner": [to(1)],
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
            "name": [{"family": "Larkspur", "given": ["Edith"]}]}),
        json!({"resourceType": "Organization", "name": "Millpond Surgery",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZP401"}]}),
    ]
}

fn snomed(code: &str, display: &str) -> Value {
    json!({"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]})
}

fn status(list: &str, code: &str) -> Value {
    json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{list}"), "code": code}]})
}

fn encode(all: &[Value]) -> Result<Encoded, String> {
    SummaryCareRecord.encode(&bundle(all), &test_context()).map_err(|issue| issue.rule.to_string())
}

fn read(encoded: &Encoded) -> Vec<Value> {
    let again = translate(&SummaryCareRecord, &encoded.bytes, &test_context());
    assert!(!again.rejected(), "{:?}", again.issues);
    let bundle: Value = serde_json::from_slice(&again.outputs[0].json).expect("JSON");
    bundle["entry"].as_array().expect("entries").iter().map(|e| e["resource"].clone()).collect()
}

fn of<'v>(all: &'v [Value], kind: &str) -> Vec<&'v Value> {
    all.iter().filter(|r| r["resourceType"] == *kind).collect()
}

/// A practice's record with one of each that a summary holds, and what it can't say.
fn record() -> Vec<Value> {
    let mut all = practice();
    let course = |code: &str| json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy", "code": code}]});
    all.extend([
        json!({"resourceType": "AllergyIntolerance", "patient": to(0), "code": snomed("91936005", "Allergy to penicillin"),
            "clinicalStatus": status("allergyintolerance-clinical", "active"), "verificationStatus": status("allergyintolerance-verification", "confirmed"),
            "recordedDate": "2026-09-01T10:00:00+01:00", "criticality": "high",
            "reaction": [{"manifestation": [snomed("271807003", "Eruption of skin")], "severity": "severe"}]}),
        json!({"resourceType": "Condition", "subject": to(0), "code": snomed("195967001", "Asthma"), "onsetDateTime": "1998",
            "clinicalStatus": status("condition-clinical", "active"), "verificationStatus": status("condition-ver-status", "confirmed")}),
        json!({"resourceType": "Condition", "subject": to(0), "code": {"text": "Stroke"}, "verificationStatus": status("condition-ver-status", "refuted")}),
        json!({"resourceType": "MedicationRequest", "subject": to(0), "status": "active", "intent": "plan", "courseOfTherapyType": course("continuous"),
            "medicationCodeableConcept": snomed("319773006", "Aspirin 75mg dispersible tablets"), "authoredOn": "2026-01-05",
            "dosageInstruction": [{"text": "one each day"}], "dispenseRequest": {"quantity": {"value": 28.0, "unit": "tablet"}}}),
        json!({"resourceType": "MedicationRequest", "subject": to(0), "status": "stopped", "intent": "plan", "courseOfTherapyType": course("continuous"),
            "medicationCodeableConcept": snomed("317896006", "Atenolol 50mg tablets"), "authoredOn": "2024-03-01",
            "dispenseRequest": {"validityPeriod": {"end": "2026-07-14"}}}),
        json!({"resourceType": "MedicationRequest", "subject": to(0), "status": "active", "intent": "order", "doNotPerform": true,
            "courseOfTherapyType": course("acute"), "medicationCodeableConcept": {"text": "Ibuprofen"}}),
        json!({"resourceType": "Observation", "subject": to(0), "status": "final", "code": snomed("75367002", "Blood pressure"),
            "effectiveDateTime": "2026-09-01T10:15:00+01:00", "component": [
            {"code": snomed("271649006", "Systolic blood pressure"), "valueQuantity": {"value": 142, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
            {"code": snomed("271650006", "Diastolic blood pressure"), "valueQuantity": {"value": 88, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}]}),
        json!({"resourceType": "Observation", "subject": to(0), "status": "final", "code": {"text": "Platelets"},
            "valueQuantity": {"value": 5.1, "comparator": "<", "unit": "10*9/L"}, "category": [status("observation-category", "laboratory")]}),
        json!({"resourceType": "Observation", "subject": to(0), "status": "preliminary", "code": {"text": "Ferritin"}}),
        json!({"resourceType": "Condition", "subject": to(0), "code": {"text": "A confidential matter"},
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}}),
    ]);
    all
}

#[test]
fn of_a_practices_record_without_a_document() {
    let encoded = encode(&record()).expect("a summary");
    let all = read(&encoded);
    assert_eq!(of(&all, "Patient")[0]["identifier"][0]["value"], "9990000018");
    let summary = of(&all, "Composition")[0];
    assert_eq!(summary["type"]["coding"][0]["code"], "196981000000101");
    // Written when its newest entry was recorded.
    assert_eq!(summary["date"], "2026-09-01T10:15:00+01:00");
    assert_eq!(of(&all, "Organization")[0]["identifier"][0]["value"], "ZP401");
    let allergy = of(&all, "AllergyIntolerance")[0];
    assert_eq!(allergy["clinicalStatus"]["coding"][0]["code"], "active");
    assert_eq!(allergy["note"][0]["text"], "Reaction: Eruption of skin (severe)\nHigh risk");
    let medicines = of(&all, "MedicationRequest");
    let states: Vec<_> = medicines.iter().map(|m| (m["status"].as_str(), m["intent"].as_str())).collect();
    assert_eq!(states, [(Some("active"), Some("plan")), (Some("stopped"), Some("plan"))]);
    assert_eq!(medicines[0]["dispenseRequest"]["quantity"]["value"].to_string(), "28.0");
    let conditions = of(&all, "Condition");
    assert_eq!(conditions.len(), 1, "{conditions:#?}");
    let pressure =
        of(&all, "Observation").into_iter().find(|o| o["component"].is_array()).expect("the pressure");
    let parts: Vec<_> = pressure["component"]
        .as_array()
        .expect("two")
        .iter()
        .map(|c| (c["code"]["coding"][0]["code"].as_str(), c["valueQuantity"]["value"].as_i64()))
        .collect();
    assert_eq!(parts, [(Some("271650006"), Some(88)), (Some("271649006"), Some(142))]);
    // A bound is no amount: its words stand in the note.
    let platelets =
        of(&all, "Observation").into_iter().find(|o| o["code"]["text"] == "Platelets").expect("it");
    assert!(platelets["valueQuantity"].is_null());
    assert_eq!(platelets["note"][0]["text"], "Value: <5.1 10*9/L");
    // What has no coded form of its sense stands in the text, with its sense; what is restricted in neither.
    let text = summary["section"].to_string();
    for words in ["Stroke, refuted", "Ibuprofen, not to be done", "Ferritin, preliminary"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!String::from_utf8_lossy(&encoded.bytes).contains("confidential matter"));
    let named = named(&encoded);
    for path in [
        "Condition.verificationStatus.coding.code",
        "MedicationRequest.doNotPerform",
        "Observation.valueQuantity.comparator",
        "AllergyIntolerance.criticality",
        "Patient.name.family",
    ] {
        assert!(named.iter().any(|n| n == path), "{path}: {named:#?}");
    }
}

#[test]
fn a_range_comes_back_with_its_finding() {
    let unit = |value: f64| json!({"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"});
    let range = json!([{"low": unit(3.5), "high": unit(5.3), "text": "3.5 to 5.3, by age"}]);
    let mut all = practice();
    all.push(json!({"resourceType": "Observation", "subject": to(0), "status": "final", "code": {"text": "Potassium"},
        "effectiveDateTime": "2026-09-01T10:15:00+01:00", "valueQuantity": unit(4.1), "referenceRange": range}));
    let encoded = encode(&all).expect("a summary");
    let read = read(&encoded);
    assert_eq!(of(&read, "Observation")[0]["referenceRange"], range);
    assert!(!named(&encoded).iter().any(|n| n.contains("referenceRange")), "{:?}", named(&encoded));
}

#[test]
fn refuses_what_it_can_not_say() {
    let refused = |all: &[Value]| encode(all).expect_err("no summary");
    let with = |more: Value| practice().into_iter().chain([more]).collect::<Vec<_>>();
    assert_eq!(refused(&practice()[1..]), "summary-patient");
    assert_eq!(refused(&[practice(), practice()].concat()), "summary-patient");
    // Nobody says when anything was recorded.
    assert_eq!(refused(&practice()), "summary-incomplete");
    let letter = json!({"resourceType": "Composition", "status": "final", "title": "Discharge", "type": snomed("373942005", "Discharge summary")});
    assert_eq!(refused(&with(letter)), "summary-kind");
    let mut whole = json!({"resourceType": "Composition", "status": "final", "title": "General Practice Summary", "date": "2026-10-29T14:30:00+00:00",
        "type": snomed("196981000000101", "General Practice Summary"), "author": [to(1)], "subject": to(0)});
    assert!(encode(&with(whole.clone())).is_ok());
    let label = json!({"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}]},
        "resourceType": "Condition", "code": {"text": "X"}, "subject": to(0)});
    assert_eq!(refused(&[with(whole.clone()), vec![label]].concat()), "summary-restricted");
    whole["status"] = json!("entered-in-error");
    assert_eq!(refused(&with(whole)), "summary-sense");
    // Another's patient: no practice of a directory.
    let mut unknown = record();
    unknown[1]["identifier"] = Value::Null;
    assert_eq!(refused(&unknown), "summary-incomplete");
}

#[test]
fn the_same_bundle_makes_the_same_summary() {
    assert_eq!(encode(&record()).expect("a summary").bytes, encode(&record()).expect("a summary").bytes);
}
