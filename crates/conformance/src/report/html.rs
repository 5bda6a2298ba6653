//! A page that stands by itself: no script, no font or picture from elsewhere.

use super::sarif::Rules;
use super::{Totals, counted, coverage, details, escape};
use crate::Checked;
use causeway_profile::{Definitions, Finding, Severity};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Documents that are shown with their findings; the others are counted.
const SHOWN_MAX: usize = 500;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#212b32;background:#fff}\
h1{font-size:1.75rem}h2{font-size:1.25rem;margin-top:2rem;overflow-wrap:anywhere}\
li{margin:.75rem 0}.place{color:#4c6272}code{overflow-wrap:anywhere}\
.s{font-weight:700;padding:0 .4rem;border:2px solid}.error{color:#a01414}.warning{color:#6b4a00}.information{color:#005eb8}\
dt{font-weight:700}dl{margin:.25rem 0;display:grid;grid-template-columns:max-content 1fr;gap:0 .75rem}dd{margin:0;overflow-wrap:anywhere}\
@media(max-width:30rem){dl{display:block}}a{color:#005eb8}";

/// What is gathered for the page, and the rules that a SARIF report lists.
#[derive(Default)]
pub(super) struct Pages {
    body: String,
    contents: String,
    shown: usize,
    left_out: usize,
    pub(super) rules: Rules,
}

impl Pages {
    pub(super) fn document(&mut self, definitions: &Definitions, checked: &Checked, shown: &[&Finding]) {
        if shown.is_empty() {
            return;
        }
        if self.shown >= SHOWN_MAX {
            self.left_out += 1;
            return;
        }
        self.shown += 1;
        let (number, name) = (self.shown, escape(&checked.name));
        let verdict = match checked.report.errors() {
            0 => "no errors".to_owned(),
            n => counted(n, "error"),
        };
        let _ = writeln!(self.contents, "<li><a href=\"#d{number}\">{name}</a>: {verdict}</li>");
        let _ = writeln!(self.body, "<h2 id=\"d{number}\">{name}</h2>\n<p>{verdict}</p>\n<ul>");
        for finding in shown {
            self.finding(definitions, finding);
        }
        self.body.push_str("</ul>\n");
        if checked.report.left_out() > 0 {
            let more = counted(checked.report.left_out(), "finding");
            let _ = writeln!(self.body, "<p>… and {more} that are counted and not listed.</p>");
        }
    }

    fn finding(&mut self, definitions: &Definitions, finding: &Finding) {
        let (code, word) = (finding.severity.code(), word(finding.severity));
        let place =
            finding.place.map_or(String::new(), |p| format!(" (line {}, column {})", p.line, p.column));
        let _ = write!(
            self.body,
            "<li><span class=\"s {code}\">{word}</span> {}<br><span class=\"place\"><code>{}</code>{place}</span><dl><dt>Rule</dt><dd><code>{}</code></dd>",
            escape(&sentence(&finding.text)),
            escape(&finding.path),
            escape(&finding.rule)
        );
        if finding.severity != Severity::Information {
            for (label, words) in details(&definitions.advice(finding)) {
                let words = escape(&words);
                let shown = if label == "see" { format!("<a href=\"{words}\">{words}</a>") } else { words };
                let _ = write!(self.body, "<dt>{}</dt><dd>{shown}</dd>", sentence(label));
            }
        }
        self.body.push_str("</dl></li>\n");
    }

    pub(super) fn end(&self, out: &mut impl Write, totals: &Totals) -> io::Result<()> {
        let [errors, warnings, notes] = totals.findings;
        let documents = counted(totals.documents, "document");
        let verdict = match totals.refused {
            0 => format!("{documents} checked: none breaks a rule that must be kept"),
            1 => format!("{documents} checked: 1 breaks a rule that must be kept"),
            n => format!("{documents} checked: {n} break a rule that must be kept"),
        };
        writeln!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Conformance check</title><style>{STYLE}</style></head><body><main>\n<h1>Conformance check</h1>\n<p><strong>{verdict}.</strong></p>\n<p>{}, {}, {}. An error is a rule of FHIR R4 or of a profile that must be kept and is broken. A warning is allowed, but likely not meant. A note is worth knowing.</p>\n<p>Made by causeway {}.</p>",
            counted(errors, "error"),
            counted(warnings, "warning"),
            counted(notes, "note"),
            env!("CARGO_PKG_VERSION"),
        )?;
        writeln!(out, "<h2>What was checked and what was not</h2>\n<ul>")?;
        for line in coverage(&totals.coverage) {
            writeln!(out, "<li>{}</li>", escape(&line))?;
        }
        writeln!(out, "</ul>")?;
        if self.shown > 0 {
            writeln!(out, "<h2>Documents with findings</h2>\n<ul>\n{}</ul>", self.contents)?;
        }
        if self.left_out > 0 {
            writeln!(out, "<p>{} with findings are not shown.</p>", counted(self.left_out, "more document"))?;
        }
        writeln!(out, "{}</main></body></html>", self.body)
    }
}

/// What a reader calls it.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "note",
    }
}

/// A text with a capital at its head.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
