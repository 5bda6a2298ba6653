//! For people at a terminal.

use super::{counted, coverage, details};
use crate::Checked;
use crate::report::Totals;
use causeway_profile::{Definitions, Finding, Severity};
use std::io::{self, Write};

pub(super) fn document(
    out: &mut impl Write,
    definitions: &Definitions,
    checked: &Checked,
    shown: &[&Finding],
) -> io::Result<()> {
    let report = &checked.report;
    let errors = match report.errors() {
        0 => "no errors".to_owned(),
        n => counted(n, "error"),
    };
    let warnings = match report.warnings() {
        0 => String::new(),
        n => format!(", {}", counted(n, "warning")),
    };
    writeln!(out, "{}: {errors}{warnings}", checked.name)?;
    for finding in shown {
        let place = finding.place.map_or(String::new(), |p| format!("{}:{}  ", p.line, p.column));
        let path = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
        writeln!(out, "  {:<11} {place}{path}{}", finding.severity.code(), finding.text)?;
        if finding.severity == Severity::Information {
            continue;
        }
        writeln!(out, "              rule: {}", finding.rule)?;
        for (label, words) in details(&definitions.advice(finding)) {
            writeln!(out, "              {label}: {words}")?;
        }
    }
    if report.left_out() > 0 {
        writeln!(
            out,
            "  … and {} that are counted above and not listed",
            counted(report.left_out(), "finding")
        )?;
    }
    Ok(())
}

pub(super) fn end(out: &mut impl Write, totals: &Totals) -> io::Result<()> {
    let [errors, warnings, notes] = totals.findings;
    writeln!(
        out,
        "\n{} checked, {} a rule: {}, {}, {}",
        counted(totals.documents, "document"),
        match totals.refused {
            1 => "1 breaks".to_owned(),
            n => format!("{n} break"),
        },
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(notes, "note"),
    )?;
    for line in coverage(&totals.coverage) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
