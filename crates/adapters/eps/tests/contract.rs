//! The contract suite over the fixtures and the corpus, and what is refused.
#![allow(missing_docs)]

use causeway_adapter::contract::{self, Suite, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_eps::{Eps, check_character};
use causeway_core::{Outcome, Severity};
use serde_json::Value;

fn run(input: &[u8]) -> Translation {
    translate(&Eps, input, &test_context())
}

/// Every message of a part of the corpus, by its path within; nothing where the corpus is absent.
fn corpus(part: &str) -> Vec<(String, Vec<u8>)> {
    let Some(root) = contract::corpora("eps-hl7v3").map(|f| f.join(part)) else { return Vec::new() };
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "xml") {
                let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
                found.push((name.to_string_lossy().into_owned(), std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

fn fixture(case: &str) -> String {
    let path = contract::project_root().join(format!("fixtures/eps/{case}/input.xml"));
    std::fs::read_to_string(path).expect("a fixture")
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let all = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    all.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

/// The rule of the only error, which has a place.
fn refused(input: &str) -> &'static str {
    let translation = run(input.as_bytes());
    assert!(translation.outputs.is_empty(), "{:?}", translation.issues);
    let issue = translation.issues.iter().find(|i| i.severity >= Severity::Error).expect("an error");
    assert!(issue.position.is_some(), "{issue:?}");
    issue.rule
}

#[test]
fn keeps_the_contract() {
    Suite::new(&Eps).folder("fixtures/eps").check();
}

#[test]
fn keeps_the_contract_over_the_corpus() {
    let mut suite = Suite::new(&Eps);
    for (name, input) in corpus("in").into_iter().chain(corpus("invalid")) {
        suite = suite.case(name, input);
    }
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
}

/// What FHIR has no place for here: the time of the message beside that of its author, signatures, whether a paper token
/// was issued, the release that a supply follows, numbers that their translation says again, who sent the message, and
/// when the author of a supply wrote.
const KEPT: [&str; 8] = [
    "legalAuthenticator/time/@value",
    "pertinentSupplyHeader/author/time/@value",
    "effectiveTime/@value",
    "Signature",
    "pertinentTokenIssued",
    "priorPrescriptionReleaseEventRef",
    "quantity/@",
    "primaryInformationRecipient",
];

#[test]
fn every_valid_file_becomes_a_record_and_nothing_is_kept_from_it() {
    for (name, input) in corpus("in") {
        let translation = run(&input);
        assert_eq!(translation.outputs.len(), 1, "{name}: {:?}", translation.issues);
        assert!(!translation.rejected(), "{name}: {:?}", translation.issues);
        for item in translation.ledger.items().iter().filter(|i| i.outcome == Outcome::Unsupported) {
            let place = item.place.render(translation.ledger.outline());
            assert!(KEPT.iter().any(|part| place.contains(part)), "{name}: {place}");
        }
        assert_eq!(Eps.detect(&input).confidence, Confidence::Certain, "{name}");
    }
    for (name, input) in corpus("invalid") {
        let translation = run(&input);
        assert!(translation.unreadable && translation.issues.iter().any(|i| i.position.is_some()), "{name}");
    }
}

#[test]
fn controlled_drugs_notes_and_words_to_the_patient_are_told_apart() {
    let translation = run(fixture("acute").as_bytes());
    let orders = resources(&translation, "MedicationRequest");
    assert_eq!(orders.len(), 2);
    let words = &orders[0]["extension"].as_array().expect("extensions").last().expect("one")["extension"][0];
    assert_eq!(words["valueString"], "twenty eight");
    assert_eq!(orders[0]["note"][0]["text"], "Brand as last time");
    assert_eq!(
        resources(&translation, "CommunicationRequest")[0]["payload"][0]["contentString"],
        "Your review is due"
    );
    assert_eq!(
        resources(&translation, "List")[0]["entry"][0]["item"]["display"],
        "Ramipril 5mg capsules (2/6)"
    );
    assert_eq!(orders[0]["authoredOn"], "2026-07-14T09:15:00+00:00");
}

#[test]
fn a_prescription_whose_id_fails_the_check_is_refused() {
    let good = fixture("acute");
    let at = good.find("Z9A1B2-ZP401A-7C3D0").expect("an id");
    let id = &good[at..at + 20];
    assert_eq!(check_character(&id[..19]), id.chars().next_back());
    let bad = good.replace(id, &format!("{}{}", &id[..19], if id.ends_with('A') { 'B' } else { 'A' }));
    assert_eq!(refused(&bad), "prescription-id");
    assert_eq!(refused(&good.replace("pertinentLineItem", "pertinentOther")), "item-missing");
    assert_eq!(
        refused(&good.replacen(
            "<pertinentLineItem classCode",
            "<pertinentLineItem negationInd=\"true\" classCode",
            1
        )),
        "negated"
    );
    assert_eq!(
        refused("<PORX_IN020101SM31 xmlns=\"urn:hl7-org:v3\"><id root=\"A\"/></PORX_IN020101SM31>"),
        "prescription-absent"
    );
}

/// A request to cancel is not yet a cancellation: the order must not be replaced by it.
#[test]
fn a_request_to_cancel_does_not_touch_the_order() {
    let translation = run(fixture("cancel").as_bytes());
    assert!(resources(&translation, "MedicationRequest").is_empty());
    let task = &resources(&translation, "Task")[0];
    assert_eq!(
        (&task["status"], &task["contained"][0]["status"]),
        (&"requested".into(), &"cancelled".into())
    );
}

#[test]
fn an_item_that_was_not_dispensed_is_not_shown_as_given() {
    let statuses: Vec<_> = resources(&run(fixture("dispense").as_bytes()), "MedicationDispense")
        .iter()
        .map(|d| d["status"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(statuses, ["completed", "declined"]);
}

#[test]
fn it_knows_its_own_format() {
    for other in [
        &b"<QUPC_IN210000UK04/>"[..],
        b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>",
        b"{}",
        b"",
        b"\xFF\xFE",
    ] {
        assert_eq!(Eps.detect(other).confidence, Confidence::No);
    }
    assert!(run(b"nothing of the kind").unreadable);
}

/// `cargo test -p causeway-adapter-eps --test contract -- --ignored`: a long run of mutated inputs.
#[test]
#[ignore = "long"]
fn survives_a_long_mutation() {
    let mut suite = Suite::new(&Eps).folder("fixtures/eps");
    for (name, input) in corpus("in") {
        suite = suite.case(name, input);
    }
    suite.survives_mutation(100_000, 7);
}

/// A negation of any act of a record, or of the relation between two, is never passed over: it would read as its opposite.
#[test]
fn a_negation_anywhere_in_a_record_refuses_it() {
    let (mut tried, mut missed) = (0, Vec::new());
    for case in ["acute", "cancel", "claim", "dispense", "release-response", "repeat-dispensing", "return"] {
        let message = fixture(case);
        let start = message.find("<subject").expect("a record");
        for (at, _) in message.match_indices(" classCode=").chain(message.match_indices(" typeCode=")) {
            let tag = message[..at].rfind('<').unwrap_or(0);
            let whole = &message[tag..at + message[at..].find('>').unwrap_or(0)];
            let read =
                ["<coveringChargeExempt", "<authorizingEvidenceSeen"].iter().any(|n| whole.starts_with(n));
            if at < start || read {
                continue;
            }
            let without = whole.replace(" negationInd=\"false\"", "");
            let name = without.split([' ', '>']).next().unwrap_or_default();
            let negated = without.replacen(name, &format!("{name} negationInd=\"true\""), 1);
            let mutant = message.replacen(whole, &negated, 1);
            let told = run(mutant.as_bytes()).issues.iter().any(|i| i.rule == "negated");
            tried += 1;
            if !told {
                missed.push(format!("{case}: {name}"));
            }
        }
    }
    assert!(tried > 100 && missed.is_empty(), "{tried}: {missed:?}");
}
