//! Small bundles of invented people, as the adapters make them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use causeway_core::{NhsNumber, Sector, Telling};
use causeway_record::{
    Applied, Fact, Record, SearchOptions, SearchPage, SourceMessage, Summary, SummaryQuery, Written,
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub const MRN: &str = "https://fhir.causeway.example/Id/local/ZZ1/mrn";

/// A record in a folder of its own that goes with it.
pub struct Scratch {
    pub record: Record,
    pub path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(folder) = self.path.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("causeway-record-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn scratch() -> Scratch {
    let path = folder().join("record.db");
    Scratch { record: Record::open(&path).unwrap(), path }
}

/// A written searchset, put together from pieces of about so many bytes.
pub fn in_pieces(record: &Record, mut written: Written, bytes: usize) -> String {
    let mut out = Vec::new();
    while !written.is_done() {
        out.extend(record.write_piece(&mut written, bytes).unwrap());
    }
    String::from_utf8(out).unwrap()
}

/// A valid NHS number of the test range.
pub fn number(n: u32) -> String {
    (0..)
        .filter_map(|k| {
            let text = format!("999{:06}", n * 10 + k);
            let nine: [u8; 9] = text.as_bytes().try_into().ok()?;
            let check = NhsNumber::check_digit(nine)?;
            Some(format!("{text}{}", char::from(check)))
        })
        .next()
        .unwrap()
}

pub fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + minute * 60).unwrap()
}

/// Formats of these tests that social care speaks.
const SOCIAL: &[&str] = &[
    "care-act-assessment",
    "care-provider-record",
    "client-level-data",
    "discharge-notice",
    "telecare-alarm",
];

/// A message of a sender through an adapter, received in some minute.
pub fn message(id: &str, sender: &str, adapter: &str, minute: i64) -> SourceMessage {
    SourceMessage {
        message: id.to_owned(),
        sender_code: sender.to_owned(),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        sender_name: format!("Organisation {sender}"),
        adapter: adapter.to_owned(),
        sector: if SOCIAL.contains(&adapter) { Sector::SocialCare } else { Sector::Health },
        telling: match adapter {
            "gp2gp" => Telling::Whole,
            "hl7v2" => Telling::Delta,
            _ => Telling::Event,
        },
        received: at(minute),
        partial: false,
        notices: Vec::new(),
    }
}

/// A transaction bundle: each resource under `urn:uuid:` and its id, with a Provenance over all.
pub fn bundle(message: &SourceMessage, resources: &[Value]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut targets = Vec::new();
    let meta = json!({"source": message.message, "tag": [
        {"system": "https://fhir.causeway.example/CodeSystem/source-system", "code": message.adapter}]});
    for resource in resources {
        let mut resource = resource.clone();
        let id = resource["id"].as_str().unwrap().to_owned();
        if resource.get("meta").is_none() {
            resource["meta"] = meta.clone();
        }
        targets.push(json!({"reference": format!("urn:uuid:{id}")}));
        let url = format!("{}/{id}", resource["resourceType"].as_str().unwrap());
        entries.push(json!({"fullUrl": format!("urn:uuid:{id}"), "resource": resource,
            "request": {"method": "PUT", "url": url}}));
    }
    let id = format!("prov-{}-{}", message.sender_code, message.adapter);
    entries.push(
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": {"resourceType": "Provenance", "id": id,
        "meta": meta, "target": targets, "recorded": message.received.to_string(),
        "entity": [{"role": "source", "what": {"identifier":
            {"system": "https://fhir.causeway.example/Id/original", "value": message.message}}}]}}),
    );
    serde_json::to_vec(&json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).unwrap()
}

pub fn apply(record: &Record, message: &SourceMessage, resources: &[Value]) -> Applied {
    record.apply(&bundle(message, resources), message, message.received).unwrap()
}

/// A Patient with an NHS number (empty: none), a family name and a date of birth.
pub fn patient(id: &str, nhs: &str, family: &str, born: &str) -> Value {
    let mut out = json!({"resourceType": "Patient", "id": id, "identifier": [],
        "name": [{"use": "official", "family": family, "given": ["Testa"]}], "birthDate": born, "gender": "female"});
    if !nhs.is_empty() {
        out["identifier"] = json!([{"system": NHS, "value": nhs}]);
    }
    out
}

pub fn with_local(mut patient: Value, value: &str) -> Value {
    patient["identifier"].as_array_mut().unwrap().push(json!({"system": MRN, "value": value}));
    patient
}

/// An Observation about a Patient of the same bundle.
pub fn observation(id: &str, patient: &str, text: &str, time: &str, value: &str) -> Value {
    let number: Value = serde_json::from_str(value).unwrap();
    json!({"resourceType": "Observation", "id": id, "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://read.info/readv2", "code": "44J3.00", "display": text}], "text": text},
        "subject": {"reference": format!("urn:uuid:{patient}")}, "effectiveDateTime": time,
        "valueQuantity": {"value": number, "unit": "mmol/L"}})
}

pub fn find(record: &Record, kind: &str, query: &str) -> SearchPage {
    record
        .search(
            kind,
            &params(query),
            &SearchOptions { base: "https://record.example".into(), strict: false, each_source: false },
        )
        .unwrap()
}

pub fn params(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (name, value) = p.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

pub fn ids(page: &SearchPage) -> Vec<&str> {
    page.matches.iter().map(|k| k.id.as_str()).collect()
}

/// The whole record of the person of a Patient, read on 1 November 2025.
pub fn summary(record: &Record, patient: &str) -> Summary {
    let person = record.person_of(patient).unwrap().unwrap();
    let query = SummaryQuery { today: "2025-11-01".into(), ..SummaryQuery::default() };
    record.summary(&person, &query, None).unwrap().unwrap()
}

/// Ids of the tellings of each fact of a part, sorted; facts of one telling too.
pub fn told(summary: &Summary, part: &str) -> Vec<Vec<String>> {
    let facts = &summary.part(part).unwrap().facts;
    facts.iter().map(ids_of).collect()
}

pub fn ids_of(fact: &Fact) -> Vec<String> {
    let mut ids: Vec<String> = fact.tellings.iter().map(|t| t.key.id.clone()).collect();
    ids.sort();
    ids
}
