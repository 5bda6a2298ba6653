//! FHIR R4 that its sender has already: at the plain door, in the statement, and the messages of the corpora.

use std::path::{Path, PathBuf};

use causeway_service::config::Config;
use serde_json::{Value, json};

use crate::messaging::{OURS, bars, post, referral};
use crate::receiver::nhs_number;
use crate::support::*;

fn config() -> Config {
    let mut config = open_config();
    config.messaging.services = vec![OURS.to_owned()];
    config
}

/// A Bundle of a person and one observation; `first` comes before them.
fn bundle(kind: &str, first: Option<Value>, system: &str) -> String {
    let patient = json!({"fullUrl": "https://sender.example/Patient/p", "resource": {"resourceType": "Patient", "id": "p",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(31)}],
        "name": [{"family": "Testling", "given": ["Cora"]}], "birthDate": "1951-02-03"}});
    let observation = json!({"fullUrl": "https://sender.example/Observation/o", "resource": {
        "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
        "category": [{"coding": [{"system": system, "code": "survey"}]}],
        "code": {"text": "Gait speed"}, "valueString": "slow"}});
    let entries: Vec<Value> =
        first.into_iter().map(|r| json!({"resource": r})).chain([patient, observation]).collect();
    json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string()
}

fn composition() -> Value {
    json!({"resourceType": "Composition", "id": "c", "status": "final", "date": "2026-11-02", "title": "Letter",
           "type": {"coding": [{"system": "http://snomed.info/sct", "code": "371531000"}]},
           "subject": {"reference": "Patient/p"}, "author": [{"display": "Dr Example"}]})
}

/// A letter on its own; its person is not with it.
fn alone() -> String {
    let mut letter = composition();
    letter["id"] = json!("alone");
    letter.to_string()
}

const R4: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const ANY: &str = "http://sender.example/category";
const PLAIN: &str = "application/fhir+json";
const DECLARED: &str = "application/fhir+json; fhirVersion=4.0";

#[tokio::test(flavor = "multi_thread")]
async fn records_in_fhir_r4_are_taken_at_the_plain_door_and_nothing_is_guessed() {
    let world = World::new();
    let server = world.serve(config()).await;
    for (what, media, body, event) in [
        ("a message", PLAIN, referral("Hip"), Some("servicerequest-request")),
        ("a document of R4", PLAIN, bundle("document", Some(composition()), R4), Some("371531000")),
        ("a collection of R4", PLAIN, bundle("collection", None, R4), Some("collection")),
        (
            "a document said to be R4",
            DECLARED,
            bundle("document", Some(composition()), ANY),
            Some("371531000"),
        ),
        ("a collection said to be R4", DECLARED, bundle("collection", None, ANY), Some("collection")),
        (
            "a collection that is R4 to its last element",
            PLAIN,
            bundle("collection", None, ANY),
            Some("collection"),
        ),
        ("a resource alone that is R4", PLAIN, alone(), Some("resource")),
        (
            "a resource that only STU3 has so",
            PLAIN,
            json!({"resourceType": "Condition", "clinicalStatus": "active"}).to_string(),
            None,
        ),
        (
            "one said to be STU3",
            "application/fhir+json; fhirVersion=3.0",
            bundle("collection", None, ANY),
            None,
        ),
        ("a document without its Composition", DECLARED, bundle("document", None, R4), None),
        ("a transaction", DECLARED, bundle("transaction", None, R4), Some("transaction")),
        ("a search result", DECLARED, bundle("searchset", None, R4), Some("search result")),
        ("a resource alone", DECLARED, alone(), Some("resource")),
    ] {
        let headers = [("Content-Type", media), ("Causeway-Sender", "ZZ901")];
        let reply = call(&server, "POST", "/messages", &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 202, "{what}");
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        match event {
            Some(event) => {
                let message = until(&server, &id, "recorded").await;
                assert_eq!(message["translation"]["adapter"], "fhir-r4", "{what}");
                assert_eq!(message["translation"]["ledger"]["unexplained"], 0, "{what}");
                let format = message["translation"]["format"].as_str().unwrap();
                assert!(format.contains(event), "{what}: {format}");
            }
            None => {
                let message = until(&server, &id, "unrecognised").await;
                assert_eq!(message["state"], "error", "{what}");
            }
        }
    }
    // What was told twice, with the sender's own ids, is there once; and it is a person's record.
    let search = format!("/fhir/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C{}", nhs_number(31));
    let found = get(&server, &search).await.json();
    let count = |found: &Value| found["entry"].as_array().map(Vec::len);
    assert_eq!(count(&found), Some(1), "{found:#}");
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let notes = get(&server, &format!("/fhir/Observation?patient={id}")).await.json();
    assert_eq!(count(&notes), Some(1), "{notes:#}");
    let letters = get(&server, &format!("/fhir/Composition?patient={id}")).await.json();
    // The document's, and the one told alone: its subject is whom the sender told of before.
    assert_eq!(count(&letters), Some(2), "{letters:#}");
    server.stop().await.unwrap();
}

#[test]
fn documents_and_collections_keep_the_adapters_contract() {
    causeway_adapter::contract::Suite::new(&causeway_adapter_fhir_r4::FhirR4)
        .case("document", bundle("document", Some(composition()), R4))
        .case("collection", bundle("collection", None, R4))
        .check();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_says_where_messages_are_taken() {
    let world = World::new();
    let server = world.serve(config()).await;
    let statement = get(&server, "/fhir/metadata").await.json();
    let messaging = &statement["messaging"][0];
    let address = messaging["endpoint"][0]["address"].as_str().unwrap();
    assert!(messaging["supportedMessage"].as_array().unwrap().iter().all(|m| m["mode"] == "receiver"));
    let operations = statement["rest"][0]["operation"].as_array().unwrap();
    assert!(operations.iter().any(|o| o["name"] == "process-message"));
    // The address that it gives is one that takes messages.
    let path = address.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let headers = bars(1, OURS);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let reply = call(&server, "POST", &format!("/{path}"), &headers, referral("x").as_bytes()).await;
    assert_eq!(reply.status, 200, "{address}: {}", reply.text());
    server.stop().await.unwrap();
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "json") {
            found.push(path);
        }
    }
}

/// Every Bundle of the corpora at `$process-message`: messages of R4 are taken, once; everything else is refused with the
/// code for it, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn every_bundle_of_the_corpora_is_taken_or_refused_as_it_should_be() {
    let root = std::env::var("CAUSEWAY_CORPORA").unwrap_or_else(|_| "../shared/corpora".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(root);
    let mut all = Vec::new();
    files(&root, &mut all);
    if all.is_empty() {
        eprintln!(
            "SKIPPED: $process-message over the corpora: nothing in {} (CAUSEWAY_CORPORA)",
            root.display()
        );
        return;
    }
    all.sort();
    let world = World::new();
    let server = world.serve(config()).await;
    let (mut taken, mut refused) = (0, 0);
    for (number, path) in (1u32..).zip(&all) {
        let bytes = std::fs::read(path).unwrap();
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let value: Option<Value> = serde_json::from_str(&text).ok();
        let name = path.strip_prefix(&root).unwrap_or(path).display();
        let bundle = value.as_ref().filter(|v| v["resourceType"] == "Bundle");
        if value.is_some() && bundle.is_none() {
            continue;
        }
        let header = bundle.map(|b| &b["entry"][0]["resource"]);
        let message = bundle.is_some_and(|b| b["type"] == "message")
            && header.is_some_and(|h| !h["eventCoding"].is_null() || !h["eventUri"].is_null());
        let reply = post(&server, &bars(number, OURS), &text).await;
        let code = reply.json()["issue"][0]["details"]["coding"][0]["code"].clone();
        // Which of these an adapter refuses for what they say, tests/it/corpora.rs holds.
        let wrong = path.parent().is_some_and(|folder| folder.ends_with("invalid"));
        if message && !(wrong && reply.status == 422) {
            assert_eq!(reply.status, 200, "{name}: {}", reply.text());
            let answer = &reply.json()["entry"][0]["resource"];
            assert_eq!(answer["response"]["code"], "ok", "{name}");
            assert_eq!(Some(&answer["eventCoding"]), header.map(|h| &h["eventCoding"]), "{name}");
            let again = post(&server, &bars(number, OURS), &text).await;
            assert_eq!(
                (again.status, &again.json()["issue"][0]["code"]),
                (409, &json!("duplicate")),
                "{name}"
            );
            taken += 1;
        } else {
            let expected =
                if bundle.is_some() { (422, "SEND_UNPROCESSABLE_ENTITY") } else { (400, "SEND_BAD_REQUEST") };
            assert_eq!((reply.status, code.as_str().unwrap_or_default()), expected, "{name}");
            refused += 1;
        }
    }
    let kept = server.state.engine.metrics().unwrap().accepted;
    assert_eq!(kept, taken, "what is refused leaves nothing behind");
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
    eprintln!("$process-message over the corpora: {taken} messages taken and known again, {refused} refused");
    server.stop().await.unwrap();
}
