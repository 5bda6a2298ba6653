//! The record of one person: safety first, then what a reader asks first, then the parts in the order of the PRSB Core
//! Information Standard. Every fact leads to its original message, on demand.

use std::collections::HashSet;

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use causeway_access::audit_event::Act;
use causeway_access::opened::Opened;
use causeway_access::record::{
    Change, Member, Part, PersonView, SafetyLine, SourceSummary, Summary, SummaryQuery, Test,
};
use causeway_access::relationship::Kind;
use causeway_access::{Reader, Sealed};
use causeway_broker::accept::{FORM_DOOR, PERSON};
use causeway_broker::limits::PAGE_ROWS;
use causeway_broker::state::Shared;
use causeway_exchange::MessageId;
use causeway_host::problem::{Answer, Problem};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chart;
use super::fact::FactRow;
use super::glance::{self, Answer as Glance};
use super::national::{self, National};
use crate::words::{self, Moment};
use crate::{Frame, people, render, wants_html};

/// Facts of each part on the whole page; of the parts that are read first, more.
const FACTS_SHOWN: usize = 4;
/// The same for medicines and problems.
const FACTS_SHOWN_FIRST: usize = 10;
/// Facts of a part shown alone.
const FACTS_ALONE: usize = 60;
/// Tests in the table of results on the whole page.
const TESTS_SHOWN: usize = 12;
/// The same in the part alone.
const TESTS_ALONE: usize = 40;
/// Values of a test beside the newest.
const VALUES_SHOWN: usize = 5;
/// Moments of the timeline.
const MOMENTS_SHOWN: usize = 12;
/// Changes listed.
const CHANGES_SHOWN: usize = 6;
/// Days of "what changed", where no date is asked for.
const CHANGED_DAYS: i64 = 7;

struct TestRow {
    name: String,
    value: String,
    unit: String,
    flag: String,
    range: String,
    date: String,
    differs: bool,
    trend: String,
    /// Date, value, flag and earlier values of what was measured before.
    before: Vec<(String, String, String, String)>,
    earlier: String,
    more: usize,
    by: String,
    resource: String,
}

struct PartRow {
    code: &'static str,
    title: &'static str,
    social_care: bool,
    total: u64,
    /// Whether the reader's role is not shown it.
    closed: bool,
    count: usize,
    tests: Vec<TestRow>,
    facts: Vec<FactRow>,
    past: Vec<FactRow>,
    more: usize,
    older: String,
}

struct MemberRow {
    name: String,
    nhs_number: String,
    verified: bool,
    born: String,
    address: String,
    telecom: String,
    identifiers: String,
    note: &'static str,
    organisation: String,
    message: String,
}

struct SourceRow {
    organisation: String,
    system: String,
    received: Moment,
    message: String,
    resources: u64,
    notices: Vec<String>,
}

struct SafetyRow {
    label: &'static str,
    text: String,
    detail: String,
    by: String,
    warns: bool,
}

struct ChangeRow {
    at: Moment,
    kind: &'static str,
    title: String,
    organisation: String,
    resource: String,
}

struct MomentRow {
    date: String,
    title: String,
    by: String,
    social_care: bool,
    resource: String,
}

#[derive(Template)]
#[template(path = "clinician/record.html")]
struct RecordPage {
    frame: Frame,
    id: String,
    name: String,
    nhs_number: String,
    verified: bool,
    born: String,
    age: String,
    gender: String,
    address: String,
    telecom: String,
    practice: String,
    deceased: String,
    sensitive: bool,
    safety: Vec<SafetyRow>,
    glance: Vec<Glance>,
    gaps: Vec<String>,
    differences: Vec<(String, Vec<(String, String)>)>,
    reviews: Vec<(i64, String)>,
    since: String,
    changes: Vec<ChangeRow>,
    changes_more: usize,
    parts: Vec<PartRow>,
    /// Headings of the parts of which no source told anything.
    silent: Vec<&'static str>,
    /// Headings of the parts that the reader's role is not shown.
    closed: Vec<&'static str>,
    /// Whether a decision limits what the reader sees.
    limited: bool,
    alone: bool,
    national: Option<National>,
    journey: String,
    moments: Vec<MomentRow>,
    moments_more: usize,
    sources: Vec<SourceRow>,
    members: Vec<MemberRow>,
    decisions: Vec<(Moment, String, String)>,
    everything: String,
    /// When emergency access ends, where it is such; empty otherwise.
    emergency: String,
    /// Whether it rests on what the reader said and no source told.
    claimed: bool,
    /// Whether messages can be led to: a person who signed in does not see them.
    originals: bool,
}

/// Which part alone, from where, and what changed since when.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordQuery {
    section: String,
    before: Option<i64>,
    since: String,
}

pub(crate) async fn page(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<RecordQuery>,
) -> Answer {
    let opened = people::open(&state, &reader, &id, "page/record").await?;
    let now = state.clock.now();
    let since = match people::birth_date(&query.since)? {
        text if text.is_empty() => now - SignedDuration::from_hours(CHANGED_DAYS * 24),
        text => start_of(&text)
            .ok_or_else(|| Problem::invalid("since", "write the date like 7/3/2026 or 2026-03-07"))?,
    };
    let wanted = SummaryQuery {
        today: causeway_core::london().to_datetime(now).date().to_string(),
        part: query.section.clone(),
        before: query.before,
        since: Some(since),
        expected: Vec::new(),
    };
    let (mut opened, sealed) = read(&state, &reader, opened, &id, wanted).await?;
    let tell = |(_, summary): &(PersonView, Summary)| {
        let codes = summary.parts.iter().filter(|p| p.total > 0).map(|p| p.code.to_owned()).collect();
        (vec!["page/record".to_owned()], codes)
    };
    let (person, summary) = opened.disclose(&state.gate, &reader, Act::Read, sealed, tell).await?;
    if !wants_html(&headers) {
        return Ok(Json(json!({"person": person, "record": summary})).into_response());
    }
    let correctable = correctable(&state, &reader, &summary).await?;
    let mut page = shown(person, &summary, &query, since, now, &opened);
    page.originals = reader.session.is_none();
    match opened.decision.as_ref().map(|d| d.relationship) {
        Some(Kind::BreakGlass) => {
            let ends = opened.until.map(|end| Moment::from(end).words);
            page.emergency = ends.unwrap_or_else(|| "soon".to_owned());
        }
        Some(Kind::SelfClaimed) => page.claimed = true,
        _ => {}
    }
    let rows = page.parts.iter_mut().filter(|p| p.code == NOTES).flat_map(|p| p.facts.iter_mut());
    for row in rows.flat_map(|fact| fact.tellings.iter_mut()) {
        row.correctable = correctable.contains(&row.message);
    }
    render(&page)
}

/// Code of the part with care notes.
const NOTES: &str = "care-notes";

/// Messages of care notes that the reader's organisation typed into the form, or, for the visitor of an open demonstration,
/// that anybody did.
async fn correctable(state: &Shared, reader: &Reader, summary: &Summary) -> Answer<HashSet<String>> {
    let notes = summary.parts.iter().filter(|p| p.code == NOTES).flat_map(|p| &p.facts);
    let mut ids: Vec<String> =
        notes.flat_map(|f| &f.tellings).map(|t| t.source.message.clone()).take(FACTS_ALONE).collect();
    ids.sort();
    ids.dedup();
    let own = reader.asker.organisation.code.clone();
    let visitor = state.gate.open && reader.operator && reader.session.is_none();
    state
        .blocking(move |s| -> Result<_, Problem> {
            let mut found = HashSet::new();
            for id in ids {
                let Ok(wanted) = MessageId::new(&id) else { continue };
                let Some(message) = s.engine.message(&wanted)? else { continue };
                let mine = visitor || message.new.sender.eq_ignore_ascii_case(&own);
                if message.new.door == FORM_DOOR && message.new.sender != PERSON && mine {
                    found.insert(id);
                }
            }
            Ok(found)
        })
        .await
}

/// The person and the summary as the reader may see them, closed until it is written down.
///
/// # Errors
/// 404, 503.
pub(crate) async fn read(
    state: &Shared,
    reader: &Reader,
    opened: Opened,
    id: &str,
    query: SummaryQuery,
) -> Answer<(Opened, Sealed<(PersonView, Summary)>)> {
    let id = id.to_owned();
    let (opened, sealed) = state
        .blocking(move |s| -> Result<_, Problem> {
            let show = |resource| opened.show(resource);
            let limited = opened.decision.is_some();
            let show = limited.then_some(&show as &dyn Fn(Value) -> Option<Value>);
            let sealed = s.gate.shelf.summary(&id, &query, show)?;
            Ok((opened, sealed))
        })
        .await?;
    let missing = reader.event(&state.gate, Act::Read);
    let sealed = sealed.found(&state.gate, missing, "person").await?.map(|(mut person, mut summary)| {
        opened.filter_person(&mut person);
        opened.filter_summary(&mut summary);
        (person, summary)
    });
    Ok((opened, sealed))
}

fn start_of(day: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = day.parse().ok()?;
    causeway_core::london().to_timestamp(day.at(0, 0, 0, 0)).ok()
}

fn shown(
    person: PersonView,
    summary: &Summary,
    query: &RecordQuery,
    since: Timestamp,
    now: Timestamp,
    opened: &Opened,
) -> RecordPage {
    let alone = !query.section.is_empty();
    let told = &person.display;
    let practices = person.members.iter().map(|m| m.demographics.general_practice.as_str());
    let practice = practices.into_iter().find(|p| !p.is_empty()).unwrap_or("").to_owned();
    let key_people = glance::key_people(summary, &practice);
    let silent = |p: &&Part| p.total == 0;
    let titles = |shows: bool| {
        let parts = summary.parts.iter().filter(silent).filter(move |p| opened.shows(p.code) == shows);
        parts.map(|p| p.title).collect()
    };
    let parts = summary.parts.iter().filter(|p| alone || !silent(p));
    let name = people::name_or(&told.name);
    RecordPage {
        frame: Frame::new(name.clone(), "/people/"),
        nhs_number: words::nhs_number(&told.nhs_number),
        verified: told.nhs_number_verified,
        born: words::date(&told.birth_date),
        age: age(&told.birth_date, &told.deceased, now),
        gender: told.gender.clone(),
        address: told.address.clone(),
        telecom: told.telecom.join(", "),
        practice,
        deceased: words::date(&told.deceased),
        sensitive: person.members.iter().any(|m| !m.security.is_empty()),
        safety: if alone { Vec::new() } else { summary.safety.iter().map(safety).collect() },
        glance: if alone { Vec::new() } else { glance::answers(summary, &key_people, opened) },
        gaps: summary.gaps.iter().map(|g| g.text.clone()).collect(),
        differences: person
            .differences
            .iter()
            .map(|d| (people::element(d.element), d.values.clone()))
            .collect(),
        reviews: person.reviews.iter().map(|r| (r.number, r.text.clone())).collect(),
        since: words::date(&causeway_core::london().to_datetime(since).date().to_string()),
        changes: summary.changes.iter().take(CHANGES_SHOWN).map(change).collect(),
        changes_more: summary.changes.len().saturating_sub(CHANGES_SHOWN),
        parts: parts.map(|p| part(p, &summary.tests, alone, &person.id, !opened.shows(p.code))).collect(),
        silent: titles(true),
        closed: titles(false),
        limited: opened.decision.is_some(),
        alone,
        national: if alone { None } else { national::of(summary) },
        journey: chart::journey(
            summary.timeline.get(..summary.timeline.len().min(MOMENTS_SHOWN)).unwrap_or_default(),
        ),
        moments: summary
            .timeline
            .iter()
            .take(MOMENTS_SHOWN)
            .map(|m| MomentRow {
                date: words::date(&m.date),
                title: m.title.clone(),
                by: m.by.clone(),
                social_care: m.social_care,
                resource: format!("/fhir/{}", m.key.reference()),
            })
            .collect(),
        moments_more: summary.timeline.len().saturating_sub(MOMENTS_SHOWN),
        sources: summary.sources.iter().map(source).collect(),
        members: person.members.iter().take(PAGE_ROWS).map(member).collect(),
        decisions: person
            .decisions
            .iter()
            .take(PAGE_ROWS)
            .map(|d| (d.at.into(), d.text.clone(), d.actor.clone()))
            .collect(),
        everything: format!("/fhir/Patient/{}/$everything", person.display_patient),
        emergency: String::new(),
        claimed: false,
        originals: true,
        id: person.id,
        name,
    }
}

/// Whole years, at death where the day of it is told.
fn age(born: &str, deceased: &str, now: Timestamp) -> String {
    let day = |text: &str| text.get(..10)?.parse::<jiff::civil::Date>().ok();
    let Some(born) = day(born) else { return String::new() };
    let until = day(deceased).unwrap_or_else(|| causeway_core::london().to_datetime(now).date());
    if deceased == "true" {
        return String::new();
    }
    let years = i32::from(until.year())
        - i32::from(born.year())
        - i32::from((until.month(), until.day()) < (born.month(), born.day()));
    if years < 0 { String::new() } else { years.to_string() }
}

fn safety(line: &SafetyLine) -> SafetyRow {
    SafetyRow {
        label: match line.kind {
            "allergy" => "Allergy",
            "adjustment" => "Reasonable adjustment",
            "communication" => "Communication",
            "resuscitation" => "Resuscitation",
            "decision" => "Decision made",
            _ => "Alert",
        },
        text: line.text.clone(),
        detail: line.detail.clone(),
        by: line.by.join(", "),
        warns: line.warns,
    }
}

fn change(change: &Change) -> ChangeRow {
    ChangeRow {
        at: change.at.into(),
        kind: change.kind,
        title: change.title.clone(),
        organisation: change.source.organisation.clone(),
        resource: format!("/fhir/{}", change.key.reference()),
    }
}

fn part(part: &Part, tests: &[Test], alone: bool, person: &str, closed: bool) -> PartRow {
    let shown = match (alone, part.code) {
        (true, _) => FACTS_ALONE,
        (_, "medicines" | "problems") => FACTS_SHOWN_FIRST,
        _ => FACTS_SHOWN,
    };
    let is_test = |fact: &causeway_access::record::Fact| fact.tellings.iter().any(|t| t.measured.is_some());
    let in_table = part.code == "results";
    let listed: Vec<&causeway_access::record::Fact> =
        part.facts.iter().filter(|f| !in_table || !is_test(f)).collect();
    let lasting = matches!(part.code, "medicines" | "problems" | "services-and-care");
    let over =
        |f: &&causeway_access::record::Fact| lasting && f.standing == causeway_access::record::Standing::Past;
    let standing: Vec<&causeway_access::record::Fact> = listed.iter().copied().filter(|f| !over(f)).collect();
    let past: Vec<&causeway_access::record::Fact> = listed.iter().copied().filter(over).collect();
    let tests_shown = if alone { TESTS_ALONE } else { TESTS_SHOWN };
    let tests = if in_table { tests } else { &[] };
    let left = standing.len().saturating_sub(shown)
        + past.len().saturating_sub(shown)
        + tests.len().saturating_sub(tests_shown);
    PartRow {
        code: part.code,
        title: part.title,
        social_care: part.social_care,
        total: part.total,
        closed,
        count: part.facts.len(),
        tests: tests.iter().take(tests_shown).map(test).collect(),
        facts: standing.into_iter().take(shown).map(FactRow::from).collect(),
        past: past.into_iter().take(shown).map(FactRow::from).collect(),
        more: left + usize::from(!alone && part.older.is_some()),
        older: match part.older {
            Some(before) if alone => format!("/people/{person}?section={}&before={before}", part.code),
            _ => String::new(),
        },
    }
}

fn test(test: &Test) -> TestRow {
    let point = |p: &causeway_access::record::Point| {
        (words::date(&p.date), p.value.clone(), p.flag.clone(), p.earlier.join("; "))
    };
    let last = test.points.first();
    TestRow {
        name: test.name.clone(),
        unit: test.unit.clone(),
        range: test.range.clone(),
        value: last.map(|p| p.value.clone()).unwrap_or_default(),
        flag: last.map(|p| p.flag.clone()).unwrap_or_default(),
        date: last.map(|p| words::date(&p.date)).unwrap_or_default(),
        earlier: last.map(|p| p.earlier.join("; ")).unwrap_or_default(),
        differs: test.points.iter().any(|p| p.differs),
        trend: chart::trend(test),
        before: test.points.iter().skip(1).take(VALUES_SHOWN).map(point).collect(),
        more: test.points.len().saturating_sub(VALUES_SHOWN + 1),
        by: last.map(|p| p.by.join(", ")).unwrap_or_default(),
        resource: last.map(|p| format!("/fhir/{}", p.key.reference())).unwrap_or_default(),
    }
}

fn member(member: &Member) -> MemberRow {
    let told = &member.demographics;
    MemberRow {
        name: people::name_or(&told.name),
        nhs_number: words::nhs_number(&told.nhs_number),
        verified: told.nhs_number_verified,
        born: words::date(&told.birth_date),
        address: told.address.clone(),
        telecom: told.telecom.join(", "),
        identifiers: told
            .identifiers
            .iter()
            .map(|(system, value)| format!("{}: {value}", words::identifier_system(system)))
            .collect::<Vec<_>>()
            .join("; "),
        note: match (member.replaced_by.is_empty(), member.inactive) {
            (false, _) => "merged into another by its source",
            (true, true) => "called inactive by its source",
            (true, false) => "",
        },
        organisation: member.source.organisation.clone(),
        message: member.source.message.clone(),
    }
}

fn source(summary: &SourceSummary) -> SourceRow {
    SourceRow {
        organisation: summary.latest.organisation.clone(),
        system: summary.latest.system.clone(),
        received: summary.latest.received.into(),
        message: summary.latest.message.clone(),
        resources: summary.resources,
        notices: summary.notices.iter().map(|n| n.text.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_whole_years_and_ends_with_death() {
        let now: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
        assert_eq!(age("1942-03-09", "", now), "83");
        assert_eq!(age("1942-03-08", "", now), "84");
        assert_eq!(age("1942-03-08", "2020-03-07", now), "77");
        assert_eq!(age("1942", "", now), "");
        assert_eq!(age("1942-03-08", "true", now), "");
    }
}
