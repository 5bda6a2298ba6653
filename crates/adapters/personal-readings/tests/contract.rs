//! The adapter contract, and what each kind of file gives.

use causeway_adapter::contract::{Suite, project_root, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_personal_readings::PersonalReadings;
use serde_json::Value;

fn fixture(case: &str) -> Translation {
    let path = project_root().join("fixtures/personal-readings").join(case).join("input.csv");
    translate(&PersonalReadings, &std::fs::read(path).expect("fixture"), &test_context())
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let entries = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

#[test]
fn keeps_the_contract() {
    Suite::new(&PersonalReadings).folder("fixtures/personal-readings").check();
}

/// `cargo test -p causeway-adapter-personal-readings -- --ignored`
#[test]
#[ignore = "a hundred thousand inputs take minutes"]
fn survives_many_mutations() {
    Suite::new(&PersonalReadings).folder("fixtures/personal-readings").survives_mutation(100_000, 7);
}

#[test]
fn every_reading_says_that_the_person_took_it() {
    for case in ["blood-pressure-meter", "form", "glucose-meter"] {
        let translation = fixture(case);
        let readings = resources(&translation, "Observation");
        assert!(!readings.is_empty(), "{case}");
        for reading in readings {
            assert_eq!(reading["method"]["text"], "Self-measured by the person", "{case}");
            assert_eq!(reading["performer"][0]["reference"], reading["subject"]["reference"], "{case}");
        }
    }
}

#[test]
fn pressures_with_their_digits_times_and_meter() {
    let meter = fixture("blood-pressure-meter");
    let readings = resources(&meter, "Observation");
    let first = &readings[0];
    assert_eq!(first["effectiveDateTime"], "2026-10-20T07:31:00+01:00");
    assert_eq!(first["component"][0]["valueQuantity"]["value"].to_string(), "142");
    assert_eq!(first["component"][1]["code"]["coding"][0]["code"], "8462-4");
    assert_eq!(resources(&meter, "Device").len(), 1);
    assert!(meter.issues.iter().any(|i| i.rule == "pressure-reversed"));
    assert!(meter.issues.iter().any(|i| i.rule == "time-invalid" && i.position.is_some()));
    assert_eq!(resources(&fixture("form"), "Patient").len(), 2);
}

#[test]
fn units_are_not_guessed() {
    let glucose = resources(&fixture("glucose-meter"), "Observation");
    assert_eq!(glucose[0]["valueQuantity"]["value"].to_string(), "6.80");
    assert_eq!(glucose[0]["valueQuantity"]["code"], "mmol/L");
    assert_eq!(glucose[1]["valueString"], "HI");
    let form = fixture("form");
    let weight =
        resources(&form, "Observation").into_iter().find(|o| o["code"]["coding"][0]["code"] == "29463-7");
    assert!(weight.expect("weight")["valueQuantity"]["unit"].is_null());
    assert!(form.issues.iter().any(|i| i.rule == "unit-absent"));
}

#[test]
fn nobody_s_readings_are_refused() {
    let translation = fixture("no-person");
    assert!(translation.outputs.is_empty());
    assert!(translation.issues.iter().any(|i| i.rule == "person-absent" && i.position.is_some()));
    assert_eq!(
        PersonalReadings.detect(b"person_id,first_names,last_names\n1,A,B").confidence,
        Confidence::No
    );
}

#[test]
fn every_bundle_is_valid() {
    let mut faults = Vec::new();
    for case in ["blood-pressure-meter", "form", "glucose-meter"] {
        for output in fixture(case).outputs {
            let report = causeway_profile::check(&output.json);
            let bad = |f: &&causeway_profile::Finding| f.severity == causeway_profile::Severity::Error;
            faults.extend(report.findings.iter().filter(bad).map(|f| format!("{case}: {f:?}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
