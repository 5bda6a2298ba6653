//! The adapter contract, and what each kind of file gives.

use causeway_adapter::contract::{Suite, project_root, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_personal_readings::PersonalReadings;
use serde_json::Value;

fn fixture(case: &str) -> Translation {
    let path = project_root().join("fixtures/personal-readings").join(case).join(if case == "apple-health" {
        "input.xml"
    } else {
        "input.csv"
    });
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

/// A ZIP as a telephone writes it: entries one after another, sizes behind the data of each.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut out = Vec::new();
    for (name, content) in entries {
        out.extend(b"PK\x03\x04\x14\x00\x08\x00\x08\x00");
        out.extend([0; 16]);
        out.extend((name.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend(name.as_bytes());
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflated.write_all(content).expect("memory");
        out.extend(deflated.finish().expect("memory"));
        out.extend(b"PK\x07\x08");
        out.extend([0; 12]);
    }
    out.extend(b"PK\x01\x02 and the list of entries, which is not needed");
    out
}

fn export() -> Vec<u8> {
    std::fs::read(project_root().join("fixtures/personal-readings/apple-health/input.xml")).expect("fixture")
}

#[test]
fn an_export_gives_each_blood_pressure_once() {
    let translation = fixture("apple-health");
    let readings = resources(&translation, "Observation");
    let pressures: Vec<&Value> = readings.iter().filter(|r| r["component"].is_array()).collect();
    let values: Vec<String> = pressures
        .iter()
        .map(|p| {
            format!(
                "{}/{}",
                p["component"][0]["valueQuantity"]["value"], p["component"][1]["valueQuantity"]["value"]
            )
        })
        .collect();
    assert_eq!(values, ["142/84", "138/80"], "one by its correlation, one by its time");
    let of = |code: &str| {
        readings.iter().find(|r| r["code"]["coding"][0]["code"] == code).cloned().unwrap_or_default()
    };
    assert_eq!(of("29463-7")["valueQuantity"]["value"].to_string(), "61.50");
    assert_eq!(
        of("59408-5")["valueQuantity"]["value"].to_string(),
        "95.5",
        "a share of one, said in per cent"
    );
    assert_eq!(of("15074-8")["valueQuantity"]["code"], "mmol/L");
    assert_eq!(of("8867-4")["effectivePeriod"]["end"], "2026-10-20T08:05:00+00:00");
    assert!(
        readings
            .iter()
            .all(|r| r["method"]["text"] == "Self-measured by the person" && r["device"].is_object())
    );
    assert_eq!(resources(&translation, "Patient")[0]["birthDate"], "1942-03-09");
    let rules: Vec<&str> = translation.issues.iter().map(|i| i.rule).collect();
    assert!(rules.contains(&"record-kind-not-taken") && rules.contains(&"time-invalid"), "{rules:?}");
}

/// A record that ends before it begins has no end: R4 forbids such a period.
#[test]
fn an_end_before_the_start_is_left_out_and_told() {
    let export = String::from_utf8(export()).expect("UTF-8");
    let turned = export.replace("endDate=\"2026-10-20 08:05:00", "endDate=\"2026-10-19 08:05:00");
    let translation = translate(&PersonalReadings, turned.as_bytes(), &test_context());
    let readings = resources(&translation, "Observation");
    let rate = readings.iter().find(|r| r["code"]["coding"][0]["code"] == "8867-4").expect("a heart rate");
    assert_eq!(rate["effectivePeriod"]["start"], "2026-10-20T08:00:00+00:00");
    assert!(rate["effectivePeriod"]["end"].is_null());
    let told = translation.issues.iter().filter(|i| i.rule == "period-reversed").count();
    assert_eq!(told, 1, "{:?}", translation.issues.iter().map(|i| i.rule).collect::<Vec<_>>());
}

#[test]
fn an_export_in_its_archive_is_the_same() {
    let plain = export();
    let at = plain.iter().position(|b| *b == b'\n').expect("a line") + 1;
    let (line, xml) = plain.split_at(at);
    let mut whole = line.to_vec();
    whole.extend(zip(&[
        ("apple_health_export/export_cda.xml", b"<ClinicalDocument/>"),
        ("apple_health_export/export.xml", xml),
    ]));
    assert_eq!(PersonalReadings.detect(&whole).confidence, Confidence::Certain);
    let (one, two) = (
        translate(&PersonalReadings, &plain, &test_context()),
        translate(&PersonalReadings, &whole, &test_context()),
    );
    assert_eq!(one.outputs, two.outputs);
    assert_eq!(one.ledger.totals(), two.ledger.totals());
    // A file that is broken off gives what stands before.
    let cut = translate(&PersonalReadings, plain.get(..plain.len() - 900).expect("long"), &test_context());
    assert!(cut.issues.iter().any(|i| i.rule == "export-breaks-off") && !cut.outputs.is_empty());
}

#[test]
fn an_archive_that_is_no_export_is_refused() {
    let refused = |input: &[u8]| {
        translate(&PersonalReadings, input, &test_context()).issues.first().map(|i| i.rule.to_string())
    };
    let line = b"NHS number,9990000018\n";
    let with = |rest: Vec<u8>| [line.as_slice(), &rest].concat();
    assert_eq!(refused(&with(zip(&[("export.xml.txt", b"nothing")]))).as_deref(), Some("export-absent"));
    assert_eq!(refused(&zip(&[("export.xml", b"<HealthData/>")])).as_deref(), Some("person-absent"));
    // Far more than its size allows: nothing but blanks, three hundred times and more.
    let bomb = [b"<HealthData>".to_vec(), vec![b' '; 80 << 20]].concat();
    let found = translate(&PersonalReadings, &with(zip(&[("export.xml", &bomb)])), &test_context());
    assert!(found.issues.iter().any(|i| i.rule == "export-breaks-off"), "{:?}", found.issues);
}

/// Sensed and self-reported, an interval with an average, a unit without a code, a schema that is no reading, a time that is none.
const OPEN_MHEALTH: &[u8] = include_bytes!("open_mhealth.json");

#[test]
fn data_points_of_open_mhealth() {
    let input = OPEN_MHEALTH;
    Suite::new(&PersonalReadings).case("open-mhealth", input).check();
    let found = PersonalReadings.detect(input);
    assert_eq!(found.confidence, Confidence::Certain);
    let translation = translate(&PersonalReadings, input, &test_context());
    let readings = resources(&translation, "Observation");
    assert_eq!(readings.len(), 5);
    let of = |code: &str| {
        readings.iter().find(|r| r["code"]["coding"][0]["code"] == code).unwrap_or_else(|| panic!("{code}"))
    };
    let pressure = of("85354-9");
    assert_eq!(pressure["component"][1]["valueQuantity"]["value"].to_string(), "88");
    assert_eq!(pressure["effectiveDateTime"], "2026-10-20T07:31:00+01:00");
    assert_eq!(pressure["note"][0]["text"], "body posture: sitting");
    let weight = of("29463-7");
    assert_eq!(weight["valueQuantity"]["value"].to_string(), "71.40");
    assert_eq!(
        (&weight["effectiveDateTime"], &weight["method"]["text"]),
        (&"2026-10-21".into(), &"Reported by the person".into())
    );
    // An average does not pass for a reading of a moment.
    let pulse = of("8867-4");
    assert_eq!(pulse["note"][0]["text"], "descriptive statistic: average");
    assert_eq!(pulse["effectivePeriod"]["end"], "2026-10-21T23:00:00+00:00");
    assert_eq!(of("15074-8")["valueQuantity"]["code"], "mmol/L");
    // Kelvin is no unit of the schema that has a code here: the words stay.
    assert_eq!(
        (&of("8310-5")["valueQuantity"]["unit"], of("8310-5")["valueQuantity"].get("code")),
        (&"K".into(), None)
    );
    let rules: Vec<&str> = translation.issues.iter().map(|i| i.rule).collect();
    assert!(rules.contains(&"record-kind-not-taken") && rules.contains(&"time-invalid"), "{rules:?}");
    for bad in ["NHS number,9990000018\n[", "[{\"header\":{\"schema_id\":{}},\"body\":{}}]"] {
        assert!(translate(&PersonalReadings, bad.as_bytes(), &test_context()).unreadable, "{bad}");
    }
}
