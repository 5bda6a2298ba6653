//! `/care-note`: one note in a plain form.

use std::io::Read as _;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_access::audit_event::Act;
use causeway_access::caller::{self, Caller};
use causeway_access::disclosure::{Disclosure, Told};
use causeway_access::{CodeSystem, Reach, Reader, opened};
use causeway_broker::accept::{self, Typed};
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::{AcceptOutcome, MessageId, MessageQuery, State as MessageState};
use causeway_host::problem::{Answer, Problem};
use causeway_pages::{Frame, render};
use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::limits::{FORM_SECONDS, NOTE_BYTES_MAX, VERSIONS_LOOKED_AT};
use super::note::{self, CareNote, Earlier, FIELDS, Fault, KINDS, Raw};

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
    /// The note that is being corrected.
    correcting: Option<Correcting>,
    /// Id of the note that was taken a moment ago.
    taken: String,
}

/// A note that is being corrected: what stays as it is.
struct Correcting {
    message: String,
    about: String,
    home: String,
    version: u64,
}

/// Which form: a new note, or a correction.
#[derive(Clone, Copy)]
struct Purpose<'p> {
    correcting: Option<(&'p MessageId, &'p Earlier)>,
    taken: &'p str,
}

const NEW: Purpose<'_> = Purpose { correcting: None, taken: "" };

/// What the address may say beforehand. Nothing of a person.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Before {
    home: String,
    /// Id of the message of the note that was taken last.
    taken: String,
}

/// The empty form, with the home and the name of who signed in.
pub async fn empty(
    State(state): State<Shared>,
    caller: Caller,
    reader: Reader,
    Query(before): Query<Before>,
) -> Answer {
    let mut raw = Raw::default();
    raw.set("written_by", name_of(&reader));
    let own = &caller.organisation;
    let home = if before.home.is_empty() { &own.code } else { &before.home };
    if let Some(code) = CodeSystem::Cqc.canonical(home) {
        let name = state.config.organisation(&code).map(|o| o.name.clone()).unwrap_or_default();
        raw.set("home_cqc_id", &code);
        raw.set("home_name", &name);
    }
    let taken = MessageId::new(&before.taken).map(|id| id.to_string()).unwrap_or_default();
    page(&state, &caller, &raw, &[], None, Purpose { taken: &taken, ..NEW })
}

/// The name of the person who signed in; empty for a system, and for the visitor of a demonstration.
fn name_of(reader: &Reader) -> &str {
    reader.session.as_ref().map_or("", |s| s.who.name.as_str())
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
    purpose: Purpose<'_>,
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
    let title = match (wrong, purpose.correcting.is_some()) {
        (true, false) => "Error: Write a care note",
        (false, false) => "Write a care note",
        (true, true) => "Error: Correct a care note",
        (false, true) => "Correct a care note",
    };
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
        correcting: purpose.correcting.map(|(message, earlier)| correcting(message, earlier)),
        taken: purpose.taken.to_owned(),
    })?;
    if !wrong {
        return Ok(answer);
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, answer).into_response())
}

fn correcting(message: &MessageId, earlier: &Earlier) -> Correcting {
    let said = |names: &[&str]| {
        let all = names.iter().map(|name| earlier.raw.get(name)).filter(|text| !text.is_empty());
        all.collect::<Vec<_>>().join(" ")
    };
    let number = said(&["nhs_number"]);
    let name = said(&["first_name", "family_name"]);
    Correcting {
        message: message.to_string(),
        about: match (name.is_empty(), number.is_empty()) {
            (false, false) => format!("{name}, NHS number {number}"),
            (false, true) => name,
            (true, _) => format!("NHS number {number}"),
        },
        home: if said(&["home_name"]).is_empty() { said(&["home_cqc_id"]) } else { said(&["home_name"]) },
        version: earlier.version,
    }
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
    corrects: Option<&MessageId>,
) -> Answer<(AcceptOutcome, MessageId)> {
    if corrects.is_none()
        && let Some(id) = taken_before(state, sender, &note.uid).await?
    {
        return Ok((AcceptOutcome::InProgress { id: id.clone() }, id));
    }
    let typed = Typed {
        sender,
        content: note.json,
        media_type: note::MEDIA_TYPE,
        file_name: "care-note.dscr.json",
        local_id: Some(note.uid),
        action: if corrects.is_some() { "care-note-corrected" } else { "care-note-written" },
        detail: corrects.map_or_else(|| json!({}), |id| json!({"corrects": id.as_str()})),
        key,
    };
    accept::typed(state, typed).await
}

/// The message of this note, where the home has sent it before, by whatever way. Taken again it would bring its first wording
/// back over a correction.
async fn taken_before(state: &Shared, sender: &str, uid: &str) -> Answer<Option<MessageId>> {
    let query = MessageQuery {
        sender: Some(sender.to_owned()),
        local_id: Some(uid.to_owned()),
        oldest_first: true,
        limit: VERSIONS_LOOKED_AT,
        ..MessageQuery::default()
    };
    let found = state.blocking(move |s| s.engine.search(&query)).await?;
    // What was refused, or erased since, is no note that is there.
    let kept = found.into_iter().find(|m| m.state != MessageState::Error && m.content_deleted_at.is_none());
    Ok(kept.map(|m| m.new.id))
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
        return page(&state, &caller, &raw, &[], Some(STALE), NEW);
    };
    let made = note::check(&raw, now(&state)).and_then(|note| {
        let sender = sender(&caller, &note).map_err(|fault| vec![fault])?;
        Ok((note, sender))
    });
    let (note, sender) = match made {
        Ok(made) => made,
        Err(faults) => return page(&state, &caller, &raw, &faults, None, NEW),
    };
    let (outcome, id) = accept(&state, &sender, note, format!("care-note-{key}"), None).await?;
    let id = match outcome {
        AcceptOutcome::Accepted { .. } => id,
        AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id } => id,
        AcceptOutcome::Conflict { .. } => {
            let text = "This form was sent before with other words, and that note was taken. If this is another note, \
                        send it again now";
            return page(&state, &caller, &raw, &[], Some(text), NEW);
        }
    };
    accept::settled(&state, &id).await?;
    sent(&caller, &id)
}

/// Where a note leads that was taken. A person who signed in does not see messages, which can't be cut to a role.
fn sent(caller: &Caller, id: &MessageId) -> Answer {
    let place = if caller.person { format!("/care-note?taken={id}") } else { format!("/messages/{id}") };
    see(&place)
}

/// A note that was taken before, read for who may correct it: the entry of the read is written first.
async fn earlier(
    state: &Shared,
    caller: &Caller,
    reader: &Reader,
    id: &MessageId,
) -> Answer<(String, Option<opened::Opened>, Earlier)> {
    let missing = || Problem::not_found("care note");
    let wanted = id.clone();
    let message = state.blocking(move |s| s.engine.message(&wanted)).await?.ok_or_else(missing)?;
    let typed = message.new.door == accept::FORM_DOOR
        && message.new.media_type.as_deref() == Some(note::MEDIA_TYPE)
        && message.content_deleted_at.is_none();
    if !typed {
        return Err(missing());
    }
    // A person corrects what the decision about the record lets them read; before the record has it, nobody can decide.
    let opened = if caller.person {
        let wanted = id.clone();
        let person = state.blocking(move |s| s.gate.shelf.person_of_message(&wanted)).await?;
        let person = person.ok_or_else(|| {
            let text = "the note is not in the record yet, or not of one person: wait a moment and open the page again";
            Problem::new(StatusCode::CONFLICT, "conflict", "not-recorded", text)
        })?;
        let asker = reader.clone();
        let open = state.blocking(move |s| opened::open(&s.gate, &asker, &person, Reach::Open));
        let opened = open.await?;
        opened.require(&state.gate, reader, "page/care-note").await?;
        Some(opened)
    } else {
        None
    };
    let grant = opened::grant_to_writer(state, caller, reader, opened.as_ref(), &message).await?;
    let read = Disclosure::of(state, grant).message(
        Told::part(json!({"part": "care-note"})),
        |contents| -> Result<Vec<u8>, Problem> {
            let mut bytes = Vec::new();
            let most = NOTE_BYTES_MAX;
            contents.payload()?.reader.take(most).read_to_end(&mut bytes).map_err(|_| Problem::internal())?;
            Ok(bytes)
        },
    );
    let earlier = note::read(&read.await?).ok_or_else(missing)?;
    Ok((message.new.sender, opened, earlier))
}

/// The form with a note that was taken, to correct it.
pub async fn correct(
    State(state): State<Shared>,
    caller: Caller,
    reader: Reader,
    Path(id): Path<String>,
) -> Answer {
    let id = MessageId::new(&id).map_err(|_| Problem::not_found("care note"))?;
    let (_, _, earlier) = earlier(&state, &caller, &reader, &id).await?;
    let mut raw = earlier.raw.clone();
    // Who corrects says who they are.
    raw.set("written_by", name_of(&reader));
    raw.set("role", "");
    page(&state, &caller, &raw, &[], None, Purpose { correcting: Some((&id, &earlier)), ..NEW })
}

/// Takes a correction: a new version of the same note. The earlier wording stays, in its message and in the history of the
/// record.
pub async fn send_correction(
    State(state): State<Shared>,
    caller: Caller,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Answer {
    caller::same_origin(&headers)?;
    caller.take_rate(&state)?;
    let id = MessageId::new(&id).map_err(|_| Problem::not_found("care note"))?;
    let Form(values) = form.map_err(|_| Problem::invalid("form", "the form could not be read"))?;
    let (sender, opened, earlier) = earlier(&state, &caller, &reader, &id).await?;
    let mut raw = Raw::default();
    for (name, value) in &values {
        raw.set(name, value);
    }
    let purpose = Purpose { correcting: Some((&id, &earlier)), ..NEW };
    let given = values.iter().find(|(name, _)| name == "token").map_or("", |(_, value)| value);
    if key_of(&state, &caller, given).is_none() {
        return page(&state, &caller, &raw, &[], Some(STALE), purpose);
    }
    let note = match note::correct(&raw, now(&state), &earlier) {
        Ok(note) => note,
        Err(faults) => return page(&state, &caller, &raw, &faults, None, purpose),
    };
    if let Some(opened) = &opened {
        let mut event = reader.event(&state.gate, Act::Update);
        event.patient = opened.patients.first().cloned().unwrap_or_default();
        event.data = vec![format!("message/{id}/care-note")];
        event.sections = vec!["care-notes".to_owned()];
        opened::write(&state.gate, &[event]).await?;
    }
    // Two who correct the same wording do not both count: the key is the note's and the version's.
    let key = format!("{}-{}", earlier.uid, earlier.version + 1);
    let (outcome, new) = accept(&state, &sender, note, key, Some(&id)).await?;
    let new = match outcome {
        AcceptOutcome::Accepted { .. } => new,
        AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id } => id,
        AcceptOutcome::Conflict { .. } => {
            let text = "This note was corrected by somebody before you. Open the newest wording from the person's record \
                        and correct that";
            return page(&state, &caller, &raw, &[], Some(text), purpose);
        }
    };
    accept::settled(&state, &new).await?;
    sent(&caller, &new)
}

/// Leads the browser on.
pub(super) fn see(address: &str) -> Answer<Response> {
    let location = HeaderValue::from_str(address).map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}
