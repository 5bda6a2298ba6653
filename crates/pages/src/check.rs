//! `/check`: paste or upload a FHIR document and read what breaks a rule. Nothing is kept.

use askama::Template;
use axum::Router;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use causeway_access::caller::{self, Caller};
use causeway_broker::state::Shared;
use causeway_conformance::operation::{self, Asked};
use causeway_conformance::report::{coverage, details};
use causeway_host::problem::{Answer, Problem};
use causeway_profile::{Definitions, Finding, Report, Severity};

use super::limits::{CHECK_BYTES_MAX, CHECK_ECHO_MAX, CHECK_FINDINGS_MAX};
use super::{Frame, render};

pub(super) fn router() -> Router<Shared> {
    let limit = DefaultBodyLimit::max(CHECK_BYTES_MAX + CHECK_BYTES_MAX / 8);
    Router::new().route("/check", get(page).post(check).layer(limit))
}

struct Row {
    severity: &'static str,
    text: String,
    path: String,
    place: String,
    rule: String,
    details: Vec<(&'static str, String)>,
    /// Where the rule is published.
    link: String,
}

struct Result {
    errors: usize,
    warnings: usize,
    notes: usize,
    rows: Vec<Row>,
    more: usize,
    coverage: Vec<String>,
}

#[derive(Default, Template)]
#[template(path = "check.html")]
struct Page {
    frame: Frame,
    error: Option<String>,
    /// What was pasted, where it is short enough to be given back.
    document: String,
    profiles: Vec<(String, bool)>,
    result: Option<Result>,
    kilobytes: usize,
}

impl Page {
    fn new(title: &str, chosen: &str) -> Self {
        let mut urls: Vec<&str> = Definitions::uk_core().profile_urls().collect();
        urls.sort_unstable();
        let profiles = urls.into_iter().map(|url| (url.to_owned(), url == chosen)).collect();
        Self { frame: Frame::new(title, ""), profiles, kilobytes: CHECK_BYTES_MAX / 1024, ..Self::default() }
    }
}

async fn page(_: Caller) -> Answer {
    render(&Page::new("Check a document", ""))
}

/// The fields of the form.
#[derive(Default)]
struct Form {
    document: Vec<u8>,
    file: Vec<u8>,
    profile: String,
}

async fn read(mut form: Multipart) -> Answer<Form> {
    let broken = || Problem::invalid("form", "the form could not be read, or the document is too large");
    let mut given = Form::default();
    while let Some(part) = form.next_field().await.map_err(|_| broken())? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(|_| broken())?.to_vec();
        match name.as_str() {
            "document" => given.document = bytes,
            "file" => given.file = bytes,
            "profile" => given.profile = String::from_utf8_lossy(&bytes).trim().to_owned(),
            _ => {}
        }
    }
    Ok(given)
}

async fn check(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Answer {
    caller::same_origin(&headers)?;
    caller.take_rate(&state)?;
    let form = form.map_err(|_| Problem::invalid("form", "the form could not be read"))?;
    let Form { document, file, profile } = read(form).await?;
    let pasted = document.iter().any(|b| !b.is_ascii_whitespace());
    let error = match (pasted, file.is_empty()) {
        (true, false) => Some("Paste a document or choose a file, not both"),
        (false, true) => Some("Paste a document or choose a file"),
        _ => None,
    };
    let echo = match std::str::from_utf8(&document) {
        Ok(text) if text.len() <= CHECK_ECHO_MAX => text.to_owned(),
        _ => String::new(),
    };
    if let Some(error) = error {
        return refused(error, &profile, echo);
    }
    let body = if pasted { document } else { file };
    let asked = Asked {
        profiles: Some(profile.clone()).filter(|p| !p.is_empty()).into_iter().collect(),
        ..Asked::default()
    };
    let report = state
        .blocking(move |_| Ok::<_, Problem>(operation::validate(Definitions::uk_core(), &body, asked)))
        .await?;
    let report = match report {
        Ok(report) => report,
        Err(why) => return refused(&sentence(why.words()), &profile, echo),
    };
    let verdict = if report.is_valid() { "No errors found" } else { "Errors found" };
    let mut page = Page::new(&format!("{verdict}: check a document"), &profile);
    page.document = echo;
    page.result = Some(result(report));
    render(&page)
}

fn refused(error: &str, profile: &str, document: String) -> Answer {
    let mut page = Page::new("Error: Check a document", profile);
    page.error = Some(error.to_owned());
    page.document = document;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn result(report: Report) -> Result {
    let held = Definitions::uk_core();
    let row = |finding: &Finding| {
        let advice = held.advice(finding);
        let mut details = details(&advice);
        details.retain(|(label, _)| *label != "see");
        Row {
            severity: finding.severity.code(),
            text: sentence(&finding.text),
            path: finding.path.clone(),
            place: finding.place.map_or(String::new(), |p| format!("line {}, column {}", p.line, p.column)),
            rule: finding.rule.clone(),
            details,
            link: advice.link.unwrap_or_default(),
        }
    };
    Result {
        errors: report.errors(),
        warnings: report.warnings(),
        notes: report.count(Severity::Information),
        rows: report.findings.iter().take(CHECK_FINDINGS_MAX).map(row).collect(),
        more: report.left_out() + report.findings.len().saturating_sub(CHECK_FINDINGS_MAX),
        coverage: coverage(&report.coverage),
    }
}
