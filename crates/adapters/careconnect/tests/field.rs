//! What real senders write and R4 reads otherwise: meaning that would turn round, values in a wrong form, answers that
//! are no record.
#![allow(missing_docs)]

use causeway_adapter::contract::test_context;
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_careconnect::CareConnect;
use serde_json::{Value, json};

fn run(resources: &[Value]) -> (Translation, Vec<Value>) {
    let patient = json!({"resourceType": "Patient", "id": "p1"});
    let entries: Vec<Value> =
        std::iter::once(&patient).chain(resources).map(|r| json!({"resource": r})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
    let found = translate(&CareConnect, bundle.to_string().as_bytes(), &test_context());
    let all = found.outputs.iter().flat_map(|o| {
        let bundle: Value = serde_json::from_slice(&o.json).unwrap();
        bundle["entry"].as_array().cloned().unwrap_or_default().into_iter().map(|mut e| e["resource"].take())
    });
    let all = all.collect();
    (found, all)
}

fn one(resource: Value) -> (Vec<&'static str>, Value) {
    let kind = resource["resourceType"].as_str().unwrap().to_owned();
    let kind =
        if kind.ends_with("Request") && kind != "MedicationRequest" { "ServiceRequest" } else { &kind }
            .to_owned();
    let (found, all) = run(&[resource]);
    let found_one = all.into_iter().find(|r| r["resourceType"] == *kind).expect("the resource");
    (found.issues.iter().map(|i| i.rule).collect(), found_one)
}

const WHO: &str = "Patient/p1";

#[test]
fn what_was_not_done_does_not_read_as_done() {
    let medicine = json!({"text": "Warfarin 1mg tablets"});
    let (_, given) = one(
        json!({"resourceType": "MedicationAdministration", "id": "a", "status": "completed", "notGiven": true, "reasonNotGiven": [{"text": "Refused"}], "medicationCodeableConcept": medicine, "subject": {"reference": WHO}, "effectiveDateTime": "2026-03-01"}),
    );
    assert_eq!(
        (&given["status"], &given["statusReason"][0]["text"]),
        (&json!("not-done"), &json!("Refused"))
    );
    let (_, given) = one(
        json!({"resourceType": "MedicationAdministration", "id": "a", "status": "completed", "notGiven": false, "medicationCodeableConcept": medicine, "subject": {"reference": WHO}, "effectiveDateTime": "2026-03-01"}),
    );
    assert_eq!(given["status"], "completed");
    for status in [Some("completed"), None] {
        let mut dispense = json!({"resourceType": "MedicationDispense", "id": "d", "notDone": true, "notDoneReasonCodeableConcept": {"text": "Out of stock"}, "medicationCodeableConcept": medicine});
        if let Some(status) = status {
            dispense["status"] = json!(status);
        }
        let (_, dispensed) = one(dispense);
        assert_eq!(dispensed["status"], "declined", "{status:?}");
        assert_eq!(dispensed["statusReasonCodeableConcept"]["text"], "Out of stock");
    }
    let (_, plan) = one(
        json!({"resourceType": "CarePlan", "id": "c", "status": "active", "intent": "plan", "subject": {"reference": WHO}, "activity": [{"detail": {"prohibited": true, "status": "not-started", "statusReason": "Swallowing", "code": {"text": "Thin fluids"}}}]}),
    );
    let detail = &plan["activity"][0]["detail"];
    assert_eq!(
        (&detail["doNotPerform"], &detail["statusReason"]["text"]),
        (&json!(true), &json!("Swallowing"))
    );
    let (rules, history) = one(
        json!({"resourceType": "FamilyMemberHistory", "id": "f", "status": "completed", "notDone": true, "notDoneReason": {"text": "Adopted"}, "patient": {"reference": WHO}, "relationship": {"text": "Mother"}}),
    );
    assert_eq!(
        (&history["status"], &history["dataAbsentReason"]["text"]),
        (&json!("health-unknown"), &json!("Adopted"))
    );
    assert!(rules.contains(&"history-not-taken"));
}

/// Of a flag that is neither true nor false nobody can tell whether it was done: the status says so, and no other stands there.
#[test]
fn what_may_not_have_been_done_does_not_read_as_done() {
    let medicine = json!({"text": "Warfarin 1mg tablets"});
    let who = json!({"reference": WHO});
    let cases = [
        (
            json!({"resourceType": "Immunization", "vaccineCode": {"text": "Flu"}, "patient": who}),
            "notGiven",
            None,
            "not-done",
        ),
        (
            json!({"resourceType": "Procedure", "code": {"text": "Dressing"}, "subject": who}),
            "notDone",
            Some("unknown"),
            "not-done",
        ),
        (json!({"resourceType": "Communication", "subject": who}), "notDone", Some("unknown"), "not-done"),
        (
            json!({"resourceType": "MedicationAdministration", "medicationCodeableConcept": medicine, "subject": who, "effectiveDateTime": "2026-03-01"}),
            "notGiven",
            Some("unknown"),
            "not-done",
        ),
        (
            json!({"resourceType": "MedicationDispense", "medicationCodeableConcept": medicine}),
            "notDone",
            Some("unknown"),
            "declined",
        ),
        (
            json!({"resourceType": "FamilyMemberHistory", "patient": who, "relationship": {"text": "Mother"}}),
            "notDone",
            None,
            "health-unknown",
        ),
    ];
    let with = |made: &Value, flag: &str, value: Value, status: Option<&str>| {
        let mut made = made.clone();
        made["id"] = json!("x");
        made[flag] = value;
        if let Some(status) = status {
            made["status"] = json!(status);
        }
        one(made)
    };
    for (made, flag, unknown, not_done) in &cases {
        let kind = &made["resourceType"];
        for value in [json!("yes"), json!(1), json!("ture"), json!({"value": true})] {
            let (rules, found) = with(made, flag, value.clone(), Some("completed"));
            assert!(rules.contains(&"flag-unreadable"), "{kind} {value}: {rules:?}");
            assert_eq!(found["status"].as_str(), *unknown, "{kind} {value}");
            assert_eq!(found["_status"].is_null(), unknown.is_some(), "{kind} {value}");
            let (rules, found) = with(made, flag, value, Some("entered-in-error"));
            assert!(
                rules.contains(&"flag-unreadable") && found["status"] == "entered-in-error",
                "{kind}: {found}"
            );
        }
        for status in [Some("completed"), None] {
            for value in [json!(true), json!("TRUE")] {
                let (rules, found) = with(made, flag, value, status);
                assert!(
                    !rules.contains(&"flag-unreadable") && found["status"] == *not_done,
                    "{kind} {status:?}: {found}"
                );
            }
        }
        let (rules, found) = with(made, flag, json!("False"), Some("completed"));
        assert!(!rules.contains(&"flag-unreadable") && found["status"] == "completed", "{kind}: {found}");
    }
    let statement = json!({"resourceType": "MedicationStatement", "medicationCodeableConcept": medicine, "subject": who, "effectiveDateTime": "2026-03-01"});
    for (taken, wanted) in
        [("n", "not-taken"), (" N", "not-taken"), ("y", "active"), ("unk", "active"), ("no", "unknown")]
    {
        let (rules, found) = with(&statement, "taken", json!(taken), Some("active"));
        assert_eq!(found["status"], wanted, "{taken:?}");
        assert_eq!(rules.contains(&"taken-unreadable"), wanted == "unknown", "{taken:?}: {rules:?}");
    }
    assert_eq!(with(&statement, "taken", json!("n"), None).1["status"], "not-taken");
}

#[test]
fn a_consent_keeps_its_exceptions() {
    let (_, consent) = one(
        json!({"resourceType": "Consent", "id": "c", "status": "active", "patient": {"reference": WHO}, "period": {"start": "2026-01-01"}, "policyRule": "http://example.org/policy", "sourceIdentifier": {"value": "S-1"}, "except": [{"type": "deny", "actor": [{"role": {"text": "researcher"}, "reference": {"display": "A university"}}], "code": [{"system": "http://snomed.info/sct", "code": "22298006"}]}]}),
    );
    let denied = &consent["provision"]["provision"][0];
    assert_eq!(
        (&denied["type"], &denied["actor"][0]["reference"]["display"]),
        (&json!("deny"), &json!("A university"))
    );
    assert_eq!(denied["code"][0]["coding"][0]["code"], "22298006");
    assert_eq!(consent["provision"]["period"]["start"], "2026-01-01");
    assert_eq!(consent["sourceReference"]["identifier"]["value"], "S-1");
    assert!(consent["scope"]["coding"].is_array() && consent["category"].is_array());
}

#[test]
fn values_in_a_wrong_form_are_repaired_or_left_out_and_told() {
    let (found, all) = run(&[
        json!({"resourceType": "Observation", "id": "o", "status": "Final", "code": {"text": "Weight"}, "subject": {"reference": WHO}, "valueQuantity": {"value": "71.50", "unit": "kg"}}),
        json!({"resourceType": "Practitioner", "id": "d", "active": "true", "gender": "F", "birthDate": "1970-02-03T00:00:00Z", "name": [{"family": "Oakhollow"}]}),
        json!({"resourceType": "Observation", "id": "n", "status": "nonsense", "code": {"text": "Count"}, "subject": {"reference": WHO}, "valueInteger": 5.5}),
        json!({"resourceType": "Organization", "id": "g", "active": "perhaps", "name": "A surgery", "identifier": [{"system": "2.16.840.1.113883.2.1.4.3", "value": "ZP401"}]}),
    ]);
    let by = |key: &str, kind: &str| {
        all.iter().find(|r| r["resourceType"] == kind && r.to_string().contains(key)).unwrap()
    };
    let weight = by("Weight", "Observation");
    assert_eq!(
        (weight["status"].as_str(), weight["valueQuantity"]["value"].to_string().as_str()),
        (Some("final"), "71.50")
    );
    let doctor = by("Oakhollow", "Practitioner");
    assert_eq!(
        (&doctor["active"], &doctor["gender"], &doctor["birthDate"]),
        (&json!(true), &json!("female"), &json!("1970-02-03"))
    );
    let count = by("Count", "Observation");
    assert_eq!((&count["status"], &count["valueInteger"]), (&json!("unknown"), &Value::Null));
    let surgery = by("ZP401", "Organization");
    assert_eq!(
        (&surgery["active"], &surgery["identifier"][0]["system"]),
        (&Value::Null, &json!("urn:oid:2.16.840.1.113883.2.1.4.3"))
    );
    let told = |rule| found.issues.iter().filter(|i| i.rule == rule).count();
    assert_eq!((told("value-repaired"), told("value-invalid")), (6, 2), "{:?}", found.issues);
    assert_eq!(told("code-unknown"), 1, "{:?}", found.issues);
    assert_eq!(count["_status"]["extension"][0]["valueString"], "nonsense");
    for output in &found.outputs {
        let report = causeway_profile::check(&output.json);
        let errors = report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error);
        assert_eq!(errors.map(|f| format!("{f:?}")).collect::<Vec<_>>(), Vec::<String>::new());
    }
}

#[test]
fn an_active_condition_with_an_end_keeps_both_and_says_so() {
    let condition = |status: &str| json!({"resourceType": "Condition", "id": "c", "clinicalStatus": status, "verificationStatus": "confirmed", "code": {"text": "Asthma"}, "subject": {"reference": WHO}, "abatementDateTime": "2010-12-09"});
    let (rules, active) = one(condition("active"));
    assert!(
        active["abatementDateTime"].is_null()
            && active["note"][0]["text"].as_str().unwrap().contains("2010-12-09")
    );
    assert!(rules.contains(&"active-problem-ended"));
    let (rules, over) = one(condition("resolved"));
    assert_eq!(over["abatementDateTime"], "2010-12-09");
    assert!(!rules.contains(&"active-problem-ended"));
}

#[test]
fn an_answer_that_is_no_record_is_refused() {
    let outcome =
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]});
    let connected = json!({"resourceType": "OperationOutcome", "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1"]}, "issue": []});
    let bundled = json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": outcome}]});
    for input in [&outcome, &connected, &bundled] {
        let found = translate(&CareConnect, input.to_string().as_bytes(), &test_context());
        assert!(found.outputs.is_empty() && found.rejected());
        assert!(found.issues.iter().any(|i| i.rule == "no-record"), "{:?}", found.issues);
    }
    assert_eq!(CareConnect.detect(outcome.to_string().as_bytes()).confidence, Confidence::No);
    assert_eq!(CareConnect.detect(connected.to_string().as_bytes()).confidence, Confidence::Certain);
}

#[test]
fn a_type_that_is_not_translated_sinks_nothing() {
    let text = r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"resource":{"resourceType":"Patient","id":"p","gender":"female","birthDate":"2042-01-01"}},
        {"resource":{"resourceType":"RiskAssessment","id":"c","status":"final","subject":{"reference":"Patient/p"}}},
        {"resource":{"resourceType":"Condition","id":"k","clinicalStatus":"active","note":[null,{"text":"see letter"}],
            "code":{"text":"Asthma"},"subject":{"reference":"Patient/p"}}}]}"#;
    let found = translate(&CareConnect, text.as_bytes(), &test_context());
    let json = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
    assert!(json.contains("Asthma") && json.contains("see letter") && !json.contains("null"), "{json}");
    for rule in ["resource-type-not-carried", "birth-date-in-future"] {
        assert!(found.issues.iter().any(|i| i.rule == rule), "{rule}: {:?}", found.issues);
    }
}

/// A date that can't be read costs itself alone, whatever holds it: the resource and its neighbours come out, the text is
/// kept, and the place is told.
#[test]
fn one_bad_date_costs_itself_alone() {
    let subject = json!({"reference": WHO});
    let code = json!({"text": "Asthma"});
    let medicine = json!({"text": "Warfarin 1mg tablets"});
    let neighbour = json!({"resourceType": "Observation", "id": "n", "status": "final", "code": {"text": "Weight"}, "subject": subject, "effectiveDateTime": "2023-01-05", "valueString": "neighbour"});
    let mut tried = 0;
    for bad in ["2023-02-30", "05/01/2023", "2023-13", "yesterday", "0000-00-00"] {
        for (mut resource, path) in [
            (json!({"resourceType": "Patient", "id": "p2"}), "birthDate"),
            (json!({"resourceType": "Patient", "id": "p2"}), "deceasedDateTime"),
            (
                json!({"resourceType": "Observation", "id": "x", "status": "final", "code": code, "subject": subject}),
                "effectiveDateTime",
            ),
            (
                json!({"resourceType": "Observation", "id": "x", "status": "final", "code": code, "subject": subject}),
                "issued",
            ),
            (
                json!({"resourceType": "Observation", "id": "x", "status": "final", "code": code, "subject": subject}),
                "valueDateTime",
            ),
            (
                json!({"resourceType": "Condition", "id": "x", "clinicalStatus": "active", "code": code, "subject": subject}),
                "onsetDateTime",
            ),
            (
                json!({"resourceType": "Condition", "id": "x", "clinicalStatus": "resolved", "code": code, "subject": subject}),
                "abatementDateTime",
            ),
            (
                json!({"resourceType": "Condition", "id": "x", "clinicalStatus": "active", "code": code, "subject": subject}),
                "assertedDate",
            ),
            (
                json!({"resourceType": "AllergyIntolerance", "id": "x", "verificationStatus": "confirmed", "code": code, "patient": subject}),
                "assertedDate",
            ),
            (
                json!({"resourceType": "Immunization", "id": "x", "status": "completed", "notGiven": false, "primarySource": true, "vaccineCode": code, "patient": subject}),
                "date",
            ),
            (
                json!({"resourceType": "MedicationRequest", "id": "x", "status": "active", "intent": "order", "medicationCodeableConcept": medicine, "subject": subject}),
                "authoredOn",
            ),
            (
                json!({"resourceType": "Procedure", "id": "x", "status": "completed", "code": code, "subject": subject}),
                "performedDateTime",
            ),
            (
                json!({"resourceType": "ProcedureRequest", "id": "x", "status": "active", "intent": "order", "code": code, "subject": subject}),
                "authoredOn",
            ),
            (
                json!({"resourceType": "DocumentReference", "id": "x", "status": "current", "type": code, "subject": subject, "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}]}),
                "indexed",
            ),
            (
                json!({"resourceType": "List", "id": "x", "status": "current", "mode": "snapshot", "subject": subject}),
                "date",
            ),
            (
                json!({"resourceType": "Appointment", "id": "x", "status": "booked", "participant": [{"actor": subject, "status": "accepted"}]}),
                "created",
            ),
        ] {
            resource[path] = json!(bad);
            let at = format!("{}.{path} {bad}", resource["resourceType"]);
            // A record has one patient.
            let patient = if resource["resourceType"] == "Patient" {
                resource.clone()
            } else {
                json!({"resourceType": "Patient", "id": "p1"})
            };
            let mut entries = vec![json!({"resource": patient})];
            if resource["resourceType"] != "Patient" {
                entries.push(json!({"resource": resource}));
                entries.push(json!({"resource": neighbour}));
            }
            let bundle = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
            let found = translate(&CareConnect, bundle.to_string().as_bytes(), &test_context());
            let output: String =
                found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect();
            assert!(!output.is_empty(), "{at}: refused: {:?}", found.issues);
            assert!(output.contains("neighbour") || entries.len() == 1, "{at}: the neighbour is gone");
            assert!(!output.contains(&format!(r#""{path}":"{bad}""#)), "{at}: {output}");
            let told = found.issues.iter().find(|i| i.rule == "date-invalid");
            let told = told.unwrap_or_else(|| panic!("{at}: not told: {:?} {output}", found.issues));
            assert!(told.position.as_ref().is_some_and(|p| p.path.ends_with(path)), "{at}: {told:?}");
            tried += 1;
        }
    }
    assert_eq!(tried, 80);
}

/// A day that a program wrote as a moment: midnight in London is that day, in summer too.
#[test]
fn a_birth_date_written_as_a_moment_is_its_day_in_london() {
    for (said, day) in [
        ("1950-06-11T23:00:00.000Z", "1950-06-12"),
        ("1950-06-12T00:00:00+01:00", "1950-06-12"),
        ("1950-01-12T00:00:00Z", "1950-01-12"),
        ("1950-01-12T09:30:00Z", "1950-01-12"),
    ] {
        let bundle = json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient", "id": "p", "birthDate": said}}]});
        let found = translate(&CareConnect, bundle.to_string().as_bytes(), &test_context());
        let output = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
        assert!(output.contains(&format!(r#""birthDate":"{day}""#)), "{said}: {output}");
    }
}

/// What is less than a number is not that number.
#[test]
fn a_number_does_not_stand_without_its_comparator() {
    let observed = |comparator: &str| {
        one(
            json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "CRP"}, "subject": {"reference": WHO}, "valueQuantity": {"value": 5, "comparator": comparator, "unit": "mg/L"}}),
        )
    };
    for (said, read) in [("<", "<"), ("=<", "<="), ("≥", ">="), (" > ", ">")] {
        let (_, found) = observed(said);
        assert_eq!(
            (&found["valueQuantity"]["comparator"], &found["valueQuantity"]["value"]),
            (&json!(read), &json!(5))
        );
    }
    for said in ["lt", "~", "approx"] {
        let (rules, found) = observed(said);
        assert!(found["valueQuantity"].get("value").is_none(), "{said}: {found}");
        assert!(rules.contains(&"value-invalid"));
    }
}

#[test]
fn codes_of_a_telephone_are_repaired_like_others() {
    let bundle = json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient", "id": "p", "telecom": [{"system": "Phone", "use": "HOME", "value": "01632 960001"}]}}]});
    let found = translate(&CareConnect, bundle.to_string().as_bytes(), &test_context());
    let output = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
    assert!(output.contains(r#""system":"phone""#) && output.contains(r#""use":"home""#), "{output}");
}

#[test]
fn what_breaks_a_rule_of_r4_is_repaired_and_told() {
    let subject = json!({"reference": WHO});
    for kind in ["AllergyIntolerance", "Condition"] {
        let (who, other) = if kind == "Condition" { ("subject", "patient") } else { ("patient", "subject") };
        let mut resource = json!({"resourceType": kind, "id": "x", "clinicalStatus": "active", "verificationStatus": "entered-in-error", "code": {"text": "Penicillin"}, who: subject});
        let (rules, found) = one(resource.clone());
        assert!(found.get("clinicalStatus").is_none() && rules.contains(&"status-of-error"), "{found}");
        assert!(!rules.contains(&"r4-invalid"), "{kind}: {rules:?}");
        resource["verificationStatus"] = json!("confirmed");
        assert!(one(resource).1.get("clinicalStatus").is_some(), "the control; {other}");
    }
    let (rules, consent) =
        one(json!({"resourceType": "Consent", "id": "c", "status": "active", "patient": subject}));
    assert_eq!(consent["policyRule"]["coding"][0]["code"], "unknown");
    assert!(rules.contains(&"required-unknown"));
    let (rules, asthma) = one(
        json!({"resourceType": "Condition", "id": "c", "clinicalStatus": "active", "abatementBoolean": false, "code": {"text": "Asthma"}, "subject": subject}),
    );
    assert!(!rules.contains(&"active-problem-ended") && asthma.get("note").is_none(), "{asthma}");
}

#[test]
fn a_narrative_without_its_content_says_that_there_is_none() {
    let (told, composition) = one(
        json!({"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "Summary"}, "subject": {"reference": WHO}, "date": "2026-03-01", "author": [{"reference": WHO}], "title": "Summary", "section": [{"title": "Plan", "text": {"status": "empty"}}]}),
    );
    let text = &composition["section"][0]["text"];
    assert!(text["div"].as_str().is_some_and(|div| div.contains("No narrative")), "{text}");
    // R4 takes no extension of it.
    assert!(text["_div"].is_null(), "{text}");
    assert!(told.contains(&"required-unknown"), "{told:?}");
}

#[test]
fn ends_and_ranges_that_can_t_be_are_told() {
    let range = json!({"low": {"value": 9, "unit": "mg"}, "high": {"value": 5, "unit": "mg"}});
    let (told, found) = one(
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Count"}, "subject": {"reference": WHO}, "effectivePeriod": {"start": "2026-02-01", "end": "2025-02-01"}, "valueRange": range}),
    );
    assert!(told.contains(&"period-reversed") && told.contains(&"range-reversed"), "{told:?}");
    assert_eq!(found["effectivePeriod"], json!({"start": "2026-02-01"}));
    assert_eq!(found["valueRange"]["extension"][0]["valueString"], "9 - 5 mg");
    assert!(found["valueRange"]["low"].is_null());
    // An end that is none ends nothing.
    let (told, found) = one(
        json!({"resourceType": "Condition", "id": "c", "code": {"text": "Asthma"}, "subject": {"reference": WHO}, "onsetDateTime": "2020-01-01", "abatementDateTime": "1900-01-01"}),
    );
    assert!(told.contains(&"end-sentinel"), "{told:?}");
    assert!(found["abatementDateTime"].is_null() && found["clinicalStatus"].is_null(), "{found}");
    // A control character costs itself alone.
    let (told, found) = one(
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Count"}, "subject": {"reference": WHO}, "valueString": "No\u{0}rmal\u{7}"}),
    );
    assert_eq!(found["valueString"], "Normal");
    assert!(told.contains(&"value-repaired"), "{told:?}");
}

#[test]
fn a_unit_that_is_said_to_be_ucum_has_its_usual_code() {
    let (found, all) = run(&[
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "White cells"}, "subject": {"reference": WHO}, "valueQuantity": {"value": 5.2, "unit": "x10^9/L", "system": "http://unitsofmeasure.org", "code": "10^9/L"}}),
        json!({"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "Pressures"}, "subject": {"reference": WHO}, "component": [{"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "system": "http://unitsofmeasure.org", "code": "mmHg"}}]}),
        json!({"resourceType": "Observation", "id": "m", "status": "final", "code": {"text": "Sodium"}, "subject": {"reference": WHO}, "valueQuantity": {"value": 140, "system": "http://unitsofmeasure.org", "code": "mmol/l"}}),
    ]);
    let value = |text: &str| {
        let one = all.iter().find(|r| r["code"]["text"] == text).unwrap();
        let value = if one["component"].is_null() {
            &one["valueQuantity"]
        } else {
            &one["component"][0]["valueQuantity"]
        };
        (
            value["unit"].as_str().unwrap_or_default().to_owned(),
            value["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(value("White cells"), ("x10^9/L".to_owned(), "10*9/L".to_owned()));
    assert_eq!(value("Pressures"), ("mmHg".to_owned(), "mm[Hg]".to_owned()));
    assert_eq!(value("Sodium"), (String::new(), "mmol/l".to_owned()));
    assert_eq!(found.issues.iter().filter(|i| i.rule == "unit-respelt").count(), 2, "{:?}", found.issues);
}

#[test]
fn what_stands_twice_or_in_words_is_told() {
    let who = json!({"reference": WHO});
    let observation = |value: Value| {
        let mut made = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "CRP"}, "subject": who});
        for (key, value) in value.as_object().unwrap() {
            made[key] = value.clone();
        }
        made
    };
    let quantity = json!({"value": 5, "unit": "mg/L"});
    let vaccination = json!({"resourceType": "Immunization", "id": "i", "status": "completed", "notGiven": "TRUE", "vaccineCode": {"text": "Flu"}, "patient": who, "primarySource": true});
    type Case<'c> = (Value, &'c str, &'c str, &'c str);
    let cases: [Case<'_>; 6] = [
        (
            observation(json!({"valueQuantity": quantity, "valueString": "clotted"})),
            "\"value\":5",
            "clotted",
            "choice-several",
        ),
        (
            observation(json!({"valueQuantity": {"value": "<5", "unit": "mg/L"}})),
            "\"comparator\":\"<\"",
            "\"<5\"",
            "value-repaired",
        ),
        (
            observation(json!({"valueQuantity": {"value": "5,2", "unit": "mg/L"}})),
            "\"valueString\":\"5,2\"",
            "\"value\":\"5,2\"",
            "value-words",
        ),
        (
            observation(json!({"valueQuantity": quantity, "dataAbsentReason": {"text": "error"}})),
            "\"value\":5",
            "dataAbsentReason",
            "value-beside-absence",
        ),
        (
            observation(
                json!({"valueQuantity": quantity, "referenceRange": [{"low": {"value": 9}, "high": {"value": 5}}]}),
            ),
            "\"text\":\"9 - 5\"",
            "\"low\"",
            "range-reversed",
        ),
        (vaccination, "\"status\":\"not-done\"", "completed", ""),
    ];
    for (resource, holds, lacks, rule) in cases {
        let (rules, made) = one(resource);
        let text = made.to_string();
        assert!(text.contains(holds) && !text.contains(lacks), "{text}");
        assert!(rule.is_empty() || rules.contains(&rule), "{rule}: {rules:?}");
    }
}

#[test]
fn words_of_a_list_in_other_capitals_are_that_word() {
    let (rules, allergy) = one(
        json!({"resourceType": "AllergyIntolerance", "id": "a", "clinicalStatus": "Resolved", "verificationStatus": "Refuted", "code": {"text": "Penicillin"}, "patient": {"reference": WHO}}),
    );
    assert_eq!(allergy["verificationStatus"]["coding"][0]["code"], "refuted");
    assert_eq!(rules.iter().filter(|rule| **rule == "value-repaired").count(), 2, "{rules:?}");
}

#[test]
fn a_dose_that_does_not_count_is_told() {
    for (code, told) in [("nocount", true), ("count", false)] {
        let (rules, _) = one(
            json!({"resourceType": "Immunization", "id": "i", "status": "completed", "notGiven": false, "primarySource": true, "vaccineCode": {"text": "MMR"}, "patient": {"reference": WHO}, "date": "2026-01-01", "vaccinationProtocol": [{"doseSequence": 1, "targetDisease": [{"text": "Measles"}], "doseStatus": {"coding": [{"code": code}]}}]}),
        );
        assert_eq!(rules.contains(&"element-without-place"), told, "{code}: {rules:?}");
    }
}

#[test]
fn a_narrative_keeps_its_words_and_no_program() {
    let narrative = |div: &str| json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Hb"}, "subject": {"reference": WHO}, "text": {"status": "generated", "div": div}});
    let (rules, plain) = one(narrative(
        "<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>alert(1)</script><p onclick=\"x()\">Hb 98 &amp; falling</p></div>",
    ));
    assert_eq!(
        plain["text"]["div"],
        "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Hb 98 &amp; falling</p></div>"
    );
    assert!(rules.contains(&"narrative-plain"));
    let whole = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Hb <b>98</b></p></div>";
    let (rules, kept) = one(narrative(whole));
    assert_eq!(kept["text"]["div"], whole);
    assert!(!rules.contains(&"narrative-plain"));
}

#[test]
fn references_and_identities_that_can_t_be_are_told() {
    let (rules, result) = one(
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Hb"}, "subject": {"reference": WHO}, "context": {"reference": 5}}),
    );
    assert!(result["encounter"]["reference"].is_null() && result["encounter"]["display"] == "5", "{result}");
    assert!(rules.contains(&"value-words"), "{rules:?}");
    let nhs = |value: Value| json!({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": value});
    let person = |more: Value| {
        let mut patient =
            json!({"resourceType": "Patient", "id": "p9", "identifier": [nhs(json!("9990000018"))]});
        patient.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let found = translate(&CareConnect, patient.to_string().as_bytes(), &test_context());
        let output = found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json)).collect::<String>();
        (found.issues.iter().map(|i| i.rule).collect::<Vec<_>>(), output)
    };
    let (rules, output) = person(json!({"identifier": [nhs(json!("9990000018")), nhs(json!("9990000026"))]}));
    assert!(rules.contains(&"nhs-number-second"), "{rules:?}");
    assert_eq!(output.matches("https://fhir.nhs.uk/Id/nhs-number\"").count(), 1);
    assert!(person(json!({"identifier": [nhs(json!(9990000018u64))]})).0.contains(&"value-repaired"));
    let (rules, output) = person(json!({"deceasedDateTime": "9999-12-31"}));
    assert!(rules.contains(&"death-date-sentinel") && !output.contains("\"deceasedDateTime\""), "{output}");
    // A server says of a record that something of it is missing.
    let (found, _) = run(&[
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}),
    ]);
    assert!(found.issues.iter().any(|i| i.rule == "outcome-in-record"));
}

#[test]
fn names_in_the_place_of_addresses_and_sizes_that_are_none_are_told() {
    let document = |attachment: Value, identifier: Value, extension: Value| {
        json!({"resourceType": "DocumentReference", "id": "d", "status": "current", "subject": {"reference": WHO}, "indexed": "2026-03-01T10:00:00Z",
            "type": {"text": "Letter"}, "extension": [extension], "identifier": [identifier],
            "content": [{"attachment": attachment}]})
    };
    let data = "TGV0dGVy";
    let (told, found) = one(document(
        json!({"contentType": "text/plain", "data": data, "size": 4}),
        json!({"system": "EPR7", "value": "44"}),
        json!({"url": "Encounter/44", "valueString": "kept"}),
    ));
    for rule in ["attachment-size", "system-relative", "extension-relative"] {
        assert_eq!(told.iter().filter(|t| **t == rule).count(), 1, "{rule} {told:?}");
    }
    assert!(
        found["content"][0]["attachment"]["size"].is_null()
            && found["content"][0]["attachment"]["data"] == data
    );
    assert_eq!(found["identifier"][0]["value"], "44");
    assert!(found["identifier"][0]["system"].is_null());
    assert_eq!(found["identifier"][0]["_system"]["extension"][0]["valueString"], "EPR7");
    assert!(found["extension"].is_null(), "{found}");
    // As they should be; a part of an extension has a name and no URL.
    let (told, found) = one(document(
        json!({"contentType": "text/plain", "data": data, "size": 6}),
        json!({"system": "urn:oid:1.2.3", "value": "44"}),
        json!({"url": "https://example.org/whole", "extension": [{"url": "part", "valueString": "kept"}]}),
    ));
    assert!(!told.iter().any(|t| t.ends_with("-relative") || *t == "attachment-size"), "{told:?}");
    assert_eq!(found["content"][0]["attachment"]["size"], 6);
    assert_eq!(found["extension"][0]["extension"][0]["valueString"], "kept");
}

#[test]
fn an_allergy_to_what_nobody_says_says_so() {
    let (told, allergy) =
        one(json!({"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": WHO},
        "clinicalStatus": "active", "verificationStatus": "confirmed"}));
    assert!(told.contains(&"required-unknown"), "{told:?}");
    assert_eq!(allergy["code"]["coding"][0]["code"], "unknown");
}
