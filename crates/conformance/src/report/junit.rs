//! JUnit XML: a test case a document, failed where it has an error.

use super::{details, escape};
use crate::Checked;
use causeway_profile::{Definitions, Finding, Severity};
use std::io::{self, Write};

pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"causeway check\">\n<testsuite name=\"causeway check\">"
    )
}

pub(super) fn document(
    out: &mut impl Write,
    definitions: &Definitions,
    checked: &Checked,
    shown: &[&Finding],
) -> io::Result<()> {
    let name = escape(&checked.name);
    let words = |finding: &Finding| {
        let mut text = format!("{} {}", finding.severity.code(), finding.path);
        if let Some(place) = finding.place {
            text.push_str(&format!(" (line {}, column {})", place.line, place.column));
        }
        text.push_str(&format!(": {} [{}]\n", finding.text, finding.rule));
        for (label, more) in details(&definitions.advice(finding)) {
            text.push_str(&format!("    {label}: {more}\n"));
        }
        text
    };
    write!(out, "<testcase classname=\"causeway.check\" name=\"{name}\">")?;
    let errors = checked.report.errors();
    if errors > 0 {
        let text: String = shown.iter().filter(|f| f.severity == Severity::Error).map(|f| words(f)).collect();
        let first = checked.report.findings.first().map_or("", |f| f.rule.as_str());
        let message = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        write!(
            out,
            "\n<failure message=\"{message}\" type=\"{}\">{}</failure>\n",
            escape(first),
            escape(&text)
        )?;
    }
    let rest: String = shown.iter().filter(|f| f.severity != Severity::Error).map(|f| words(f)).collect();
    if !rest.is_empty() {
        write!(out, "\n<system-out>{}</system-out>\n", escape(&rest))?;
    }
    writeln!(out, "</testcase>")
}

pub(super) fn end(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "</testsuite>\n</testsuites>")
}
