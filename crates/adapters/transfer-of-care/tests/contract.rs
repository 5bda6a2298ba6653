//! The adapter contract, refusals, acknowledgements, and what the corpus must give.
#![allow(missing_docs)]

use std::path::Path;

use causeway_adapter::contract::{Suite, corpora, project_root, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_transfer_of_care::{TransferOfCare, respond};
use causeway_core::{Outcome, Severity};
use serde_json::Value;

fn run(input: &[u8]) -> Translation {
    translate(&TransferOfCare, input, &test_context())
}

fn input(case: &str) -> String {
    let folder = project_root().join("fixtures/transfer-of-care").join(case);
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    read("input.xml").or_else(|_| read("input.json")).expect("a fixture")
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let entries = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<_> = entries
        .map(|p| {
            (
                p.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                std::fs::read(&p).expect("readable"),
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn keeps_the_contract() {
    Suite::new(&TransferOfCare).folder("fixtures/transfer-of-care").check();
}

/// `cargo test -p causeway-adapter-transfer-of-care -- --ignored`
#[test]
#[ignore = "a hundred thousand inputs take minutes"]
fn survives_many_mutations() {
    Suite::new(&TransferOfCare).folder("fixtures/transfer-of-care").survives_mutation(100_000, 7);
}

#[test]
fn a_discharge_with_its_header_sections_and_lists() {
    let discharge = run(input("inpatient-discharge").as_bytes());
    assert_eq!(discharge.outputs[0].event, "ITK003D");
    assert_eq!(discharge.outputs[0].recipient.as_deref(), Some("ZT201"));
    let composition = &resources(&discharge, "Composition")[0];
    let header = &resources(&discharge, "MessageHeader")[0];
    assert_eq!(header["eventCoding"]["code"], "ITK003D");
    let id = format!("urn:uuid:{}", composition["id"].as_str().unwrap_or(""));
    assert_eq!(header["focus"][0]["reference"], id.as_str(), "the document means its composition");
    assert!(header["destination"][0]["receiver"]["reference"].is_string());
    assert_eq!(composition["identifier"]["value"], "6b6a1f0e-51a4-4a0e-9f39-7c2f5f3c2a11");
    let sections = composition["section"].as_array().expect("sections");
    assert_eq!(sections.len(), 5);
    assert!(
        sections[0]["text"]["div"].as_str().is_some_and(|d| d.contains("<b>Left hip</b> <i>replaced</i>"))
    );
    // CareConnect has the method of admission at the encounter, UK Core within the stay.
    let encounter = &resources(&discharge, "Encounter")[0];
    let admission = &encounter["hospitalization"]["extension"][0];
    assert_eq!(
        admission["url"],
        "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AdmissionMethod"
    );
    assert_eq!(admission["valueCodeableConcept"]["coding"][0]["code"], "11");
    assert!(
        encounter["extension"].is_null() && encounter["hospitalization"]["dischargeDisposition"].is_object()
    );
    // A code that neither HL7's system nor UK Core's has stays in CareConnect's.
    let category = &resources(&discharge, "Condition")[0]["category"][0]["coding"][0];
    assert_eq!(category["system"], "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1");
    assert!(discharge.issues.iter().any(|i| i.rule == "code-not-in-system"));
    // A list two deep leads to the medicines.
    let list = resources(&discharge, "List");
    let medicine = &resources(&discharge, "MedicationStatement")[0];
    let target = format!("urn:uuid:{}", medicine["id"].as_str().unwrap_or(""));
    assert!(list.iter().any(|l| l["entry"][0]["item"]["reference"] == target.as_str()));
    assert_eq!(medicine["dosage"][0]["doseAndRate"][0]["doseQuantity"]["value"].to_string(), "2.50");
    assert_eq!(resources(&discharge, "Binary")[0]["data"], "JVBERi0xLjQKJQ==");
}

#[test]
fn the_sender_is_answered_where_it_asks() {
    let answer = run(input("inpatient-discharge").as_bytes()).acknowledgement.expect("an answer");
    let text = String::from_utf8(answer.bytes).expect("UTF-8");
    assert!(answer.positive && text.contains("\"ITK008M\"") && text.contains("\"20013\""), "{text}");
    assert!(text.contains("<extension url=\"InfAckRequested\"><valueBoolean value=\"false\"/>"));
    assert!(
        TransferOfCare.detect(text.as_bytes()).confidence == Confidence::Certain,
        "it is of the format itself"
    );
    let again = run(text.as_bytes());
    assert!(again.outputs.is_empty() && again.acknowledgement.is_none(), "an answer is not answered");
    let refused = run(input("focus-nowhere").as_bytes());
    let answer = refused.acknowledgement.expect("an answer");
    let text = String::from_utf8(answer.bytes).expect("UTF-8");
    assert!(!answer.positive && text.contains("\"20006\"") && text.contains("focus-absent"), "{text}");
    let silent = input("inpatient-discharge").replacen(
        "<extension url=\"InfAckRequested\"><valueBoolean value=\"true\"/>",
        "<extension url=\"InfAckRequested\"><valueBoolean value=\"false\"/>",
        1,
    );
    assert!(run(silent.as_bytes()).acknowledgement.is_none());
    let keyless = input("inpatient-discharge").replacen("InfAckRequested", "AnotherKey", 1);
    assert!(run(keyless.as_bytes()).acknowledgement.is_none());
}

#[test]
fn refusals_have_a_rule_and_a_place() {
    for (case, rule) in [
        ("focus-nowhere", "focus-absent"),
        ("composition-last", "composition-absent"),
        ("two-people", "patient-repeated"),
    ] {
        let translation = run(input(case).as_bytes());
        assert!(translation.outputs.is_empty(), "{case}");
        let issue = translation.issues.iter().find(|i| i.rule == rule).expect(case);
        assert!(issue.severity >= Severity::Error && issue.position.is_some(), "{case}");
        assert_eq!(translation.ledger.totals().of(Outcome::Mapped), 0, "{case}");
    }
}

#[test]
fn a_vaccine_that_was_not_given_is_not_done() {
    let vaccine = run(input("vaccination-not-given").as_bytes());
    assert_eq!(resources(&vaccine, "Immunization")[0]["status"], "not-done");
}

#[test]
fn every_bundle_is_valid() {
    let mut faults = Vec::new();
    let folder = std::fs::read_dir(project_root().join("fixtures/transfer-of-care")).expect("fixtures");
    for case in folder.flatten().map(|e| e.file_name().to_string_lossy().into_owned()) {
        for output in run(input(&case).as_bytes()).outputs {
            let report = causeway_profile::check(&output.json);
            let bad = |f: &&causeway_profile::Finding| f.severity == causeway_profile::Severity::Error;
            faults.extend(report.findings.iter().filter(bad).map(|f| format!("{case}: {f:?}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn accounts_for_the_corpus() {
    let Some(folder) = corpora("itk3-toc") else { return };
    let mut suite = Suite::new(&TransferOfCare);
    let mut report = Vec::new();
    for (name, bytes) in files(&folder.join("in")) {
        assert!(TransferOfCare.detect(&bytes).confidence > Confidence::Possible, "{name} is not seen");
        let translation = run(&bytes);
        assert!(!translation.outputs.is_empty(), "{name}: {:?}", translation.issues);
        for output in &translation.outputs {
            for finding in causeway_profile::check(&output.json).findings {
                if finding.severity != causeway_profile::Severity::Error {
                    continue;
                }
                report.push(format!("{name}: {} [{}] {}", finding.path, finding.rule, finding.text));
            }
        }
        suite = suite.case(name, bytes);
    }
    suite.accounts();
    suite.resolves_references();
    for (name, bytes) in files(&folder.join("invalid")) {
        let translation = run(&bytes);
        assert!(translation.outputs.is_empty(), "{name}: a record was given");
        let issue = translation.issues.iter().find(|i| i.severity >= Severity::Error);
        assert!(issue.is_some_and(|i| i.position.is_some()), "{name}: no refusal with a place");
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}

/// Facts of the input: every value of a resource that is a code, date, number, text or identifier arrives word for word.
#[test]
fn the_facts_of_the_corpus_arrive() {
    let Some(folder) = corpora("itk3-toc") else { return };
    let (mut all, mut lost) = (0usize, Vec::new());
    for (name, bytes) in files(&folder.join("in")) {
        let translation = run(&bytes);
        for item in translation.ledger.items() {
            // What a server says of its own copy is no fact of the document.
            if item.place.render(translation.ledger.outline()).contains("/meta/") {
                continue;
            }
            all += 1;
            if !matches!(item.outcome, Outcome::Mapped | Outcome::Decides | Outcome::Structural) {
                let place = item.place.render(translation.ledger.outline());
                lost.push(format!(
                    "{name} {place}: {} {}",
                    item.outcome.word(),
                    translation.ledger.reason_of(item)
                ));
            }
        }
    }
    let score = 1.0 - lost.len() as f64 / all as f64;
    assert!(score >= 0.98, "{score:.4} of {all}:\n{}", lost.join("\n"));
}

/// What a response says of the person is told in its own words: a document that nobody acts on must not pass for one that arrived.
#[test]
fn a_response_is_told_by_its_code() {
    let path = project_root().join("fixtures/transfer-of-care/response/input.xml");
    let response = std::fs::read_to_string(path).expect("a fixture");
    for (code, rule) in [
        ("30001", "itk3-person-known"),
        ("30002", "itk3-person-unknown"),
        ("30003", "itk3-person-gone"),
        ("30004", "itk3-person-deceased"),
        ("20007", "itk3-duplicate"),
        ("20008", "itk3-duplicate"),
        ("20009", "itk3-response-failure"),
    ] {
        let translation = translate(
            &TransferOfCare,
            response.replace("\"30002\"", &format!("\"{code}\"")).as_bytes(),
            &test_context(),
        );
        let told: Vec<_> = translation.issues.iter().map(|i| i.rule).collect();
        assert!(told.contains(&rule), "{code}: {told:?}");
        assert!(translation.outputs.is_empty() && translation.acknowledgement.is_none());
    }
    let ok = response.replace("\"30002\"", "\"20013\"").replace("\"fatal-error\"", "\"ok\"");
    let told: Vec<_> =
        translate(&TransferOfCare, ok.as_bytes(), &test_context()).issues.iter().map(|i| i.rule).collect();
    assert!(told.contains(&"itk3-response"), "{told:?}");
}

/// The practice's answer is read again as what it says, names the message and the practice, and asks for nothing.
#[test]
fn a_practice_answers_whether_the_person_is_known() {
    let asked = input("inpatient-discharge");
    for (code, taken, rule) in [
        ("30001", true, "itk3-person-known"),
        ("30002", false, "itk3-person-unknown"),
        ("30003", false, "itk3-person-gone"),
        ("30004", true, "itk3-person-deceased"),
    ] {
        let answer = respond(asked.as_bytes(), code, &test_context()).expect(code);
        assert_eq!(answer.positive, taken, "{code}");
        let text = String::from_utf8(answer.bytes).expect("UTF-8");
        let response = if taken { "<code value=\"ok\"/>" } else { "<code value=\"fatal-error\"/>" };
        assert!(text.contains(response) && text.contains(&test_context().sender.code), "{text}");
        let read = run(text.as_bytes());
        assert!(read.issues.iter().any(|i| i.rule == rule), "{code}: {:?}", read.issues);
        assert!(read.outputs.is_empty() && read.acknowledgement.is_none());
        let own = run(asked.as_bytes()).acknowledgement.expect("an answer");
        let id = |text: &str| text.split_once("<id value=\"").map(|(_, rest)| rest[..36].to_owned());
        assert_ne!(id(&text), id(&String::from_utf8_lossy(&own.bytes)), "two answers are two messages");
        let named = |text: &str| {
            let (_, rest) = text.split_once("<response><identifier value=\"").expect("it names the message");
            rest[..36].to_owned()
        };
        assert_eq!(named(&text), named(&String::from_utf8_lossy(&own.bytes)));
        let again = respond(text.as_bytes(), code, &test_context()).expect_err("an answer is not answered");
        assert_eq!(again.rule, "itk3-nothing-asked");
    }
    let wrong = respond(asked.as_bytes(), "20013", &test_context()).expect_err("no business code");
    assert_eq!(wrong.rule, "itk3-response-code");
    let silent = asked.replacen("BusAckRequested", "AnotherKey", 1);
    assert!(respond(silent.as_bytes(), "30001", &test_context()).is_err());
    assert!(respond(b"<Bundle", "30001", &test_context()).is_err());
}
