//! The adapter contract, refusals, and our own output come in again.

use causeway_adapter::contract::{Suite, project_root, test_context};
use causeway_adapter::{Adapter, Confidence, translate};
use causeway_adapter_fhir_r4::FhirR4;
use serde_json::{Value, json};

#[test]
fn keeps_the_contract() {
    Suite::new(&FhirR4).folder("fixtures/fhir-r4").check();
}

/// Every bundle that our adapters, but for one, wrote for a fixture, with its place.
fn bundles_of_fixtures(but: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for adapter in std::fs::read_dir(project_root().join("fixtures")).expect("fixtures").flatten() {
        if adapter.file_name() == but {
            continue;
        }
        for case in std::fs::read_dir(adapter.path()).expect("cases").flatten() {
            let Ok(text) = std::fs::read(case.path().join("expected.r4.json")) else { continue };
            let outputs: Value = serde_json::from_slice(&text).expect("JSON");
            let list = outputs.as_array().cloned().unwrap_or_else(|| vec![outputs.clone()]);
            let bundles = list.into_iter().filter(|o| o["resourceType"] == "Bundle");
            found.extend(bundles.map(|bundle| (case.path().display().to_string(), bundle)));
        }
    }
    found
}

/// Every bundle that an adapter of ours wrote for a fixture is taken, with nothing of it lost but the labels of who told it.
#[test]
fn our_own_output_comes_in_again() {
    let bundles = bundles_of_fixtures("fhir-r4");
    for (place, output) in &bundles {
        let input = output.to_string().into_bytes();
        assert_eq!(FhirR4.detect(&input).confidence, Confidence::Likely, "{place}");
        let suite = Suite::new(&FhirR4).case(place.clone(), input.clone());
        suite.accounts();
        suite.resolves_references();
        let again = translate(&FhirR4, &input, &test_context());
        let bundle: Value = serde_json::from_slice(&again.outputs[0].json).expect("JSON");
        let count = |b: &Value| b["entry"].as_array().map_or(0, Vec::len);
        // One more Provenance: this telling's own.
        assert_eq!(count(&bundle), count(output) + 1, "{place}");
    }
    assert!(bundles.len() > 30, "{}", bundles.len());
}

#[test]
fn what_is_no_record_is_refused() {
    for input in [
        json!({"resourceType": "OperationOutcome", "issue": []}),
        json!({"resourceType": "Bundle", "type": "document", "entry": [{"resource": {"resourceType": "Patient"}}]}),
        json!({"resourceType": "Bundle", "type": "history", "entry": []}),
        json!({"resourceType": "Unheard"}),
        json!({"resourceType": "Condition", "clinicalStatus": "active"}),
    ] {
        assert_eq!(FhirR4.detect(input.to_string().as_bytes()).confidence, Confidence::No, "{input}");
    }
    let patient = json!({"resourceType": "Patient"});
    assert_eq!(FhirR4.detect(patient.to_string().as_bytes()).confidence, Confidence::Likely);
    let twice = br#"{"resourceType":"Patient","id":"a","id":"b"}"#;
    assert!(translate(&FhirR4, twice, &test_context()).outputs.is_empty());
}

#[test]
fn what_cannot_be_is_told_as_by_every_adapter() {
    let run = |patient: &str| {
        let input = format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient",
                "identifier":[{{"system":"https://terminology.hl7.org/x","value":"1"}}],{patient}}}}}]}}"#
        );
        let found = translate(&FhirR4, input.as_bytes(), &test_context());
        let rules: Vec<&str> = found.issues.iter().map(|i| i.rule).collect();
        (String::from_utf8_lossy(&found.outputs[0].json).into_owned(), rules.join(","))
    };
    let (json, rules) = run(r#""birthDate":"2042-03-09""#);
    assert!(
        rules.contains("birth-date-in-future") && !json.contains(r#""birthDate":"2042"#),
        "{rules} {json}"
    );
    assert!(json.contains(r#""valueString":"2042-03-09""#), "{json}");
    let (json, rules) = run(r#""birthDate":"1942-03-09","deceasedDateTime":"1932-01-01""#);
    assert!(rules.contains("death-date-doubtful") && json.contains("1932-01-01"), "{rules} {json}");
    let (_, rules) = run(r#""birthDate":"1942-03-09","deceasedDateTime":"2026-01-01""#);
    assert_eq!(rules, "");
}

#[test]
fn an_answer_of_a_server_is_no_record() {
    let input = br#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"OperationOutcome",
        "meta":{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-OperationOutcome"]},"issue":[]}}]}"#;
    let found = translate(&FhirR4, input, &test_context());
    assert!(found.outputs.is_empty());
    assert!(found.issues.iter().any(|i| i.rule == "bundle-without-resource"), "{:?}", found.issues);
}

/// What is not in R4's form costs itself alone: read where its meaning is certain, else kept as text; neighbours stand.
#[test]
fn values_in_a_wrong_form_are_mended_or_cost_themselves_alone() {
    let run = |element: &str, value: &str| {
        let resource = match element {
            "birthDate" | "gender" | "active" | "deceasedDateTime" => {
                format!(
                    r#"{{"resourceType":"Patient","id":"p","name":[{{"family":"Neighbour"}}],"{element}":{value}}}"#
                )
            }
            _ => format!(
                r#"{{"resourceType":"Observation","id":"o","status":"final","code":{{"text":"Neighbour"}},"{element}":{value}}}"#
            ),
        };
        let input = format!(
            r#"{{"resourceType":"Bundle","type":"collection","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Bundle"]}},"entry":[{{"resource":{resource}}}]}}"#
        );
        let found = translate(&FhirR4, input.as_bytes(), &test_context());
        let json: String =
            found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect();
        let told: Vec<_> =
            found.issues.iter().filter(|i| matches!(i.rule, "value-repaired" | "date-invalid")).collect();
        assert!(
            told.iter().all(|i| i.position.as_ref().is_some_and(|p| p.path.ends_with(element))),
            "{told:?}"
        );
        (json, told.iter().map(|i| i.rule).collect::<Vec<_>>())
    };
    for (element, value, written) in [
        ("birthDate", r#""1950-04-12T00:00:00""#, r#""birthDate":"1950-04-12""#),
        ("gender", r#""Female""#, r#""gender":"female""#),
        ("gender", r#""M""#, r#""gender":"male""#),
        ("active", r#""true""#, r#""active":true"#),
        ("status", r#""Final""#, r#""status":"final""#),
        ("effectiveDateTime", r#""2023-01-05 10:30""#, r#""effectiveDateTime":"2023-01-05T10:30:00+00:00""#),
        ("valueString", "5.50", r#""valueString":"5.50""#),
        ("valueQuantity", r#"{"value":"70.10"}"#, r#""value":70.10"#),
    ] {
        let element_told = if element == "valueQuantity" { "value" } else { element };
        let (json, told) = match element_told {
            "value" => {
                let input = format!(
                    r#"{{"resourceType":"Observation","id":"o","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"]}},"status":"final","code":{{"text":"Neighbour"}},"{element}":{value}}}"#
                );
                let found = translate(&FhirR4, input.as_bytes(), &test_context());
                let json: String =
                    found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect();
                (json, found.issues.iter().map(|i| i.rule).filter(|r| *r == "value-repaired").collect())
            }
            _ if element == "status" => {
                let input = r#"{"resourceType":"Observation","id":"o","meta":{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"]},"status":"Final","code":{"text":"Neighbour"}}"#;
                let found = translate(&FhirR4, input.as_bytes(), &test_context());
                let json: String =
                    found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect();
                (json, found.issues.iter().map(|i| i.rule).filter(|r| *r == "value-repaired").collect())
            }
            _ => run(element, value),
        };
        assert!(json.contains(written), "{element} {value}: {json}");
        assert_eq!(told, ["value-repaired"], "{element} {value}");
    }
    for (element, value) in [
        ("birthDate", "1950-13-40"),
        ("birthDate", "12/04/1950"),
        ("deceasedDateTime", "yesterday"),
        ("effectiveDateTime", "2023-02-30"),
        ("issued", "2023-01-05"),
        ("valueDateTime", "soon"),
    ] {
        let (json, told) = run(element, &format!(r#""{value}""#));
        assert!(!json.contains(&format!(r#""{element}":"{value}""#)), "{json}");
        assert!(
            json.contains(&format!(r#""valueString":"{value}""#)) && json.contains("Neighbour"),
            "{json}"
        );
        assert_eq!(told, ["date-invalid"], "{element} {value}");
    }
    assert_eq!(run("birthDate", r#""1950-04-12""#).1, [""; 0], "the control");
}

/// The XML form of every bundle that an adapter of ours wrote gives what its JSON form gives, item by item.
#[test]
fn xml_gives_what_json_gives() {
    let bundles = bundles_of_fixtures("");
    for (place, output) in &bundles {
        let xml = causeway_profile::Definitions::r4().to_xml(output).expect("XML");
        let xml = xml.into_bytes();
        assert_eq!(FhirR4.detect(&xml).confidence, Confidence::Likely, "{place}");
        let suite = Suite::new(&FhirR4).case(place.clone(), xml.clone());
        suite.accounts();
        suite.resolves_references();
        let of = |input: &[u8]| -> Value {
            let found = translate(&FhirR4, input, &test_context());
            serde_json::from_slice(&found.outputs[0].json).expect("JSON")
        };
        assert!(of(&xml) == of(output.to_string().as_bytes()), "{place}");
    }
    assert!(bundles.len() > 30, "{}", bundles.len());
}

/// What FHIR has no place for is told and kept out; STU3 in XML is not taken for R4.
#[test]
fn what_only_xml_can_hold_is_told() {
    let patient = |inner: &str| {
        format!(
            "<Patient xmlns=\"http://hl7.org/fhir\" xmlns:o=\"urn:other\"><id value=\"p\"/>{inner}</Patient>"
        )
    };
    let input = patient(
        "loose<active value=\"true\" o:since=\"2001\"/><o:note>more</o:note><gender value=\"female\"/>",
    );
    let found = translate(&FhirR4, input.as_bytes(), &test_context());
    let told: Vec<&str> = found.issues.iter().map(|i| i.rule).collect();
    assert_eq!(told, ["xml-foreign", "xml-foreign", "xml-foreign"]);
    let bundle = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
    assert!(
        bundle.contains("\"active\":true") && !bundle.contains("loose") && !bundle.contains("more"),
        "{bundle}"
    );
    let stu3 = "<Condition xmlns=\"http://hl7.org/fhir\"><clinicalStatus value=\"active\"/><subject><display value=\"x\"/></subject></Condition>";
    assert_eq!(FhirR4.detect(stu3.as_bytes()).confidence, Confidence::No);
    assert_eq!(FhirR4.detect(patient("").as_bytes()).confidence, Confidence::Likely);
    assert_eq!(FhirR4.detect(b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>").confidence, Confidence::No);
    let broken = translate(
        &FhirR4,
        b"<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"p\"></Patient>",
        &test_context(),
    );
    assert!(broken.outputs.is_empty() && !broken.issues.is_empty());
}

#[test]
fn ends_and_ranges_that_can_t_be_are_told() {
    let who = json!({"reference": "urn:uuid:11111111-1111-4111-8111-111111111111"});
    let range = json!({"low": {"value": 9, "unit": "mg"}, "high": {"value": 5, "unit": "mg"}});
    let resources = [
        json!({"resourceType": "Patient", "name": [{"family": "GULL"}], "gender": "Quolm"}),
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "No\u{0}rmal\u{7}"}, "subject": who, "effectivePeriod": {"start": "2026-02-01", "end": "2025-02-01"}, "valueRange": range}),
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "Less"}, "subject": who, "valueQuantity": {"value": 5, "comparator": "\u{2264}"}}),
    ];
    let entry = |(at, resource): (usize, &Value)| {
        let mark = at + 1;
        json!({"fullUrl": format!("urn:uuid:{}", format!("{mark}").repeat(8) + "-1111-4111-8111-111111111111"), "resource": resource})
    };
    let entries: Vec<Value> = resources.iter().enumerate().map(entry).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    let found = translate(&FhirR4, bundle.to_string().as_bytes(), &test_context());
    let text = String::from_utf8_lossy(&found.outputs[0].json);
    let bundle: Value = serde_json::from_str(&text).expect("JSON");
    let at = |n: usize| &bundle["entry"][n]["resource"];
    assert_eq!(at(0)["gender"], "unknown");
    assert_eq!(at(0)["_gender"]["extension"][0]["valueString"], "Quolm");
    assert_eq!(at(1)["code"]["text"], "Normal");
    assert_eq!(at(1)["effectivePeriod"]["end"], Value::Null);
    assert_eq!(at(1)["effectivePeriod"]["_end"]["extension"][0]["valueString"], "2025-02-01");
    assert_eq!(at(1)["valueRange"]["extension"][0]["valueString"], "9 - 5 mg");
    assert_eq!(at(2)["valueQuantity"]["comparator"], "<=");
    for rule in ["code-unknown", "value-repaired", "end-left-out", "range-reversed"] {
        assert!(found.issues.iter().any(|i| i.rule == rule), "{rule}: {:?}", found.issues);
    }
    assert_eq!(causeway_profile::check(&found.outputs[0].json).errors(), 0, "{text}");
}

/// Elements of earlier versions, second values of a choice, wrong shapes and spellings of units: what is written is R4, what was
/// not done reads so, and what is left out or kept beside is told.
#[test]
fn what_r4_has_no_element_for_is_not_written_as_fhir() {
    let who = json!({"reference": "Patient/p1"});
    let with = |mut resource: Value, key: &str, value: Value| {
        resource[key] = value;
        resource
    };
    let vaccination = json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "Flu"}, "patient": who, "occurrenceDateTime": "2026-10-01"});
    let dose = json!({"resourceType": "MedicationAdministration", "status": "completed", "medicationCodeableConcept": {"text": "Warfarin"}, "subject": who, "effectiveDateTime": "2026-10-01"});
    let result = json!({"resourceType": "Observation", "status": "final", "code": {"text": "White cells"}, "subject": who, "valueQuantity": {"value": 5.2, "system": "http://unitsofmeasure.org", "code": "10^9/L"}});
    let patient = json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Gull"}]});
    type Case<'c> = (Value, &'c [&'c str], &'c [&'c str], &'c str);
    let quantity = |value: Value| json!({"resourceType": "Observation", "status": "final", "code": {"text": "CRP"}, "subject": who, "valueQuantity": value});
    let condition = |clinical: &str, verification: &str, end: Value| {
        let status = |system: &str, code: &str| json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]});
        let mut made = json!({"resourceType": "Condition", "code": {"text": "Asthma"}, "subject": who, "clinicalStatus": status("condition-clinical", clinical), "verificationStatus": status("condition-ver-status", verification)});
        if !end.is_null() {
            made["abatementDateTime"] = end;
        }
        made
    };
    let dose_of = |status: &str| json!({"resourceType": "MedicationAdministration", "status": status, "medicationCodeableConcept": {"text": "Warfarin"}, "subject": who, "effectiveDateTime": "2026-10-01"});
    let cases: Vec<Case<'_>> = vec![
        (
            with(vaccination.clone(), "notGiven", json!(true)),
            &["\"status\":\"not-done\""],
            &["notGiven"],
            "not-done-of-stu3",
        ),
        (
            with(vaccination.clone(), "notGiven", json!(false)),
            &["\"status\":\"completed\""],
            &["notGiven"],
            "",
        ),
        (
            with(vaccination.clone(), "notGiven", json!("yes")),
            &["\"_status\":{\"extension\""],
            &["notGiven", "completed"],
            "flag-unreadable",
        ),
        (
            with(with(vaccination, "notGiven", json!("yes")), "status", json!("entered-in-error")),
            &["\"status\":\"entered-in-error\""],
            &["notGiven"],
            "flag-unreadable",
        ),
        (
            with(dose.clone(), "notGiven", json!(1)),
            &["\"status\":\"unknown\""],
            &["notGiven", "completed"],
            "flag-unreadable",
        ),
        (
            json!({"resourceType": "MedicationStatement", "status": "active", "taken": "no", "medicationCodeableConcept": {"text": "Aspirin"}, "subject": who}),
            &["\"status\":\"unknown\""],
            &["\"taken\"", "active"],
            "flag-unreadable",
        ),
        (
            with(dose, "wasNotGiven", json!("TRUE")),
            &["\"status\":\"not-done\""],
            &["wasNotGiven"],
            "not-done-of-stu3",
        ),
        (
            json!({"resourceType": "MedicationStatement", "status": "active", "taken": "n", "medicationCodeableConcept": {"text": "Aspirin"}, "subject": who}),
            &["\"status\":\"not-taken\""],
            &["\"taken\""],
            "not-done-of-stu3",
        ),
        (
            json!({"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": who, "activity": [{"detail": {"status": "in-progress", "prohibited": true, "description": "Thin fluids"}}]}),
            &["\"doNotPerform\":true"],
            &["\"prohibited\":"],
            "not-done-of-stu3",
        ),
        (
            with(result.clone(), "comments", json!("haemolysed")),
            &["5.2", "\"valueString\":\"haemolysed\""],
            &["\"comments\":"],
            "element-without-place",
        ),
        (
            result.clone(),
            &["\"code\":\"10*9/L\"", "\"unit\":\"10^9/L\""],
            &["\"code\":\"10^9/L\""],
            "unit-respelt",
        ),
        (
            with(result.clone(), "valueString", json!("clotted")),
            &["5.2", "\"url\":\"value\",\"valueString\":\"clotted\""],
            &[],
            "choice-twice",
        ),
        (
            with(
                with(patient.clone(), "deceasedBoolean", json!(true)),
                "deceasedDateTime",
                json!("2026-01-02"),
            ),
            &["\"deceasedDateTime\":\"2026-01-02\""],
            &["\"deceasedBoolean\":"],
            "choice-twice",
        ),
        (
            with(
                with(patient.clone(), "deceasedBoolean", json!(false)),
                "deceasedDateTime",
                json!("2026-01-02"),
            ),
            &["\"valueBoolean\":false", "\"valueDateTime\":\"2026-01-02\""],
            &["\"deceasedBoolean\":", "\"deceasedDateTime\":"],
            "choice-twice",
        ),
        (
            with(patient.clone(), "name", json!({"family": "Gull", "given": "Ivy"})),
            &["\"name\":[{\"family\":\"Gull\",\"given\":[\"Ivy\"]}]"],
            &[],
            "value-repaired",
        ),
        (
            with(result.clone(), "status", json!(["final", "cancelled"])),
            &["\"status\":\"final\"", "\"valueString\":\"cancelled\""],
            &[],
            "element-once",
        ),
        (
            with(result, "code", json!("White cells")),
            &["\"code\":{\"text\":\"White cells\"}"],
            &[],
            "value-repaired",
        ),
        (
            json!({"resourceType": "ProcedureRequest", "status": "active", "intent": "order", "code": {"text": "X-ray"}, "subject": who}),
            &[],
            &["ProcedureRequest", "X-ray"],
            "resource-type-unknown",
        ),
        (
            quantity(json!({"value": 5, "comparator": "&lt;", "unit": "mg/L"})),
            &["\"comparator\":\"<\""],
            &[],
            "value-repaired",
        ),
        (
            quantity(json!({"value": 5, "comparator": "round", "unit": "mg/L"})),
            &["\"valueString\":\"round 5 mg/L\""],
            &["\"value\":5"],
            "comparator-unknown",
        ),
        (
            quantity(json!({"value": "<5", "unit": "mg/L"})),
            &["\"comparator\":\"<\"", "\"value\":5"],
            &[],
            "value-repaired",
        ),
        (
            quantity(json!({"value": "1,200", "unit": "mg/L"})),
            &["source-text\",\"valueString\":\"1,200\""],
            &["\"value\":\"1,200\""],
            "value-words",
        ),
        (
            with(quantity(json!({"value": 5})), "valueString", json!("")),
            &["\"value\":5"],
            &["\"valueString\""],
            "",
        ),
        (
            with(quantity(json!({"value": 5})), "dataAbsentReason", json!({"text": "clotted"})),
            &["\"valueCodeableConcept\":{\"text\":\"clotted\"}"],
            &["\"dataAbsentReason\":"],
            "value-beside-absence",
        ),
        (
            with(
                quantity(json!({"value": 5})),
                "referenceRange",
                json!([{"low": {"value": 160}, "high": {"value": 120, "unit": "g/L"}}]),
            ),
            &["\"text\":\"160 - 120 g/L\""],
            &["\"low\""],
            "range-reversed",
        ),
        (
            with(quantity(json!({"value": 5})), "effectiveDateTime", json!("2026-10-25T01:30:00")),
            &["\"2026-10-25T01:30:00+01:00\""],
            &[],
            "local-time-doubtful",
        ),
        (
            json!({"resourceType": "AllergyIntolerance", "clinicalStatus": "Active", "verificationStatus": "refuted", "code": {"text": "Penicillin"}, "patient": who}),
            &["allergyintolerance-clinical\",\"code\":\"active\"", "\"code\":\"refuted\""],
            &["\"clinicalStatus\":\"Active\""],
            "value-repaired",
        ),
        (
            condition("active", "confirmed", json!("2020-01-01")),
            &["\"url\":\"value\",\"valueDateTime\":\"2020-01-01\""],
            &["\"abatementDateTime\":"],
            "active-problem-ended",
        ),
        (
            condition("active", "entered-in-error", Value::Null),
            &["entered-in-error"],
            &["clinicalStatus"],
            "status-of-error",
        ),
        (
            with(
                patient.clone(),
                "identifier",
                json!([{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000019"}]),
            ),
            &["number-not-valid"],
            &["Id/nhs-number"],
            "nhs-number-check-digit",
        ),
        (
            with(
                with(dose_of("completed"), "notGiven", json!(true)),
                "reasonNotGiven",
                json!([{"text": "refused"}]),
            ),
            &["\"status\":\"not-done\"", "\"statusReason\":[{\"text\":\"refused\"}]"],
            &[],
            "not-done-of-stu3",
        ),
        (
            json!({"resourceType": "Goal", "status": "cancelled", "description": {"text": "walk"}, "subject": who}),
            &["\"lifecycleStatus\":\"cancelled\""],
            &["\"status\":\"cancelled\""],
            "value-repaired",
        ),
    ];
    for (resource, holds, lacks, rule) in cases {
        let own = resource["id"] == "p1";
        let mut entries = vec![json!({"resource": resource})];
        entries.extend((!own).then(|| json!({"resource": patient})));
        let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string();
        let found = translate(&FhirR4, bundle.as_bytes(), &test_context());
        let text = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
        for part in holds {
            assert!(text.contains(part), "{resource}: lacks {part}: {text}");
        }
        for part in lacks {
            assert!(!text.contains(part), "{resource}: has {part}: {text}");
        }
        let told: Vec<&str> = found.issues.iter().map(|i| i.rule).collect();
        assert!(rule.is_empty() && told.is_empty() || told.contains(&rule), "{resource}: {told:?}");
        let report = causeway_profile::check(&found.outputs[0].json);
        assert_eq!(report.errors(), 0, "{resource}: {:?}", report.findings);
        let suite = Suite::new(&FhirR4).case("changed", bundle);
        suite.accounts();
        assert_eq!(
            suite.lies().into_iter().filter(|(at, _)| !at.contains("resourceType")).collect::<Vec<_>>(),
            [],
            "{resource}"
        );
    }
}

#[test]
fn names_in_the_place_of_addresses_and_sizes_that_are_none_are_told() {
    let run = |system: &str, url: &str, size: u8| {
        let input = format!(
            r#"{{"resourceType":"DocumentReference","id":"d","meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-DocumentReference"]}},"extension":[{{"url":"{url}","valueString":"kept"}}],"identifier":[{{"system":"{system}","value":"44"}}],"status":"current","content":[{{"attachment":{{"contentType":"text/plain","data":"TGV0dGVy","size":{size}}}}}]}}"#
        );
        let found = translate(&FhirR4, input.as_bytes(), &test_context());
        let json: String =
            found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect();
        let rules = ["attachment-size", "system-relative", "extension-relative"];
        let told = found.issues.iter().filter(|i| rules.contains(&i.rule)).count();
        assert!(json.contains(r#""value":"44""#) && json.contains("TGV0dGVy"), "{json}");
        (json, told)
    };
    let (json, told) = run("EPR7", "Encounter/44", 4);
    assert_eq!(told, 3, "{json}");
    assert!(
        json.contains(r#""valueString":"EPR7""#)
            && !json.contains(r#""size""#)
            && !json.contains("Encounter/44"),
        "{json}"
    );
    let (json, told) = run("urn:oid:1.2.3", "https://example.org/whole", 6);
    assert_eq!(told, 0);
    assert!(json.contains(r#""size":6"#) && json.contains("https://example.org/whole"), "{json}");
}
