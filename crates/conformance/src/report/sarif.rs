//! SARIF 2.1.0, as code hosts show it beside the lines of a file.

use crate::Checked;
use causeway_profile::{Definitions, Finding, Severity};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A rule that was broken, with a finding of it.
pub(super) type Rules = BTreeMap<String, Finding>;

const HEAD: &str =
    r#"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"results":["#;

pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())
}

pub(super) fn document(
    out: &mut impl Write,
    checked: &Checked,
    shown: &[&Finding],
    first: bool,
    rules: &mut Rules,
) -> io::Result<()> {
    let _ = first;
    // `FILE#3` is a line of an NDJSON file.
    let (file, line) = match checked.name.rsplit_once('#') {
        Some((file, number)) => (file, number.parse::<usize>().ok()),
        None => (checked.name.as_str(), None),
    };
    for finding in shown {
        let comma = if rules.is_empty() { "" } else { "," };
        rules.entry(finding.rule.clone()).or_insert_with(|| (*finding).clone());
        let mut place = json!({"artifactLocation": {"uri": file.replace(' ', "%20")}});
        if let Some(at) = finding.place {
            place["region"] =
                json!({"startLine": line.map_or(at.line, |l| l + at.line - 1), "startColumn": at.column});
        }
        let result = json!({
            "ruleId": finding.rule,
            "level": level(finding.severity),
            "message": {"text": finding.text},
            "locations": [{
                "physicalLocation": place,
                "logicalLocations": [{"fullyQualifiedName": finding.path}],
            }],
        });
        write!(out, "{comma}\n{result}")?;
    }
    Ok(())
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "note",
    }
}

pub(super) fn end(out: &mut impl Write, definitions: &Definitions, rules: &Rules) -> io::Result<()> {
    let rules: Vec<Value> = rules
        .iter()
        .map(|(id, finding)| {
            let advice = definitions.advice(finding);
            let mut rule =
                json!({"id": id, "shortDescription": {"text": finding.text}, "help": {"text": advice.mend}});
            if let Some(link) = advice.link {
                rule["helpUri"] = link.into();
            }
            rule
        })
        .collect();
    let tool = json!({"driver": {
        "name": "causeway", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
    }});
    writeln!(out, "],\"tool\":{tool}}}]}}")
}
