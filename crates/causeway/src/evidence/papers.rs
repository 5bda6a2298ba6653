//! The papers of a pack: its first page, tables made of the run, drafts that nobody has approved, the list of packages.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use causeway_conformance::report::Totals;
use causeway_service::pages::assessor::{CLAUSES, COMMITMENT, LIMITS};
use causeway_service::pages::results::Results;
use serde_json::{Value, json};

use super::manifest::Files;
use crate::ADAPTERS;

/// A pack before it is written.
pub(super) struct Collected {
    pub(super) files: Files,
    /// What went wrong in the run, one sentence each.
    pub(super) failures: Vec<String>,
}

/// A line of the reconciliation.
pub(super) struct Row {
    pub(super) folder: String,
    pub(super) sender: String,
    pub(super) door: String,
    pub(super) adapter: String,
    pub(super) state: String,
    /// Items, and of these: mapped, mapped with loss, deciding, withheld, rejected, unsupported, structural, unexplained.
    pub(super) counts: Option<[u64; 9]>,
    pub(super) errors: u64,
}

/// Outcomes of the ledger's totals, in the order of [`Row::counts`].
pub(super) const OUTCOMES: [&str; 9] = [
    "items",
    "mapped",
    "mapped-with-loss",
    "decides",
    "withheld",
    "rejected",
    "unsupported",
    "structural",
    "unexplained",
];

const SELF: &str = "causeway evidence";
const WRITTEN: &str = "written by hand, kept with the program";
/// Papers that people wrote: name in the pack, content.
const PAPERS: [(&str, &str); 6] = [
    ("10-safety/hazard-log.csv", include_str!("../../evidence/hazard-log.csv")),
    ("11-ig/dpia-draft.md", include_str!("../../evidence/dpia-draft.md")),
    ("11-ig/dtac-mapping.md", include_str!("../../evidence/dtac-mapping.md")),
    ("11-ig/dspt-mapping.md", include_str!("../../evidence/dspt-mapping.md")),
    ("11-ig/privacy-notice.md", include_str!("../../evidence/privacy-notice.md")),
    ("12-accessibility/statement.md", include_str!("../../evidence/accessibility-statement.md")),
];
const LICENCES: [(&str, &str); 2] = [
    ("14-build/LICENSE-MIT", include_str!("../../../../LICENSE-MIT")),
    ("14-build/LICENSE-APACHE", include_str!("../../../../LICENSE-APACHE")),
];
/// The packages that this program was built from, with their digests.
const LOCK: &str = include_str!("../../../../Cargo.lock");
/// The licences that a package may have; `cargo deny` holds every build to it.
const RULES: &str = include_str!("../../../../deny.toml");

/// Adds the papers; the first page last, when all is known.
pub(super) fn add(pack: &mut Collected, rows: &[Row], totals: &Totals, results: &Results) {
    let mut put = |name: &str, text: String| {
        pack.files.insert(name.to_owned(), (text.into_bytes(), SELF.to_owned()));
    };
    put("01-commitment.csv", commitment(results));
    put("02-sources.csv", sources(rows));
    put("04-transfers/reconciliation.csv", reconciliation(rows));
    put("14-build/sbom.cdx.json", sbom());
    put("14-build/licence-rules.toml", RULES.to_owned());
    put("00-scope-and-limits.md", limits());
    for (name, text) in PAPERS.iter().chain(&LICENCES) {
        pack.files.insert((*name).to_owned(), (text.as_bytes().to_vec(), WRITTEN.to_owned()));
    }
    let page = first_page(pack, rows, totals, results);
    pack.files.insert("index.html".to_owned(), (page.into_bytes(), SELF.to_owned()));
}

/// A cell of CSV (RFC 4180); what a spreadsheet would take for a formula is given a quote in front.
fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|c| cell(c)).collect();
    format!("{}\n", cells.join(","))
}

fn commitment(results: &Results) -> String {
    let mut out = line(&["clause", "words", "status", "why", "tests", "results given", "refuted by"]);
    for clause in &CLAUSES {
        let points: Vec<String> =
            clause.points.iter().map(|p| format!("{}: {}", p.words, p.said(results))).collect();
        let tests: Vec<String> =
            clause.tests().map(|(file, name)| format!("{file}: {name} ({})", results.words(name))).collect();
        out.push_str(&line(&[
            clause.id,
            clause.words,
            clause.shown(results).words(),
            &points.join("; "),
            &tests.join("; "),
            &clause.said(results),
            clause.refuted_by,
        ]));
    }
    out
}

fn sources(rows: &[Row]) -> String {
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.counts.is_some()) {
        *counts.entry((&row.adapter, &row.sender, &row.door)).or_default() += 1;
    }
    let mut all = ADAPTERS.to_vec();
    all.sort_by_key(|a| (a.format().sector, a.name()));
    let mut out = line(&["setting", "format", "sender", "door", "messages in this run"]);
    for adapter in all {
        let sector = adapter.format().sector.words();
        let mut any = false;
        for ((format, sender, door), count) in counts.iter().filter(|((f, _, _), _)| *f == adapter.name()) {
            out.push_str(&line(&[sector, format, sender, door, &count.to_string()]));
            any = true;
        }
        if !any {
            out.push_str(&line(&[sector, adapter.name(), "", "", "0"]));
        }
    }
    out
}

fn reconciliation(rows: &[Row]) -> String {
    let mut head = vec!["transfer", "sender", "door", "format", "state"];
    head.extend(OUTCOMES);
    head.push("errors");
    let mut out = line(&head);
    for row in rows {
        let mut cells = vec![
            row.folder.clone(),
            row.sender.clone(),
            row.door.clone(),
            row.adapter.clone(),
            row.state.clone(),
        ];
        match &row.counts {
            Some(counts) => cells.extend(counts.iter().map(ToString::to_string)),
            None => cells.extend(OUTCOMES.iter().map(|_| String::new())),
        }
        cells.push(row.errors.to_string());
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        out.push_str(&line(&cells));
    }
    out
}

fn limits() -> String {
    let mut out = format!(
        "# Scope and limits\n\nThis folder holds what one run of Causeway, a prototype, did with invented people's messages. \
It is evidence of what the program did, not an approval, an assurance or a rating of anything.\n\nThe commitment it bears on:\n\n> {COMMITMENT}\n\n## Limits\n\n"
    );
    for limit in LIMITS {
        let _ = writeln!(out, "* {limit}");
    }
    out
}

/// CycloneDX 1.6 of the packages in the lock file, those of tests and build tools included.
fn sbom() -> String {
    let lock: toml::Table = LOCK.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let components: Vec<Value> = packages
        .iter()
        .map(|package| {
            let text = |key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or_default();
            let (name, version) = (text("name"), text("version"));
            let purl = format!("pkg:cargo/{name}@{version}");
            let mut component =
                json!({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl});
            if !text("checksum").is_empty() {
                component["hashes"] = json!([{"alg": "SHA-256", "content": text("checksum")}]);
            }
            component
        })
        .collect();
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "application", "name": "causeway", "version": env!("CARGO_PKG_VERSION")}},
        "components": components,
    });
    format!("{}\n", serde_json::to_string_pretty(&sbom).unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page that is opened first: the verdict before all else.
fn first_page(pack: &Collected, rows: &[Row], totals: &Totals, results: &Results) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
<title>Evidence of a run of Causeway</title><style>body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#212b32;background:#fff}\
a{color:#005eb8}.bad{border:4px solid #a01414;padding:1rem}.good{border:4px solid #00602f;padding:1rem}table{border-collapse:collapse}\
td,th{border:1px solid #4c6272;padding:.3rem .5rem;text-align:left;overflow-wrap:anywhere}.wide{overflow-x:auto}</style></head><body><main>\n\
<h1>Evidence of a run of Causeway</h1>\n<p>Prototype: synthetic data. Not approved for clinical use. This folder rates nothing.</p>\n",
    );
    match pack.failures.as_slice() {
        [] => out.push_str("<p class=\"good\"><strong>Nothing failed in this run.</strong> Every source item has an outcome, every bundle keeps to R4 and UK Core, the audit chain is unbroken.</p>\n"),
        failures => {
            let _ = writeln!(out, "<section class=\"bad\" aria-labelledby=\"failed\"><h2 id=\"failed\">This run has failures: {}</h2>\n<ul>", failures.len());
            for failure in failures {
                let _ = writeln!(out, "<li>{}</li>", escape(failure));
            }
            out.push_str("</ul></section>\n");
        }
    }
    let translated: Vec<&[u64; 9]> = rows.iter().filter_map(|r| r.counts.as_ref()).collect();
    let _ = writeln!(
        out,
        "<h2>What crossed</h2>\n<p>{} messages and deliveries, {} translated; {} bundles checked, {} with errors.</p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"sums\"><table><caption id=\"sums\">Source items by outcome</caption>\n<thead><tr><th scope=\"col\">Outcome</th><th scope=\"col\">Items</th></tr></thead><tbody>",
        rows.len(),
        translated.len(),
        totals.documents,
        totals.refused
    );
    for (at, name) in OUTCOMES.iter().enumerate() {
        let sum: u64 = translated.iter().filter_map(|c| c.get(at)).sum();
        let words = if at == 0 { "all" } else { name };
        let _ = writeln!(out, "<tr><th scope=\"row\">{words}</th><td>{sum}</td></tr>");
    }
    out.push_str("</tbody></table></div>\n<h2>The commitment</h2>\n<ul>\n");
    for clause in &CLAUSES {
        let _ = writeln!(out, "<li>“{}”: {}</li>", escape(clause.words), clause.shown(results).words());
    }
    out.push_str("</ul>\n<h2>Files</h2>\n<p>Hold this folder to its manifest with <code>causeway evidence verify</code>; no network is needed.</p>\n<ul>\n");
    if !pack.files.keys().any(|p| p.starts_with("12-accessibility/given/")) {
        out.push_str("<li>No results of checks of the pages (axe) were given to this pack (<code>JUNIT=FILE tests/pages/run</code>).</li>\n");
    }
    let given = pack.files.keys().filter(|p| p.starts_with("03-conformance/given/")).count();
    if given == 0 {
        out.push_str("<li>No results of tests were given to this pack (<code>--results</code>).</li>\n");
    }
    for path in pack.files.keys() {
        let _ = writeln!(out, "<li><a href=\"{0}\">{0}</a></li>", escape(path));
    }
    out.push_str("</ul>\n</main></body></html>\n");
    out
}
