//! The contract suite over the fixtures and the corpus, what is refused, and the way back.
#![allow(missing_docs)]

use causeway_adapter::contract::{self, Suite, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_nhais::Nhais;
use causeway_core::{Outcome, Severity};
use serde_json::Value;

const CORPUS: &str = "nhais";

fn run(input: &[u8]) -> Translation {
    translate(&Nhais, input, &test_context())
}

/// Every file of a part of the corpus, by its path within; nothing where the corpus is absent.
fn corpus(part: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let Some(root) = contract::corpora(CORPUS).map(|f| f.join(part)) else { return Vec::new() };
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
                found.push((name.to_string_lossy().into_owned(), std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

fn fixture(case: &str) -> Vec<u8> {
    let path = contract::project_root().join(format!("fixtures/nhais/{case}/input.edi"));
    std::fs::read(path).expect("a fixture")
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let root = contract::project_root().join("fixtures/nhais");
    let folders = std::fs::read_dir(root).expect("fixtures").flatten().map(|e| e.path());
    folders
        .filter_map(|f| Some((f.display().to_string(), std::fs::read(f.join("input.edi")).ok()?)))
        .collect()
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let all = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    all.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

#[test]
fn keeps_the_contract() {
    Suite::new(&Nhais).folder("fixtures/nhais").check();
}

#[test]
fn keeps_the_contract_over_the_corpus() {
    let mut suite = Suite::new(&Nhais);
    for part in ["in", "invalid", "ack"] {
        for (name, input) in corpus(part, "edi") {
            suite = suite.case(format!("{part}/{name}"), input);
        }
    }
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
}

#[test]
fn every_valid_file_becomes_its_transactions_with_nothing_left_behind() {
    for (name, input) in corpus("in", "edi") {
        let translation = run(&input);
        let transactions = String::from_utf8_lossy(&input).matches("S01+").count();
        assert_eq!(translation.outputs.len(), transactions, "{name}");
        assert!(!translation.rejected(), "{name}: {:?}", translation.issues);
        assert_eq!(translation.ledger.totals().of(Outcome::Unsupported), 0, "{name}");
        assert_eq!(Nhais.detect(&input).confidence, Confidence::Certain, "{name}");
    }
}

/// The segments of the receipt that do not depend on when it is written.
fn lasting(receipt: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(receipt).replace(['\r', '\n'], "");
    let lasting = |s: &&str| !["UNB", "BGM", "DTM", "UNZ", "RFF+RIS"].iter().any(|tag| s.starts_with(tag));
    text.split('\'').filter(lasting).map(str::to_owned).collect()
}

#[test]
fn receipts_are_those_that_the_corpus_expects() {
    for (name, expected) in corpus("ack/inbound", "edi") {
        let stem = name.trim_end_matches(".recep");
        let Some((_, input)) = corpus("in/inbound", "edi").into_iter().find(|(n, _)| n == stem) else {
            continue;
        };
        let answer = run(&input).acknowledgement.expect("a receipt");
        assert!(answer.positive, "{name}");
        assert_eq!(lasting(&answer.bytes), lasting(&expected), "{name}");
    }
}

#[test]
fn every_amendment_says_what_its_patches_say() {
    let mut patches = 0;
    for (name, expected) in corpus("expected", "json").into_iter().filter(|(n, _)| n.contains("amendment/")) {
        let stem = name.trim_end_matches(".r4");
        let input = corpus("in", "edi").into_iter().find(|(n, _)| n == stem).expect("its input").1;
        let patient = resources(&run(&input), "Patient").remove(0);
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        for patch in expected["patches"].as_array().into_iter().flatten() {
            let path = patch["path"].as_str().unwrap_or_default();
            let ours = match path {
                "/address/0/line/3" => patient["address"][0]["city"].clone(),
                "/address/0/line/4" => patient["address"][0]["district"].clone(),
                "/extension/0" => patient["extension"][0]["valueBoolean"].clone(),
                path if path.starts_with("/address/0/line/") => {
                    let at: u64 = path[16..].parse().expect("a number");
                    line(&patient["address"][0], at + 1)
                }
                path => patient.pointer(path).cloned().unwrap_or_default(),
            };
            let value =
                if path == "/extension/0" { &patch["value"]["valueBoolean"] } else { &patch["value"] };
            assert_eq!(&ours, value, "{name} {path}");
            patches += 1;
        }
    }
    assert!(patches >= 30 || corpus("in", "edi").is_empty(), "{patches}");
}

/// A line of an address by its place.
fn line(address: &Value, place: u64) -> Value {
    let stated = |at: usize| address["_line"][at]["extension"][0]["valuePositiveInt"].as_u64();
    let lines = address["line"].as_array().cloned().unwrap_or_default();
    let mut all = lines.into_iter().enumerate();
    all.find(|(at, _)| stated(*at).unwrap_or(*at as u64 + 1) == place).map_or(Value::Null, |(_, line)| line)
}

#[test]
fn invalid_files_are_refused_with_code_and_place() {
    for (name, rule) in
        [("no_trailer", "message-end-missing"), ("wrong_segment_count", "segment-count-differs")]
    {
        let Some((_, input)) = corpus("invalid", "edi").into_iter().find(|(n, _)| n == name) else {
            continue;
        };
        let translation = run(&input);
        assert!(translation.outputs.is_empty(), "{name}");
        let issue = translation.issues.iter().find(|i| i.severity == Severity::Error).expect("an error");
        assert_eq!(issue.rule, rule);
        assert!(issue.position.as_ref().is_some_and(|p| !p.span.is_empty()), "{name}");
    }
    for (name, input) in corpus("invalid", "json") {
        let Ok(request) = serde_json::from_slice::<Value>(&input) else { continue };
        let issue = Nhais.encode(&request, &test_context()).expect_err(&name);
        assert!(issue.position.is_some(), "{name}: {issue:?}");
    }
}

/// EDIFACT → FHIR → EDIFACT → FHIR: the same bundle, byte for byte.
#[test]
fn the_way_back_loses_nothing() {
    let mut count = 0;
    for (name, input) in corpus("in", "edi").into_iter().chain(fixtures()) {
        for output in run(&input).outputs.iter().filter(|o| o.event.starts_with("FHSREG")) {
            let bundle: Value = serde_json::from_slice(&output.json).expect("JSON");
            let encoded = Nhais.encode(&bundle, &test_context()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert!(encoded.left_behind.is_empty(), "{name}: {:?}", encoded.left_behind);
            let again = run(&encoded.bytes);
            let text = String::from_utf8_lossy(&encoded.bytes).into_owned();
            assert_eq!(again.outputs.len(), 1, "{name}: {:?}\n{text}", again.issues);
            assert_eq!(
                String::from_utf8_lossy(&again.outputs[0].json),
                String::from_utf8_lossy(&output.json),
                "{name}\n{text}"
            );
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

/// The requests that the corpus's messages were made from give these messages again.
#[test]
fn requests_become_their_messages() {
    let body = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).replace(['\r', '\n'], "");
        let own = |s: &&str| !["UNB", "UNZ", "UNH", "UNT", "DTM+137"].iter().any(|tag| s.starts_with(tag));
        let mut all: Vec<String> =
            text.split('\'').filter(own).map(|s| s.trim_end_matches('+').to_owned()).collect();
        all.sort();
        all
    };
    for (name, request) in corpus("expected/outbound", "json") {
        let request: Value = serde_json::from_slice(&request).expect("JSON");
        if request["resourceType"] != "Parameters" {
            continue;
        }
        let stem = name.trim_end_matches(".r4");
        let (_, input) =
            corpus("in/outbound", "edi").into_iter().find(|(n, _)| n == stem).expect("its message");
        let encoded = Nhais.encode(&request, &test_context()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(body(&encoded.bytes), body(&input), "{name}");
    }
}

#[test]
fn what_cannot_be_carried_is_listed() {
    let translation = run(&fixture("acceptance"));
    let mut bundle: Value = serde_json::from_slice(&translation.outputs[0].json).expect("JSON");
    let entries = bundle["entry"].as_array_mut().expect("entries");
    let patient = entries.iter_mut().find(|e| e["resource"]["resourceType"] == "Patient").expect("a patient");
    patient["resource"]["telecom"] = serde_json::json!([{"system": "phone", "value": "07700 900123"}]);
    patient["resource"]["name"][0]["family"] = "Désirée".into();
    entries.push(serde_json::json!({"fullUrl": "urn:uuid:x", "resource": {"resourceType": "Observation"}}));
    let encoded = Nhais.encode(&bundle, &test_context()).expect("a message");
    let mut places: Vec<_> =
        encoded.left_behind.iter().map(|i| i.position.as_ref().map_or(i.rule, |p| &p.path)).collect();
    places.sort_unstable();
    assert_eq!(places, ["Observation", "Patient.telecom", "character-replaced"]);
    assert!(String::from_utf8_lossy(&encoded.bytes).contains("SU:DESIREE"));
}

#[test]
fn older_numbers_are_not_labelled_as_nhs_numbers() {
    let patient = resources(&run(&fixture("deduction")), "Patient").remove(0);
    assert_ne!(patient["identifier"][0]["system"], "https://fhir.nhs.uk/Id/nhs-number");
    let patient = resources(&run(&fixture("acceptance")), "Patient").remove(0);
    assert_eq!(patient["identifier"][0]["system"], "https://fhir.nhs.uk/Id/nhs-number");
}

#[test]
fn a_bad_transaction_leaves_its_neighbours_as_they_are() {
    let translation = run(&fixture("one-bad-among-good"));
    let labels: Vec<_> = translation.outputs.iter().map(|o| o.label.as_str()).collect();
    assert_eq!(labels, ["message 1, transaction 1", "message 1, transaction 3"]);
    let issue = translation.issues.iter().find(|i| i.severity == Severity::Error).expect("an error");
    assert_eq!(issue.rule, "item-missing");
    let answer = String::from_utf8(translation.acknowledgement.expect("a receipt").bytes).expect("text");
    assert!(answer.contains("RFF+MIS:00000001 CA'"), "{answer}");
}

#[test]
fn it_knows_its_own_format() {
    for other in
        [&b"UNB+UNOC:3+1+2+3:4+5++NHSACK'UNH+1+MEDRPT:0:1:RT:NHS003'"[..], b"MSH|^~\\&|", b"", b"\xFF\xFE"]
    {
        assert_eq!(Nhais.detect(other).confidence, Confidence::No);
    }
    assert!(run(b"nothing of the kind").unreadable);
}

/// `cargo test -p causeway-adapter-nhais --test contract -- --ignored`: a long run of mutated inputs.
#[test]
#[ignore = "long"]
fn survives_a_long_mutation() {
    let mut suite = Suite::new(&Nhais).folder("fixtures/nhais");
    for (name, input) in corpus("in", "edi").into_iter().chain(corpus("ack", "edi")) {
        suite = suite.case(name, input);
    }
    suite.survives_mutation(100_000, 7);
}

#[test]
fn a_test_interchange_is_told() {
    let text = String::from_utf8(fixture("acceptance"))
        .expect("text")
        .replace("+00000041'\nUNH", "+00000041++++++1'\nUNH");
    assert!(run(text.as_bytes()).issues.iter().any(|i| i.rule == "test-interchange"));
    assert!(!run(&fixture("acceptance")).issues.iter().any(|i| i.rule == "test-interchange"));
}
