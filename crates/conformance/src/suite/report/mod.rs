//! Reports of a run: text, a page in plain words, JUnit, FHIR TestReport, JSON.

mod badge;
mod board;
mod html;
mod junit;
mod test_report;
mod text;

pub use board::board;

use super::must_support::Element;
use super::result::{Change, Run};

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunFormat {
    /// For a terminal.
    #[default]
    Text,
    /// A page that stands by itself.
    Html,
    /// JUnit XML: a test case a case.
    Junit,
    /// FHIR R4 TestReport.
    TestReport,
    /// A small picture (SVG) for a page of the provider's.
    Badge,
    /// The run as JSON, to compare a later one with.
    Json,
}

impl RunFormat {
    /// Names on the command line.
    pub const NAMES: [&'static str; 6] = ["text", "html", "junit", "testreport", "badge", "json"];

    /// The format of a name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "html" => Self::Html,
            "junit" => Self::Junit,
            "testreport" => Self::TestReport,
            "badge" => Self::Badge,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// A report of a run, with what differs from an earlier one where there is one.
pub fn render(run: &Run, changes: Option<&[(String, Change)]>, format: RunFormat) -> String {
    match format {
        RunFormat::Text => text::render(run, changes),
        RunFormat::Html => html::render(run, changes),
        RunFormat::Junit => junit::render(run),
        RunFormat::TestReport => test_report::render(run),
        RunFormat::Badge => badge::render(run),
        RunFormat::Json => serde_json::to_string_pretty(run).unwrap_or_default() + "\n",
    }
}

/// What was seen of a must-support element, in words.
pub fn seen(element: &Element) -> String {
    match (&element.exception, element.shown) {
        (Some(e), _) => format!("exception: {} (approved by {})", e.reason, e.approved_by),
        (None, None) => "a slice, which this can't tell".to_owned(),
        (None, Some(0)) => format!("in none of {} resources", element.resources),
        (None, Some(shown)) => format!("in {shown} of {} resources", element.resources),
    }
}

/// The outcome in one sentence.
pub fn verdict(run: &Run) -> String {
    use super::result::End;
    let count = |end| run.count(end);
    let sum = format!(
        "{} passed, {} failed, {} warnings, {} notes, {} not run",
        count(End::Passed),
        count(End::Failed),
        count(End::Warned),
        count(End::Noted),
        count(End::NotRun)
    );
    let word = match (count(End::Failed), count(End::Passed)) {
        (0, 0) if run.cases.iter().all(|c| c.end == End::NotRun) => "Nothing could be tried",
        (0, 0) => "Nothing was shown",
        (0, _) => "No broken rule was found",
        _ => "Rules are broken",
    };
    format!("{word}: {sum}.")
}
