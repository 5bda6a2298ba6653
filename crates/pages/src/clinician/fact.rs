//! One fact as a row: what it is on the line, where it comes from on demand.

use causeway_access::record::{Fact, Standing, Telling};

use crate::words::{self, Moment};

/// Lines of notes shown with a fact; the rest is in its details.
const LINES_SHOWN: usize = 6;
/// Tellings listed in the details of a fact.
const TELLINGS_SHOWN: usize = 4;

/// What one source tells.
pub(super) struct TellingRow {
    pub text: String,
    pub date: String,
    pub status: String,
    pub by: String,
    pub organisation: String,
    pub system: String,
    pub received: Moment,
    pub message: String,
    pub resource: String,
    pub history: bool,
    /// Whether the reader's organisation typed it here, so that the reader may correct it.
    pub correctable: bool,
}

impl From<&Telling> for TellingRow {
    fn from(telling: &Telling) -> Self {
        Self {
            text: in_line(telling),
            date: words::date(&telling.date),
            status: words::status(&telling.status),
            by: telling.by.clone(),
            organisation: telling.source.organisation.clone(),
            system: telling.source.system.clone(),
            received: telling.source.received.into(),
            message: telling.source.message.clone(),
            resource: format!("/fhir/{}", telling.key.reference()),
            history: telling.version > 1,
            correctable: false,
        }
    }
}

/// A fact.
pub(super) struct FactRow {
    pub title: String,
    pub detail: String,
    pub date: String,
    pub status: String,
    /// Class of the standing, for colour; the word stands beside it.
    pub class: &'static str,
    pub why: String,
    pub lines: Vec<(String, String)>,
    pub earlier: Vec<String>,
    pub corrected: bool,
    pub restricted: bool,
    pub differences: Vec<(String, Vec<(String, String)>)>,
    pub told_by: String,
    pub tellings: Vec<TellingRow>,
    pub more: usize,
}

impl From<&Fact> for FactRow {
    fn from(fact: &Fact) -> Self {
        let lead = fact.lead();
        let lines: Vec<(String, String)> =
            fact.tellings.iter().flat_map(|t| &t.lines).map(|l| (l.label.clone(), l.text.clone())).fold(
                Vec::new(),
                |mut all, line| {
                    if !all.contains(&line) {
                        all.push(line);
                    }
                    all
                },
            );
        let (status, class) = match fact.standing {
            Standing::Told => (lead.map(|l| words::status(&l.status)).unwrap_or_default(), ""),
            Standing::Unclear => ("unclear".to_owned(), "unclear"),
            Standing::Current => ("current".to_owned(), "current"),
            other => (other.word().to_owned(), "past"),
        };
        Self {
            title: fact.title.clone(),
            detail: lead.map(|l| l.detail.clone()).unwrap_or_default(),
            date: lead.map(|l| words::date(&l.date)).unwrap_or_default(),
            status,
            class,
            why: fact.why.clone(),
            lines: lines.into_iter().take(LINES_SHOWN * 4).collect(),
            earlier: fact.tellings.iter().flat_map(|t| t.earlier.clone()).collect(),
            corrected: fact.tellings.iter().any(|t| t.corrected),
            restricted: fact.tellings.iter().any(|t| !t.security.is_empty()),
            differences: fact
                .differences
                .iter()
                .map(|d| {
                    let values = d.values.iter().map(|(v, who)| (words::date(v), who.clone())).collect();
                    (aspect(d.aspect).to_owned(), values)
                })
                .collect(),
            told_by: told_by(fact),
            tellings: fact.tellings.iter().take(TELLINGS_SHOWN).map(TellingRow::from).collect(),
            more: fact.tellings.len().saturating_sub(TELLINGS_SHOWN),
        }
    }
}

/// Who tells it: the first by name, the others by number.
fn told_by(fact: &Fact) -> String {
    let first = fact.lead().map_or("", |l| l.source.organisation.as_str());
    match (fact.sources(), fact.tellings.len()) {
        (1, 1) => first.to_owned(),
        (1, n) => format!("{first}, {n} entries"),
        (sources, n) => {
            format!("{first} and {}, {n} entries", words::count(sources as u64 - 1, "other source"))
        }
    }
}

fn aspect(name: &str) -> &str {
    match name {
        "ended" => "end",
        "state" => "taken now",
        other => other,
    }
}

/// Title and detail in one line.
pub(super) fn in_line(telling: &Telling) -> String {
    if telling.detail.is_empty() {
        telling.title.clone()
    } else {
        format!("{}: {}", telling.title, telling.detail)
    }
}
