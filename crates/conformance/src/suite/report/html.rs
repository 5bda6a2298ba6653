//! A page that stands by itself: no script, no font or picture from elsewhere.

use std::fmt::Write as _;

use super::super::must_support::summary;
use super::super::result::{CaseResult, Change, End, Run, words};
use crate::report::escape;

pub(super) const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#212b32;background:#fff}\
h1{font-size:1.75rem}h2{font-size:1.25rem;margin-top:2rem}h3{font-size:1.05rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}\
.s{font-weight:700;padding:0 .4rem;border:2px solid}.failed{color:#a01414}.warning,.note{color:#6b4a00}.passed{color:#005a30}.not-run{color:#4c6272}\
li{margin:.25rem 0;overflow-wrap:anywhere}code{overflow-wrap:anywhere}a{color:#005eb8}\
dl{margin:.25rem 0;display:grid;grid-template-columns:max-content 1fr;gap:0 .75rem}dd{margin:0;overflow-wrap:anywhere}\
table{border-collapse:collapse}td,th{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #d8dde0}\
@media(max-width:30rem){dl{display:block}dt{font-weight:700}}";

pub(super) fn render(run: &Run, changes: Option<&[(String, Change)]>) -> String {
    let mut out = String::new();
    let title = escape(&run.title);
    let _ = writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}: {}</title><style>{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n<p><strong>{}</strong></p>\n<p>{}</p>",
        if run.passed() { "no broken rule found" } else { "rules are broken" },
        super::verdict(run),
        escape(&run.about),
    );
    let _ = writeln!(
        out,
        "<dl><dt>Endpoint</dt><dd>{}</dd><dt>When</dt><dd>{}</dd><dt>Suite</dt><dd>{} {}</dd><dt>Run by</dt><dd>{}</dd>",
        escape(&run.endpoint),
        escape(&run.at),
        escape(&run.suite),
        escape(&run.version),
        escape(&run.tool)
    );
    for (name, value) in &run.settings {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    out.push_str("</dl>\n");
    if let Some(changes) = changes {
        out.push_str("<h2>Against the earlier run</h2>\n");
        if changes.is_empty() {
            out.push_str("<p>Nothing differs.</p>\n");
        } else {
            out.push_str("<ul>\n");
            for (id, change) in changes {
                let _ = writeln!(out, "<li><code>{}</code>: {}</li>", escape(id), words(change));
            }
            out.push_str("</ul>\n");
        }
    }
    let sections = [
        (End::Failed, "Broken: must be mended"),
        (End::Warned, "Should be mended"),
        (End::Noted, "Could be better"),
        (End::NotRun, "Not tested, and why"),
        (End::Passed, "As it should be"),
    ];
    for (end, heading) in sections {
        let cases: Vec<&CaseResult> = run.cases.iter().filter(|c| c.end == end).collect();
        if cases.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<h2>{heading} ({})</h2>", cases.len());
        match end {
            End::Passed | End::NotRun => table(&mut out, &cases),
            _ => cases.iter().for_each(|case| detail(&mut out, case)),
        }
    }
    must_support(&mut out, run);
    out.push_str("</main></body></html>\n");
    out
}

fn must_support(out: &mut String, run: &Run) {
    let Some(summary) = summary(&run.must_support) else { return };
    let _ = writeln!(
        out,
        "<h2>Must-support elements</h2>\n<p>{summary}. An element that was not shown is no fault by itself: the data may hold none.</p>\n<table><thead><tr><th scope=\"col\">Profile</th><th scope=\"col\">Element</th><th scope=\"col\">Seen</th></tr></thead><tbody>"
    );
    for element in &run.must_support {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
            escape(&element.profile),
            escape(&element.element),
            escape(&super::seen(element))
        );
    }
    out.push_str("</tbody></table>\n");
}

pub(super) fn source(case: &CaseResult) -> String {
    let source = escape(&case.source);
    match case.link.as_deref().filter(|link| link.starts_with("https://") || link.starts_with("http://")) {
        Some(link) => format!("<a href=\"{}\">{source}</a>", escape(link)),
        None => source,
    }
}

fn table(out: &mut String, cases: &[&CaseResult]) {
    out.push_str(
        "<table><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Rule</th></tr></thead><tbody>\n",
    );
    for case in cases {
        let why = case.found.iter().map(|f| format!("<br>{}", escape(f))).collect::<String>();
        let _ = writeln!(
            out,
            "<tr><td>{}<br><code>{}</code>{why}</td><td>{} ({}): {}</td></tr>",
            escape(&case.title),
            escape(&case.id),
            escape(&case.rule),
            case.level,
            source(case)
        );
    }
    out.push_str("</tbody></table>\n");
}

fn detail(out: &mut String, case: &CaseResult) {
    let word = case.end.word();
    let _ = writeln!(
        out,
        "<h3><span class=\"s {word}\">{word}</span> {}</h3>\n<p><code>{}</code></p>\n<ul>",
        escape(&case.title),
        escape(&case.id)
    );
    for found in &case.found {
        let _ = writeln!(out, "<li>{}</li>", escape(found));
    }
    let _ = writeln!(
        out,
        "</ul>\n<dl><dt>What to do</dt><dd>{}</dd><dt>Rule</dt><dd>{} ({}): {}</dd>",
        escape(&case.mend),
        escape(&case.rule),
        case.level,
        source(case)
    );
    for exchange in &case.exchanges {
        let _ = writeln!(
            out,
            "<dt>Asked</dt><dd><code>{}</code></dd><dt>Answered</dt><dd>{}{}</dd>",
            escape(&exchange.asked),
            escape(&exchange.answered),
            if exchange.sha256.is_empty() {
                String::new()
            } else {
                format!("<br>SHA-256 <code>{}</code>", exchange.sha256)
            }
        );
    }
    out.push_str("</dl>\n");
}
