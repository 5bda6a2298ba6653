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
