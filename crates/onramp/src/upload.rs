//! `/care-notes`: many notes in a table.

use askama::Template;
use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_access::caller::{self, Caller};
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::{AcceptOutcome, MessageId};
use causeway_host::problem::{Answer, Problem};
use causeway_pages::{Frame, render, wants_html};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::form::{STALE, accept, key_of, now, sender, token};
use super::limits::{FILE_BYTES_MAX, ROWS_AT_ONCE, ROWS_MAX, ROWS_SHOWN};
use super::note::{FIELDS, Fault, Field, KINDS};
use super::table::{self, Row};

#[derive(Template)]
#[template(path = "care-notes.html")]
struct Page {
    frame: Frame,
    token: String,
    error: Option<String>,
    fields: [Field; 15],
    kinds: Vec<(&'static str, &'static str)>,
    rows_max: usize,
    kilobytes: usize,
}

/// How one row ended.
enum End {
    Taken(MessageId),
    Before(MessageId),
    Refused(Vec<Fault>),
    /// The engine could not take it now.
    Failed(String),
}

struct Line {
    row: usize,
    end: End,
}

#[derive(Template)]
#[template(path = "care-notes-done.html")]
struct DonePage {
    frame: Frame,
    taken: usize,
    before: usize,
    refused: usize,
    lines: Vec<Line>,
    more: usize,
}

/// The page with the file box.
pub async fn page(State(state): State<Shared>, caller: Caller) -> Answer {
    shown(&state, &caller, None)
}

fn shown(state: &AppState, caller: &Caller, error: Option<String>) -> Answer {
    let wrong = error.is_some();
    let title = if wrong { "Error: Send care notes in a table" } else { "Send care notes in a table" };
    let answer = render(&Page {
        frame: Frame::new(title, ""),
        token: token(state, caller),
        error,
        fields: FIELDS,
        kinds: KINDS.iter().map(|k| (k.code, k.words)).collect(),
        rows_max: ROWS_MAX,
        kilobytes: FILE_BYTES_MAX / 1024,
    })?;
    if !wrong {
        return Ok(answer);
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, answer).into_response())
}

/// The template with column help.
pub async fn template() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"care-notes-template.csv\""),
        ),
    ];
    (headers, table::template()).into_response()
}

/// Token and file of the form.
async fn parts(mut form: Multipart) -> Answer<(String, Vec<u8>)> {
    let broken = || Problem::invalid("form", "the form could not be read, or the file is too large");
    let (mut given, mut file) = (String::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(|_| broken())? {
        match part.name() {
            Some("token") => given = part.text().await.map_err(|_| broken())?,
            Some("file") => file = part.bytes().await.map_err(|_| broken())?.to_vec(),
            _ => {}
        }
    }
    Ok((given, file))
}

/// Takes a table.
pub async fn send(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Answer {
    caller::same_origin(&headers)?;
    caller.take_rate(&state)?;
    let form = form.map_err(|_| Problem::invalid("form", "the form could not be read"))?;
    let (given, file) = parts(form).await?;
    if key_of(&state, &caller, &given).is_none() {
        return shown(&state, &caller, Some(STALE.to_owned()));
    }
    if file.is_empty() {
        return shown(&state, &caller, Some("Choose the CSV file first".to_owned()));
    }
    let rows = match table::read(&file, now(&state)) {
        Ok(rows) if rows.is_empty() => {
            let text = "The file has no notes: write them below the first row, without # in front".to_owned();
            return shown(&state, &caller, Some(text));
        }
        Ok(rows) => rows,
        Err(error) => return shown(&state, &caller, Some(sentence(&error.to_string()))),
    };
    let lines = take(&state, &caller, rows).await;
    let html = wants_html(&headers);
    done(lines, html)
}

/// A message of the program as a sentence on a page.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Makes every good row durable. The key is the note itself: a file that is sent again after a row was put right
/// sends nothing twice.
async fn take(state: &Shared, caller: &Caller, rows: Vec<Row>) -> Vec<Line> {
    let mut lines = Vec::with_capacity(rows.len());
    let mut working = JoinSet::new();
    for Row { number, note } in rows {
        let ready =
            note.and_then(|note| sender(caller, &note).map(|s| (note, s)).map_err(|fault| vec![fault]));
        let (note, sender) = match ready {
            Ok(ready) => ready,
            Err(faults) => {
                lines.push(Line { row: number, end: End::Refused(faults) });
                continue;
            }
        };
        if working.len() >= ROWS_AT_ONCE
            && let Some(Ok(line)) = working.join_next().await
        {
            lines.push(line);
        }
        let state = state.clone();
        working.spawn(async move {
            let key = note.uid.clone();
            let end = match accept(&state, &sender, note, key, None).await {
                Ok((AcceptOutcome::Accepted { .. }, id)) => End::Taken(id),
                Ok((AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id }, _)) => {
                    End::Before(id)
                }
                Ok((AcceptOutcome::Conflict { .. }, _)) => {
                    End::Failed("another message has the same id".to_owned())
                }
                Err(problem) => End::Failed(problem.text),
            };
            Line { row: number, end }
        });
    }
    while let Some(end) = working.join_next().await {
        lines.extend(end);
    }
    lines.sort_by_key(|line| line.row);
    lines
}

fn done(mut lines: Vec<Line>, html: bool) -> Answer {
    let count = |wanted: fn(&End) -> bool| lines.iter().filter(|l| wanted(&l.end)).count();
    let taken = count(|end| matches!(end, End::Taken(_)));
    let before = count(|end| matches!(end, End::Before(_)));
    let refused = lines.len() - taken - before;
    if !html {
        let rows: Vec<Value> = lines.iter().map(line_json).collect();
        return Ok(
            Json(json!({"taken": taken, "before": before, "refused": refused, "rows": rows})).into_response()
        );
    }
    // What needs a person comes first.
    lines.sort_by_key(|line| (matches!(line.end, End::Taken(_) | End::Before(_)), line.row));
    let more = lines.len().saturating_sub(ROWS_SHOWN);
    lines.truncate(ROWS_SHOWN);
    let title = if refused > 0 { "Some notes were not taken" } else { "All notes were taken" };
    render(&DonePage { frame: Frame::new(title, ""), taken, before, refused, lines, more })
}

fn line_json(line: &Line) -> Value {
    match &line.end {
        End::Taken(id) => json!({"row": line.row, "message": id.as_str()}),
        End::Before(id) => json!({"row": line.row, "message": id.as_str(), "before": true}),
        End::Failed(text) => json!({"row": line.row, "failed": text}),
        End::Refused(faults) => {
            let faults: Vec<Value> =
                faults.iter().map(|f| json!({"column": f.field, "text": f.text})).collect();
            json!({"row": line.row, "faults": faults})
        }
    }
}
