//! FHIR OperationOutcome, with HL7's own extensions for file, line, column and message id.

use super::{details, escape};
use crate::Checked;
use causeway_profile::{Definitions, Finding};
use serde_json::{Map, Value, json};

const EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-";

/// The OperationOutcome of one document.
pub fn outcome(definitions: &Definitions, checked: &Checked, shown: &[&Finding]) -> Value {
    let mut issues: Vec<Value> = shown.iter().map(|f| issue(definitions, f)).collect();
    let report = &checked.report;
    if report.left_out() > 0 {
        let text = format!("{} more findings are counted and not listed", report.left_out());
        issues.push(json!({"severity": "information", "code": "informational", "details": {"text": text}}));
    }
    for ((kind, name), count) in &report.coverage.not_checked {
        let text = format!("Not checked ({}): {name}, {count} times", kind.words());
        issues.push(json!({"severity": "information", "code": "not-supported", "details": {"text": text}}));
    }
    if issues.is_empty() {
        let text = "No issues were found";
        issues.push(json!({"severity": "information", "code": "informational", "details": {"text": text}}));
    }
    let mut outcome = Map::new();
    outcome.insert("resourceType".to_owned(), "OperationOutcome".into());
    if !checked.name.is_empty() {
        outcome.insert(
            "extension".to_owned(),
            json!([{"url": format!("{EXTENSION}file"), "valueString": checked.name}]),
        );
    }
    outcome.insert("issue".to_owned(), Value::Array(issues));
    Value::Object(outcome)
}

/// An outcome that [`outcome`] made, or one with the same elements, in FHIR's XML form.
pub fn outcome_xml(outcome: &Value) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OperationOutcome xmlns=\"http://hl7.org/fhir\">",
    );
    extensions(&mut out, outcome);
    for issue in outcome["issue"].as_array().into_iter().flatten() {
        out.push_str("<issue>");
        extensions(&mut out, issue);
        for name in ["severity", "code"] {
            element(&mut out, name, &issue[name]);
        }
        let details = &issue["details"];
        if !details.is_null() {
            out.push_str("<details>");
            for coding in details["coding"].as_array().into_iter().flatten() {
                out.push_str("<coding>");
                for name in ["system", "code", "display"] {
                    element(&mut out, name, &coding[name]);
                }
                out.push_str("</coding>");
            }
            element(&mut out, "text", &details["text"]);
            out.push_str("</details>");
        }
        element(&mut out, "diagnostics", &issue["diagnostics"]);
        for name in ["location", "expression"] {
            issue[name].as_array().into_iter().flatten().for_each(|value| element(&mut out, name, value));
        }
        out.push_str("</issue>");
    }
    out.push_str("</OperationOutcome>\n");
    out
}

fn extensions(out: &mut String, owner: &Value) {
    for extension in owner["extension"].as_array().into_iter().flatten() {
        let url = escape(extension["url"].as_str().unwrap_or_default());
        out.push_str(&format!("<extension url=\"{url}\">"));
        for name in ["valueString", "valueInteger"] {
            element(out, name, &extension[name]);
        }
        out.push_str("</extension>");
    }
}

/// A primitive element; nothing where there is no value.
fn element(out: &mut String, name: &str, value: &Value) {
    let text = match value {
        Value::String(text) => escape(text),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    out.push_str(&format!("<{name} value=\"{text}\"/>"));
}

fn issue(definitions: &Definitions, finding: &Finding) -> Value {
    let mut extensions = vec![json!({"url": format!("{EXTENSION}message-id"), "valueString": finding.rule})];
    if let Some(place) = finding.place {
        extensions.push(json!({"url": format!("{EXTENSION}issue-line"), "valueInteger": place.line}));
        extensions.push(json!({"url": format!("{EXTENSION}issue-col"), "valueInteger": place.column}));
    }
    let mut issue = json!({
        "extension": extensions,
        "severity": finding.severity.code(),
        "code": code(finding),
        "details": {"text": finding.text},
    });
    let words = details(&definitions.advice(finding));
    let words: Vec<String> = words.into_iter().map(|(label, words)| format!("{label}: {words}")).collect();
    if !words.is_empty() {
        issue["diagnostics"] = words.join("; ").into();
    }
    if !finding.path.is_empty() {
        issue["expression"] = json!([finding.path]);
    }
    issue
}

/// The code of R4's issue types that fits a rule.
fn code(finding: &Finding) -> &'static str {
    let rule = finding.rule.as_str();
    match rule {
        "r4/cardinality-min" => "required",
        "r4/json" | "r4/xml" | "r4/unknown-element" | "r4/list" | "r4/empty" | "r4/type"
        | "r4/resource-type" => "structure",
        "r4/size" | "r4/depth" => "too-long",
        "r4/binding-required"
        | "terminology/unknown-code"
        | "terminology/ucum"
        | "terminology/snomed-form" => "code-invalid",
        "profile/unknown" | "bundle/reference-unresolved" | "bundle/reference-elsewhere" => "not-found",
        "profile/binding-not-checked" | "profile/invariant-not-checked" => "not-supported",
        "extension/unknown" | "extension/unknown-modifier" => "extension",
        _ if rule.starts_with("inv/") => "invariant",
        _ if rule.starts_with("r4/format-") => "value",
        _ if rule.starts_with("r4/xml") => "structure",
        _ => "invalid",
    }
}
