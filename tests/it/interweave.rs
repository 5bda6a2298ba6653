//! The published examples of Interweave (Yorkshire and Humber Care Record): each is read, kept to its last text, and shown on the
//! person's page where it is about her. They are found through `CAUSEWAY_ACCEPTANCE` (default `../shared/acceptance`) and
//! skipped, visibly, where they are absent.
#![allow(clippy::print_stderr, reason = "what is skipped must be seen, and the figures")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use causeway_adapter::Adapter;
use causeway_adapter::contract::{project_root, test_context};
use causeway_record::{Delivery, Record, SearchOptions, SourceMessage, SummaryQuery};
use causeway_tests::fsh::Shorthand;
use causeway_tests::sections::{NO_ENTRY, look};
use jiff::Timestamp;
use serde_json::{Value, json};

const CANONICAL: &str = "https://fhir.interweavedigital.nhs.uk/R4";
/// The examples' person; the guide has her elsewhere.
const PERSON: &str = "InterweavePatientExample-MustSupport";
/// Examples that are not kept, each with its reason.
const REFUSED: &[(&str, &str)] =
    &[("InterweaveOperationOutcomeExample", "an answer of a server is no record: bundle-without-resource")];

/// Every text of a resource that the record must hold: not its id, its sender's own labels, and where references lead.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let own = |key: &str| matches!(key, "id" | "meta" | "reference" | "resourceType");
            map.iter().filter(|(key, _)| !own(key)).for_each(|(_, value)| texts(value, found));
        }
        Value::Array(items) => items.iter().for_each(|v| texts(v, found)),
        Value::Null => {}
        Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

fn adapter() -> &'static dyn Adapter {
    *causeway::ADAPTERS.iter().find(|a| a.name() == "fhir-r4").expect("FHIR R4 is read")
}

fn translated(bundle: &Value) -> Vec<Vec<u8>> {
    let bytes = bundle.to_string().into_bytes();
    let translation = causeway_adapter::translate(adapter(), &bytes, &test_context());
    translation.outputs.into_iter().map(|o| o.json).collect()
}

#[test]
fn each_example_of_interweave_is_read_kept_and_shown() {
    let root = std::env::var_os("CAUSEWAY_ACCEPTANCE")
        .map_or_else(|| project_root().join("../shared/acceptance"), PathBuf::from);
    let folder = root.join("interweave/fsh");
    if !folder.is_dir() {
        eprintln!("SKIPPED: the acceptance suites are not there (CAUSEWAY_ACCEPTANCE)");
        return;
    }
    let shorthand = Shorthand::read(&folder, "Interweave", CANONICAL);
    let mut wrong = Vec::new();
    let mut examples = Vec::new();
    for (name, read) in shorthand.resources() {
        match read {
            Ok(resource) => examples.push((name, resource)),
            Err(why) => wrong.push(format!("{name} can't be made of its rules: {why}")),
        }
    }
    let person = json!({"resourceType": "Patient", "id": PERSON, "name": [{"family": "Bloggs", "given": ["Jane"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "birthDate": "1951-04-02", "gender": "female"});
    let entry = |resource: &Value| {
        let url =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let kept = |name: &str| !REFUSED.iter().any(|(n, _)| *n == name);
    for (name, resource) in &examples {
        let alone = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry(resource)]});
        let outputs = translated(&alone);
        if outputs.is_empty() == kept(name) {
            wrong.push(format!("{name}: {} bundles", outputs.len()));
        }
        for finding in causeway_profile::check_value(resource).findings {
            if finding.severity == causeway_profile::Severity::Error {
                eprintln!("{name}: {} {}: {}", finding.path, finding.rule, finding.text);
            }
        }
    }
    let entries: Vec<Value> = std::iter::once(entry(&person))
        .chain(examples.iter().filter(|(n, _)| kept(n)).map(|(_, r)| entry(r)))
        .collect();
    let bundles = translated(&json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}));
    let scratch = tempfile::tempdir().unwrap();
    let record = Record::open(scratch.path().join("record.sqlite")).unwrap();
    let source = SourceMessage {
        message: "interweave".to_owned(),
        sender_code: "ZZ901".to_owned(),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        sender_name: "Test sender".to_owned(),
        adapter: adapter().name().to_owned(),
        sector: adapter().format().sector,
        telling: adapter().format().telling,
        received: Timestamp::UNIX_EPOCH,
        partial: false,
        notices: Vec::new(),
    };
    let slices: Vec<&[u8]> = bundles.iter().map(Vec::as_slice).collect();
    let delivery = Delivery { bundles: &slices, source: &source };
    let applied = record.apply_many(&[delivery], Timestamp::UNIX_EPOCH).unwrap();
    assert!(matches!(applied.as_slice(), [Ok(applied)] if applied.refused == 0), "{applied:?}");
    // Every text of every example is in the record, in a resource of its type.
    let mut about = BTreeSet::new();
    for (name, resource) in examples.iter().filter(|(n, _)| kept(n)) {
        let kind = resource["resourceType"].as_str().unwrap();
        let found = record.search(kind, &[], &SearchOptions::default()).unwrap().bundle;
        let mut wanted = Vec::new();
        texts(resource, &mut wanted);
        let entries = found["entry"].as_array().into_iter().flatten();
        let mut held = entries.map(|e| &e["resource"]).filter(|held| {
            let mut have = Vec::new();
            texts(held, &mut have);
            wanted.iter().all(|text| have.contains(text))
        });
        let held = held.next();
        if held.is_none() {
            wrong.push(format!("{name}: not every text of it is in the record"));
        }
        let hers = ["subject", "patient"]
            .iter()
            .any(|m| resource[*m]["reference"].as_str().is_some_and(|reference| reference.ends_with(PERSON)));
        if let (true, false, Some(held)) = (hers, NO_ENTRY.contains(&kind), held) {
            about.insert(format!("{kind}/{}", held["id"].as_str().unwrap()));
        }
    }
    let patient = record.search("Patient", &[], &SearchOptions::default()).unwrap().bundle;
    let patient = patient["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let key = record.person_of(&patient).unwrap().unwrap_or(patient);
    let query = SummaryQuery { today: "2026-11-29".to_owned(), ..SummaryQuery::default() };
    let summary = record.summary(&key, &query, None).unwrap().unwrap();
    let (_, faults) = look(&record, &record.person(&key).unwrap().unwrap().display_patient, &summary);
    wrong.extend(faults);
    let shown: BTreeSet<String> = summary
        .parts
        .iter()
        .flat_map(|p| &p.facts)
        .flat_map(|f| &f.tellings)
        .map(|t| t.key.reference())
        .collect();
    wrong.extend(about.difference(&shown).map(|reference| format!("{reference} is hers and on no page")));
    eprintln!(
        "Interweave: {} examples read, {} kept, {} hers, {} not kept: {:?}",
        examples.len(),
        examples.len() - REFUSED.len(),
        about.len(),
        REFUSED.len(),
        REFUSED
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(examples.len() >= 20, "{}", examples.len());
}
