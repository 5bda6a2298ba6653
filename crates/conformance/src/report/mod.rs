//! Reports of a check: one model, six forms, written as the documents are checked.

mod html;
mod junit;
mod outcome;
mod sarif;
mod text;

pub use outcome::{outcome, outcome_xml};

use crate::Checked;
use causeway_profile::{Advice, Coverage, Definitions, Finding, Severity};
use serde::Serialize;
use std::io::{self, Write};

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: each finding with line, column, what would be allowed and how to mend it.
    #[default]
    Text,
    /// A line of JSON a document: `{"file", "errors", "warnings", "issues": [{"severity", "location", "id", "text"}]}`.
    Jsonl,
    /// FHIR OperationOutcome, one a line.
    Outcome,
    /// JUnit XML: a test case a document.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// A page that stands by itself.
    Html,
}

impl Format {
    /// Names on the command line.
    pub const NAMES: [&'static str; 6] = ["text", "jsonl", "outcome", "junit", "sarif", "html"];

    /// The format of a name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "jsonl" => Self::Jsonl,
            "outcome" => Self::Outcome,
            "junit" => Self::Junit,
            "sarif" => Self::Sarif,
            "html" => Self::Html,
            _ => return None,
        })
    }

    /// The media type of the report.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
            Self::Outcome => "application/fhir+json",
            Self::Junit => "application/xml",
            Self::Sarif => "application/sarif+json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// What a run has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Documents checked.
    pub documents: usize,
    /// Documents with at least one error.
    pub refused: usize,
    /// Findings by severity: errors, warnings, information.
    pub findings: [usize; 3],
    /// What was held and what could not be.
    pub coverage: Coverage,
}

impl Totals {
    /// Adds a document.
    pub fn add(&mut self, checked: &Checked) {
        self.documents += 1;
        self.refused += usize::from(!checked.report.is_valid());
        for (count, severity) in self.findings.iter_mut().zip(Severity::ALL) {
            *count += checked.report.count(severity);
        }
        self.coverage.add(&checked.report.coverage);
    }

    /// True where a finding of this severity, or a worse one, was found.
    pub fn reaches(&self, severity: Severity) -> bool {
        self.findings.iter().zip(Severity::ALL).any(|(count, of)| of >= severity && *count > 0)
    }
}

/// Writes a report while documents are checked.
pub struct Renderer<'d, W> {
    definitions: &'d Definitions,
    format: Format,
    /// Findings below this severity are counted and not shown.
    least: Severity,
    out: W,
    /// What was seen.
    pub totals: Totals,
    html: html::Pages,
}

impl<'d, W: Write> Renderer<'d, W> {
    /// Begins a report.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn new(
        definitions: &'d Definitions,
        format: Format,
        least: Severity,
        mut out: W,
    ) -> io::Result<Self> {
        match format {
            Format::Junit => junit::begin(&mut out)?,
            Format::Sarif => sarif::begin(&mut out)?,
            Format::Text | Format::Jsonl | Format::Outcome | Format::Html => {}
        }
        Ok(Self { definitions, format, least, out, totals: Totals::default(), html: html::Pages::default() })
    }

    /// Reports one document.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn document(&mut self, checked: &Checked) -> io::Result<()> {
        let first = self.totals.documents == 0;
        self.totals.add(checked);
        let shown: Vec<&Finding> =
            checked.report.findings.iter().filter(|f| f.severity >= self.least).collect();
        let out = &mut self.out;
        match self.format {
            Format::Text => text::document(out, self.definitions, checked, &shown),
            Format::Jsonl => {
                serde_json::to_writer(&mut *out, &Line::of(checked, &shown))?;
                out.write_all(b"\n")
            }
            Format::Outcome => {
                writeln!(out, "{}", outcome(self.definitions, checked, &shown))
            }
            Format::Junit => junit::document(out, self.definitions, checked, &shown),
            Format::Sarif => sarif::document(out, checked, &shown, first, &mut self.html.rules),
            Format::Html => {
                self.html.document(self.definitions, checked, &shown);
                Ok(())
            }
        }
    }

    /// Ends the report; gives what was seen.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn end(mut self) -> io::Result<Totals> {
        let out = &mut self.out;
        match self.format {
            Format::Text => text::end(out, &self.totals)?,
            Format::Junit => junit::end(out)?,
            Format::Sarif => sarif::end(out, self.definitions, &self.html.rules)?,
            Format::Html => self.html.end(out, &self.totals)?,
            Format::Jsonl | Format::Outcome => {}
        }
        out.flush()?;
        Ok(self.totals)
    }
}

/// The line of JSON of one document.
#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    errors: usize,
    warnings: usize,
    issues: Vec<Issue<'l>>,
}

#[derive(Serialize)]
struct Issue<'l> {
    severity: &'static str,
    location: &'l str,
    id: &'l str,
    text: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

impl<'l> Line<'l> {
    fn of(checked: &'l Checked, shown: &[&'l Finding]) -> Self {
        let issue = |f: &&'l Finding| Issue {
            severity: f.severity.code(),
            location: &f.path,
            id: &f.rule,
            text: &f.text,
            line: f.place.map(|p| p.line),
            column: f.place.map(|p| p.column),
        };
        Self {
            file: &checked.name,
            errors: checked.report.errors(),
            warnings: checked.report.warnings(),
            issues: shown.iter().map(issue).collect(),
        }
    }
}

/// What a finding says beyond its text, in the order that a reader needs it: label and words.
pub fn details(advice: &Advice) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    out.extend(advice.allowed.clone().map(|a| ("allowed", a)));
    if !advice.mend.is_empty() {
        out.push(("to mend", advice.mend.to_owned()));
    }
    out.extend(advice.definition.clone().map(|d| ("defined by", d)));
    out.extend(advice.link.clone().map(|l| ("see", l)));
    out
}

/// `3 errors`, `1 warning`.
fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Text for XML and HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML 1.0 in any form.
            c if (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                out.push('\u{FFFD}');
            }
            c => out.push(c),
        }
    }
    out
}

/// What was held and what was not, as lines of words.
pub fn coverage(totals: &Coverage) -> Vec<String> {
    use crate::limits::LISTED_MAX;
    let mut lines = Vec::new();
    let held: Vec<String> = totals
        .held
        .iter()
        .take(LISTED_MAX)
        .map(|(url, count)| format!("{} ({count})", url.rsplit('/').next().unwrap_or(url)))
        .collect();
    let more = totals.held.len().saturating_sub(LISTED_MAX);
    let rest = if more > 0 { format!(" and {more} more profiles") } else { String::new() };
    lines.push(if held.is_empty() {
        "Held against: FHIR R4 (4.0.1)".to_owned()
    } else {
        format!("Held against: FHIR R4 (4.0.1), {}{rest}", held.join(", "))
    });
    let mut last = None;
    for ((kind, name), count) in &totals.not_checked {
        if last != Some(*kind) {
            lines.push(format!("Not checked: {}:", kind.words()));
            last = Some(*kind);
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&format!(" {name} ({count})"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_profile::Options;
    use serde_json::{Value, json};

    const BROKEN: &[u8] = b"{\n  \"resourceType\": \"Patient\",\n  \"gender\": \"M\",\n  \"sex\": \"<&>\"\n}";

    fn render(format: Format) -> String {
        let held = Definitions::uk_core();
        let mut out = Vec::new();
        let mut renderer = Renderer::new(held, format, Severity::Information, &mut out).expect("begun");
        for (name, text) in
            [("a <b>.json", BROKEN), ("good.json", br#"{"resourceType":"Basic","code":{"text":"x"}}"#)]
        {
            let report = held.check_located(text, &Options::default());
            renderer.document(&Checked { name: name.to_owned(), report }).expect("written");
        }
        let totals = renderer.end().expect("ended");
        assert_eq!((totals.documents, totals.refused, totals.findings[0]), (2, 1, 2));
        assert!(totals.reaches(Severity::Error) && !Totals::default().reaches(Severity::Information));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn text_says_where_what_is_allowed_and_how_to_mend() {
        let text = render(Format::Text);
        for words in [
            "a <b>.json: 2 errors",
            "3:3  Patient.gender",
            "allowed: female, male, other, unknown",
            "to mend: Use one of the codes allowed",
            "see: https://hl7.org/fhir/R4/valueset-administrative-gender.html",
            "the element is not part of Patient",
            "good.json: no errors",
            "2 documents checked, 1 breaks a rule: 2 errors",
            "Held against: FHIR R4 (4.0.1), UKCore-Patient (1)",
        ] {
            assert!(text.contains(words), "no {words:?} in:\n{text}");
        }
    }

    #[test]
    fn each_form_is_well_formed() {
        let lines: Vec<Value> =
            render(Format::Jsonl).lines().map(|l| serde_json::from_str(l).expect("json")).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["file"], &lines[0]["errors"]), (&json!("a <b>.json"), &json!(2)));
        assert_eq!(lines[0]["issues"][0]["location"], "Patient.gender");
        for text in render(Format::Outcome).lines() {
            let report = causeway_profile::check(text.as_bytes());
            assert!(report.is_valid(), "{text}: {:#?}", report.findings);
        }
        let sarif: Value = serde_json::from_str(&render(Format::Sarif)).expect("json");
        assert_eq!(sarif["version"], "2.1.0");
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(result["level"], "error");
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
        assert!(sarif["runs"][0]["tool"]["driver"]["rules"].as_array().is_some_and(|r| r.len() == 2));
        let junit = render(Format::Junit);
        assert!(junit.contains("<testcase classname=\"causeway.check\" name=\"a &lt;b&gt;.json\">"));
        assert!(junit.matches("<failure").count() == 1 && junit.trim_end().ends_with("</testsuites>"));
        let html = render(Format::Html);
        assert!(html.contains("<h2 id=\"d1\">a &lt;b&gt;.json</h2>") && html.contains("lang=\"en-GB\""));
        assert!(!html.contains("<b>"), "names are escaped");
    }
}
