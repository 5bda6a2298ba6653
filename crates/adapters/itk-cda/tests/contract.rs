//! The adapter contract, refusals, acknowledgements, and what the corpora must give.

use causeway_adapter::contract::{Suite, corpora, project_root, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_itk_cda::ItkCda;
use serde_json::Value;

fn input(case: &str) -> Vec<u8> {
    std::fs::read(project_root().join("fixtures/itk-cda").join(case).join("input.xml")).expect("fixture")
}

fn fixture(case: &str) -> Translation {
    translate(&ItkCda, &input(case), &test_context())
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let entries = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

fn answer(translation: &Translation) -> String {
    let bytes = translation.acknowledgement.as_ref().map(|a| a.bytes.clone()).unwrap_or_default();
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn keeps_the_contract() {
    Suite::new(&ItkCda).folder("fixtures/itk-cda").check();
}

/// `cargo test -p causeway-adapter-itk-cda -- --ignored`
#[test]
#[ignore = "a hundred thousand inputs take minutes"]
fn survives_many_mutations() {
    Suite::new(&ItkCda).folder("fixtures/itk-cda").survives_mutation(100_000, 7);
}

#[test]
fn a_report_of_nhs_111() {
    let report = fixture("nhs-111-report");
    let encounter = &resources(&report, "Encounter")[0];
    assert_eq!(encounter["hospitalization"]["dischargeDisposition"]["coding"][0]["code"], "Dx06");
    assert_eq!(encounter["period"]["start"], "2026-10-28T14:15:00+00:00");
    assert_eq!(encounter["participant"].as_array().map(Vec::len), Some(3));
    let triage = &resources(&report, "QuestionnaireResponse")[0];
    assert_eq!(triage["item"][0]["text"], "Is the ankle swollen?");
    assert_eq!(triage["item"][0]["answer"][0]["valueString"], "yes");
    assert_eq!(triage["item"][4]["answer"][0]["valueCoding"]["code"], "Dx06");
    let requests = resources(&report, "ServiceRequest");
    assert!(requests.iter().any(|r| r["code"]["coding"][0]["code"] == "Dx06" && r["performer"].is_array()));
    assert!(requests.iter().any(|r| r["occurrenceDateTime"] == "2026-10-28T17:00:00+00:00"));
    let consents = resources(&report, "Consent");
    assert_eq!(consents.len(), 2);
    assert!(consents.iter().any(|c| c["provision"]["type"] == "permit"));
    assert!(consents.iter().any(|c| c["provision"]["period"]["end"] == "2026-11-04"));
    assert!(report.issues.iter().any(|i| i.rule == "safeguarding-stated"));
    for kind in ["Composition", "Encounter", "ServiceRequest", "QuestionnaireResponse", "DocumentReference"] {
        assert!(resources(&report, kind).iter().all(|r| r["meta"]["security"][0]["code"] == "R"), "{kind}");
    }
    assert!(answer(&report).contains("SimpleMessageResponse"));
}

#[test]
fn a_discharge_summary_with_entries() {
    let summary = fixture("discharge-summary");
    let allergies = resources(&summary, "AllergyIntolerance");
    assert_eq!(allergies.len(), 2);
    let by = |code: &str| allergies.iter().find(|a| a["code"]["coding"][0]["code"] == code).expect("allergy");
    assert_eq!(by("373270004")["clinicalStatus"]["coding"][0]["code"], "active");
    assert_eq!(by("373270004")["reaction"][0]["manifestation"][0]["coding"][0]["code"], "271807003");
    assert_eq!(by("300916003")["verificationStatus"]["coding"][0]["code"], "refuted");
    let conditions = resources(&summary, "Condition");
    let of =
        |code: &str| conditions.iter().find(|c| c["code"]["coding"][0]["code"] == code).expect("condition");
    assert_eq!(of("195967001")["onsetDateTime"], "1998");
    assert!(of("195967001")["clinicalStatus"].is_null(), "nothing says that it is active");
    assert_eq!(of("71186008")["clinicalStatus"]["coding"][0]["code"], "resolved");
    let observations = resources(&summary, "Observation");
    let values: Vec<_> = observations.iter().map(|o| o["valueQuantity"]["value"].to_string()).collect();
    assert!(values.contains(&"109.0".to_owned()), "its digits");
    assert!(observations.iter().any(|o| o["valueQuantity"]["comparator"] == "<"));
    assert!(observations.iter().all(|o| o["code"]["coding"][0]["code"] != "73211009"), "the mother's");
    assert!(observations.iter().all(|o| o["code"]["coding"][0]["code"] != "386661006"), "negated");
    let orders = resources(&summary, "MedicationRequest");
    assert!(orders.iter().any(|m| m["dosageInstruction"][0]["text"] == "One tablet twice a day with food"));
    let stopped = &resources(&summary, "MedicationStatement")[0];
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(stopped["medicationCodeableConcept"]["text"], "Warfarin 3mg tablets");
    assert_eq!(resources(&summary, "Procedure").len(), 1);
    assert!(
        resources(&summary, "ServiceRequest").iter().any(|r| r["code"]["coding"][0]["code"] == "76746007")
    );
    let composition = &resources(&summary, "Composition")[0];
    assert_eq!(composition["relatesTo"][0]["code"], "replaces");
    assert_eq!(composition["attester"][0]["mode"], "professional");
    assert!(summary.issues.iter().any(|i| i.rule == "entry-of-another"));
    // One finding was refused: the sender of the message hears that some of it was not taken.
    assert!(answer(&summary).contains("acknowledgedBy3"), "{}", answer(&summary));
}

#[test]
fn each_document_stands_for_itself() {
    let history = fixture("repeat-caller");
    assert_eq!(history.outputs.len(), 2);
    let refused = history.issues.iter().find(|i| i.rule == "birth-date-invalid").expect("told");
    assert!(refused.position.is_some());
    assert!(answer(&history).contains("result=\"Failure\""));
    assert_eq!(fixture("encoded-payload").outputs.len(), 1);
    assert_eq!(resources(&fixture("nullification"), "Composition")[0]["status"], "entered-in-error");
    assert_eq!(
        resources(&fixture("non-coded"), "DocumentReference")[0]["content"][0]["attachment"]["contentType"],
        "application/pdf"
    );
}

#[test]
fn numbers_are_what_they_are() {
    let patient = &resources(&fixture("outpatient-letter"), "Patient")[0];
    assert_eq!(patient["birthDate"], "1958");
    let status = &patient["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"];
    assert_eq!(status, "02");
    let stated = &resources(&fixture("stated-number"), "Patient")[0];
    assert_ne!(stated["identifier"][0]["system"], "https://fhir.nhs.uk/Id/nhs-number");
    assert_eq!(stated["identifier"][0]["value"], "999000001");
}

#[test]
fn acknowledgements_both_ways() {
    assert!(answer(&fixture("outpatient-letter")).contains("InfrastructureResponse"));
    assert!(fixture("ambulance-handover").acknowledgement.is_none(), "a bare document asks for nothing");
    let arrived = fixture("acknowledgement-of-failure");
    assert!(arrived.outputs.is_empty() && arrived.acknowledgement.is_none());
    assert!(arrived.issues.iter().any(|i| i.rule == "acknowledgement-failure"));
    let empty = fixture("no-document");
    assert!(empty.outputs.is_empty() && answer(&empty).contains("Fault"));
}

#[test]
fn every_bundle_is_valid() {
    let folder = project_root().join("fixtures/itk-cda");
    let mut faults = Vec::new();
    for case in std::fs::read_dir(folder).expect("fixtures").flatten() {
        let case = case.file_name().to_string_lossy().into_owned();
        faults.extend(errors(&case, &fixture(&case)));
    }
    assert_eq!(faults, Vec::<String>::new());
}

fn errors(case: &str, translation: &Translation) -> Vec<String> {
    let bad = |f: &&causeway_profile::Finding| f.severity == causeway_profile::Severity::Error;
    let reports = translation.outputs.iter().map(|o| causeway_profile::check(&o.json));
    reports
        .flat_map(|r| r.findings.iter().filter(bad).map(|f| format!("{case}: {f:?}")).collect::<Vec<_>>())
        .collect()
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    found.sort();
    found
}

#[test]
fn accounts_for_the_corpus() {
    let Some(corpus) = corpora("itk-cda-111") else { return };
    let mut suite = Suite::new(&ItkCda);
    let mut faults = Vec::new();
    for path in files(&corpus.join("in")) {
        let bytes = std::fs::read(&path).expect("readable");
        assert_eq!(ItkCda.detect(&bytes).confidence, Confidence::Certain);
        let translation = translate(&ItkCda, &bytes, &test_context());
        assert!(!translation.rejected(), "{}", path.display());
        faults.extend(errors(&path.display().to_string(), &translation));
        suite = suite.case(path.display().to_string(), bytes);
    }
    assert_eq!(faults, Vec::<String>::new());
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
    for path in files(&corpus.join("invalid")) {
        let translation = translate(&ItkCda, &std::fs::read(&path).expect("readable"), &test_context());
        let name = path.display();
        assert!(translation.outputs.is_empty(), "{name}: a record was given");
        let issue = translation.issues.iter().find(|i| i.severity >= causeway_core::Severity::Error);
        assert!(issue.is_some_and(|i| i.position.is_some()), "{name}: no refusal with a place");
    }
}

#[test]
fn other_formats_are_left_alone() {
    for other in
        ["gp2gp", "summary-care-record", "hl7v2", "careconnect", "edifact-pathology", "care-provider-record"]
    {
        for case in files(&project_root().join("fixtures").join(other)) {
            let found = files(&case);
            let Some(input) = found.iter().find(|f| f.file_stem().is_some_and(|s| s == "input")) else {
                continue;
            };
            let confidence = ItkCda.detect(&std::fs::read(input).expect("readable")).confidence;
            assert!(confidence < Confidence::Certain, "{}", input.display());
        }
    }
}

/// Where a negation is put in the discharge summary, and what must not be there then.
#[test]
fn a_negation_is_never_read_as_its_opposite() {
    let text = String::from_utf8(input("discharge-summary")).unwrap();
    let whole = fixture("discharge-summary");
    let before = |kind: &str| resources(&whole, kind).len();
    let negated = |from: &str, value: &str| {
        assert!(text.contains(from), "{from}");
        let (tag, rest) = from.split_once('>').unwrap();
        let changed = text.replacen(from, &format!("{tag} negationInd=\"{value}\">{rest}"), 1);
        translate(&ItkCda, changed.as_bytes(), &test_context())
    };
    let tells = |t: &Translation| t.issues.iter().any(|i| i.rule == "entry-negated");
    for value in ["true", "1"] {
        // A reaction that did not show itself: the allergy stays, the reaction is none of it.
        let found = negated("<entryRelationship typeCode=\"MFST\">", value);
        assert!(tells(&found), "{:?}", found.issues);
        let allergies = resources(&found, "AllergyIntolerance");
        assert_eq!(allergies.len(), before("AllergyIntolerance"));
        assert!(allergies.iter().all(|a| a["reaction"].is_null()), "{allergies:?}");
        // What joins a statement is negated: the statement can't be written as if it were not.
        let found = negated("<entry typeCode=\"COMP\"><observation", value);
        assert!(tells(&found), "{:?}", found.issues);
        assert!(resources(&found, "AllergyIntolerance").len() < before("AllergyIntolerance"));
        // A procedure that was not done.
        let found = negated("<procedure classCode=\"PROC\" moodCode=\"EVN\">", value);
        assert!(resources(&found, "Procedure").iter().any(|p| p["status"] == "not-done"));
    }
    let found = negated("<procedure classCode=\"PROC\" moodCode=\"EVN\">", "false");
    assert!(resources(&found, "Procedure").iter().all(|p| p["status"] != "not-done"));
}

/// The ambulance handover, changed in one place.
fn handover(from: &str, to: &str) -> Translation {
    let text = String::from_utf8(input("ambulance-handover")).expect("text");
    assert!(text.contains(from), "{from}");
    translate(&ItkCda, text.replacen(from, to, 1).as_bytes(), &test_context())
}

#[test]
fn what_a_document_says_twice_or_did_not_do_is_valid_and_told() {
    let number = "extension=\"9990000034\"/>";
    let two = handover(
        number,
        "extension=\"9990000034\"/><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"9990000026\"/>",
    );
    assert!(two.issues.iter().any(|i| i.rule == "nhs-number-second"));
    let value = "<value xsi:type=\"PQ\" value=\"112\" unit=\"/min\"/>";
    let values = handover(value, &format!("{value}<value xsi:type=\"PQ\" value=\"113\" unit=\"/min\"/>"));
    let rate = resources(&values, "Observation");
    let rate = rate.iter().find(|r| r["code"]["coding"][0]["display"] == "Heart rate").expect("the rate");
    assert_eq!(rate["component"].as_array().map(Vec::len), Some(2));
    let stopped = handover(
        "<statusCode code=\"completed\"/><effectiveTime value=\"20261028\"/>",
        "<statusCode code=\"aborted\"/><effectiveTime value=\"20261028\"/>",
    );
    assert_eq!(resources(&stopped, "Immunization")[0]["status"], "not-done");
    for (case, translation) in [("two", two), ("values", values), ("stopped", stopped)] {
        assert_eq!(errors(case, &translation), Vec::<String>::new());
    }
}

#[test]
fn an_entry_s_second_act_is_told() {
    let from = "displayName=\"Heart rate\"/>";
    let twice =
        handover(from, &format!("{from}<code code=\"1\" codeSystem=\"1.2.3\" displayName=\"Pulse\"/>"));
    assert!(twice.issues.iter().any(|i| i.rule == "element-repeated"));
    assert!(!fixture("ambulance-handover").issues.iter().any(|i| i.rule == "element-repeated"));
}
