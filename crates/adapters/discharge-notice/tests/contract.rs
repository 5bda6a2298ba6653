//! The adapter contract, the referral over several notices, and the way back.

use causeway_adapter::contract::{Suite, project_root, test_context};
use causeway_adapter::{Adapter, translate};
use causeway_adapter_discharge_notice::DischargeNotice;
use serde_json::Value;

fn fixture(case: &str) -> Vec<u8> {
    std::fs::read(project_root().join("fixtures/discharge-notice").join(case).join("input.json"))
        .expect("fixture")
}

fn bundle(case: &str) -> Value {
    let translation = translate(&DischargeNotice, &fixture(case), &test_context());
    serde_json::from_slice(&translation.outputs[0].json).expect("JSON")
}

fn resource(bundle: &Value, kind: &str) -> Value {
    let entries = bundle["entry"].as_array().expect("entries");
    let found = entries.iter().find(|e| e["resource"]["resourceType"] == kind);
    found.map(|e| e["resource"].clone()).unwrap_or_default()
}

#[test]
fn keeps_the_contract() {
    Suite::new(&DischargeNotice).folder("fixtures/discharge-notice").check();
}

#[test]
fn bundles_pass_the_profile_checker() {
    for case in ["assessment-notice", "withdrawal", "accepted", "dstu2-assessment-notice", "consent-refused"]
    {
        let json = bundle(case).to_string();
        let report = causeway_profile::check(json.as_bytes());
        let errors: Vec<_> =
            report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error).collect();
        assert!(errors.is_empty(), "{case}: {errors:#?}");
    }
}

#[test]
fn one_referral_goes_through_its_states() {
    let mut ids = Vec::new();
    for (case, request, task) in [
        ("assessment-notice", "active", "requested"),
        ("discharge-notice", "active", "requested"),
        ("withdrawal", "revoked", "cancelled"),
    ] {
        let bundle = bundle(case);
        let (referral, work) = (resource(&bundle, "ServiceRequest"), resource(&bundle, "Task"));
        assert_eq!(referral["status"], request, "{case}");
        assert_eq!(work["status"], task, "{case}");
        ids.push((referral["id"].clone(), work["id"].clone()));
    }
    assert!(ids.windows(2).all(|w| w[0] == w[1]), "the notices are about one referral");
    let answer = resource(&bundle("rejected"), "Task");
    assert_eq!(answer["status"], "rejected");
    assert_eq!(answer["basedOn"][0]["identifier"]["value"], "REF-71003");
}

#[test]
fn a_proposed_discharge_is_no_end_of_the_stay() {
    let bundle = bundle("assessment-notice");
    assert!(resource(&bundle, "Encounter")["period"]["end"].is_null());
    assert_eq!(resource(&bundle, "ServiceRequest")["occurrencePeriod"]["end"], "2026-09-28");
}

#[test]
fn both_envelopes_tell_the_same() {
    let (flat, dstu2) = (bundle("assessment-notice"), bundle("dstu2-assessment-notice"));
    for (kind, element) in
        [("Patient", "birthDate"), ("Patient", "gender"), ("Encounter", "status"), ("Task", "status")]
    {
        assert_eq!(resource(&flat, kind)[element], resource(&dstu2, kind)[element], "{kind}.{element}");
    }
}

#[test]
fn encode_writes_what_it_reads_and_says_what_it_left() {
    let bundle = bundle("assessment-notice");
    let encoded = DischargeNotice.encode(&bundle, &test_context()).expect("a notice");
    let notice: Value = serde_json::from_slice(&encoded.bytes).expect("JSON");
    assert_eq!(notice["person"]["familyName"], "Larkspur");
    assert_eq!(notice["admission"]["reason"], "Fracture of neck of femur after a fall");
    assert_eq!(notice["carer"]["phone"], "01632 960187");
    let left: Vec<&str> =
        encoded.left_behind.iter().filter_map(|i| i.position.as_ref()).map(|p| p.path.as_str()).collect();
    assert!(left.iter().any(|path| path.starts_with("QuestionnaireResponse.item[0]")), "{left:?}");
    let again = translate(&DischargeNotice, &encoded.bytes, &test_context());
    assert!(!again.rejected(), "{:?}", again.issues);
}

#[test]
fn encode_needs_a_person_and_a_stay() {
    let empty = serde_json::json!({"resourceType": "Bundle", "type": "transaction"});
    assert!(DischargeNotice.encode(&empty, &test_context()).is_err());
}

/// Programs write numbers as numbers, and a sex by its letter.
/// What decides and is no truth value is not taken as one, and told.
#[test]
fn words_where_true_or_false_is_meant_are_told() {
    let input = String::from_utf8(fixture("assessment-notice")).expect("text");
    for words in ["\"yes\"", "\"TRUE\"", "1"] {
        let changed =
            input.replace("\"interpreterRequired\": false", &format!("\"interpreterRequired\": {words}"));
        assert_ne!(changed, input);
        let found = translate(&DischargeNotice, changed.as_bytes(), &test_context());
        assert!(found.issues.iter().any(|i| i.rule == "wrong-type" && i.position.is_some()), "{words}");
        assert!(!String::from_utf8_lossy(&found.outputs[0].json).contains("interpreterRequired"), "{words}");
    }
}

#[test]
fn a_number_is_read_where_a_text_is_meant() {
    let text = String::from_utf8(fixture("discharge-notice")).expect("text");
    let changed = text.replace("\"9990000018\"", "9990000018").replace("\"female\"", "\"F\"");
    assert_ne!(text, changed);
    let found = translate(&DischargeNotice, changed.as_bytes(), &test_context());
    let bundle: Value = serde_json::from_slice(&found.outputs[0].json).expect("JSON");
    let patient = resource(&bundle, "Patient");
    assert_eq!(patient["identifier"][0]["value"], "9990000018");
    assert_eq!(patient["gender"], "female");
}

#[test]
fn members_that_the_notice_does_not_have_are_told() {
    let text = String::from_utf8(fixture("assessment-notice")).expect("text");
    let more = text.replacen("\"familyName\"", "\"allergy\": \"Latex\", \"familyName\"", 1);
    for (text, told) in [(text, 0), (more, 1)] {
        let found = translate(&DischargeNotice, text.as_bytes(), &test_context());
        assert_eq!(found.issues.iter().filter(|i| i.rule == "member-unknown").count(), told);
    }
}
