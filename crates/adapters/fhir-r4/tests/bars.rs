//! The published examples of Booking and Referral (BaRS 1.4.0): what is a record is read without loss, what is an answer of a
//! server is none. They are found through `CAUSEWAY_ACCEPTANCE`, else beside the project, and where they are absent the
//! one case says so.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

use causeway_adapter::contract::{Suite, test_context};
use causeway_adapter::{Adapter, Confidence, translate};
use causeway_adapter_fhir_r4::FhirR4;
use serde_json::Value;

/// Examples that are not legal FHIR: refused, and told.
const REFUSED: &[(&str, &str)] = &[(
    "service_request/GET-success.json",
    "its entry is the resource itself, where R4 has entry.resource: refused by entry-without-resource",
)];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path if path.extension().is_some_and(|e| e == "json") => found.push(path),
            _ => {}
        }
    }
}

/// Every text of a document but ids, names of places and what a store says of itself, which are made anew.
fn texts(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if !matches!(
                    key.as_str(),
                    "id" | "fullUrl"
                        | "reference"
                        | "meta"
                        | "request"
                        | "response"
                        | "search"
                        | "link"
                        | "total"
                ) {
                    texts(value, key, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|v| texts(v, name, found)),
        Value::String(text) if !matches!(name, "type" | "resourceType") => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        _ => {}
    }
}

#[test]
fn the_examples_of_booking_and_referral_are_read_without_loss() {
    let root = std::env::var_os("CAUSEWAY_ACCEPTANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/acceptance"),
        PathBuf::from,
    );
    let folder = root.join("bars/openapi/examples1.4.0");
    if !folder.is_dir() {
        eprintln!("skipped: the acceptance suites are not there (CAUSEWAY_ACCEPTANCE)");
        return;
    }
    let mut found = Vec::new();
    files(&folder, &mut found);
    found.sort();
    let (mut read, mut answers, mut wrong) = (0, 0, Vec::new());
    for file in &found {
        let bytes = std::fs::read(file).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let kind = document["resourceType"].as_str().unwrap_or_default();
        let name = file.strip_prefix(&folder).unwrap().display().to_string();
        if matches!(kind, "OperationOutcome" | "CapabilityStatement" | "MessageDefinition" | "") {
            if FhirR4.detect(&bytes).confidence != Confidence::No && kind != "MessageDefinition" {
                wrong.push(format!("{name}: an answer of a server is taken for a record"));
            }
            answers += 1;
            continue;
        }
        Suite::new(&FhirR4).case(name.clone(), bytes.clone()).accounts();
        let made = translate(&FhirR4, &bytes, &test_context());
        if REFUSED.iter().any(|(refused, _)| *refused == name) {
            let told = made.issues.iter().any(|i| i.rule == "entry-without-resource");
            assert!(told && made.outputs.is_empty(), "{name} is refused and not told");
            continue;
        }
        let Some(output) = made.outputs.first() else {
            wrong.push(format!(
                "{name}: not read: {:?}",
                made.issues.iter().map(|i| i.rule).collect::<Vec<_>>()
            ));
            continue;
        };
        let output: Value = serde_json::from_slice(&output.json).unwrap();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        texts(&document, "", &mut before);
        texts(&output, "", &mut after);
        // An empty text says nothing, and R4 has none.
        // What stands in the place of an NHS number and is none loses the number's system, which is told.
        let is_none = made.issues.iter().any(|issue| issue.rule.starts_with("nhs-number-"));
        before.retain(|text| !(is_none && text.ends_with("/Id/nhs-number")));
        before.retain(|text| !text.trim().is_empty() && !after.contains(text));
        if before.is_empty() {
            read += 1;
        } else {
            wrong.push(format!("{name}: {} texts of it are gone", before.len()));
        }
    }
    eprintln!(
        "BaRS examples: {read} records read without loss, {answers} answers left alone, {} of {} not",
        wrong.len(),
        found.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read >= 15 && answers >= 50, "{read} {answers}");
}

/// `Patient/p1` in one message is the Patient that the same sender told in another.
#[test]
fn a_reference_leads_to_what_the_same_sender_told_before() {
    let of = |text: &str| -> Value {
        let made = translate(&FhirR4, text.as_bytes(), &test_context());
        serde_json::from_slice(&made.outputs[0].json).unwrap()
    };
    let patient = of(r#"{"resourceType":"Patient","id":"p1"}"#);
    let flag = of(r##"{"resourceType":"Flag","id":"f1","status":"active","code":{"text":"falls"},
            "contained":[{"resourceType":"Practitioner","id":"c"}],"author":{"reference":"#c"},
            "subject":{"reference":"Patient/p1/_history/2"},"encounter":{"reference":"https://elsewhere.example/Encounter/e"}}"##);
    let flag = &flag["entry"][0]["resource"];
    let id = patient["entry"][0]["resource"]["id"].as_str().unwrap();
    assert_eq!(flag["subject"]["reference"], format!("Patient/{id}"));
    assert_eq!(flag["author"]["reference"], "#c");
    assert_eq!(flag["encounter"]["reference"], "https://elsewhere.example/Encounter/e");
}
