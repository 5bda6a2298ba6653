//! Research and planning (A13): the public register of extracts. What went where and why, how many people it is about,
//! and what was removed by which rule; nobody is named and all numbers are rounded.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use causeway_research::disclosure::{FEW, told};
use causeway_research::office::{Entry, register, spent};
use causeway_research::{LegalBasis, Tier};
use serde::Serialize;

use crate::words::Moment;
use crate::{Frame, render, wants_html};

/// Extracts that the page shows.
const ROWS: usize = 100;

#[derive(Serialize)]
struct RuleRow {
    rule: String,
    because: String,
    removed: String,
}

#[derive(Serialize)]
struct Row {
    project: String,
    title: String,
    why: String,
    purpose: &'static str,
    #[serde(rename = "legalBasis")]
    basis: String,
    who: String,
    form: &'static str,
    #[serde(serialize_with = "exact")]
    made: Moment,
    people: String,
    looked_at: String,
    asked: String,
    approved: String,
    expires: String,
    policies: String,
    alike: String,
    #[serde(rename = "privacyBudget", skip_serializing_if = "String::is_empty")]
    budget: String,
    removed: Vec<RuleRow>,
}

fn exact<S: serde::Serializer>(at: &Moment, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.exact)
}

#[derive(Template)]
#[template(path = "research.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    more: usize,
}

fn number(count: u64, of: &str) -> String {
    match count {
        0 => format!("no {of}"),
        1..=FEW => format!("at most {FEW} {of}"),
        _ => format!("about {} {of}", told(count)),
    }
}

fn purpose(code: &str) -> &'static str {
    match code {
        "HRESCH" => "research",
        "HOPERAT" => "planning of services",
        "PUBHLTH" => "public health",
        _ => "another purpose",
    }
}

fn row(state: &Shared, entry: &Entry, all: &[Entry]) -> Row {
    let (project, report) = (&entry.project, &entry.report);
    let policies = &state.gate.access.policies;
    let rule = |rule: &String, count: u64, of: &str| RuleRow {
        because: policies.rule(rule).map_or_else(
            || match rule.as_str() {
                "would-tell-of-restricted" => "it would tell of a restricted item".to_owned(),
                _ => "nothing permits it".to_owned(),
            },
            |r| r.because.clone(),
        ),
        rule: rule.clone(),
        removed: number(count, of),
    };
    let mut removed: Vec<RuleRow> =
        report.removed.people.iter().map(|(name, n)| rule(name, *n, "people, with all they have")).collect();
    removed.extend(report.removed.resources.iter().map(|(name, n)| rule(name, *n, "items of other people")));
    let mut asked: Vec<String> = project.elements.clone();
    asked.extend(project.views.iter().filter_map(|v| v["name"].as_str()).map(|name| format!("table {name}")));
    asked.extend(project.omop.iter().map(|table| format!("OMOP table {table}")));
    let roles: Vec<String> = project.approvals.iter().map(|a| format!("{} ({})", a.by, a.role)).collect();
    Row {
        project: project.id.clone(),
        title: project.title.clone(),
        why: project.why.clone(),
        purpose: purpose(&project.purpose),
        basis: match &project.legal_basis {
            LegalBasis::Consent => "the consent of each person".to_owned(),
            LegalBasis::Other { reference } => reference.clone(),
            LegalBasis::None => "none needed: nobody can be recognised".to_owned(),
        },
        who: format!("{}, {}", project.requester.name, project.requester.organisation),
        form: project.tier.words(),
        made: entry.at.into(),
        people: number(report.people, "people"),
        looked_at: number(report.looked_at, "people"),
        asked: asked.join(", "),
        approved: roles.join("; "),
        expires: project.expires.strftime("%-d %B %Y").to_string(),
        policies: report.policies.clone(),
        alike: match (project.tier, report.measured.k) {
            (Tier::Pseudonymised, k @ 1..) => {
                let others = k - 1;
                let alike = format!(
                    "Each person looks like at least {others} others by age band, sex and district (k = {k})"
                );
                match report.measured.l {
                    // None of them has a condition that was told.
                    0 => format!("{alike}."),
                    l => format!(
                        "{alike}; those who look alike have at least {l} different conditions (l = {l})."
                    ),
                }
            }
            (Tier::Aggregate, _) if project.noise.is_some() => "Every count has noise.".to_owned(),
            (Tier::Aggregate, _) if report.suppressed => {
                "Small counts are left out, and others with them so that none can be worked out.".to_owned()
            }
            _ => String::new(),
        },
        budget: match &project.noise {
            Some(noise) => format!(
                "Counts have random noise, so that nobody's part in them can be told (differential privacy, epsilon {}). All \
                 extracts of the project together have spent {} of its budget of {}; beyond it none is made.",
                noise.epsilon,
                spent(all, &project.id).normalize(),
                noise.budget
            ),
            None => String::new(),
        },
        removed,
    }
}

pub(crate) async fn page(State(state): State<Shared>, headers: HeaderMap) -> Answer {
    let entries = state.blocking(|s| register(&*s.engine)).await?;
    let more = entries.len().saturating_sub(ROWS);
    let rows: Vec<Row> = entries.iter().take(ROWS).map(|entry| row(&state, entry, &entries)).collect();
    if !wants_html(&headers) {
        return Ok(Json(serde_json::json!({"extracts": rows, "older": more})).into_response());
    }
    render(&Page { frame: Frame::new("Research and planning", "/research"), rows, more })
}
