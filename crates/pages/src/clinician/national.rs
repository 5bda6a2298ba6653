//! The national summary (Summary Care Record) as its text says it, beside what local records tell: what both tell, where
//! they differ, what the summary alone has, and what it lacks. A reader in another place has the summary alone, so what
//! it lacks is as important as what it has.

use causeway_access::record::{Fact, Standing, Summary, Telling};

use crate::words;

/// Format of the summary's sources.
const NATIONAL: &str = "summary-care-record";
/// Entries of one list.
const LISTED: usize = 12;
/// Kinds of fact that a summary tells: part of the record, heading, whether its silence is compared where it tells none
/// at all (diagnoses are in it only with additional information, which is for the person to choose).
const COMPARED: &[(&str, &str, bool)] =
    &[("allergies", "Allergies", true), ("medicines", "Medicines", true), ("problems", "Problems", false)];

/// The summary and the comparison.
pub(super) struct National {
    /// Who sent it.
    pub by: String,
    /// Of when it is.
    pub date: String,
    pub resource: String,
    /// Heading and lines of each section.
    pub text: Vec<(String, Vec<String>)>,
    pub rows: Vec<Row>,
}

/// One kind of fact in both.
pub(super) struct Row {
    pub title: &'static str,
    /// How many both tell alike.
    pub alike: usize,
    /// What both tell and where they differ.
    pub differ: Vec<String>,
    pub summary_alone: Vec<String>,
    pub local_alone: Vec<String>,
    /// Said where the summary tells nothing of the kind.
    pub none: &'static str,
}

fn is_national(telling: &Telling) -> bool {
    telling.source.system == NATIONAL
}

/// Whether a fact holds for a reader of today: what is over need not be in a summary.
fn holds(fact: &Fact) -> bool {
    matches!(fact.standing, Standing::Current | Standing::Unclear | Standing::NoneKnown)
}

/// The first entries of a list, and how many more there are.
fn listed(all: &[String]) -> Vec<String> {
    let mut out: Vec<String> = all.iter().take(LISTED).cloned().collect();
    if all.len() > LISTED {
        out.push(format!("{} more", all.len() - LISTED));
    }
    out
}

fn row(summary: &Summary, (part, title, expected): (&str, &'static str, bool)) -> Option<Row> {
    let facts = summary.part(part).map(|p| p.facts.as_slice()).unwrap_or_default();
    let (mut alike, mut differ) = (0, Vec::new());
    let (mut summary_alone, mut local_alone) = (Vec::new(), Vec::new());
    for fact in facts {
        let national = fact.tellings.iter().any(is_national);
        let local = fact.tellings.iter().any(|t| !is_national(t));
        match (national, local) {
            (true, true) if fact.differences.is_empty() => alike += 1,
            (true, true) => {
                let aspects: Vec<&str> = fact.differences.iter().map(|d| d.aspect).collect();
                differ.push(format!("{} ({})", fact.title, aspects.join(", ")));
            }
            (true, false) => summary_alone.push(fact.title.clone()),
            (false, true) if holds(fact) => local_alone.push(fact.title.clone()),
            _ => {}
        }
    }
    let silent = alike + differ.len() + summary_alone.len() == 0;
    if silent && local_alone.is_empty() {
        return None;
    }
    let none = match (silent, expected) {
        (true, true) => "The summary tells none of these.",
        (true, false) => {
            "The summary tells no problems; they are in it only where the person agreed to more than the core."
        }
        _ => "",
    };
    if silent && !expected {
        local_alone.clear();
    }
    Some(Row {
        title,
        alike,
        differ: listed(&differ),
        summary_alone: listed(&summary_alone),
        local_alone: listed(&local_alone),
        none,
    })
}

/// The newest summary that a source sent; `None` where there is none, or the reader may not see it.
pub(super) fn of(summary: &Summary) -> Option<National> {
    let documents = summary.part("documents").map(|p| p.facts.as_slice()).unwrap_or_default();
    let tellings = documents.iter().flat_map(|f| &f.tellings);
    let newest = tellings
        .filter(|t| is_national(t) && t.key.kind == "Composition")
        .max_by_key(|t| (t.source.received, t.key.clone()))?;
    let text = newest.lines.iter().map(|line| {
        let lines = line.text.lines().filter(|l| *l != line.label).map(str::to_owned).collect();
        (line.label.clone(), lines)
    });
    Some(National {
        by: newest.source.organisation.clone(),
        date: words::date(&newest.date),
        resource: format!("/fhir/{}", newest.key.reference()),
        text: text.collect(),
        rows: COMPARED.iter().filter_map(|kind| row(summary, *kind)).collect(),
    })
}
