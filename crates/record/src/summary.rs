//! What a page of a person shows: parts with their facts, the safety line on top, results by test, a timeline, and what
//! changed. Built from tellings that were read; nothing here reads a database.

use std::collections::HashMap;

use causeway_core::Sector;
use jiff::Timestamp;
use serde::Serialize;

use crate::facts::{Fact, Standing, Telling};
use crate::limits;
use crate::model::{ExpectedSource, Key, Notice, Source, SourceSummary};

/// A resource as the reader may see it; `None` where it is withheld. `None` in its place: the reader sees all.
pub type Show<'a> = Option<&'a dyn Fn(serde_json::Value) -> Option<serde_json::Value>>;

/// What of a person's record is wanted.
#[derive(Clone, Debug, Default)]
pub struct SummaryQuery {
    /// The day on which it is read, as `YYYY-MM-DD` (London): decides what is over.
    pub today: String,
    /// One part alone, by code; empty for all.
    pub part: String,
    /// Within one part: only what is older than this, as given by [`Part::older`].
    pub before: Option<i64>,
    /// What changed since then.
    pub since: Option<Timestamp>,
    /// Sources that are expected to have told something.
    pub expected: Vec<ExpectedSource>,
}

/// A part of the person's record, after the PRSB Core Information Standard.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Stable code such as `services-and-care`.
    pub code: &'static str,
    /// Heading.
    pub title: &'static str,
    /// Whether it is told mainly by social care.
    pub social_care: bool,
    /// Resources that stand in this part: what a FHIR search finds of them.
    pub total: u64,
    /// Resources that were read: the tellings of the facts below.
    pub read: u64,
    /// Where the next older ones begin; `None` where all were read.
    pub older: Option<i64>,
    /// The facts, the newest first.
    pub facts: Vec<Fact>,
}

/// One line of what must be seen before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SafetyLine {
    /// Stable kebab-case kind: `allergy`, `alert`, `adjustment`, `communication`, `resuscitation`, `decision`.
    pub kind: &'static str,
    /// What it is about, in the source's words or a sentence.
    pub text: String,
    /// Reaction, severity, note.
    pub detail: String,
    /// Who tells it.
    pub by: Vec<String>,
    /// Whether it says that something is dangerous or decided, rather than that nothing is known.
    pub warns: bool,
    /// The fact's leading resource; `None` for a line that says that nothing was told.
    pub key: Option<Key>,
}

/// One measurement of a test.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Date as told.
    pub date: String,
    /// Microseconds since 1970.
    pub at: i64,
    /// Digits as told, with comparator.
    pub value: String,
    /// Interpretation as told.
    pub flag: String,
    /// Whether sources differ about it.
    pub differs: bool,
    /// Earlier values of the same measurement, where it was corrected.
    pub earlier: Vec<String>,
    /// Who tells it.
    pub by: Vec<String>,
    /// Leading resource.
    pub key: Key,
}

/// The measurements of one test in one unit.
#[derive(Clone, Debug, Serialize)]
pub struct Test {
    /// Name in the source's words.
    pub name: String,
    /// Unit as told.
    pub unit: String,
    /// Reference range in words, as the newest measurement tells it.
    pub range: String,
    /// Lower and upper end of it, where told as numbers.
    pub bounds: (String, String),
    /// Measurements, the newest first.
    pub points: Vec<Point>,
}

/// A moment of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    /// Date as told.
    pub date: String,
    /// Microseconds since 1970.
    pub at: i64,
    /// Whether social care tells it.
    pub social_care: bool,
    /// Title and detail.
    pub title: String,
    /// Code of the part.
    pub part: &'static str,
    /// Name of the organisation.
    pub by: String,
    /// Leading resource.
    pub key: Key,
}

/// Something that changed.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// When the record took it in.
    pub at: Timestamp,
    /// `new`, `changed`, `withdrawn` or `ended`.
    pub kind: &'static str,
    /// Title and detail.
    pub title: String,
    /// Code of the part; empty where it is in none any more.
    pub part: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// Which resource.
    pub key: Key,
}

/// The record of a person as a page shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Id of the person.
    pub person: String,
    /// What must be seen first.
    pub safety: Vec<SafetyLine>,
    /// The parts in the order of display, the empty ones included; with one wanted, that one.
    pub parts: Vec<Part>,
    /// Results by test, those measured last first.
    pub tests: Vec<Test>,
    /// Events of both settings, the newest first.
    pub timeline: Vec<Moment>,
    /// What changed since the time asked for, the newest first.
    pub changes: Vec<Change>,
    /// Every source that told something.
    pub sources: Vec<SourceSummary>,
    /// What is missing or withheld in the whole: sources that told nothing, notices of messages.
    pub gaps: Vec<Notice>,
}

impl Summary {
    /// A part by its code.
    pub fn part(&self, code: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.code == code)
    }
}

fn tellers(fact: &Fact) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for telling in &fact.tellings {
        if !out.contains(&telling.source.organisation) {
            out.push(telling.source.organisation.clone());
        }
    }
    out
}

/// The lines that stand on top of the record. Allergies always have one, for silence is no answer.
pub(crate) fn safety(parts: &[Part]) -> Vec<SafetyLine> {
    let of =
        |code: &str| parts.iter().find(|p| p.code == code).map(|p| p.facts.as_slice()).unwrap_or_default();
    let mut out = allergies(of("allergies"));
    for fact in of("alerts") {
        let Some(lead) = fact.lead().filter(|lead| lead.status != "inactive") else { continue };
        let mut text = format!("{} {}", fact.title, lead.detail).to_lowercase();
        lead.lines.iter().for_each(|line| text.push_str(&line.text.to_lowercase()));
        let kind = match () {
            () if [
                "interpreter",
                "communicat",
                "large print",
                "braille",
                "hearing",
                "sign language",
                "easy read",
            ]
            .iter()
            .any(|w| text.contains(w)) =>
            {
                "communication"
            }
            () if text.contains("adjustment") => "adjustment",
            () => "alert",
        };
        out.push(line(kind, fact, kind == "alert"));
    }
    for fact in of("choices") {
        let text = fact.title.to_lowercase();
        let lines =
            fact.lead().map(|l| l.lines.iter().map(|line| line.text.to_lowercase()).collect::<String>());
        let all = format!("{text} {}", lines.unwrap_or_default());
        if ["resuscitation", "dnacpr", "respect form", "cpr"].iter().any(|w| all.contains(w)) {
            out.push(line("resuscitation", fact, true));
        } else if [
            "advance",
            "refuse treatment",
            "deprivation of liberty",
            "power of attorney",
            "mental health act",
        ]
        .iter()
        .any(|w| all.contains(w))
        {
            out.push(line("decision", fact, true));
        }
    }
    out
}

fn allergies(facts: &[Fact]) -> Vec<SafetyLine> {
    let mut out: Vec<SafetyLine> = facts
        .iter()
        .filter(|f| matches!(f.standing, Standing::Current | Standing::Unclear | Standing::Told))
        .map(|f| line("allergy", f, true))
        .collect();
    let denied = facts.iter().find(|f| f.standing == Standing::NoneKnown);
    match (out.is_empty(), denied) {
        (true, Some(fact)) => {
            out.push(SafetyLine { text: "No known allergies".to_owned(), ..line("allergy", fact, false) })
        }
        (true, None) => out.push(SafetyLine {
            kind: "allergy",
            text: "No source has told anything about allergies. That does not mean that there are none."
                .to_owned(),
            detail: String::new(),
            by: Vec::new(),
            warns: false,
            key: None,
        }),
        (false, Some(fact)) => out.push(SafetyLine {
            text: "Another source says that no allergy is known".to_owned(),
            ..line("allergy", fact, true)
        }),
        (false, None) => {}
    }
    out
}

fn line(kind: &'static str, fact: &Fact, warns: bool) -> SafetyLine {
    let mut detail: Vec<String> = Vec::new();
    if kind == "allergy" {
        for aspect in ["reaction", "severity"] {
            let told = fact.tellings.iter().filter_map(|t| t.aspects.get(aspect)).find(|v| !v.is_empty());
            detail.extend(told.cloned());
        }
        if fact.standing == Standing::Unclear {
            detail.push(fact.why.clone());
        }
    } else if let Some(lead) = fact.lead() {
        detail.extend(Some(lead.detail.clone()).filter(|d| !d.is_empty()));
        detail.extend(lead.lines.iter().take(limits::SAFETY_LINES).map(|l| l.text.clone()));
    }
    SafetyLine {
        kind,
        text: fact.title.clone(),
        detail: detail.join("; "),
        by: tellers(fact),
        warns,
        key: fact.lead().map(|t| t.key.clone()),
    }
}

/// Results by test and unit, those measured last first.
pub(crate) fn tests(facts: &[Fact]) -> Vec<Test> {
    let mut at: HashMap<(String, String), usize> = HashMap::new();
    let mut out: Vec<Test> = Vec::new();
    for fact in facts {
        let Some((telling, measured)) = fact.tellings.iter().find_map(|t| Some((t, t.measured.as_ref()?)))
        else {
            continue;
        };
        let own = if measured.own { "own " } else { "" };
        let unit = format!("{own}{}", crate::facts::keys::unit(&measured.unit));
        // The same test has one code in one place and another wording elsewhere: any of its names leads to it.
        let known = telling.names.iter().find_map(|name| at.get(&(name.clone(), unit.clone())).copied());
        let index = known.unwrap_or(out.len());
        for name in fact.tellings.iter().flat_map(|t| &t.names) {
            at.entry((name.clone(), unit.clone())).or_insert(index);
        }
        let point = Point {
            date: telling.date.clone(),
            at: telling.low.unwrap_or_default(),
            value: measured.value.clone(),
            flag: measured.flag.clone(),
            differs: fact.differences.iter().any(|d| d.aspect == "value"),
            earlier: fact.tellings.iter().flat_map(|t| t.earlier.clone()).collect(),
            by: tellers(fact),
            key: telling.key.clone(),
        };
        match out.get_mut(index) {
            Some(test) => test.points.push(point),
            None => out.push(Test {
                name: telling.title.clone(),
                unit: measured.unit.clone(),
                range: measured.range.clone(),
                bounds: (measured.low.clone(), measured.high.clone()),
                points: vec![point],
            }),
        }
    }
    for test in &mut out {
        test.points.sort_by_key(|p| std::cmp::Reverse(p.at));
    }
    out.sort_by_key(|t| std::cmp::Reverse(t.points.first().map_or(i64::MIN, |p| p.at)));
    out
}

/// Parts that make the timeline.
const TIMELINE: &[&str] = &[
    "encounters",
    "services-and-care",
    "assessments",
    "care-notes",
    "referrals",
    "procedures",
    "plans",
    "support-reasons",
    "documents",
    "vaccinations",
    "problems",
];

/// Events of both settings, the newest first.
pub(crate) fn timeline(parts: &[Part]) -> Vec<Moment> {
    let mut out = Vec::new();
    for part in parts.iter().filter(|p| TIMELINE.contains(&p.code)) {
        for fact in &part.facts {
            let Some(lead) = fact.lead() else { continue };
            let Some(at) = lead.low else { continue };
            out.push(Moment {
                date: lead.date.clone(),
                at,
                social_care: lead.source.sector == Sector::SocialCare,
                title: in_line(lead),
                part: part.code,
                by: lead.source.organisation.clone(),
                key: lead.key.clone(),
            });
        }
    }
    out.sort_by(|a, b| (b.at, &a.title).cmp(&(a.at, &b.title)));
    out.truncate(limits::TIMELINE_MAX);
    out
}

/// Title and detail in one line.
pub(crate) fn in_line(telling: &Telling) -> String {
    if telling.detail.is_empty() {
        telling.title.clone()
    } else {
        format!("{}: {}", telling.title, telling.detail)
    }
}
