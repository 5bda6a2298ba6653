//! The list of people, how one is looked for, and how one's record is opened.

use askama::Template;
use axum::Json;
use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use causeway_access::audit_event::{Act, Event};
use causeway_access::caller::same_origin;
use causeway_access::opened::{self, Opened};
use causeway_access::record::{PersonQuery, PersonRow};
use causeway_access::{Reach, Reader, Sealed};
use causeway_broker::limits::PAGE_ROWS;
use causeway_broker::state::Shared;
use causeway_core::{Precision, When};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::json;

use super::words;
use super::{Frame, render, wants_html};

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
    /// Whether something is to be noted of any of them.
    noted: bool,
    text: String,
    birth_date: String,
    searched: bool,
    /// Whether more match than are shown.
    more: bool,
    /// Whether not all were looked at.
    cut: bool,
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
    let whole =
        whole.ok_or_else(|| Problem::invalid("birth-date", "write the date like 7/3/1942 or 1942-03-07"))?;
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
    let (sealed, cut) = if reader.operator {
        (state.blocking(move |s| s.gate.shelf.persons(&query)).await?, false)
    } else {
        visible(&state, &reader, query).await?
    };
    let sealed = sealed.map(|mut rows| {
        let more = rows.len() > PAGE_ROWS;
        rows.truncate(PAGE_ROWS);
        (rows, more)
    });
    let (rows, more) = sealed.open(&state.gate, |(rows, _)| listed(&state, &reader, rows)).await?;
    if !wants_html(&headers) {
        return Ok(Json(json!({"people": rows})).into_response());
    }
    let next = (more && !searched).then(|| rows.last().map(|r| format!("/people/?after={}", r.id))).flatten();
    render(&ListPage {
        frame: Frame::new("People", "/people/"),
        noted: rows.iter().any(|row| !row.security.is_empty() || row.reviews > 0),
        rows: rows.into_iter().map(row).collect(),
        text: asked.text,
        birth_date: asked.birth_date,
        searched,
        more,
        cut,
        next,
    })
}

/// People looked at together for a list of a reader whom a decision limits.
const LOOKED_AT: usize = 200;
/// People looked at for one page of such a list.
const LOOKED_AT_MAX: usize = 2_000;

/// One entry for each person of a list, or one about nobody.
fn listed(state: &Shared, reader: &Reader, rows: &[PersonRow]) -> Vec<Event> {
    let one = |patient: &str, data: Vec<String>| {
        let mut event = reader.event(&state.gate, Act::Query);
        patient.clone_into(&mut event.patient);
        event.data = data;
        event
    };
    if rows.is_empty() {
        return vec![one("", Vec::new())];
    }
    rows.iter().map(|row| one(&row.display_patient, vec![format!("person/{}", row.id)])).collect()
}

/// Those whom the reader may find, a page and one more of them; each other is as if not there. Whether some were not looked at.
async fn visible(
    state: &Shared,
    reader: &Reader,
    mut query: PersonQuery,
) -> Answer<(Sealed<Vec<PersonRow>>, bool)> {
    let reader = reader.clone();
    state
        .blocking(move |s| -> Answer<_> {
            let mut kept = Vec::new();
            let (mut looked, mut found) = (0, 0);
            loop {
                let mut of_these = 0;
                let rows = s.gate.shelf.persons(&query)?.map(|rows| -> Answer<Vec<PersonRow>> {
                    of_these = rows.len();
                    if let Some(last) = rows.last() {
                        query.after.clone_from(&last.id);
                    }
                    let mut out = Vec::new();
                    for mut row in rows {
                        if opened::may_find(&s.gate, &reader, &row.id)? {
                            // Which organisations told something of a person is not for a list.
                            row.organisations.clear();
                            row.reviews = 0;
                            out.push(row);
                        }
                    }
                    found += out.len();
                    Ok(out)
                });
                kept.push(rows.transpose()?);
                looked += of_these;
                let all = of_these < LOOKED_AT;
                if all || found > PAGE_ROWS || looked >= LOOKED_AT_MAX {
                    let rows = Sealed::all(kept).map(|rows| rows.into_iter().flatten().collect());
                    return Ok((rows, !all && found <= PAGE_ROWS));
                }
            }
        })
        .await
}

/// Opens the record of a person for a page, after a refusal is written down.
///
/// # Errors
/// 403, 404, 503.
pub async fn open(state: &Shared, reader: &Reader, person: &str, what: &str) -> Answer<Opened> {
    let (asker, id) = (reader.clone(), person.to_owned());
    let opened = state.blocking(move |s| opened::open(&s.gate, &asker, &id, Reach::Open)).await?;
    opened.require(&state.gate, reader, what).await?;
    Ok(opened)
}

pub(super) fn name_or(name: &str) -> String {
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

/// An element's name in words.
pub(super) fn element(name: &str) -> String {
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
