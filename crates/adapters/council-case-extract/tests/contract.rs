//! The adapter keeps the contract over its fixtures, and every known case of bad input is told.

use causeway_adapter::contract::{Suite, test_context};
use causeway_adapter::{Translation, translate};
use causeway_adapter_council_case_extract::CouncilCaseExtract;

#[test]
fn keeps_the_contract() {
    Suite::new(&CouncilCaseExtract).folder("fixtures/council-case-extract").check();
}

fn run(case: &str) -> Translation {
    let path = causeway_adapter::contract::project_root()
        .join("fixtures/council-case-extract")
        .join(case)
        .join("input.csv");
    translate(&CouncilCaseExtract, &std::fs::read(path).unwrap(), &test_context())
}

#[test]
fn bad_input_is_told_at_its_place() {
    for (case, rule, place) in [
        ("restricted-and-children", "child", "dm_persons row 3, context_flag"),
        ("restricted-and-children", "person-restricted", "dm_persons row 4, restricted"),
        ("restricted-and-children", "restricted-not-stated", "dm_persons row 5"),
        (
            "restricted-and-children",
            "related-person-withheld",
            "dm_personal_relationships row 10, other_person_id",
        ),
        ("orphans-and-merges", "person-absent", "dm_visits row 4, person_id"),
        ("orphans-and-merges", "legacy-id", "dm_visits row 5, person_id"),
        ("orphans-and-merges", "related-person-absent", "dm_personal_relationships row 7, other_person_id"),
        ("orphans-and-merges", "related-to-self", "dm_personal_relationships row 8, other_person_id"),
        ("doubtful-values", "nhs-number-check-digit", "dm_persons row 2, nhs_id"),
        ("doubtful-values", "name-conflict", "dm_persons row 2, full_name"),
        ("doubtful-values", "date-filler", "dm_persons row 2, date_of_birth"),
        ("doubtful-values", "gender-unknown", "dm_persons row 2, gender"),
        ("doubtful-values", "display-address-repeated", "dm_addresses row 6, is_display_address"),
        ("doubtful-values", "date-invalid", "dm_addresses row 7, end_date"),
        ("windows-1252", "charset-guessed", "dm_persons row 3"),
    ] {
        let found = run(case);
        let told = found.issues.iter().any(|issue| {
            issue.rule == rule && issue.position.as_ref().is_some_and(|p| p.path.starts_with(place))
        });
        assert!(told, "{case}: {rule} at {place}: {:?}", found.issues);
    }
}

#[test]
fn what_is_restricted_or_a_note_is_nowhere_in_the_output() {
    let mut all = String::new();
    for case in ["restricted-and-children", "discharge-visits"] {
        for output in run(case).outputs {
            all.push_str(&String::from_utf8_lossy(&output.json));
        }
    }
    for word in ["Quill", "Reed", "Featherstone", "good spirits", "CP1"] {
        assert!(!all.contains(word), "{word}");
    }
    assert!(all.contains("Larkspur"));
}

#[test]
fn a_heading_in_doubt_refuses_the_extract() {
    for (input, rule) in [
        ("", "input-empty"),
        ("1,2,3\n", "heading-missing"),
        ("person_id,context_flag,restricted,shoe_size\n1,A,N,9\n", "heading-unclear"),
        ("person_id,full_name\n1,X\n", "heading-unclear"),
    ] {
        let found = translate(&CouncilCaseExtract, input.as_bytes(), &test_context());
        assert!(found.unreadable, "{rule}");
        assert_eq!(found.issues[0].rule, rule);
    }
}

const PERSONS: &str = "person_id,context_flag,restricted,first_name,last_name,nhs_id,date_of_birth,gender";
const VISITS: &str = "visit_id,person_id,visit_type,actual_datetime";

fn told(text: &str) -> (Translation, Vec<&'static str>) {
    let found = translate(&CouncilCaseExtract, text.as_bytes(), &test_context());
    let rules = found.issues.iter().map(|i| i.rule).collect();
    (found, rules)
}

#[test]
fn what_a_spreadsheet_does_to_an_extract() {
    let person = "88,A,N,Ada,Fennimore,9990000042,04/05/1951,F";
    let plain = told(&format!("{PERSONS}\n{person}\n{VISITS}\n1,88,Home,01/02/2026\n"));
    assert_eq!(plain.0.outputs.len(), 1, "{:?}", plain.1);
    // All rows as wide as the widest, a byte order mark read as text, blanks and quotation marks around names.
    let wide = format!("{PERSONS},,\n{person},,\n{VISITS},,,,\n1,88,Home,01/02/2026,,,,\n");
    let marked = format!("\u{ef}\u{bb}\u{bf}{PERSONS}\n{person}\n{VISITS}\n1,88,Home,01/02/2026\n");
    let blanks = format!(
        "\u{feff}\u{feff}\" Person_ID\u{a0}\"{}\n{person}\n{VISITS}\n1,88,Home,01/02/2026\n",
        PERSONS.trim_start_matches("person_id")
    );
    // Whole numbers as decimals.
    let decimal = format!(
        "{PERSONS}\n{}\n{VISITS}\n1.0,88.0,Home,01/02/2026\n",
        person.replace("88,", "88.0,").replace("42,", "42.0,")
    );
    for (what, text, rules) in [
        ("wide", wide, vec![]),
        ("marked", marked, vec![]),
        ("blanks", blanks, vec![]),
        ("decimal", decimal, vec!["number-point-zero"]),
    ] {
        let found = told(&text);
        assert_eq!(found.1, rules, "{what}");
        let json = |t: &Translation| {
            t.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(json(&found.0), json(&plain.0), "{what}");
    }
}

#[test]
fn two_people_on_one_id_never_become_one() {
    let visits = format!("{VISITS}\n1,88,Home,01/02/2026\n");
    let rows = |first: &str, second: &str| format!("{PERSONS}\n{first}\n{second}\n{visits}");
    let first = "88,A,N,Ada,Fennimore,,04/05/1951,F";
    let (found, rules) = told(&rows(first, "88,A,N,Oscar,Barley,,17/08/1960,M"));
    assert_eq!(rules, ["person-id-of-two-people", "person-id-shared"]);
    let text = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
    assert!(text.contains("Fennimore") && !text.contains("Barley") && !text.contains("Encounter"));
    // The same person twice stays one, with the rows that are theirs.
    let (found, rules) = told(&rows(first, "88,A,N,Ada,Fennimore,,04/05/1951,F"));
    assert_eq!(rules, ["person-repeated"]);
    assert!(String::from_utf8_lossy(&found.outputs[0].json).contains("Encounter"));
    // A rounded id is nobody's.
    let (found, rules) = told(
        &rows("8.8E+06,A,N,Ada,Fennimore,,04/05/1951,F", "9,A,N,Oscar,Barley,,17/08/1960,M")
            .replace("1,88,", "1,8.8E+06,"),
    );
    assert_eq!(rules, ["person-id-rounded", "person-id-rounded"]);
    assert!(!found.outputs.iter().any(|o| String::from_utf8_lossy(&o.json).contains("Fennimore")));
}

#[test]
fn why_no_heading_is_found() {
    let heading = PERSONS;
    for (text, rule) in [
        (heading.replace(',', ";"), "heading-separator"),
        (heading.replace(',', "\t"), "heading-separator"),
        (format!("Extract of May\n\n{heading}\n"), "heading-not-first"),
        (format!("sep=,\n{heading}\n"), "heading-separator-line"),
    ] {
        let (found, rules) = told(&text);
        assert!(found.unreadable && rules == [rule], "{rules:?} for {rule}");
        use causeway_adapter::{Adapter, Confidence};
        assert_eq!(CouncilCaseExtract.detect(text.as_bytes()).confidence, Confidence::Possible, "{rule}");
    }
}

/// `cargo test --release -p causeway-adapter-council-case-extract -- --ignored`
#[test]
#[ignore = "a minute; run with --release"]
fn survives_a_million_mutations() {
    Suite::new(&CouncilCaseExtract).folder("fixtures/council-case-extract").survives_mutation(1_000_000, 2);
}

/// Nobody may take it that a person was seen who was not.
#[test]
fn a_visit_that_was_not_made_does_not_read_as_made() {
    let path = causeway_adapter::contract::project_root()
        .join("fixtures/council-case-extract/discharge-visits/input.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let not_made = "04/11/2026 14:00,,,Person in hospital,,N";
    assert!(text.contains(not_made));
    for (visit, status, rule) in [
        (not_made, "cancelled", ""),
        ("04/11/2026 14:00,,,Person in hospital,,no", "cancelled", ""),
        ("04/11/2026 14:00,,,Person in hospital,,Y", "unknown", "visit-made-and-not-made"),
        ("04/11/2026 14:00,04/11/2026 14:10,,Person in hospital,,N", "unknown", "visit-made-and-not-made"),
        ("04/11/2026 14:00,04/11/2026 14:10,,,,yes", "finished", ""),
        ("04/11/2026 14:00,04/11/2026 14:10,,,,TRUE", "finished", ""),
        ("04/11/2026 14:00,,,,,perhaps", "unknown", "flag-unknown"),
    ] {
        let found = translate(&CouncilCaseExtract, text.replace(not_made, visit).as_bytes(), &test_context());
        let bundles =
            found.outputs.iter().map(|o| serde_json::from_slice::<serde_json::Value>(&o.json).unwrap());
        let entries: Vec<_> =
            bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default()).collect();
        let made =
            entries.iter().map(|e| &e["resource"]).find(|r| r["identifier"][0]["value"] == "61002").unwrap();
        assert_eq!(made["status"], status, "{visit}: {made}");
        let reason = &made["extension"][0]["valueCodeableConcept"]["text"];
        assert_eq!(reason == "Person in hospital", visit.contains("hospital"), "{visit}: {made}");
        let told: Vec<&str> = found.issues.iter().map(|i| i.rule).collect();
        assert_eq!(
            told.iter().any(|r| r.starts_with("visit-") || r.starts_with("flag-")),
            !rule.is_empty(),
            "{visit}: {told:?}"
        );
        assert!(rule.is_empty() || told.contains(&rule), "{visit}: {told:?}");
    }
}

#[test]
fn numbers_that_are_somebody_else_s_are_told() {
    let people = |second: &str| {
        format!(
            "{PERSONS}\n88,A,N,Ada,Fennimore,9990000042,04/05/1951,F\n89,A,N,Bo,Fennimore,{second},05/06/1952,M\n"
        )
    };
    assert!(told(&people("9990000042")).1.contains(&"nhs-number-of-two-people"));
    assert!(told(&people("9990000018")).1.is_empty());
    let rounded = format!(
        "{}telephone_number_id,telephone_number,telephone_number_type,person_id\n7,1.63E+09,Home,88\nref_addresses_people_id,ref_address_id,person_id,end_date,is_contact_address,is_display_address,address,post_code,unique_id\n1,2,88,,Y,Y,1 Quay,ZZ99 3VZ,1.00E+11\n",
        people("9990000018")
    );
    let (found, rules) = told(&rounded);
    assert_eq!(rules.iter().filter(|rule| **rule == "identifier-rounded").count(), 2, "{rules:?}");
    assert!(!String::from_utf8_lossy(&found.outputs[0].json).contains("1.00E+11"));
}

#[test]
fn a_telephone_number_without_its_zero_is_told() {
    let person = "88,A,N,Ada,Fennimore,9990000042,04/05/1951,F";
    for (number, lost) in [
        ("7700900123", true),
        ("1632 960001", true),
        ("169772345", true),
        ("07700900123", false),
        ("+447700900123", false),
        ("111", false),
        ("9990000042", false),
    ] {
        let phones = "telephone_number_id,person_id,telephone_number,telephone_number_type";
        let (found, rules) = told(&format!("{PERSONS}\n{person}\n{phones}\n1,88,{number},Home\n"));
        assert_eq!(rules.contains(&"telephone-zero-lost"), lost, "{number} {rules:?}");
        assert!(String::from_utf8_lossy(&found.outputs[0].json).contains(number), "{number}");
    }
}
