//! The adapter contract, and what each case says.

use causeway_adapter::contract::{Suite, project_root, test_context};
use causeway_adapter::{Context, Translation, translate};
use causeway_adapter_care_act_assessment::CareActAssessment;
use causeway_core::Outcome;

const FOLDER: &str = "fixtures/care-act-assessment";

fn open_context() -> Context {
    let mut context = test_context();
    context.options = vec!["safeguarding-items".to_owned()];
    context
}

fn run(case: &str, context: &Context) -> Translation {
    let path = project_root().join(FOLDER).join(case).join("input.json");
    translate(&CareActAssessment, &std::fs::read(path).expect("a case"), context)
}

#[test]
fn keeps_the_contract() {
    Suite::new(&CareActAssessment).folder(FOLDER).check();
}

#[test]
fn keeps_the_contract_with_every_option() {
    let suite = Suite::new(&CareActAssessment).context(open_context()).folder(FOLDER);
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
}

#[test]
fn outputs_are_valid() {
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(project_root().join(FOLDER)).expect("cases").flatten() {
        let case = entry.file_name().to_string_lossy().into_owned();
        for context in [test_context(), open_context()] {
            for output in run(&case, &context).outputs {
                for finding in causeway_profile::check(&output.json).findings {
                    if finding.severity >= causeway_profile::Severity::Error {
                        faults.push(format!("{case}: {} {}: {}", finding.path, finding.rule, finding.text));
                    }
                }
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn says_what_is_wrong() {
    let cases: &[(&str, usize, &[&str])] = &[
        ("assessment", 1, &[]),
        ("plan", 1, &[]),
        ("consent-refused", 1, &["consent-refused"]),
        ("graph-one-bad", 2, &["required-field-missing"]),
        ("person", 1, &[]),
        ("person-connected", 1, &[]),
        ("person-dates", 2, &["death-contradicted"]),
        ("nhs-number-check-digit", 1, &["nhs-number-check-digit", "code-unknown"]),
        ("safeguarding", 4, &["withheld-by-option"]),
        ("placement", 1, &[]),
        ("placement-rules", 1, &["rule-violation", "duplicate-child-id", "out-of-range", "bad-format"]),
        (
            "many-faults",
            0,
            &["value-not-allowed", "too-few-values", "wrong-type", "bad-format", "wrong-object-type"],
        ),
        ("answers-of-other-types", 1, &["answer-type"]),
        ("status-ended", 1, &["status-ended"]),
        ("status-unknown", 1, &["property-unknown"]),
    ];
    for (case, outputs, rules) in cases {
        let translation = run(case, &test_context());
        let seen: Vec<&str> = translation.issues.iter().map(|issue| issue.rule).collect();
        assert_eq!(translation.outputs.len(), *outputs, "{case}: {seen:?}");
        for rule in *rules {
            assert!(seen.contains(rule), "{case}: no {rule} in {seen:?}");
        }
        if rules.is_empty() {
            assert_eq!(seen, Vec::<&str>::new(), "{case}");
        }
    }
}

#[test]
fn without_consent_nothing_is_published() {
    let translation = run("consent-refused", &open_context());
    let text = String::from_utf8_lossy(&translation.outputs[0].json).into_owned();
    assert!(text.contains("CarePlan") && !text.contains("\"QuestionnaireResponse\",\"id\""));
    assert!(translation.ledger.totals().of(Outcome::Withheld) > 30);
}

#[test]
fn what_is_no_json_is_a_parse_error() {
    let translation = translate(&CareActAssessment, b"{\"@type\": ", &test_context());
    assert!(translation.unreadable);
    assert_eq!(translation.issues[0].rule, "parse-error");
}

#[test]
fn properties_that_the_standard_does_not_have_are_told() {
    let path = project_root().join("fixtures/care-act-assessment/assessment/input.json");
    let text = std::fs::read_to_string(path).expect("fixture");
    let more = text.replacen("\"status\"", "\"wish\": \"No hospital\", \"status\"", 1);
    let found = translate(&CareActAssessment, more.as_bytes(), &test_context());
    assert_eq!(found.issues.iter().filter(|i| i.rule == "property-unknown").count(), 1);
}
