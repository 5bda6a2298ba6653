//! The adapter contract: as by default, and with every option on.

mod common;

use causeway_adapter::contract::{Suite, test_context};
use causeway_adapter::translate;
use causeway_adapter_care_provider_record::CareProviderRecord;
use causeway_core::Outcome;

const FOLDER: &str = "fixtures/care-provider-record";

#[test]
fn keeps_the_contract() {
    Suite::new(&CareProviderRecord).folder(FOLDER).check();
}

#[test]
fn keeps_the_contract_with_every_option() {
    let suite = Suite::new(&CareProviderRecord).context(common::open_context()).folder(FOLDER);
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
}

/// What each case says, by rule.
#[test]
fn says_what_is_wrong() {
    let expected: &[(&str, &[&str])] = &[
        ("about-me-old", &["about-me-old"]),
        ("attorney-photo-only", &["attorney-only-picture"]),
        ("codes-and-blanks", &["snomed-system-url", "member-unknown", "section-unknown"]),
        ("contact-shares-nhs-number", &["nhs-number-shared"]),
        ("contingency-without-triggers", &["schema-required"]),
        ("cpr-contradictory", &["cpr-decisions-differ", "respect-is-not-cpr"]),
        ("dols-free-text", &["dols-status"]),
        ("edith-larkspur", &[]),
        ("flag-without-status", &["schema-required"]),
        ("incident-in-future", &["date-in-future"]),
        ("local-times", &["local-time-doubtful", "offset-assumed"]),
        ("long-text", &["schema-length"]),
        ("member-twice", &["member-twice"]),
        ("mime-and-file-swapped", &["schema-format"]),
        ("minimal", &[]),
        ("multimedia-without-file", &["schema-required"]),
        ("nhs-number-check-digit", &["nhs-number-check-digit"]),
        ("note-by-number-alone", &["schema-required"]),
        ("periods-backwards", &["end-before-start"]),
        ("silent-defaults", &["silent-default"]),
        ("steady-steps-reablement", &[]),
        ("still-resident-elsewhere", &["two-homes-open", "status-from-dates"]),
        ("subject-missing", &["subject-missing"]),
        ("subject-unidentified", &["subject-unidentified"]),
        ("text-names-another", &[]),
        ("wrong-types", &["schema-type", "schema-value", "schema-range", "schema-format"]),
    ];
    let cases = common::cases();
    assert_eq!(
        cases.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        expected.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for ((case, input), (_, rules)) in cases.iter().zip(expected) {
        let translation = translate(&CareProviderRecord, input, &common::open_context());
        let seen: Vec<&str> = translation.issues.iter().map(|issue| issue.rule).collect();
        for rule in *rules {
            assert!(seen.contains(rule), "{case}: no {rule} in {seen:?}");
        }
        if rules.is_empty() {
            assert_eq!(seen, Vec::<&str>::new(), "{case}");
        }
        let positions = translation.issues.iter().filter(|i| i.position.is_none()).count();
        assert_eq!(positions, 0, "{case}: an issue without a position");
    }
}

#[test]
fn what_is_missing_of_a_person_is_told_once_for_each_thing_in_plain_words() {
    let (_, input) =
        common::cases().into_iter().find(|(name, _)| name == "note-by-number-alone").expect("case");
    let translation = translate(&CareProviderRecord, &input, &test_context());
    let told: Vec<_> = translation
        .issues
        .iter()
        .map(|i| (i.text.as_ref(), i.position.as_ref().map_or("", |p| p.path.as_str())))
        .collect();
    assert_eq!(
        told,
        [
            ("name is missing", "/subject/familyName"),
            ("date of birth is missing", "/subject/dateOfBirth"),
            ("usual address is missing", "/subject/address"),
        ]
    );
    let text = String::from_utf8_lossy(&translation.outputs[0].json).into_owned();
    assert!(text.contains("refused her tablets"));
    assert!(!text.contains("\"official\""), "nobody is called by a use alone");
}

#[test]
fn ig_14_legal_and_safeguarding_stay_closed_by_default() {
    for (case, input) in common::cases() {
        let translation = translate(&CareProviderRecord, &input, &test_context());
        for output in &translation.outputs {
            let text = String::from_utf8_lossy(&output.json);
            for code in [
                "safeguarding",
                "cpr-decision",
                "capacity-assessment",
                "lasting-power-of-attorney",
                "sexual-orientation",
            ] {
                assert!(!text.contains(&format!("\"code\":\"{code}\"")), "{case}: {code}");
            }
        }
    }
    let (_, input) = common::cases().into_iter().find(|(name, _)| name == "edith-larkspur").expect("case");
    let closed = translate(&CareProviderRecord, &input, &test_context());
    assert!(closed.ledger.totals().of(Outcome::Withheld) > 20);
    let open = translate(&CareProviderRecord, &input, &common::open_context());
    assert_eq!(open.ledger.totals().of(Outcome::Withheld), 1, "immigration status stays closed");
}

#[test]
fn a_bad_item_leaves_its_neighbours() {
    let (_, input) =
        common::cases().into_iter().find(|(name, _)| name == "flag-without-status").expect("case");
    let translation = translate(&CareProviderRecord, &input, &test_context());
    let text = String::from_utf8_lossy(&translation.outputs[0].json).into_owned();
    assert_eq!(text.matches("\"resourceType\":\"Flag\"").count(), 1);
    let at = translation.issues.iter().find_map(|i| i.position.as_ref()).map(|p| p.path.as_str());
    assert_eq!(at, Some("/alerts/0/status"));
}

#[test]
fn a_large_file_is_refused_alone() {
    let record = |file: &str| {
        format!(
            r#"{{"recordUid":"r","version":1,"provider":{{"cqcLocationId":"1-9990000101"}},
            "subject":{{"familyName":"Larkspur","givenName":"Edith","dateOfBirth":"1942-03-09",
            "address":{{"line1":"14 Heron Close","postcode":"ZZ99 3VZ"}}}},
            "documents":[{{"contentType":"image/jpeg","data":"{file}"}},{{"contentType":"image/jpeg","data":"AAAA"}}]}}"#
        )
    };
    let translation =
        translate(&CareProviderRecord, record(&"A".repeat(30 * 1024 * 1024)).as_bytes(), &test_context());
    assert_eq!(translation.issues.len(), 1);
    assert_eq!(translation.outputs.len(), 1);
    assert!(translation.outputs[0].json.len() < 20_000);
    let uri =
        translate(&CareProviderRecord, record("data:image/jpeg;base64,AAAA").as_bytes(), &test_context());
    assert_eq!(uri.issues[0].rule, "schema-format");
}

#[test]
fn items_of_two_people_with_one_id_stay_two() {
    let record = |uid: &str, family: &str| {
        format!(
            r#"{{"$schema":"dscr-record/0.1","recordUid":"{uid}","version":1,
                "provider":{{"cqcLocationId":"1-9990000101","name":"Larchwood House"}},
                "subject":{{"familyName":"{family}","givenName":"Iris","dateOfBirth":"1940-01-01",
                    "address":{{"line1":"1 Mill Rise","postcode":"ZZ99 1AA"}}}},
                "dailyNotes":[{{"recordUid":"N-1","dateTime":"2026-10-01T09:00:00Z","text":"Slept well"}}]}}"#
        )
    };
    let ids = |input: String| {
        let context = causeway_adapter::contract::test_context();
        let made = causeway_adapter::translate(&CareProviderRecord, input.as_bytes(), &context);
        let bundle: serde_json::Value = serde_json::from_slice(&made.outputs[0].json).expect("JSON");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let note = entries.iter().find(|e| e["resource"]["resourceType"] == "Observation").cloned();
        note.expect("a note")["resource"]["id"].clone()
    };
    assert_ne!(ids(record("R-1", "Ashgrove")), ids(record("R-2", "Fernsby")));
    assert_eq!(ids(record("R-1", "Ashgrove")), ids(record("R-1", "Ashgrove")));
}

fn larkspur() -> serde_json::Value {
    let cases = common::cases();
    let (_, input) = cases.iter().find(|(name, _)| name == "edith-larkspur").expect("a case");
    serde_json::from_slice(input).expect("JSON")
}

fn resources(record: &serde_json::Value, kind: &str) -> (Vec<serde_json::Value>, Vec<&'static str>) {
    let found = translate(&CareProviderRecord, record.to_string().as_bytes(), &test_context());
    let bundle: serde_json::Value = serde_json::from_slice(&found.outputs[0].json).expect("JSON");
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let of = entries.iter().map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect();
    (of, found.issues.iter().map(|i| i.rule).collect())
}

/// A dose that was refused is in the record, whatever capitals its status has; a status that says nothing known takes it along.
#[test]
fn a_code_in_other_capitals_is_that_code() {
    let mut record = larkspur();
    let before = resources(&record, "MedicationAdministration").0.len();
    for (status, written, rule) in [
        ("Not-Done", Some("not-done"), "code-respelt"),
        ("NOT DONE", Some("not-done"), "code-respelt"),
        ("refused by her", None, "schema-value"),
    ] {
        record["medicationAdministrations"][0]["status"] = status.into();
        let (given, rules) = resources(&record, "MedicationAdministration");
        assert!(rules.contains(&rule), "{status}: {rules:?}");
        assert_eq!(given.len(), before - usize::from(written.is_none()), "{status}");
        if let Some(code) = written {
            assert_eq!(given[0]["status"], code, "{status}");
        }
    }
}

/// A date or a text that is none is refused alone: the medicine stays.
#[test]
fn what_an_item_can_do_without_is_refused_alone() {
    for (member, value) in [
        ("startDate", serde_json::json!("31/02/2026")),
        ("indication", serde_json::json!("x".repeat(100_000))),
        ("dosage", serde_json::json!(5)),
    ] {
        let mut record = larkspur();
        let (before, _) = resources(&record, "MedicationStatement");
        record["medications"][0][member] = value;
        let (after, rules) = resources(&record, "MedicationStatement");
        assert_eq!(after.len(), before.len(), "{member}");
        assert!(rules.iter().any(|rule| rule.starts_with("schema-")), "{member}: {rules:?}");
    }
}

/// What is called a unit of UCUM is one, in its usual spelling; what is none is words.
#[test]
fn a_unit_of_a_measurement_is_ucum_or_words() {
    for (code, unit, written, system, rule) in [
        ("Kg", None, "kg", true, Some("unit-respelt")),
        ("lb", Some("pounds"), "[lb_av]", true, Some("unit-respelt")),
        ("kg", Some("kg"), "kg", true, None),
        ("zonks", None, "", false, Some("unit-unknown")),
    ] {
        let mut record = larkspur();
        let mut measurement = serde_json::json!({"value": 61.5, "unitCode": code});
        if let Some(unit) = unit {
            measurement["unit"] = unit.into();
        }
        let note = serde_json::json!({"dateTime": "2026-10-28T08:15:00+00:00", "measurement": measurement});
        let notes = record["dailyNotes"].as_array_mut().expect("notes");
        notes.push(note);
        let (found, rules) = resources(&record, "Observation");
        let quantity = found.iter().map(|o| &o["component"][0]["valueQuantity"]);
        let quantity = quantity.into_iter().find(|q| q["value"] == 61.5).expect("the measurement");
        assert_eq!(quantity["code"].as_str().unwrap_or_default(), written, "{code}");
        assert_eq!(quantity["system"].is_string(), system, "{code}");
        assert_eq!(quantity["unit"], unit.unwrap_or(code), "{code}");
        assert!(rule.is_none_or(|rule| rules.contains(&rule)), "{code}: {rules:?}");
    }
}

/// Words that deny an allergy stay, and are told; "none" alone is what an empty form says.
#[test]
fn words_that_deny_an_allergy_are_told() {
    for (words, stays, rule) in [
        ("No known drug allergies", true, Some("allergy-denied")),
        ("Nil known", true, Some("allergy-denied")),
        ("NKDA", true, Some("allergy-denied")),
        ("Denies penicillin allergy", true, Some("allergy-denied")),
        ("None", false, Some("silent-default")),
        ("Nettles", true, None),
    ] {
        let mut record = larkspur();
        record["allergies"][0]["agent"] = serde_json::json!({"text": words});
        let (found, rules) = resources(&record, "AllergyIntolerance");
        assert_eq!(found.iter().any(|a| a["code"]["text"] == words), stays, "{words}");
        let told = rules.iter().find(|r| ["allergy-denied", "silent-default"].contains(r));
        assert_eq!(told.copied(), rule, "{words}");
    }
}

#[test]
fn a_sentinel_makes_nobody_dead() {
    let path =
        causeway_adapter::contract::project_root().join("fixtures/care-provider-record/minimal/input.json");
    let text = std::fs::read_to_string(path).expect("fixture");
    for (date, dead) in [("9999-12-31", false), ("2026-01-05", true)] {
        let changed =
            text.replacen("\"dateOfBirth\"", &format!("\"dateOfDeath\": \"{date}\", \"dateOfBirth\""), 1);
        let found = causeway_adapter::translate(
            &CareProviderRecord,
            changed.as_bytes(),
            &causeway_adapter::contract::test_context(),
        );
        let output = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
        assert_eq!(output.contains("\"deceasedDateTime\""), dead, "{date}");
        assert_eq!(found.issues.iter().any(|i| i.rule == "death-date-sentinel"), !dead, "{date}");
    }
}
