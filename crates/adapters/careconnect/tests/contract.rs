//! The adapter contract, refusals, and what the corpora must give.

use causeway_adapter::contract::{Suite, corpora, project_root, test_context};
use causeway_adapter::{Translation, translate};
use causeway_adapter_careconnect::CareConnect;
use causeway_core::Severity;
use serde_json::Value;

fn fixture(case: &str) -> Translation {
    let path = project_root().join("fixtures/careconnect").join(case).join("input.json");
    translate(&CareConnect, &std::fs::read(path).expect("fixture"), &test_context())
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let entries = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

#[test]
fn keeps_the_contract() {
    Suite::new(&CareConnect).folder("fixtures/careconnect").check();
}

#[test]
fn medicines_by_the_official_table() {
    let medicines = fixture("medicines");
    let courses: Vec<_> = resources(&medicines, "MedicationRequest")
        .iter()
        .map(|r| {
            let coding = &r["courseOfTherapyType"]["coding"][0];
            (
                coding["code"].as_str().unwrap_or("").to_owned(),
                coding["system"].as_str().unwrap_or("").to_owned(),
            )
        })
        .collect();
    let terminology = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy";
    assert_eq!(courses[0], ("acute".to_owned(), terminology.to_owned()));
    assert_eq!(courses[1].0, "continuous-repeat-dispensing");
    assert_eq!(courses[2].0, "delayed-prescribing");
    assert!(medicines.issues.iter().any(|i| i.rule == "prescription-type-unknown"));
    let stopped = &resources(&medicines, "MedicationRequest")[0];
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(stopped["statusReason"]["text"], "Patient no longer requires these");
    assert!(stopped.to_string().contains("\"valueDateTime\":\"2026-07-14\""), "the date of the change stays");
    let statement = &resources(&medicines, "MedicationStatement")[0];
    assert_eq!(statement["status"], "not-taken");
    assert_eq!(statement["statusReason"][0]["text"], "Feels well without");
}

#[test]
fn nothing_is_dropped_of_what_is_not_known() {
    let condition = resources(&fixture("unknown-extensions"), "Condition")[0].clone();
    let text = condition.to_string();
    assert!(text.contains("https://elsewhere.example/Extension-CareConnect-ActualProblem-1"));
    assert!(text.contains("kept as it is"));
    assert_eq!(condition["modifierExtension"][0]["url"], "https://elsewhere.example/modifier");
    let within = &condition["extension"][1]["extension"][0]["valueReference"]["reference"];
    assert!(within.as_str().is_some_and(|r| r.starts_with("urn:uuid:")));
}

#[test]
fn a_structured_record_in_uk_core() {
    let record = fixture("structured-record");
    let allergy = &resources(&record, "AllergyIntolerance")[0];
    assert_eq!(allergy["clinicalStatus"]["coding"][0]["code"], "resolved");
    assert_eq!(allergy["clinicalStatus"]["extension"][0]["extension"][0]["valueDateTime"], "2024-11-01");
    assert!(allergy["encounter"]["reference"].is_string());
    assert_eq!(allergy["recordedDate"], "2019-03-12T10:15:00+00:00");
    let glucose = resources(&record, "Observation").into_iter().find(|o| o["valueQuantity"].is_object());
    let glucose = glucose.expect("a result");
    assert_eq!(glucose["valueQuantity"]["value"].to_string(), "7.10");
    assert!(glucose["derivedFrom"][0]["reference"].is_string());
    assert_eq!(glucose["interpretation"][0]["text"], "High");
    let referral = resources(&record, "ServiceRequest");
    assert_eq!(referral[0]["status"], "revoked");
    assert_eq!(referral[0]["note"][0]["text"], "Please see at home");
    assert_eq!(referral[0]["code"]["coding"][0]["code"], "183545006");
    let immunisation = &resources(&record, "Immunization")[0];
    assert_eq!(immunisation["occurrenceDateTime"], "2026-10-01");
    assert_eq!(immunisation["protocolApplied"][0]["doseNumberPositiveInt"], 1);
    let patient = &resources(&record, "Patient")[0];
    let verification = &patient["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0];
    assert_eq!(verification["code"], "01");
    assert_eq!(patient["communication"][0]["language"]["coding"][0]["code"], "cy");
}

#[test]
fn labels_and_precision_stay() {
    let allergy = &resources(&fixture("confidential"), "AllergyIntolerance")[0];
    assert_eq!(allergy["meta"]["security"][0]["code"], "NOPAT");
    let partial = fixture("partial-dates");
    let condition = &resources(&partial, "Condition")[0];
    assert_eq!(
        (&condition["onsetDateTime"], &condition["abatementDateTime"]),
        (&"1970".into(), &"1971-02".into())
    );
    assert!(resources(&partial, "Immunization")[0]["occurrenceString"] == "unknown");
}

#[test]
fn refusals_have_a_rule_and_a_place() {
    for (case, rule) in [
        ("two-patients", "patient-repeated"),
        ("person-not-in-record", "patient-reference-dangling"),
        ("wrong-nhs-number", "nhs-number-check-digit"),
    ] {
        let translation = fixture(case);
        assert!(translation.outputs.is_empty(), "{case}");
        let issue = translation.issues.iter().find(|i| i.rule == rule).expect(case);
        assert!(issue.position.is_some(), "{case}");
    }
}

#[test]
fn a_vaccine_is_called_by_the_words_of_the_source() {
    let given = resources(&fixture("vaccinations"), "Immunization");
    let words: Vec<_> = given.iter().map(|i| i["vaccineCode"]["text"].as_str()).collect();
    let procedure = Some("Administration of seasonal influenza vaccine");
    assert_eq!(words, [procedure, Some("Flu jab, nasal"), None, procedure]);
    assert_eq!(given[2]["vaccineCode"]["coding"][0]["display"], "Fernvax suspension for injection");
    assert_eq!(given[3]["status"], "not-done");
    assert_eq!(given[3]["statusReason"]["text"], "Declined by the person");
}

#[test]
fn a_reference_to_nothing_harms_no_neighbour() {
    let record = fixture("dangling-reference");
    assert_eq!(record.outputs.len(), 1);
    let missing = |severity| {
        let told = record.issues.iter().filter(|i| i.rule == "reference-dangling" && i.severity == severity);
        told.filter_map(|i| i.position.as_ref()).map(|p| p.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(missing(Severity::Error), ["/entry/5/resource/medicationReference/reference"]);
    assert_eq!(missing(Severity::Warning).len(), 3, "{:?}", record.issues);
    let request = &resources(&record, "MedicationRequest")[0];
    assert_eq!(request["medicationReference"]["display"], "not in the record that was sent");
    assert!(request["medicationReference"]["reference"].is_null());
    assert!(request["medicationReference"]["identifier"]["value"].is_string());
    assert_eq!(request["dosageInstruction"][0]["text"], "One to be taken each day");
    let condition = &resources(&record, "Condition")[0];
    assert_eq!(condition["code"]["coding"][0]["display"], "Type 2 diabetes mellitus");
    assert!(condition["asserter"]["identifier"]["value"].is_string());
}

#[test]
fn every_bundle_is_valid() {
    let folder = project_root().join("fixtures/careconnect");
    let mut faults = Vec::new();
    for case in std::fs::read_dir(folder).expect("fixtures").flatten() {
        let case = case.file_name().to_string_lossy().into_owned();
        for output in fixture(&case).outputs {
            let report = causeway_profile::check(&output.json);
            let bad = |f: &&causeway_profile::Finding| f.severity == causeway_profile::Severity::Error;
            faults.extend(report.findings.iter().filter(bad).map(|f| format!("{case}: {f:?}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn accounts_for_the_corpora() {
    for name in ["careconnect-stu3", "stu3-to-r4"] {
        let Some(corpora) = corpora(name) else { continue };
        let mut suite = Suite::new(&CareConnect);
        let mut inputs = Vec::new();
        files(&corpora.join("in"), &mut inputs);
        for path in &inputs {
            suite = suite.case(path.display().to_string(), std::fs::read(path).expect("readable"));
        }
        suite.accounts();
        suite.resolves_references();
        let mut refused = Vec::new();
        files(&corpora.join("invalid"), &mut refused);
        assert!(!refused.is_empty());
        for path in refused {
            let input = std::fs::read(&path).expect("readable");
            let translation = translate(&CareConnect, &input, &test_context());
            let name = path.display();
            // One medicine that is missing, or one date, is an error, and no reason to keep a whole record from its reader.
            let kept = ["dangling_reference.stu3.json", "impossible_date.stu3.json", "bad_date.json"];
            let kept = kept.iter().any(|name| path.ends_with(name));
            assert_eq!(translation.outputs.is_empty(), !kept, "{name}: a record was given");
            let issue = translation.issues.iter().find(|i| i.severity >= causeway_core::Severity::Error);
            assert!(issue.is_some_and(|i| i.position.is_some()), "{name}: no refusal with a place");
        }
    }
}

#[test]
fn tells_the_truth_of_the_corpora() {
    let mut suite = Suite::new(&CareConnect);
    let mut found = 0;
    for (folder, name) in [
        ("careconnect-stu3", "medicus_structured_record.stu3.json"),
        ("careconnect-stu3", "uat_TC7_Gainsford.stu3.json"),
        ("stu3-to-r4", "specification/MedicationRequest.json"),
    ] {
        let Some(corpora) = corpora(folder) else { continue };
        suite = suite.case(name, std::fs::read(corpora.join("in").join(name)).expect("readable"));
        found += 1;
    }
    if found > 0 {
        suite.tells_the_truth();
    }
}
