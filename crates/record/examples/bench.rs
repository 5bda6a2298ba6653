//! Speed of the record: `cargo run --release -p causeway-record --example bench [persons]`.
//!
//! Each person has a hospital's bundle of 12 resources and a laboratory's of 8, each applied in a flushed
//! transaction of its own. The hospital's come again and change nothing, each flushed and then in batches. All
//! of it at a tenth of the size first: what is asked of one person must not grow with the others.
#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::time::Instant;

use causeway_core::{NhsNumber, Sector, Telling};
use causeway_record::{Delivery, Record, Result, SearchOptions, SourceMessage, SummaryQuery};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Persons of the large run, where none are given: 20 resources each.
const PERSONS: u32 = 5_000;
/// Messages that share a flush.
const BATCH: usize = 50;
/// Times that each question is asked.
const ROUNDS: u32 = 1_000;

fn nhs(n: u32) -> String {
    (0..10)
        .find_map(|k| {
            let text = format!("999{:06}", n * 10 + k);
            let nine = text.as_bytes().try_into().ok()?;
            NhsNumber::check_digit(nine).map(|check| format!("{text}{}", char::from(check)))
        })
        .unwrap_or_default()
}

fn patient(id: &str, n: u32) -> Value {
    json!({"resourceType": "Patient", "id": id, "birthDate": "1941-02-03", "gender": "female",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs(n)}],
        "name": [{"use": "official", "family": format!("Family{n}"), "given": ["Testa"]}]})
}

fn bundle(adapter: &str, n: u32, observations: u32) -> Vec<u8> {
    let pid = format!("{adapter}-p{n}");
    let mut all = vec![patient(&pid, n)];
    for k in 0..observations {
        all.push(json!({"resourceType": "Observation", "id": format!("{adapter}-{n}-{k}"), "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://read.info/readv2", "code": format!("44J{k}."), "display": "a test"}], "text": format!("Test {k}")},
            "subject": {"reference": format!("urn:uuid:{pid}")}, "effectiveDateTime": "2025-06-01T09:00:00+01:00",
            "valueQuantity": {"value": n % 100, "unit": "mmol/L"}}));
    }
    let targets: Vec<Value> = all
        .iter()
        .map(|r| json!({"reference": format!("urn:uuid:{}", r["id"].as_str().unwrap_or(""))}))
        .collect();
    all.push(json!({"resourceType": "Provenance", "id": format!("{adapter}-v{n}"), "target": targets, "recorded": "2025-06-01T09:00:00Z"}));
    let entries: Vec<Value> = all
        .into_iter()
        .map(|r| json!({"fullUrl": format!("urn:uuid:{}", r["id"].as_str().unwrap_or("")), "resource": r}))
        .collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string().into_bytes()
}

fn source(adapter: &str, message: String) -> SourceMessage {
    SourceMessage {
        message,
        sender_code: format!("ZZ-{adapter}"),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".into(),
        sender_name: String::new(),
        adapter: adapter.into(),
        sector: Sector::Health,
        telling: if adapter == "gp2gp" { Telling::Whole } else { Telling::Event },
        received: Timestamp::UNIX_EPOCH,
        partial: false,
        notices: Vec::new(),
    }
}

fn rate(what: &str, count: u32, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    println!(
        "  {what:<46} {:>10.0}/s {:>10.1} µs each",
        f64::from(count) / seconds,
        seconds * 1e6 / f64::from(count)
    );
}

fn run(persons: u32) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("causeway-record-bench-{}-{persons}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_default();
    let record = Record::open(folder.join("record.db"))?;
    println!("{persons} persons");
    let now = Timestamp::UNIX_EPOCH;
    let hospital: Vec<_> = (0..persons).map(|n| bundle("hl7v2", n, 10)).collect();
    let laboratory: Vec<_> = (0..persons).map(|n| bundle("edifact-pathology", n, 6)).collect();
    let start = Instant::now();
    for (n, bytes) in hospital.iter().enumerate() {
        record.apply(bytes, &source("hl7v2", format!("h{n}")), now)?;
    }
    rate("bundles of 12 applied, each flushed", persons, start);
    let start = Instant::now();
    for (n, bytes) in laboratory.iter().enumerate() {
        record.apply(bytes, &source("edifact-pathology", format!("l{n}")), now)?;
    }
    rate("bundles of 8 applied and joined, each flushed", persons, start);
    let start = Instant::now();
    for (n, bytes) in hospital.iter().enumerate() {
        let applied = record.apply(bytes, &source("hl7v2", format!("again{n}")), now)?;
        assert!(!applied.changed());
    }
    rate("bundles of 12 that change nothing", persons, start);
    let sources: Vec<_> = (0..persons).map(|n| source("hl7v2", format!("batch{n}"))).collect();
    let bodies: Vec<[&[u8]; 1]> = hospital.iter().map(|bytes| [bytes.as_slice()]).collect();
    let all: Vec<_> = bodies.iter().zip(&sources).map(|(b, s)| Delivery { bundles: b, source: s }).collect();
    let start = Instant::now();
    for batch in all.chunks(BATCH) {
        record.apply_many(batch, now)?;
    }
    rate("the same in batches of 50, each batch flushed", persons, start);
    questions(&record, persons)?;
    println!("  {:?}", record.figures()?);
    drop(record);
    let bytes = std::fs::metadata(folder.join("record.db")).map(|m| m.len()).unwrap_or_default();
    println!("  file: {:.0} MB", bytes as f64 / 1e6);
    std::fs::remove_dir_all(&folder).unwrap_or_default();
    Ok(())
}

fn questions(record: &Record, persons: u32) -> Result<()> {
    let options = SearchOptions::default();
    let ask = |what: &str,
               kind: &str,
               query: &dyn Fn(u32) -> Vec<(String, String)>,
               expected: usize|
     -> Result<()> {
        let start = Instant::now();
        for n in 0..ROUNDS {
            let page = record.search(kind, &query(n * 7919 % persons), &options)?;
            assert_eq!(page.matches.len(), expected, "{what}");
        }
        rate(what, ROUNDS, start);
        Ok(())
    };
    let pair = |a: &str, b: String| (a.to_owned(), b);
    ask("Patient by NHS number", "Patient", &|n| vec![pair("identifier", nhs(n))], 1)?;
    ask("Observation by patient", "Observation", &|n| vec![pair("patient", format!("hl7v2-p{n}"))], 16)?;
    ask(
        "Observation by patient, code, date, sorted",
        "Observation",
        &|n| {
            let who = pair("patient", format!("hl7v2-p{n}"));
            vec![
                who,
                pair("code", "44J3.".into()),
                pair("date", "ge2025".into()),
                pair("_sort", "-date".into()),
            ]
        },
        2,
    )?;
    let start = Instant::now();
    for n in 0..ROUNDS {
        record.everything(&format!("hl7v2-p{}", n * 7919 % persons), "")?;
    }
    rate("$everything (20 resources)", ROUNDS, start);
    let start = Instant::now();
    for n in 0..ROUNDS {
        let person = record.person_of(&format!("hl7v2-p{}", n * 7919 % persons))?.unwrap_or_default();
        record.summary(&person, &SummaryQuery::default(), None)?;
    }
    rate("summary (20 resources, 6 facts of two sources)", ROUNDS, start);
    Ok(())
}

/// Resources of the person of whom there is much.
const LARGE: u32 = 10_000;
/// Codes of those resources.
const CODES: u32 = 100;

/// One person with [`LARGE`] resources: what is asked of a part, and all of it.
fn large() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("causeway-record-bench-{}-large", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_default();
    let record = Record::open(folder.join("record.db"))?;
    let mut all = bundle("large", 1, LARGE);
    let mut value: Value = serde_json::from_slice(&all).unwrap_or_default();
    for (number, entry) in (0_u32..).zip(value["entry"].as_array_mut().into_iter().flatten()) {
        if entry["resource"]["resourceType"] == "Observation" {
            entry["resource"]["code"]["coding"][0]["code"] = json!(format!("C{}", number % CODES));
        }
    }
    all = value.to_string().into_bytes();
    record.apply(&all, &source("large", "l".to_owned()), Timestamp::UNIX_EPOCH)?;
    println!("one person with {LARGE} resources");
    let rounds = 20;
    let start = Instant::now();
    for n in 0..rounds {
        let query = [
            ("patient", "large-p1".to_owned()),
            ("code", format!("C{n}")),
            ("date", "ge2025".into()),
            ("_sort", "-date".into()),
            ("_count", "20".into()),
        ];
        let query: Vec<_> = query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(record.search("Observation", &query, &SearchOptions::default())?.matches.len(), 20);
    }
    rate("Observation by patient, code, date, sorted, 20", rounds, start);
    let start = Instant::now();
    let mut bytes = 0;
    for _ in 0..5 {
        bytes = 0;
        if let Some(mut written) = record.everything_written("large-p1", "", &[], None)? {
            while !written.is_done() {
                bytes += record.write_piece(&mut written, 256 * 1024)?.len();
            }
        }
    }
    rate(&format!("$everything as JSON, {:.1} MB", bytes as f64 / 1e6), 5, start);
    drop(record);
    std::fs::remove_dir_all(&folder).unwrap_or_default();
    Ok(())
}

fn main() -> Result<()> {
    let persons = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(PERSONS);
    run((persons / 10).max(1))?;
    run(persons)?;
    large()
}
