//! Records of other people's making, through their adapters into the record: for each person what the page counts, what the FHIR API
//! finds and what the source told are one number, and every entry has words. The corpora are found through
//! `CAUSEWAY_CORPORA` (default `../shared/corpora`) and skipped, visibly, where they are absent.
#![allow(clippy::print_stderr, reason = "what is skipped must be seen, and the figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::{Adapter, Confidence};
use causeway_record::{Delivery, Record, SourceMessage, SummaryQuery};
use causeway_tests::sections::{NO_ENTRY, look};
use jiff::Timestamp;
use serde_json::Value;

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

fn adapter_of(bytes: &[u8]) -> Option<&'static dyn Adapter> {
    let all = causeway::ADAPTERS.iter().copied().map(|a| (a.detect(bytes).confidence, a));
    all.filter(|(c, _)| *c > Confidence::Possible).max_by_key(|(c, _)| *c).map(|(_, a)| a)
}

/// Whether the record holds it as what somebody said and did not take back.
fn stands(resource: &Value) -> bool {
    resource["status"] != "entered-in-error"
        && resource["verificationStatus"]["coding"]
            .as_array()
            .is_none_or(|all| all.iter().all(|c| c["code"] != "entered-in-error"))
}

/// Figures of one corpus.
#[derive(Debug, Default)]
struct Figures {
    messages: usize,
    persons: usize,
    told: usize,
    shown: u64,
}

/// What sources told of persons: by type and id, the last telling.
fn told_of(bundles: &[Vec<u8>], people: &mut BTreeSet<String>, told: &mut BTreeMap<String, Value>) {
    for bytes in bundles {
        let bundle: Value = serde_json::from_slice(bytes).unwrap();
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let resource = &entry["resource"];
            let (kind, id) =
                (resource["resourceType"].as_str().unwrap_or(""), resource["id"].as_str().unwrap_or(""));
            if kind == "Patient" {
                people.insert(id.to_owned());
            }
            if !NO_ENTRY.contains(&kind) {
                told.insert(format!("{kind}/{id}"), resource.clone());
            }
        }
    }
}

/// One message into a record of its own (a later extract of a person takes an earlier one's place), and a look at every page.
fn one(path: &str, adapter: &dyn Adapter, bytes: &[u8], figures: &mut Figures, wrong: &mut Vec<String>) {
    let translation = causeway_adapter::translate(adapter, bytes, &test_context());
    let bundles: Vec<Vec<u8>> = translation.outputs.into_iter().map(|o| o.json).collect();
    let (mut people, mut told) = (BTreeSet::new(), BTreeMap::new());
    told_of(&bundles, &mut people, &mut told);
    if people.is_empty() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let record = Record::open(scratch.path().join("record.sqlite")).unwrap();
    let source = SourceMessage {
        message: path.to_owned(),
        sender_code: "ZZ901".to_owned(),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        sender_name: "Test sender".to_owned(),
        adapter: adapter.name().to_owned(),
        sector: adapter.format().sector,
        telling: adapter.format().telling,
        received: Timestamp::UNIX_EPOCH,
        partial: false,
        notices: Vec::new(),
    };
    let slices: Vec<&[u8]> = bundles.iter().map(Vec::as_slice).collect();
    let delivery = Delivery { bundles: &slices, source: &source };
    let applied = record.apply_many(&[delivery], Timestamp::UNIX_EPOCH).unwrap();
    if !matches!(applied.as_slice(), [Ok(applied)] if applied.refused == 0) {
        wrong.push(format!("{path}: not taken whole: {applied:?}"));
        return;
    }
    figures.messages += 1;
    let persons: BTreeSet<String> = people.iter().filter_map(|id| record.person_of(id).unwrap()).collect();
    figures.persons += persons.len();
    let mut shown = BTreeSet::new();
    for person in &persons {
        let query = SummaryQuery { today: "2026-11-29".to_owned(), ..SummaryQuery::default() };
        let summary = record.summary(person, &query, None).unwrap().unwrap();
        let patient = record.person(person).unwrap().unwrap().display_patient;
        let (counted, faults) = look(&record, &patient, &summary);
        figures.shown += counted;
        wrong.extend(faults.into_iter().map(|fault| format!("{path}: {fault}")));
        shown.extend(
            summary.parts.iter().flat_map(|p| &p.facts).flat_map(|f| &f.tellings).map(|t| t.key.reference()),
        );
    }
    for (reference, resource) in &told {
        if is_about(resource, &people) && stands(resource) {
            figures.told += 1;
            if !shown.contains(reference) {
                wrong.push(format!("{path}: {reference} was told and is on no page"));
            }
        }
    }
}

/// Whether a resource says that it is about one of these Patients.
fn is_about(resource: &Value, people: &BTreeSet<String>) -> bool {
    let direct =
        ["subject", "patient", "beneficiary", "for", "individual"].into_iter().map(|name| &resource[name]);
    let listed =
        ["subject", "participant"].into_iter().filter_map(|name| resource[name].as_array()).flatten();
    direct.chain(listed).any(|found| {
        let reference = found["reference"].as_str().or(found["actor"]["reference"].as_str()).unwrap_or("");
        reference.rsplit(['/', ':']).next().is_some_and(|id| people.contains(id))
    })
}

#[test]
fn every_page_of_the_corpora_shows_all_that_was_told() {
    let root = std::env::var_os("CAUSEWAY_CORPORA")
        .map_or_else(|| project_root().join("../shared/corpora"), PathBuf::from);
    if !root.is_dir() {
        eprintln!("SKIPPED: the corpora are not there (CAUSEWAY_CORPORA)");
        return;
    }
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&root).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.path().join("in");
        if folder.is_dir() {
            let (mut paths, mut figures) = (Vec::new(), Figures::default());
            files(&folder, &mut paths);
            for path in paths {
                let bytes = std::fs::read(&path).unwrap();
                if let Some(adapter) = adapter_of(&bytes) {
                    let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
                    one(&shown, adapter, &bytes, &mut figures, &mut wrong);
                }
            }
            all.push((name, figures));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, f) in &all {
        eprintln!(
            "{name}: {} messages, {} persons, {} told, {} shown",
            f.messages, f.persons, f.told, f.shown
        );
    }
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    for (name, f) in &all {
        assert_eq!(f.told as u64, f.shown, "{name}");
    }
}
