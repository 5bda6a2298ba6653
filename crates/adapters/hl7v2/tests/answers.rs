//! What the adapter answers, and what it says of single items.

use causeway_adapter::contract::test_context;
use causeway_adapter::{Translation, translate};
use causeway_adapter_hl7v2::Hl7v2;
use serde_json::Value;

fn run(message: &str) -> Translation {
    translate(&Hl7v2, message.as_bytes(), &test_context())
}

fn message(version: &str, modes: &str, body: &str) -> String {
    format!("MSH|^~\\&|PAS|ZV801|TIE|ZV802|20261012||ADT^A08|C1|P|{version}|||{modes}\r{body}")
}

const PID: &str = "PID|1||A1^^^AVH^PI||LARKSPUR^EDITH\r";

/// The segments of the answer after MSH.
fn answer(message: &str) -> Vec<String> {
    let bytes = run(message).acknowledgement.map(|a| a.bytes).unwrap_or_default();
    String::from_utf8(bytes)
        .unwrap()
        .split('\r')
        .skip(1)
        .filter(|l| !l.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn original_mode() {
    assert_eq!(answer(&message("2.4", "", PID)), ["MSA|AA|C1"]);
    let refused = answer(&message("2.4", "", "PV1|1|I"));
    assert_eq!(refused, ["MSA|AE|C1", "ERR|PID^1^^100&Segment sequence error&HL70357"]);
    assert_eq!(answer(&message("3.0", "", PID))[0], "MSA|AR|C1");
}

#[test]
fn enhanced_mode() {
    assert_eq!(answer(&message("2.4", "AL|NE", PID)), ["MSA|CA|C1"]);
    assert_eq!(answer(&message("2.4", "NE|AL", PID)), ["MSA|AA|C1"]);
    assert_eq!(answer(&message("2.4", "ER|NE", PID)), Vec::<String>::new());
    let refused = answer(&message("2.5.1", "ER|NE", "PV1|1|I"));
    assert_eq!(refused[0], "MSA|CE|C1");
    assert!(refused[1].starts_with("ERR||PID^1|100^Segment sequence error^HL70357|E|"), "{}", refused[1]);
}

#[test]
fn the_answer_goes_back_the_way_the_message_came() {
    let bytes = run(&message("2.4", "", PID)).acknowledgement.unwrap().bytes;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("MSH|^~\\&|TIE|ZV802|PAS|ZV801|20261102093000+0000||ACK^A08^ACK|"), "{text}");
}

fn patient(message: &str) -> Value {
    let translation = run(message);
    let bundle: Value = serde_json::from_slice(&translation.outputs[0].json).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().map(|e| e["resource"].clone()).find(|r| r["resourceType"] == "Patient").unwrap()
}

#[test]
fn nhs_numbers_are_verified_only_where_the_source_says_so() {
    let status = |pid: &str| {
        let patient = patient(&message("2.4", "", pid));
        patient["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"].clone()
    };
    assert_eq!(status("PID|1||9990000018^^^NHS||X^Y"), "02");
    assert_eq!(status("PID|1||9990000018^01^^NHS^NH||X^Y"), "01");
    assert_eq!(status(&format!("PID|1||9990000018^^^NHS||X^Y{}03", "|".repeat(27))), "03");
    let wrong = patient(&message("2.4", "", "PID|1||9990000019^^^NHS||X^Y"));
    assert_eq!(wrong["identifier"][0]["system"], causeway_fhir::systems::STATED_NHS_NUMBER);
    let two = patient(&message("2.4", "", "PID|1||9990000018^^^NHS~9990000026^^^NHS||X^Y"));
    assert!(two["identifier"][1].get("system").is_none());
}

#[test]
fn null_deletes_and_empty_says_nothing() {
    let deleted = patient(&message("2.4", "", "PID|1||A1^^^AVH||X^Y||\"\"||||||\"\""));
    let named: Vec<&Value> =
        deleted["extension"].as_array().unwrap().iter().map(|e| &e["valueString"]).collect();
    assert_eq!(named, ["Patient.birthDate", "Patient.telecom"]);
    let silent = patient(&message("2.4", "", "PID|1||A1^^^AVH||X^Y||||||||"));
    assert!(silent.get("extension").is_none() && silent.get("birthDate").is_none());
}
