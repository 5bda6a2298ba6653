//! Rules of the format that a reader of the output relies on, each shown on a fixture.
#![allow(missing_docs)]

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_edifact_pathology::EdifactPathology;
use causeway_core::Outcome;
use serde_json::Value;

fn input(case: &str) -> Vec<u8> {
    let file = project_root().join("fixtures/edifact-pathology").join(case).join("input.edi");
    std::fs::read(file).expect("a fixture")
}

fn run(case: &str) -> (Translation, Vec<Value>) {
    let translation = translate(&EdifactPathology, &input(case), &test_context());
    let resources = translation.outputs.iter().flat_map(|output| {
        let bundle: Value = serde_json::from_slice(&output.json).expect("JSON");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|mut entry| entry["resource"].take())
    });
    let resources = resources.collect();
    (translation, resources)
}

fn of<'r>(resources: &'r [Value], kind: &str) -> Vec<&'r Value> {
    resources.iter().filter(|r| r["resourceType"] == kind).collect()
}

fn named<'r>(resources: &'r [Value], display: &str) -> &'r Value {
    let of_code = |r: &&Value| r["code"]["coding"][0]["display"] == display || r["code"]["text"] == display;
    resources.iter().find(of_code).unwrap_or_else(|| panic!("no {display}"))
}

#[test]
fn a_report_that_goes_back_to_its_requester() {
    let (translation, all) = run("after-a-fall");
    let report = of(&all, "DiagnosticReport")[0];
    assert_eq!(report["status"], "final");
    assert_eq!(report["result"].as_array().map(Vec::len), Some(10));
    assert_eq!(report["performer"][0]["display"], "Blood Sciences");
    let practice = of(&all, "Organization").into_iter().find(|o| o["identifier"][0]["value"] == "ZP401");
    let practice = practice.expect("the requester's organisation");
    let role = of(&all, "PractitionerRole")[0];
    let reference = format!("urn:uuid:{}", practice["id"].as_str().expect("an id"));
    assert_eq!(role["organization"]["reference"], reference);
    assert_eq!(translation.outputs[0].recipient.as_deref(), Some("ZP401"));
    assert_eq!(of(&all, "Specimen").len(), 2);
    let battery = named(&all, "Urea and electrolytes");
    let member = named(&all, "Serum sodium");
    assert_eq!(battery["hasMember"].as_array().map(Vec::len), Some(4));
    assert_eq!(member["specimen"], battery["specimen"]);
    assert_eq!(member["interpretation"][0]["coding"][0]["code"], "L");
    assert_eq!(translation.ledger.totals().of(Outcome::Unsupported), 0);
}

#[test]
fn the_requester_of_a_screening_is_not_its_recipient() {
    let (_, all) = run("screening");
    assert!(of(&all, "PractitionerRole").is_empty());
    let hub = of(&all, "Organization")[0];
    assert_eq!(hub["name"], "Fernshire and Marlpit Vale Bowel Cancer Screening Hub");
    assert!(of(&all, "Practitioner")[0]["identifier"][0]["value"].is_null());
    let destinations = &of(&all, "MessageHeader")[0]["destination"];
    assert_eq!(destinations[1]["receiver"]["identifier"]["value"], "ZP401");
}

#[test]
fn another_message_type_is_no_report_whatever_its_association_code() {
    let (translation, all) = run("not-a-report");
    let labels: Vec<_> = translation.outputs.iter().map(|o| o.label.as_str()).collect();
    assert_eq!(labels, ["message 1", "message 3"]);
    assert_eq!(of(&all, "DiagnosticReport").len(), 2);
    let issue = translation.issues.iter().find(|i| i.rule == "message-type").expect("an issue");
    let span = issue.position.as_ref().expect("a position").span;
    assert_eq!(span.of(&input("not-a-report")), b"ORDERS");
    let answer = String::from_utf8(translation.acknowledgement.expect("an answer").bytes).expect("text");
    assert!(answer.contains("NMR+AGO:2+MR'\nFTX+ERD+++"), "{answer}");
}

#[test]
fn comparators_and_what_is_no_number() {
    let (_, all) = run("comparators");
    for (name, comparator) in [("Low", "<"), ("Estimated filtration rate", ">"), ("C reactive protein", "<=")]
    {
        assert_eq!(named(&all, name)["valueQuantity"]["comparator"], comparator, "{name}");
    }
    assert_eq!(named(&all, "At least ninety")["valueQuantity"]["comparator"], ">=");
    assert_eq!(named(&all, "Written comparator")["valueQuantity"]["comparator"], "<");
    assert!(named(&all, "Equal")["valueQuantity"]["comparator"].is_null());
    let doubtful = named(&all, "Approximately");
    assert!(doubtful["valueQuantity"].is_null(), "it must not look like a plain number");
    assert_eq!(doubtful["valueString"], "3.1 mmol/L");
    assert_eq!(named(&all, "A range")["valueRange"]["high"]["value"].to_string(), "5");
    assert_eq!(named(&all, "Negative number")["valueQuantity"]["value"].to_string(), "-2.50");
    assert_eq!(named(&all, "No number")["valueString"], "Haemolysed mmol/L");
    assert_eq!(named(&all, "Empty result")["dataAbsentReason"]["coding"][0]["code"], "unknown");
}

#[test]
fn local_times_and_the_change_of_the_clocks() {
    let (translation, all) = run("clock-change");
    assert_eq!(of(&all, "DiagnosticReport")[0]["issued"], "2026-07-01T12:00:00+01:00");
    let specimens = of(&all, "Specimen");
    assert_eq!(specimens[0]["collection"]["collectedDateTime"], "2026-10-25T01:30:00+01:00");
    assert_eq!(specimens[2]["collection"]["collectedPeriod"]["end"], "2026-10-21");
    assert_eq!(specimens[2]["receivedTime"], "2026-10-22");
    let doubts = translation.issues.iter().filter(|i| i.rule == "local-time-doubtful").count();
    assert_eq!(doubts, 2);
}

#[test]
fn text_keeps_its_lines_and_comments_stay_apart() {
    let (_, all) = run("long-text");
    let culture = named(&all, "URINE CULTURE");
    let text = culture["valueString"].as_str().unwrap_or_default();
    assert_eq!(text.lines().count(), 9, "an empty line between two others is one");
    assert!(text.contains("beyond the five of the standard\nCulture\n"));
    assert_eq!(culture["note"].as_array().map(Vec::len), Some(2));
    let (_, all) = run("escapes");
    let result = named(&all, "Oxygen: 2+ hours, is it so?");
    assert_eq!(result["note"][0]["text"], "O'Neill: ratio 1:2 + comment?\nsecond line");
    assert_eq!(of(&all, "Patient")[0]["name"][0]["family"], "O'LARKSPUR");
}

#[test]
fn what_is_no_nhs_number_is_not_labelled_as_one() {
    let (_, all) = run("no-envelope");
    let patient = of(&all, "Patient")[0];
    assert_eq!(patient["identifier"][0]["value"], "808338364");
    assert_ne!(patient["identifier"][0]["system"], "https://fhir.nhs.uk/Id/nhs-number");
    assert_eq!(patient["birthDate"], "1942");
    assert_eq!(patient["name"][0]["family"], "DÉSIRÉ");
    let (_, all) = run("after-a-fall");
    let verification = &of(&all, "Patient")[0]["identifier"][0]["extension"][0]["valueCodeableConcept"];
    assert_eq!(verification["coding"][0]["code"], "02");
}

#[test]
fn a_bad_message_leaves_its_neighbours_as_they_are() {
    let (translation, _) = run("one-bad-among-good");
    assert_eq!(translation.outputs.len(), 2);
    let labels: Vec<_> = translation.outputs.iter().map(|o| o.label.as_str()).collect();
    assert_eq!(labels, ["message 1", "message 3"]);
    let answer = translation.acknowledgement.expect("an acknowledgement");
    assert!(!answer.positive);
    let answer = String::from_utf8(answer.bytes).expect("text");
    assert!(answer.contains("+IAP'\nNMR+AGO:1+MA'\nNMR+AGO:2+MR'\nFTX+ERD+++"), "{answer}");
    let (whole, _) = run("envelope-broken");
    assert!(whole.outputs.is_empty() && whole.rejected());
}

#[test]
fn its_own_separators_and_decimal_comma() {
    let (translation, all) = run("other-separators");
    assert!(!translation.rejected());
    let values = of(&all, "Observation");
    assert_eq!(values[1]["valueQuantity"]["value"].to_string(), "16.7");
    assert_eq!(values[1]["valueQuantity"]["code"], "g/dL");
    assert_eq!(values[2]["valueQuantity"]["unit"], "X 10-9/l");
    assert!(values[2]["valueQuantity"]["code"].is_null(), "10-9 is not certain to be 10*9");
}

#[test]
fn it_knows_its_own_format() {
    let detection = EdifactPathology.detect(&input("screening"));
    assert_eq!((detection.confidence, detection.version.as_str()), (Confidence::Certain, "NHS004"));
    for other in [&b"UNB+UNOC:3+1+2+3:4+5++NHSACK'"[..], b"MSH|^~\\&|", b"", b"\xFF\xFE"] {
        assert_eq!(EdifactPathology.detect(other).confidence, Confidence::No);
    }
    assert!(translate(&EdifactPathology, b"nothing of the kind", &test_context()).unreadable);
}

fn changed(case: &str, change: impl Fn(String) -> String) -> (Translation, Vec<Value>) {
    let text = change(String::from_utf8(input(case)).expect("text"));
    let translation = translate(&EdifactPathology, text.as_bytes(), &test_context());
    let resources = translation.outputs.iter().flat_map(|output| {
        let bundle: Value = serde_json::from_slice(&output.json).expect("JSON");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|mut entry| entry["resource"].take())
    });
    let resources = resources.collect();
    (translation, resources)
}

#[test]
fn an_interchange_that_was_wrapped_gives_the_same_bundle() {
    let one_line = |text: String| text.replace(['\r', '\n'], "");
    let plain = changed("after-a-fall", one_line);
    for (width, end) in [(80, "\r\n"), (35, "\n"), (61, "\r"), (12, "\r\n")] {
        let wrapped = changed("after-a-fall", |text| {
            let text: Vec<char> = one_line(text).chars().collect();
            let lines: Vec<String> = text.chunks(width).map(|line| line.iter().collect()).collect();
            lines.join(end)
        });
        let told: Vec<_> = wrapped.0.issues.iter().filter(|i| i.rule == "line-end-in-element").collect();
        assert_eq!(told.len(), 1, "{width}");
        // Free text keeps its line ends: they may be the sender's.
        let flat =
            |all: &[Value]| serde_json::to_string(all).expect("JSON").replace("\\r", "").replace("\\n", "");
        assert_eq!(flat(&wrapped.1), flat(&plain.1), "{width}");
    }
}

#[test]
fn a_supplementary_report_is_appended() {
    let (translation, all) = changed("several-ranges", |text| text.replace("STS++PR'", "STS++SR'"));
    assert_eq!(of(&all, "DiagnosticReport")[0]["status"], "appended");
    assert!(of(&all, "Observation").iter().any(|o| o["status"] == "amended"));
    let at = |i: &causeway_core::Issue| i.position.as_ref().is_some_and(|p| p.path.contains("STS"));
    assert!(!translation.issues.iter().any(at), "{:?}", translation.issues);
}

#[test]
fn imaging_has_a_message_type_of_its_own() {
    let imaging = |text: String| text.replace("MEDRPT:0:1:RT:NHS003", "NHSRSR:0:1:RT:NHS002");
    let (translation, all) = changed("after-a-fall", imaging);
    assert_eq!(of(&all, "DiagnosticReport").len(), 1, "{:?}", translation.issues);
    let text = imaging(String::from_utf8(input("after-a-fall")).expect("text"));
    assert_eq!(EdifactPathology.detect(text.as_bytes()).confidence, Confidence::Certain);
    let (translation, _) =
        changed("after-a-fall", |text| text.replace("MEDRPT:0:1:RT:NHS003", "NHSRSR:0:1:RT:NHS003"));
    assert!(translation.outputs.is_empty());
}

#[test]
fn a_coded_result_without_code_and_words_is_refused() {
    let (translation, _) = changed("screening", |text| {
        let start = text.find("RSL+CV+").expect("a coded result");
        let end = start + text[start..].find('\'').expect("an end");
        format!("{}RSL+CV{}", &text[..start], &text[end..])
    });
    assert!(translation.outputs.is_empty());
    assert!(translation.issues.iter().any(|i| i.rule == "result-empty"), "{:?}", translation.issues);
}

#[test]
fn a_test_interchange_is_told() {
    let told = |of: &str| {
        changed("after-a-fall", |text| text.replace("++MEDRPT++1'", of))
            .0
            .issues
            .iter()
            .any(|i| i.rule == "test-interchange")
    };
    assert!(told("++MEDRPT++1++1'") && !told("++MEDRPT++1'"));
}
