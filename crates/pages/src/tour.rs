//! `/tour`: the assessor's routes of five and of thirty minutes; `/safety`: the hazard log with the tests of its controls.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use causeway_access::caller::Caller;
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};

use super::results::Results;
use super::{Frame, render};

/// The hazard log, as the evidence pack has it.
const HAZARDS: &str = include_str!("../../causeway/evidence/hazard-log.csv");

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/tour", get(tour)).route("/safety", get(safety))
}

/// One stop: minutes, address, name, what to look at.
type Stop = (u8, &'static str, &'static str, &'static str);

/// Five minutes.
const SHORT: [Stop; 5] = [
    (
        1,
        "/commitment",
        "The commitment",
        "Six clauses, each with its status, its tests and what would refute it. Note what no prototype can show.",
    ),
    (
        1,
        "/coverage",
        "Coverage by setting",
        "Social care first: which formats came in, how many source items, and which settings are not connected.",
    ),
    (
        1,
        "/people/",
        "One person's record",
        "Open a person with several sources: one view, each fact with its source and date, differences shown and not resolved.",
    ),
    (
        1,
        "/messages/",
        "Follow a transfer",
        "Open a message: its journey, its ledger (every source item has an outcome), and source and FHIR side by side.",
    ),
    (
        1,
        "/access",
        "Safe access",
        "Who sees what, and why; then look as one of the people and read who has looked at the record.",
    ),
];

/// Thirty minutes: what comes after the five.
const LONG: [Stop; 10] = [
    (
        3,
        "/care-note",
        "Social care contributes",
        "Write a care note as a home with a browser would, then find it in the person's record and in the ledger of its message.",
    ),
    (
        3,
        "/identity",
        "Identity",
        "Nobody is joined by likeness alone: questions that wait for a person, with what speaks for and against.",
    ),
    (
        3,
        "/access/side-by-side",
        "One record, several readers",
        "The same record as a GP, a care-home manager and a social worker see it.",
    ),
    (
        2,
        "/access/choices",
        "Choices honoured",
        "What follows from each choice: care goes on where research stops.",
    ),
    (
        2,
        "/access/sensitive",
        "Sensitive information",
        "What is held back by rule: the rule, never the content.",
    ),
    (
        3,
        "/faults",
        "When things fail",
        "Send a message again with a fault: cut off, doubled, wrongly dated, of nobody. See its state, its reason and what to do.",
    ),
    (
        3,
        "/onboarding",
        "A provider is tested",
        "Start a run against a provider's endpoint and read why it failed, in plain words with what to do.",
    ),
    (
        2,
        "/check",
        "Check a document of your own",
        "Paste FHIR and read which rules of R4 and UK Core it breaks, and how to mend it.",
    ),
    (2, "/research", "Research and planning", "What left, for whom, on which basis; small numbers hidden."),
    (
        2,
        "/safety",
        "Hazards",
        "Each hazard with its control and the test that holds it. No clinical safety officer has approved any.",
    ),
];

#[derive(Template)]
#[template(path = "tour.html")]
struct TourPage {
    frame: Frame,
    open: bool,
    short: &'static [Stop],
    long: &'static [Stop],
}

async fn tour(State(state): State<Shared>, _: Caller) -> Answer {
    render(&TourPage {
        frame: Frame::new("Routes for an assessor", ""),
        open: state.config.open,
        short: &SHORT,
        long: &LONG,
    })
}

struct Hazard {
    cells: Vec<&'static str>,
    test: &'static str,
    outcome: &'static str,
}

/// Rows of the hazard log, without its head. No cell of it holds a comma.
fn hazards() -> impl Iterator<Item = Vec<&'static str>> {
    HAZARDS.lines().skip(1).map(|line| line.split(',').collect())
}

#[derive(Template)]
#[template(path = "safety.html")]
struct SafetyPage {
    frame: Frame,
    hazards: Vec<Hazard>,
    failed: usize,
    results: usize,
}

async fn safety(State(state): State<Shared>, _: Caller) -> Answer {
    let folder = state.config.data_directory.clone();
    let results = tokio::task::spawn_blocking(move || Results::of(&folder));
    let results = results.await.map_err(|_| Problem::internal())?;
    let hazards: Vec<Hazard> = hazards()
        .map(|cells| {
            let test = cells.get(5).copied().unwrap_or_default();
            Hazard { outcome: results.words(test), test, cells }
        })
        .collect();
    let failed = hazards.iter().filter(|h| h.outcome == "failed").count();
    render(&SafetyPage { frame: Frame::new("Hazards", ""), hazards, failed, results: results.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hazard_has_a_control_a_test_and_no_approval() {
        let rows: Vec<_> = hazards().collect();
        assert!(rows.len() >= 6);
        for row in rows {
            assert_eq!(row.len(), 8, "{row:?}");
            assert!(row.iter().all(|cell| !cell.trim().is_empty()), "{row:?}");
            assert_eq!(row[7], "no");
        }
    }

    #[test]
    fn the_routes_take_as_long_as_they_say() {
        let minutes = |stops: &[Stop]| stops.iter().map(|(m, ..)| u32::from(*m)).sum::<u32>();
        assert_eq!(minutes(&SHORT), 5);
        assert_eq!(minutes(&SHORT) + minutes(&LONG), 30);
    }
}
