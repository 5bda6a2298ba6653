//! People, and one person's record with social care first. Every fact leads to its original message.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::{Json, response::Response};
use causeway_access::audit_event::Act;
use causeway_access::caller::same_origin;
use causeway_access::opened::{self, Opened};
use causeway_access::{Reach, Reader, record_problem};
use causeway_broker::limits::PAGE_ROWS;
use causeway_broker::state::Shared;
use causeway_core::{Precision, When};
use causeway_host::problem::{Answer, Problem};
use causeway_record::{
    Entry, Member, PersonQuery, PersonRow, PersonView, Section, Sections, Source, SourceSummary,
};
use serde::Deserialize;
use serde_json::json;

use super::words::{self, Moment};
use super::{Frame, render, wants_html};

/// Entries of each section on the whole page.
const ENTRIES_SHOWN: usize = 6;
/// Entries of a section shown alone.
const ENTRIES_ALONE: usize = 60;

/// Code of the record's notice that no source told anything for a section.
const NOTHING_TOLD: &str = "nothing-told";

struct Row {
    id: String,
    name: String,
    nhs_number: String,
    born: String,
    organisations: String,
    sensitive: bool,
    reviews: u64,
}

#[derive(Template)]
#[template(path = "people.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    text: String,
    birth_date: String,
    searched: bool,
    next: Option<String>,
}

/// Where the next page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    after: String,
}

/// Whom to look for. It is sent in the body: names and numbers have no business in an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchForm {
    text: String,
    birth_date: String,
}

pub(super) async fn list(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    answer_list(state, reader, headers, PersonQuery { after: query.after, ..PersonQuery::default() }, false)
        .await
}

pub(super) async fn search(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Form(form): Form<SearchForm>,
) -> Answer {
    same_origin(&headers)?;
    let birth_date = birth_date(&form.birth_date)?;
    let query = PersonQuery { text: form.text.trim().to_owned(), birth_date, ..PersonQuery::default() };
    answer_list(state, reader, headers, query, true).await
}

/// A date of birth as people write it (`7/3/1942`, `1942-03-07`), as FHIR does; empty for none.
pub fn birth_date(text: &str) -> Answer<String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let zone = causeway_core::london();
    let read = When::british(text, &zone).or_else(|_| When::iso(text, &zone));
    let whole = read.ok().filter(|when| when.precision() >= Precision::Day);
    let whole = whole.ok_or_else(|| {
        Problem::invalid("birth-date", "write the date of birth like 7/3/1942 or 1942-03-07")
    })?;
    Ok(whole.fhir_date())
}

async fn answer_list(
    state: Shared,
    reader: Reader,
    headers: HeaderMap,
    mut query: PersonQuery,
    searched: bool,
) -> Answer {
    query.limit = if reader.operator { PAGE_ROWS + 1 } else { LOOKED_AT };
    let asked = query.clone();
    let mut rows = state.blocking(move |s| s.record.persons(&query).map_err(record_problem)).await?;
    if !reader.operator {
        rows = visible(&state, &reader, rows).await?;
    }
    let more = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    let mut event = reader.event(&state.gate, Act::Query);
    event.data = rows.iter().map(|r| format!("person/{}", r.id)).collect();
    opened::write(&state.gate, &[event]).await?;
    if !wants_html(&headers) {
        return Ok(Json(json!({"people": rows})).into_response());
    }
    let next = (more && !searched).then(|| rows.last().map(|r| format!("/people/?after={}", r.id))).flatten();
    render(&ListPage {
        frame: Frame::new("People", "/people/"),
        rows: rows.into_iter().map(row).collect(),
        text: asked.text,
        birth_date: asked.birth_date,
        searched,
        next,
    })
}

/// People looked at for a list of a reader whom a decision limits.
const LOOKED_AT: usize = 200;

/// Those whom the reader may find; each other is as if not there, and the attempt is written down.
async fn visible(state: &Shared, reader: &Reader, rows: Vec<PersonRow>) -> Answer<Vec<PersonRow>> {
    let mut out = Vec::new();
    for mut row in rows {
        let (asker, id) = (reader.clone(), row.id.clone());
        let opened =
            state.blocking(move |s| opened::open(&s.gate, &s.record, &asker, &id, Reach::Find)).await?;
        if opened.permit() {
            // Which organisations told something of a person is not for a list.
            row.organisations.clear();
            row.reviews = 0;
            out.push(row);
        }
    }
    Ok(out)
}

/// Opens the record of a person for a page, after a refusal is written down.
///
/// # Errors
/// 403, 404, 503.
pub async fn open(state: &Shared, reader: &Reader, person: &str, what: &str) -> Answer<Opened> {
    let (asker, id) = (reader.clone(), person.to_owned());
    let opened = state.blocking(move |s| opened::open(&s.gate, &s.record, &asker, &id, Reach::Open)).await?;
    opened.require(&state.gate, reader, what).await?;
    Ok(opened)
}

fn name_or(name: &str) -> String {
    if name.is_empty() { "Name not told".to_owned() } else { name.to_owned() }
}

fn row(row: PersonRow) -> Row {
    Row {
        name: name_or(&row.display.name),
        nhs_number: words::nhs_number(&row.display.nhs_number),
        born: words::date(&row.display.birth_date),
        organisations: row.organisations.join(", "),
        sensitive: !row.security.is_empty(),
        reviews: row.reviews,
        id: row.id,
    }
}

struct SourceChip {
    organisation: String,
    system: String,
    received: Moment,
    message: String,
}

impl From<&Source> for SourceChip {
    fn from(source: &Source) -> Self {
        Self {
            organisation: source.organisation.clone(),
            system: source.system.clone(),
            received: source.received.into(),
            message: source.message.clone(),
        }
    }
}

struct EntryRow {
    title: String,
    detail: String,
    date: String,
    status: String,
    corrected: bool,
    restricted: bool,
    history: Option<String>,
    resource: String,
    source: SourceChip,
    same_as: Vec<SourceChip>,
    conflicts: Vec<SourceChip>,
}

impl From<&Entry> for EntryRow {
    fn from(entry: &Entry) -> Self {
        let reference = entry.key.reference();
        Self {
            title: if entry.title.is_empty() {
                words::kind(&entry.key.kind).to_owned()
            } else {
                entry.title.clone()
            },
            detail: entry.detail.clone(),
            date: words::date(&entry.date),
            status: entry.status.clone(),
            corrected: entry.corrected,
            restricted: !entry.security.is_empty(),
            history: (entry.version > 1).then(|| format!("/fhir/{reference}/_history")),
            resource: format!("/fhir/{reference}"),
            source: (&entry.source).into(),
            same_as: entry.same_as.iter().map(|o| (&o.source).into()).collect(),
            conflicts: entry.conflicts.iter().map(|o| (&o.source).into()).collect(),
        }
    }
}

struct SectionPart {
    code: &'static str,
    title: &'static str,
    social_care: bool,
    count: usize,
    entries: Vec<EntryRow>,
    more: usize,
    gaps: Vec<String>,
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
    source: SourceChip,
}

struct SourceRow {
    chip: SourceChip,
    resources: u64,
    notices: Vec<String>,
}

struct DecisionRow {
    at: Moment,
    text: String,
    actor: String,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    id: String,
    name: String,
    nhs_number: String,
    verified: bool,
    born: String,
    gender: String,
    address: String,
    telecom: String,
    practice: String,
    deceased: String,
    sensitive: bool,
    gaps: Vec<String>,
    differences: Vec<(String, Vec<(String, String)>)>,
    reviews: Vec<String>,
    sections: Vec<SectionPart>,
    /// Headings of the sections of which no source told anything.
    silent: Vec<&'static str>,
    alone: bool,
    sources: Vec<SourceRow>,
    members: Vec<MemberRow>,
    decisions: Vec<DecisionRow>,
    everything: String,
}

/// Which section alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OneQuery {
    section: String,
}

pub(super) async fn one(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<OneQuery>,
) -> Answer {
    let mut opened = open(&state, &reader, &id, "page/record").await?;
    let wanted = id.clone();
    let found = state
        .blocking(move |s| -> Result<_, Problem> {
            Ok((
                s.record.person(&wanted).map_err(record_problem)?,
                s.record.sections(&wanted, &[]).map_err(record_problem)?,
            ))
        })
        .await?;
    let (Some(mut person), Some(mut sections)) = found else { return Err(Problem::not_found("person")) };
    opened.filter_person(&mut person);
    opened.filter_sections(&mut sections);
    let shown = sections.sections.iter().filter(|s| !s.entries.is_empty());
    let shown = shown.filter(|s| query.section.is_empty() || s.code == query.section);
    let shown = shown.map(|s| s.code.to_owned()).collect();
    opened.disclose(&state.gate, &reader, Act::Read, vec!["page/record".to_owned()], shown).await?;
    if !wants_html(&headers) {
        return Ok(json_of(&person, &sections));
    }
    render(&page(person, sections, &query.section))
}

fn json_of(person: &PersonView, sections: &Sections) -> Response {
    Json(json!({"person": person, "record": sections})).into_response()
}

fn section(section: &Section, alone: bool) -> SectionPart {
    let shown = if alone { ENTRIES_ALONE } else { ENTRIES_SHOWN };
    SectionPart {
        code: section.code,
        title: section.title,
        social_care: section.social_care,
        count: section.entries.len(),
        entries: section.entries.iter().take(shown).map(EntryRow::from).collect(),
        more: section.entries.len().saturating_sub(shown),
        gaps: section.gaps.iter().map(|g| g.text.clone()).collect(),
    }
}

fn member(member: &Member) -> MemberRow {
    let told = &member.demographics;
    MemberRow {
        name: name_or(&told.name),
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
        source: (&member.source).into(),
    }
}

fn source_row(summary: &SourceSummary) -> SourceRow {
    SourceRow {
        chip: (&summary.latest).into(),
        resources: summary.resources,
        notices: summary.notices.iter().map(|n| n.text.clone()).collect(),
    }
}

fn page(person: PersonView, sections: Sections, only: &str) -> PersonPage {
    let alone = !only.is_empty();
    let told = &person.display;
    let silent = |s: &&Section| s.entries.is_empty() && s.gaps.iter().all(|g| g.code == NOTHING_TOLD);
    let chosen = sections.sections.iter().filter(|s| if alone { s.code == only } else { !silent(s) });
    PersonPage {
        frame: Frame::new(name_or(&told.name), "/people/"),
        name: name_or(&told.name),
        nhs_number: words::nhs_number(&told.nhs_number),
        verified: told.nhs_number_verified,
        born: words::date(&told.birth_date),
        gender: told.gender.clone(),
        address: told.address.clone(),
        telecom: told.telecom.join(", "),
        practice: told.general_practice.clone(),
        deceased: words::date(&told.deceased),
        sensitive: person.members.iter().any(|m| !m.security.is_empty()),
        gaps: sections.gaps.iter().map(|g| g.text.clone()).collect(),
        differences: person.differences.iter().map(|d| (element(d.element), d.values.clone())).collect(),
        reviews: person.reviews.iter().map(|r| r.text.clone()).collect(),
        sections: chosen.map(|s| section(s, alone)).collect(),
        silent: sections.sections.iter().filter(silent).map(|s| s.title).collect(),
        alone,
        sources: sections.sources.iter().map(source_row).collect(),
        members: person.members.iter().take(PAGE_ROWS).map(member).collect(),
        decisions: person
            .decisions
            .iter()
            .take(PAGE_ROWS)
            .map(|d| DecisionRow { at: d.at.into(), text: d.text.clone(), actor: d.actor.clone() })
            .collect(),
        everything: format!("/fhir/Patient/{}/$everything", person.display_patient),
        id: person.id,
    }
}

/// An element's name in words.
fn element(name: &str) -> String {
    match name {
        "birthDate" => "Date of birth",
        "gender" => "Gender",
        "family" => "Family name",
        "nhsNumber" => "NHS number",
        "deceased" => "Death",
        other => other,
    }
    .to_owned()
}
