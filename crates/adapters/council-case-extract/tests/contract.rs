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

/// `cargo test --release -p causeway-adapter-council-case-extract -- --ignored`
#[test]
#[ignore = "a minute; run with --release"]
fn survives_a_million_mutations() {
    Suite::new(&CouncilCaseExtract).folder("fixtures/council-case-extract").survives_mutation(1_000_000, 2);
}
