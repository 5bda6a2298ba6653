//! FHIR R4 TestReport: a test for each case, an assertion for what it says.

use serde_json::{Value, json};

use super::super::result::{CaseResult, End, Run};

/// Address under which our suites are known as TestScripts.
const SCRIPTS: &str = "https://causeway.invalid/TestScript/";

pub(super) fn render(run: &Run) -> String {
    let tried = run.cases.len() - run.count(End::NotRun);
    let share = ((tried - run.count(End::Failed)) * 10_000).checked_div(tried).unwrap_or_default();
    let mut report = json!({
        "resourceType": "TestReport",
        "name": run.title,
        "status": "completed",
        "testScript": {"type": "TestScript", "identifier": {"system": SCRIPTS, "value": format!("{}|{}", run.suite, run.version)}, "display": run.title},
        "result": if run.passed() { "pass" } else { "fail" },
        "tester": run.tool,
        "issued": run.at,
        "participant": [
            {"type": "server", "uri": run.endpoint},
            {"type": "test-engine", "uri": "urn:causeway:conform", "display": run.tool},
        ],
        "test": run.cases.iter().map(test).collect::<Vec<_>>(),
    });
    // As digits: a float would not keep them.
    let score = format!("{}.{:02}", share / 100, share % 100);
    report["score"] = serde_json::from_str(&score).unwrap_or_default();
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

fn test(case: &CaseResult) -> Value {
    let mut assertion = json!({"result": match case.end {
        End::Passed => "pass",
        End::NotRun => "skip",
        End::Failed => "fail",
        End::Warned | End::Noted => "warning",
    }});
    if !case.found.is_empty() {
        assertion["message"] = json!(case.found.join("\n"));
    }
    if let Some(link) = &case.link {
        assertion["detail"] = json!(link);
    }
    let mut actions: Vec<Value> = case
        .exchanges
        .iter()
        .map(
            |e| json!({"operation": {"result": "pass", "message": format!("{} -> {}", e.asked, e.answered)}}),
        )
        .collect();
    actions.push(json!({ "assert": assertion }));
    json!({
        "name": case.id,
        "description": format!("{}. Rule {} ({}): {}", case.title, case.rule, case.level, case.source),
        "action": actions,
    })
}
