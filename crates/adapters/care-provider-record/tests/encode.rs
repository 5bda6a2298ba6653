//! The way back: round trips, and what a discharge leaves behind.

mod common;

use causeway_adapter::contract::{Random, test_context};
use causeway_adapter::{Adapter, translate};
use causeway_adapter_care_provider_record::{CareProviderRecord, SCHEMA};
use serde_json::{Value, json};

fn round_trip(input: &[u8]) -> (Value, Vec<causeway_core::Issue>, Vec<causeway_core::Issue>) {
    let context = common::open_context();
    let there = translate(&CareProviderRecord, input, &context);
    let bundle: Value = serde_json::from_slice(&there.outputs[0].json).expect("a bundle");
    let back = CareProviderRecord.encode(&bundle, &context).expect("encoded");
    (serde_json::from_slice(&back.bytes).expect("JSON"), there.issues, back.left_behind)
}

/// Pointers of leaves with their values; a `Z` offset is `+00:00`.
fn leaves(value: &Value, path: String, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| leaves(member, format!("{path}/{name}"), into));
        }
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, element)| leaves(element, format!("{path}/{n}"), into));
        }
        other => into.push((path, other.to_string().replace("Z\"", "+00:00\""))),
    }
}

#[test]
fn what_came_goes_back() {
    for case in ["edith-larkspur", "minimal", "text-names-another", "about-me-old", "attorney-photo-only"] {
        let (_, input) = common::cases().into_iter().find(|(name, _)| name == case).expect("case");
        let (back, issues, left) = round_trip(&input);
        let source: Value = serde_json::from_slice(&input).expect("JSON");
        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(&source, String::new(), &mut before);
        leaves(&back, String::new(), &mut after);
        before.sort();
        after.sort();
        // Immigration status is never passed on, whatever the options.
        before.retain(|(path, _)| path != "/subject/immigrationStatus");
        let lost: Vec<_> = before.iter().filter(|leaf| !after.contains(leaf)).collect();
        let new: Vec<_> = after.iter().filter(|leaf| !before.contains(leaf)).collect();
        assert!(
            lost.is_empty() && new.is_empty(),
            "{case}: lost {lost:#?}, new {new:#?}, issues {issues:#?}"
        );
        let labels: Vec<_> = left
            .iter()
            .filter_map(|i| i.position.as_ref())
            .map(|p| p.path.as_str())
            .filter(|p| !p.contains(").meta.security"))
            .collect();
        assert_eq!(labels, Vec::<&str>::new(), "{case}");
    }
}

/// Every case: what does not come back is named by an issue of the way there.
#[test]
fn what_does_not_come_back_is_named() {
    for (case, input) in common::cases() {
        let context = common::open_context();
        let there = translate(&CareProviderRecord, &input, &context);
        if there.outputs.is_empty() || case == "member-twice" {
            continue;
        }
        let (back, issues, _) = round_trip(&input);
        let source: Value = serde_json::from_slice(&input).expect("JSON");
        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(&source, String::new(), &mut before);
        leaves(&back, String::new(), &mut after);
        let values: Vec<&String> = after.iter().map(|(_, value)| value).collect();
        for (path, value) in &before {
            // A list that lost an item counts anew, so the value is looked for, not the pointer.
            let named = issues.iter().filter_map(|i| i.position.as_ref()).any(|p| {
                let item = p.path.trim_end_matches(|c| c != '/').trim_end_matches('/');
                path.starts_with(&p.path) || (!item.is_empty() && path.starts_with(item))
            });
            let blank = value.trim_matches('"').trim().is_empty();
            let closed = path == "/subject/immigrationStatus";
            assert!(
                values.contains(&value) || named || blank || closed,
                "{case}: {path} is lost without a word"
            );
        }
    }
}

/// A discharge as a hospital's HL7 v2 feed becomes FHIR.
fn discharge() -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "id": "b-1", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "1",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
                {"system": "https://fhir.causeway.example/Id/local/ZZ901/hospital-number", "value": "H4471"}],
            "name": [{"use": "official", "family": "Larkspur", "given": ["Edith", "Mary"], "prefix": ["Mrs"]}],
            "gender": "female", "birthDate": "1942-03-09", "maritalStatus": {"text": "Widowed"},
            "address": [{"use": "home", "line": ["14 Heron Close"], "city": "Ashmarsh", "postalCode": "ZZ99 3VZ"}],
            "generalPractitioner": [{"type": "Organization", "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZP401"}}]}},
        {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Organization", "id": "2", "name": "Ashmarsh General Hospital",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ901"}]}},
        {"fullUrl": "urn:uuid:3", "resource": {"resourceType": "Encounter", "id": "3", "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP", "display": "inpatient encounter"},
            "subject": {"reference": "urn:uuid:1"}, "period": {"start": "2026-08-20T15:00:00+01:00", "end": "2026-09-01T11:00:00+01:00"},
            "serviceProvider": {"reference": "urn:uuid:2"},
            "hospitalization": {"dischargeDisposition": {"text": "Care home"}}}},
        {"fullUrl": "urn:uuid:4", "resource": {"resourceType": "Condition", "id": "4", "subject": {"reference": "urn:uuid:1"},
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis"}]}],
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-uk", "code": "S72.0"},
                {"system": "http://snomed.info/sct", "code": "5913000", "display": "Fracture of neck of femur"}]}}},
        {"fullUrl": "urn:uuid:5", "resource": {"resourceType": "AllergyIntolerance", "id": "5", "patient": {"reference": "urn:uuid:1"},
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
            "code": {"text": "Penicillin"}, "note": [{"text": "Told by daughter"}]}},
        {"fullUrl": "urn:uuid:6", "resource": {"resourceType": "Observation", "id": "6", "status": "final", "subject": {"reference": "urn:uuid:1"},
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
            "code": {"text": "Haemoglobin"}, "effectiveDateTime": "2026-08-25",
            "valueQuantity": {"value": 103, "unit": "g/L"}, "method": {"text": "Analyser"}}},
        {"fullUrl": "urn:uuid:7", "resource": {"resourceType": "MedicationStatement", "id": "7", "status": "active", "subject": {"reference": "urn:uuid:1"},
            "medicationReference": {"reference": "urn:uuid:11"}, "dosage": [{"text": "Two tablets up to four times a day"}]}},
        {"fullUrl": "urn:uuid:8", "resource": {"resourceType": "RelatedPerson", "id": "8", "patient": {"reference": "urn:uuid:1"},
            "name": [{"family": "Larkspur", "given": ["Hazel"]}], "telecom": [{"system": "phone", "value": "01632 960555"}],
            "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "DAUC"}]}]}},
        {"fullUrl": "urn:uuid:9", "resource": {"resourceType": "DocumentReference", "id": "9", "status": "current", "subject": {"reference": "urn:uuid:1"},
            "type": {"text": "Discharge letter"}, "content": [{"attachment": {"contentType": "application/pdf", "url": "https://hospital.example/l/1"}}]}},
        {"fullUrl": "urn:uuid:10", "resource": {"resourceType": "ImagingStudy", "id": "10", "status": "available", "subject": {"reference": "urn:uuid:1"}}},
        {"fullUrl": "urn:uuid:11", "resource": {"resourceType": "Medication", "id": "11", "code": {"text": "Paracetamol 500mg tablets"}}}
    ]})
}

#[test]
fn a_care_home_receives_a_discharge() {
    let encoded = CareProviderRecord.encode(&discharge(), &test_context()).expect("encoded");
    let record: Value = serde_json::from_slice(&encoded.bytes).expect("JSON");
    assert_eq!(record["subject"]["familyName"], "Larkspur");
    assert_eq!(record["subject"]["address"]["line2"], "Ashmarsh");
    assert_eq!(record["provider"]["odsCode"], "ZZ901");
    assert_eq!(record["admissions"][0]["endDate"], "2026-09-01T11:00:00+01:00");
    assert_eq!(record["admissions"][0]["hospital"]["name"], Value::Null);
    assert_eq!(record["conditions"][0]["condition"]["code"], "5913000");
    assert_eq!(record["allergies"][0]["comment"], "Told by daughter");
    assert_eq!(record["investigationResults"][0]["value"]["value"], 103);
    assert_eq!(record["medications"][0]["medication"]["text"], "Paracetamol 500mg tablets");
    assert_eq!(record["medications"][0]["dosage"], "Two tablets up to four times a day");
    assert_eq!(record["personalContacts"][0]["name"], "Hazel Larkspur");
    assert_eq!(record["documents"][0]["contentType"], "application/pdf");
    let left: Vec<&str> =
        encoded.left_behind.iter().filter_map(|i| i.position.as_ref()).map(|p| p.path.as_str()).collect();
    for path in [
        "Bundle.entry[0].resource.ofType(Patient).maritalStatus.text",
        "Bundle.entry[3].resource.ofType(Condition).code.coding[0].code",
        "Bundle.entry[3].resource.ofType(Condition).category[0].coding[0].code",
        "Bundle.entry[5].resource.ofType(Observation).method.text",
        "Bundle.entry[9].resource.ofType(ImagingStudy)",
    ] {
        assert!(left.contains(&path), "{path} is not in {left:#?}");
    }
    let schema: Value = serde_json::from_str(SCHEMA).expect("schema");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let faults: Vec<String> = validator.iter_errors(&record).map(|e| e.instance_path().to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    // What was encoded is read again without a fault.
    let again = translate(&CareProviderRecord, &encoded.bytes, &test_context());
    let errors: Vec<_> =
        again.issues.iter().filter(|i| i.severity >= causeway_core::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_bundle_without_a_person_is_no_record() {
    let bundle = json!({"resourceType": "Bundle", "entry": []});
    assert!(CareProviderRecord.encode(&bundle, &test_context()).is_err());
}

/// Broken bundles: no panic, and what is written keeps the schema as far as the person goes.
#[test]
fn survives_broken_bundles() {
    let (_, input) = common::cases().into_iter().find(|(name, _)| name == "edith-larkspur").expect("case");
    let there = translate(&CareProviderRecord, &input, &common::open_context());
    let mut random = Random(11);
    let mut read = 0;
    for seed in [there.outputs[0].json.clone(), discharge().to_string().into_bytes()] {
        for _ in 0..2_000 {
            let mutant = random.mutate(&seed);
            if let Ok(bundle) = serde_json::from_slice::<Value>(&mutant) {
                read += 1;
                let _ = CareProviderRecord.encode(&bundle, &test_context());
            }
        }
    }
    assert!(read > 100, "{read}");
}

#[test]
fn a_role_that_points_to_itself_leads_nowhere() {
    let bundle = json!({"resourceType": "Bundle", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "1"}},
        {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "PractitionerRole", "id": "2",
            "practitioner": {"reference": "urn:uuid:2"}}},
        {"fullUrl": "urn:uuid:3", "resource": {"resourceType": "Flag", "id": "3", "status": "active",
            "code": {"text": "x"}, "author": {"reference": "urn:uuid:2"}}}
    ]});
    let encoded = CareProviderRecord.encode(&bundle, &test_context()).expect("encoded");
    let record: Value = serde_json::from_slice(&encoded.bytes).expect("JSON");
    assert_eq!(record["alerts"][0]["alert"]["text"], "x");
}
