//! `/care-note`: one note in a plain form.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_access::CodeSystem;
use causeway_access::caller::{self, Caller};
use causeway_broker::accept::{self, Typed};
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::{AcceptOutcome, MessageId};
use causeway_host::problem::{Answer, Problem};
use causeway_pages::{Frame, render};
use jiff::civil::DateTime;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::limits::FORM_SECONDS;
use super::note::{self, CareNote, FIELDS, Fault, KINDS, Raw};

/// One box of the form.
struct Input {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    value: String,
    error: Option<String>,
    /// Ids of the texts that describe it.
    described: String,
    /// Characters that it is wide; 0 is a text of several lines.
    width: usize,
    max: usize,
    autocomplete: &'static str,
}

struct Choice {
    id: String,
    code: &'static str,
    words: &'static str,
    chosen: bool,
}

struct Group {
    legend: &'static str,
    intro: &'static str,
    inputs: Vec<Input>,
}

#[derive(Template)]
#[template(path = "care-note.html")]
struct Page {
    frame: Frame,
    token: String,
    summary: Vec<(String, String)>,
    general: Option<&'static str>,
    who: Group,
    home: Group,
    when: Group,
    text: Group,
    choices: Vec<Choice>,
    kind_error: Option<String>,
}

/// What the address may say beforehand. Nothing of a person.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Before {
    home: String,
}

/// The empty form.
pub async fn empty(State(state): State<Shared>, caller: Caller, Query(before): Query<Before>) -> Answer {
    let mut raw = Raw::default();
    let own = &caller.organisation;
    let home = if before.home.is_empty() { &own.code } else { &before.home };
    if let Some(code) = CodeSystem::Cqc.canonical(home) {
        let name = state.config.organisation(&code).map(|o| o.name.clone()).unwrap_or_default();
        raw.set("home_cqc_id", &code);
        raw.set("home_name", &name);
    }
    page(&state, &caller, &raw, &[], None)
}

fn input(raw: &Raw, faults: &[Fault], name: &str) -> Option<Input> {
    let field = FIELDS.iter().find(|f| f.name == name)?;
    let error = faults.iter().find(|f| f.field == name).map(|f| f.text.clone());
    let described = match error {
        Some(_) => format!("{name}-hint {name}-error"),
        None => format!("{name}-hint"),
    };
    let width = match name {
        "note" => 0,
        "time" | "weight_kg" => 6,
        "date" | "date_of_birth" | "postcode" => 12,
        "nhs_number" | "home_cqc_id" => 16,
        _ => 34,
    };
    Some(Input {
        name: field.name,
        label: field.label,
        help: field.help,
        value: raw.get(name).to_owned(),
        error,
        described,
        width,
        // One more than is taken, so that pasting too much is told and not cut.
        max: field.max * 2,
        // Only the name of who writes is the writer's own.
        autocomplete: if name == "written_by" { "name" } else { "off" },
    })
}

fn group(raw: &Raw, faults: &[Fault], legend: &'static str, intro: &'static str, names: &[&str]) -> Group {
    Group { legend, intro, inputs: names.iter().filter_map(|name| input(raw, faults, name)).collect() }
}

fn page(
    state: &AppState,
    caller: &Caller,
    raw: &Raw,
    faults: &[Fault],
    general: Option<&'static str>,
) -> Answer {
    let wrong = !faults.is_empty() || general.is_some();
    let first_kind = KINDS.first().map_or("", |k| k.code);
    let summary = faults
        .iter()
        .map(|f| {
            let target = if f.field == "kind" { format!("kind-{first_kind}") } else { f.field.to_owned() };
            (target, f.text.clone())
        })
        .collect();
    let title = if wrong { "Error: Write a care note" } else { "Write a care note" };
    let kind = raw.get("kind");
    let answer = render(&Page {
        frame: Frame::new(title, ""),
        token: token(state, caller),
        summary,
        general,
        who: group(
            raw,
            faults,
            "Who is it about?",
            "The NHS number is best. Where you do not know it, give both names and the date of birth. The standard for \
             care records asks for all of these and the address: give what you have.",
            &["nhs_number", "first_name", "family_name", "date_of_birth", "address_line_1", "postcode"],
        ),
        home: group(raw, faults, "Which home or service?", "", &["home_cqc_id", "home_name"]),
        when: group(raw, faults, "When was it?", "", &["date", "time"]),
        text: group(
            raw,
            faults,
            "The note",
            "The words of a fall or another incident are kept back from others unless that was agreed with them; that \
             it happened is passed on.",
            &["note", "weight_kg", "written_by", "role"],
        ),
        choices: KINDS
            .iter()
            .map(|k| Choice {
                id: format!("kind-{}", k.code),
                code: k.code,
                words: k.words,
                chosen: k.code == kind,
            })
            .collect(),
        kind_error: faults.iter().find(|f| f.field == "kind").map(|f| f.text.clone()),
    })?;
    if !wrong {
        return Ok(answer);
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, answer).into_response())
}

/// A token of this caller and this moment: proves that a form is ours, and is the key under which it counts once.
pub(super) fn token(state: &AppState, caller: &Caller) -> String {
    let body = format!("{}.{}", state.clock.now().as_second(), Uuid::now_v7().simple());
    let seal = seal(state, caller, &body);
    format!("{body}.{seal}")
}

fn seal(state: &AppState, caller: &Caller, body: &str) -> String {
    state.digest(&format!("care-note|{}|{body}", caller.organisation.code))
}

/// The key of a token that is ours and not too old.
pub(super) fn key_of(state: &AppState, caller: &Caller, token: &str) -> Option<String> {
    let (body, given) = token.rsplit_once('.')?;
    let (second, key) = body.split_once('.')?;
    let real: bool = seal(state, caller, body).as_bytes().ct_eq(given.as_bytes()).into();
    let age = state.clock.now().as_second().saturating_sub(second.parse().ok()?);
    (real && (0..=FORM_SECONDS).contains(&age)).then(|| key.to_owned())
}

/// Said where a token is none of ours or too old.
pub(super) const STALE: &str =
    "This form was open for too long, or not made by this site. Nothing was sent. Check it and send it again";

/// The time in London, by which notes are judged.
pub(super) fn now(state: &AppState) -> DateTime {
    state.clock.now().to_zoned_datetime(causeway_core::london()).datetime()
}

/// Who sends a note: the caller; in demonstration mode, of one who said no name, the home.
///
/// # Errors
/// Where a home that signed in writes for another home.
pub(super) fn sender(caller: &Caller, note: &CareNote) -> Result<String, Fault> {
    let own = &caller.organisation;
    if !caller.named {
        return Ok(note.home.clone());
    }
    if caller.proven && own.system == CodeSystem::Cqc && own.code != note.home {
        let text = "You are signed in for another home. Enter your own home's CQC location ID";
        return Err(Fault { field: "home_cqc_id", text: text.to_owned() });
    }
    Ok(own.code.clone())
}

/// Makes a note durable: the same way as `POST /messages`.
///
/// # Errors
/// What the engine says.
pub(super) async fn accept(
    state: &Shared,
    sender: &str,
    note: CareNote,
    key: String,
) -> Answer<(AcceptOutcome, MessageId)> {
    let typed = Typed {
        sender,
        content: note.json,
        media_type: note::MEDIA_TYPE,
        file_name: "care-note.dscr.json",
        local_id: Some(note.uid),
        action: "care-note-written",
        key,
    };
    accept::typed(state, typed).await
}

/// Takes the form.
pub async fn send(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Answer {
    caller::same_origin(&headers)?;
    caller.take_rate(&state)?;
    let Form(values) = form.map_err(|_| Problem::invalid("form", "the form could not be read"))?;
    let mut raw = Raw::default();
    for (name, value) in &values {
        raw.set(name, value);
    }
    let given = values.iter().find(|(name, _)| name == "token").map_or("", |(_, value)| value);
    let Some(key) = key_of(&state, &caller, given) else {
        return page(&state, &caller, &raw, &[], Some(STALE));
    };
    let made = note::check(&raw, now(&state)).and_then(|note| {
        let sender = sender(&caller, &note).map_err(|fault| vec![fault])?;
        Ok((note, sender))
    });
    let (note, sender) = match made {
        Ok(made) => made,
        Err(faults) => return page(&state, &caller, &raw, &faults, None),
    };
    let (outcome, id) = accept(&state, &sender, note, format!("care-note-{key}")).await?;
    let id = match outcome {
        AcceptOutcome::Accepted { .. } => id,
        AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id } => id,
        AcceptOutcome::Conflict { .. } => {
            let text = "This form was sent before with other words, and that note was taken. If this is another note, \
                        send it again now";
            return page(&state, &caller, &raw, &[], Some(text));
        }
    };
    accept::settled(&state, &id).await?;
    see(&format!("/messages/{id}"))
}

/// Leads the browser on.
pub(super) fn see(address: &str) -> Answer<Response> {
    let location = HeaderValue::from_str(address).map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}
