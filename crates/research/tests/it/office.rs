//! Extracts from a real store and record: the register, the audit trail, and a choice between two extracts.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_access::PolicySet;
use causeway_access::choices::Choice;
use causeway_access::standing::Standings;
use causeway_core::{Sector, Telling};
use causeway_exchange::Engine;
use causeway_record::{PersonQuery, Record, SourceMessage};
use causeway_research::deidentify::Key;
use causeway_research::office::{Office, Order, key_file, register, spent};
use causeway_research::{Error, Format, LegalBasis, Noise, Tier};
use causeway_store::{Options, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::people::{nhs_number, person, project};

fn bundle(n: u64) -> Vec<u8> {
    let entry = |resource: &Value| {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let id = resource["id"].as_str().unwrap_or_default();
        json!({"fullUrl": format!("http://example.org/fhir/{kind}/{id}"), "resource": resource,
               "request": {"method": "PUT", "url": format!("{kind}/{id}")}})
    };
    let entries: Vec<Value> = person(n, &[]).resources.iter().map(|held| entry(&held.resource)).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string().into_bytes()
}

fn source(n: u64, now: Timestamp) -> SourceMessage {
    SourceMessage {
        message: format!("m-{n}"),
        sender_code: "RXX01".to_owned(),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        sender_name: "Nettlebridge Hospital".to_owned(),
        adapter: "hl7v2".to_owned(),
        sector: Sector::Health,
        telling: Telling::Event,
        received: now,
        partial: false,
        notices: Vec::new(),
    }
}

#[test]
fn she_opts_out_and_the_next_extract_lost_her_and_only_her() {
    let folder = tempfile::tempdir().expect("a folder");
    let now: Timestamp = "2026-11-29T09:00:00Z".parse().expect("a time");
    let engine: Arc<dyn Engine> =
        Arc::new(Store::open(Options::new(folder.path().join("exchange"))).expect("a store"));
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    for n in 1..=40 {
        record.apply(&bundle(n), &source(n, now), now).expect("applied");
    }
    let policies = PolicySet::shared().expect("the built-in set");
    let office = Office { engine: engine.clone(), record: &record, policies: &policies };
    let mut project = project(Tier::Identifiable);
    project.elements = vec!["Patient".to_owned(), "Observation".to_owned()];
    project.legal_basis = LegalBasis::Other { reference: "26/CAG/0001 (invented)".to_owned() };
    let key = key_file(&folder.path().join("falls.key")).expect("a key");
    let none = HashMap::new();
    let extract = |name: &str, now: Timestamp| {
        let order = Order {
            project: &project,
            key: &key,
            consents: &none,
            formats: &[Format::Ndjson],
            vocabulary: None,
            selection: None,
            block_people: causeway_research::limits::BLOCK_PEOPLE,
            state: None,
            folder: &folder.path().join(name),
            actor: "test",
            now,
        };
        office.extract(&order)
    };
    let lines = |name: &str| -> Vec<String> {
        let text =
            std::fs::read_to_string(folder.path().join(name).join("Patient-0001.ndjson")).expect("a file");
        text.lines().map(str::to_owned).collect()
    };
    let first = extract("1", now).expect("an extract");
    // The person of the plan whose resources nothing labels is of unknown source: GP-held, which matters to type 1 alone.
    assert_eq!((first.people, lines("1").len()), (40, 40));
    let number = nhs_number(17);
    let query = PersonQuery { text: number.clone(), ..PersonQuery::default() };
    let her = record.persons(&query).expect("people").remove(0).id;
    let later = now.checked_add(SignedDuration::from_mins(1)).expect("a time");
    let standings = Standings::new(engine.clone());
    standings.choose(&her, Choice::NationalOptOut, true, "herself", later).expect("chosen");
    let second = extract("2", later).expect("an extract");
    assert_eq!(second.people, 39);
    assert_eq!(second.removed.people["extract-opt-out"], 1);
    let (before, after) = (lines("1"), lines("2"));
    let gone: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
    assert!(gone.len() == 1 && gone[0].contains(&number), "she and only she");
    // The register says since when, the audit trail that it was made; neither names her.
    let entries = register(&*engine).expect("the register");
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].at, entries[0].report.people), (later, 39));
    let trail = engine.audit_entries(Some("research-project/falls-2026"), None, 100).expect("the trail");
    let actions: Vec<&str> = trail.iter().map(|e| e.audit.action.as_str()).collect();
    assert_eq!(
        actions,
        ["research-extract-begun", "research-extract", "research-extract-begun", "research-extract"]
    );
    let told = format!("{entries:?} {trail:?}");
    assert!(!told.contains(&number) && !told.contains(&her));
    // A project that lacks an approval reads nothing and enters nothing.
    let mut alone = project.clone();
    alone.approvals.truncate(1);
    let order = Order {
        project: &alone,
        key: &Key::new(&[1; 32]).expect("a key"),
        consents: &none,
        formats: &[],
        vocabulary: None,
        selection: None,
        block_people: causeway_research::limits::BLOCK_PEOPLE,
        state: None,
        folder: &folder.path().join("3"),
        actor: "test",
        now: later,
    };
    assert!(matches!(office.extract(&order), Err(Error::NotApproved(_))));
    assert_eq!(register(&*engine).expect("the register").len(), 2);
    // Consent of hers brings her back.
    let consents = office.consents(&format!("nhs_number,covers_gp\n{number},yes\n")).expect("consents");
    assert_eq!(consents.keys().collect::<Vec<_>>(), [&her]);
    assert!(office.consents("nhs_number,covers_gp\n9990000018,maybe\n").is_err());
}

#[test]
fn a_project_with_noise_spends_its_privacy_budget_and_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let now: Timestamp = "2026-11-29T09:00:00Z".parse().expect("a time");
    let engine: Arc<dyn Engine> =
        Arc::new(Store::open(Options::new(folder.path().join("exchange"))).expect("a store"));
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    for n in 1..=40 {
        record.apply(&bundle(n), &source(n, now), now).expect("applied");
    }
    let policies = PolicySet::shared().expect("the built-in set");
    let office = Office { engine: engine.clone(), record: &record, policies: &policies };
    let mut project = project(Tier::Aggregate);
    project.views = vec![json!({"resource": "Patient", "name": "counts", "select": [{"column": [
        {"name": "gender", "path": "gender"}]}]})];
    let values = ["female", "male", "unknown"].map(str::to_owned).to_vec();
    let columns = [("gender".to_owned(), values)].into();
    project.noise = Some(Noise {
        epsilon: "0.5".to_owned(),
        budget: "1".to_owned(),
        cells: 1,
        categories: [("counts".to_owned(), columns)].into(),
    });
    let key = key_file(&folder.path().join("falls.key")).expect("a key");
    let none = HashMap::new();
    let extract = |name: &str| {
        office.extract(&Order {
            project: &project,
            key: &key,
            consents: &none,
            formats: &[],
            vocabulary: None,
            selection: None,
            block_people: causeway_research::limits::BLOCK_PEOPLE,
            state: None,
            folder: &folder.path().join(name),
            actor: "test",
            now,
        })
    };
    let table =
        |name: &str| std::fs::read_to_string(folder.path().join(name).join("counts.csv")).expect("a table");
    extract("1").expect("half of it");
    // Every stated cell is there, the one of nobody too; the noise is the same where nothing is new.
    assert_eq!(table("1").lines().count(), 4, "{}", table("1"));
    extract("2").expect("the other half");
    assert_eq!(table("1"), table("2"));
    let refused = extract("3").expect_err("nothing is left").to_string();
    assert!(refused.contains("privacy budget"), "{refused}");
    assert!(!folder.path().join("3").exists());
    let entries = register(&*engine).expect("the register");
    assert_eq!((entries.len(), spent(&entries, "falls-2026").to_string().as_str()), (2, "1.0"));
}
