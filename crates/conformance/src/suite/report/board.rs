//! The onboarding board: each provider's suites, how the last run ended, what it was before, why it failed. A page
//! that stands by itself, made of the runs that are kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::must_support::summary;
use super::super::result::{Change, End, Run, compare, words};
use super::html::{STYLE, source};
use crate::report::escape;

/// Earlier runs that are listed.
const HISTORY_MAX: usize = 20;

/// A run and the file of its report.
type Kept = (Run, String);

/// The runs of a provider by suite.
type Suites<'r> = BTreeMap<&'r str, Vec<&'r Kept>>;

/// Makes the board. Each run comes with the file of its report; their order does not matter.
pub fn board(runs: &[Kept]) -> String {
    let mut providers: BTreeMap<&str, Suites<'_>> = BTreeMap::new();
    for kept in runs {
        let provider = kept.0.provider.as_deref().unwrap_or(&kept.0.endpoint);
        providers.entry(provider).or_default().entry(&kept.0.suite).or_default().push(kept);
    }
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Onboarding board</title><style>{STYLE}</style></head><body><main>\n<h1>Onboarding board</h1>\n<p>What each provider's endpoint was held to, and how the last run ended. A run shows what was tried and no more.</p>\n"
    );
    if providers.is_empty() {
        out.push_str("<p>No run is kept yet.</p>\n");
    }
    let mut details = String::new();
    for (provider, suites) in &mut providers {
        let _ = writeln!(
            out,
            "<h2>{}</h2>\n<table><thead><tr><th scope=\"col\">Suite</th><th scope=\"col\">Last run</th><th scope=\"col\">Outcome</th><th scope=\"col\">Since the run before</th></tr></thead><tbody>",
            escape(provider)
        );
        for runs in suites.values_mut() {
            runs.sort_by(|a, b| b.0.at.cmp(&a.0.at).then_with(|| b.1.cmp(&a.1)));
            let Some((last, file)) = runs.first().copied() else { continue };
            let since = match runs.get(1) {
                Some((before, _)) => since(&compare(before, last)),
                None => "first run".to_owned(),
            };
            let word = if last.passed() { End::Passed } else { End::Failed }.word();
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td><a href=\"{}\">{}</a></td><td><span class=\"s {word}\">{word}</span> {}</td><td>{since}</td></tr>",
                escape(&last.title),
                escape(file),
                escape(&last.at),
                super::verdict(last)
            );
            why(&mut details, provider, runs);
        }
        out.push_str("</tbody></table>\n");
    }
    out.push_str(&details);
    out.push_str("</main></body></html>\n");
    out
}

fn since(changes: &[(String, Change)]) -> String {
    if changes.is_empty() {
        return "nothing differs".to_owned();
    }
    let shown: Vec<String> = changes
        .iter()
        .take(5)
        .map(|(id, change)| format!("<code>{}</code> {}", escape(id), words(change)))
        .collect();
    let more = changes.len().saturating_sub(shown.len());
    let more = if more > 0 { format!("<br>and {more} more") } else { String::new() };
    format!("{}{more}", shown.join("<br>"))
}

/// What is broken in the last run, what was not tested, and the runs before.
fn why(out: &mut String, provider: &str, runs: &[&Kept]) {
    let Some((last, _)) = runs.first().copied() else { return };
    let _ = writeln!(out, "<h2>{}: {}</h2>", escape(provider), escape(&last.title));
    if let Some(summary) = summary(&last.must_support) {
        let _ = writeln!(out, "<p>{summary}.</p>");
    }
    let broken: Vec<_> = last.cases.iter().filter(|c| matches!(c.end, End::Failed | End::Warned)).collect();
    if broken.is_empty() {
        out.push_str("<p>Nothing that was tried is broken.</p>\n");
    }
    for case in broken {
        let word = case.end.word();
        let found = case.found.first().map_or("", String::as_str);
        let _ = writeln!(
            out,
            "<h3><span class=\"s {word}\">{word}</span> {}</h3>\n<dl><dt>Found</dt><dd>{}</dd><dt>What to do</dt><dd>{}</dd><dt>Rule</dt><dd>{} ({}): {}</dd></dl>",
            escape(&case.title),
            escape(found),
            escape(&case.mend),
            escape(&case.rule),
            case.level,
            source(case)
        );
    }
    let open = last.cases.iter().filter(|c| c.end == End::NotRun);
    let open: Vec<String> = open.map(|c| format!("<code>{}</code>", escape(&c.id))).collect();
    if !open.is_empty() {
        let _ = writeln!(out, "<p>Not tested: {}</p>", open.join(", "));
    }
    if runs.len() > 1 {
        out.push_str("<h3>Earlier runs</h3>\n<ul>\n");
        for (run, file) in runs.iter().skip(1).take(HISTORY_MAX) {
            let _ = writeln!(
                out,
                "<li><a href=\"{}\">{}</a> {}</li>",
                escape(file),
                escape(&run.at),
                super::verdict(run)
            );
        }
        out.push_str("</ul>\n");
        if runs.len() > HISTORY_MAX + 1 {
            let _ = writeln!(out, "<p>… and {} before these.</p>", runs.len() - HISTORY_MAX - 1);
        }
    }
}
