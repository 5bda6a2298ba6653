//! What is known of messages: `GET /messages`, `/messages/{id}` and the parts of it. The first two addresses give a
//! page to a browser: the service asks [`list`] and [`one`] for everybody else.

use axum::body::Body;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use causeway_access::caller;
use causeway_access::{Caller, Disclosure, Grant, OpenedMessage, Told};
use causeway_broker::pipeline::pieces;
use causeway_broker::state::Shared;
use causeway_broker::view::{self, ListQuery, View, id_of, view};
use causeway_broker::words;
use causeway_exchange::{
    EngineError, Message, MessageId, NewWork, OutputFacts, PieceKind, TranslationHead, WorkKind,
};
use causeway_host::problem::{Answer, Problem};
use causeway_host::{browser, hex};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::mesh::body::Outgoing;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/messages/{id}/ledger", get(ledger))
        .route("/messages/{id}/issues", get(issues))
        .route("/messages/{id}/bundles", get(bundles))
        .route("/messages/{id}/bundles/{number}", get(bundle))
        .route("/messages/{id}/acknowledgement", get(acknowledgement))
        .route("/messages/{id}/original", get(original))
        .route("/messages/{id}/replay", post(replay))
}

fn facts(message: &Message) -> Value {
    let new = &message.new;
    json!({
        "id": new.id.as_str(),
        "state": message.state.as_str(),
        "door": new.door,
        "sender": new.sender,
        "mailboxFrom": new.mailbox_from,
        "mailboxTo": new.mailbox_to,
        "workflow": new.workflow,
        "localId": new.local_id,
        "controlId": message.control_id,
        "correlationId": new.correlation_id,
        "mediaType": new.media_type,
        "linked": new.linked.as_ref().map(MessageId::as_str),
        "received": message.received_at.to_string(),
        "changed": message.changed_at.to_string(),
        "bytes": message.size,
        "sha256": hex(&message.sha256),
        "failure": message.failure.as_ref().map(|(code, text)| json!({"code": code, "text": text})),
        "contentDeleted": message.content_deleted_at.map(|t| t.to_string()),
    })
}

/// A list of bundles, `from` being the number of the first, from 0.
fn bundle_list(id: &MessageId, from: u64, bundles: &[OutputFacts]) -> Vec<Value> {
    (from + 1..)
        .zip(bundles)
        .map(|(number, output)| {
            json!({"name": output.name, "bytes": output.size, "href": format!("/messages/{id}/bundles/{number}")})
        })
        .collect()
}

/// Where a list of bundles goes on, if it does.
fn bundles_after(id: &MessageId, listed: u64, count: u64) -> Option<String> {
    (listed < count).then(|| format!("/messages/{id}/bundles?from={}", listed + 1))
}

fn translation_facts(id: &MessageId, head: &TranslationHead, bundles: &[OutputFacts]) -> Value {
    let translation = &head.translation;
    // Only the totals are wanted of what may be a large document.
    #[derive(Deserialize)]
    struct Totals {
        totals: Value,
    }
    let totals = serde_json::from_slice::<Totals>(&translation.ledger).map_or(Value::Null, |t| t.totals);
    json!({
        "adapter": translation.adapter,
        "format": translation.format,
        "program": translation.version,
        "ledger": totals,
        "errors": translation.summary.errors,
        "warnings": translation.summary.warnings,
        "bundles": bundle_list(id, 0, bundles),
        "bundleCount": head.output_count(),
        "moreBundles": bundles_after(id, bundles.len() as u64, head.output_count()),
        "acknowledgement": translation.acknowledgement.as_ref().map(|_| format!("/messages/{id}/acknowledgement")),
    })
}

fn view_json(view: &View) -> Answer<Value> {
    let id = &view.message.new.id;
    let mut body = facts(&view.message);
    // A copy written for a mailbox has no translation of its own, but a list of what its form could not carry.
    let (written, translation) = match &view.translation {
        Some(t) if t.translation.adapter.is_empty() && view.message.new.door == "broker" => {
            (Some(&t.translation), None)
        }
        other => (None, other.as_ref()),
    };
    body["translation"] = translation.map_or(Value::Null, |t| translation_facts(id, t, &view.bundles));
    if let Some(written) = written {
        let list: Value =
            serde_json::from_slice(&written.issues).map_err(|_| EngineError::Corrupt("issues"))?;
        let left = list["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
        let left = left.iter().filter(|i| i["details"]["coding"][0]["code"] != "all-ok").count();
        body["written"] =
            json!({"as": written.format, "leftBehind": left, "list": format!("/messages/{id}/issues")});
    }
    body["timeline"] = view
        .timeline
        .iter()
        .map(|e| {
            json!({"at": e.at.to_string(), "message": e.message.as_str(), "event": e.event.kind.0,
                   "actor": e.event.actor, "detail": e.event.detail})
        })
        .collect();
    body["acknowledgements"] = view
        .expectations
        .iter()
        .map(|e| {
            json!({"kind": e.expected.kind.as_str(), "from": e.expected.from, "due": e.expected.deadline.to_string(),
                   "came": e.settled.as_ref().map(|(_, at, code)| json!({"at": at.to_string(), "code": code}))})
        })
        .collect();
    body["derived"] = view.linked.iter().map(|m| json!(m.new.id.as_str())).collect();
    body["links"] = json!({
        "ledger": format!("/messages/{id}/ledger"),
        "issues": format!("/messages/{id}/issues"),
        "original": format!("/messages/{id}/original"),
        "explain": format!("/messages/{id}/explain"),
    });
    Ok(body)
}

/// A message as JSON.
///
/// # Errors
/// As [`view`].
pub async fn json_of(state: &Shared, caller: &Caller, id: &MessageId) -> Answer<Json<Value>> {
    Ok(Json(view_json(&view(state, caller, id).await?)?))
}

/// One message.
///
/// # Errors
/// As [`view`].
pub async fn one(State(state): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    let view = view(&state, &caller, &id_of(&id)?).await?;
    Ok(Json(view_json(&view)?).into_response())
}

/// Lists messages: all of them for an operator, for others those that they sent.
///
/// # Errors
/// As [`view::list`].
pub async fn list(State(state): State<Shared>, caller: Caller, Query(query): Query<ListQuery>) -> Answer {
    // Only the page shows what became of each; this list stays cheap.
    Ok(listed(&view::list(&state, &caller, query, false).await?))
}

/// Messages about one person, as JSON.
///
/// # Errors
/// As [`view::of_person`].
pub async fn of_person(state: &Shared, caller: &Caller, number: &str) -> Answer {
    Ok(listed(&view::of_person(state, caller, number, false).await?))
}

fn listed(list: &view::List) -> Response {
    let rows: Vec<Value> = list.messages.iter().map(|(m, _)| facts(m)).collect();
    let more = list.total > view::COUNT_MAX;
    let next = list.next.map(|after| list.query.address("/messages", after));
    let total = list.total.min(view::COUNT_MAX);
    Json(json!({"messages": rows, "total": total, "totalIsMore": more, "next": next})).into_response()
}

/// What failed, as JSON.
pub fn failed(failed: &view::Failed) -> Response {
    let told = |message: &Message| {
        let mut body = facts(message);
        let code = message.failure.as_ref().map_or("", |(code, _)| code.as_str());
        body["advice"] = json!(words::advice(code));
        body["href"] = json!(format!("/messages/{}", message.new.id));
        body
    };
    let waiting: Vec<Value> = failed
        .waiting
        .iter()
        .map(|item| {
            let (code, text) = item.last_error.clone().unwrap_or_default();
            json!({"number": item.id.0, "message": item.message.as_str(), "step": item.work.kind.as_str(),
                "destination": item.work.destination, "code": code, "text": text, "advice": words::advice(&code),
                "attempts": item.attempts, "since": item.queued_at.to_string(), "href": format!("/parked/{}", item.id.0)})
        })
        .collect();
    Json(json!({
        "refused": failed.refused.iter().map(told).collect::<Vec<_>>(),
        "refusedTotal": failed.refused_total,
        "notCollected": failed.not_collected.iter().map(told).collect::<Vec<_>>(),
        "notCollectedTotal": failed.not_collected_total,
        "needDecision": waiting,
    }))
    .into_response()
}

/// Loads only a message's translation, without its bundles, if the caller may see the message.
async fn translation(state: &Shared, caller: &Caller, id: &str) -> Answer<(Message, TranslationHead)> {
    let (message, translation) = view::head(state, caller, &id_of(id)?).await?;
    let translation = translation.ok_or_else(|| Problem::not_found("translation of this message yet"))?;
    Ok((message, translation))
}

fn typed(media_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let value = HeaderValue::from_str(media_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// Which page of a ledger that is in pieces.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LedgerQuery {
    page: u32,
}

/// The ledger. One that is too large for memory has its items on pages, each with the totals of all.
async fn ledger(
    State(state): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<LedgerQuery>,
) -> Answer {
    let (message, TranslationHead { translation, .. }) = translation(&state, &caller, &id).await?;
    let id = message.new.id;
    let pages = translation.pieces_of(PieceKind::Ledger).count();
    if pages == 0 {
        return Ok(typed("application/json", translation.ledger));
    }
    let page = query.page.max(1);
    let items = view::ledger_items(&state, id.clone(), page - 1).await?;
    let items = items.ok_or_else(|| Problem::not_found("page of this ledger"))?;
    let head: Value = serde_json::from_slice(&translation.ledger).map_err(|_| Problem::internal())?;
    let next = (u64::from(page) < pages as u64).then(|| format!("/messages/{id}/ledger?page={}", page + 1));
    let head = json!({"totals": head["totals"], "unexplained": head["unexplained"], "page": page, "pages": pages,
                      "next": next});
    let mut text = head.to_string().into_bytes();
    // The items are JSON already: they take the place of the closing brace.
    text.pop();
    text.reserve(items.len() + 16);
    text.extend_from_slice(b",\"items\":[");
    text.extend_from_slice(&items);
    text.extend_from_slice(b"]}");
    Ok(typed("application/json", text))
}

async fn issues(State(state): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    let (_, head) = translation(&state, &caller, &id).await?;
    Ok(typed(causeway_fhir::MEDIA_TYPE, head.translation.issues))
}

/// From which bundle a list begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BundlesQuery {
    from: u64,
}

/// A page of the list of bundles.
async fn bundles(
    State(state): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<BundlesQuery>,
) -> Answer {
    let (message, head) = translation(&state, &caller, &id).await?;
    let id = message.new.id;
    let from = query.from.max(1) - 1;
    let count = head.output_count();
    let found = view::bundles(&state, id.clone(), head, from).await?;
    let next = bundles_after(&id, from + found.len() as u64, count).filter(|_| !found.is_empty());
    Ok(Json(json!({"bundleCount": count, "bundles": bundle_list(&id, from, &found), "next": next}))
        .into_response())
}

async fn bundle(
    State(state): State<Shared>,
    caller: Caller,
    Path((id, number)): Path<(String, u64)>,
) -> Answer {
    let missing = || Problem::not_found("bundle of this message");
    let message = message(&state, &id).await?;
    let grant = Grant::of_message(&state, &caller, &message).await?;
    let at = number.checked_sub(1).ok_or_else(missing)?;
    let told = Told::part(json!({"part": "bundle", "number": number}));
    let read = move |opened: &OpenedMessage| -> Answer<_> {
        let head = opened.translation()?;
        let head = head.ok_or_else(|| Problem::not_found("translation of this message yet"))?;
        if at >= head.output_count() {
            return Ok(None);
        }
        Ok(pieces::opened_bundle(opened, &head.translation, at)?)
    };
    let output = Disclosure::of(&state, grant).message(told, read).await?.ok_or_else(missing)?;
    Ok(typed(&output.media_type, output.bytes))
}

/// Why a message is translated again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReplayForm {
    note: String,
    confirm: String,
}

/// Orders a new translation of the same message: after a repaired mapping or route. Its bundles go to the
/// record and to everyone whom the routes name, as a new delivery.
async fn replay(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<ReplayForm>,
) -> Answer {
    caller.require_operator()?;
    caller::same_origin(&headers)?;
    let id = id_of(&id)?;
    let reason: String = form.note.trim().chars().take(causeway_broker::limits::NOTE_CHARS_MAX).collect();
    if form.confirm != "yes" || reason.is_empty() {
        return Err(Problem::invalid("not-confirmed", "say why and tick the box, nothing was changed"));
    }
    let location = format!("/messages/{id}");
    let actor = caller.organisation.code;
    let work = NewWork { replay: true, ..NewWork::new(WorkKind::Translate, "") };
    state.blocking(move |s| s.engine.replay(&id, vec![work], &actor, &reason, s.clock.now())).await?;
    state.signals.work(WorkKind::Translate);
    let location = HeaderValue::from_str(&location).map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// The message with this id, whoever may see it: a grant says that.
async fn message(state: &Shared, id: &str) -> Answer<Message> {
    let id = id_of(id)?;
    let message = state.blocking(move |s| s.engine.message(&id)).await?;
    message.ok_or_else(|| Problem::not_found("message"))
}

async fn acknowledgement(State(state): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    let message = message(&state, &id).await?;
    let grant = Grant::of_message(&state, &caller, &message).await?;
    let told = Told::part(json!({"part": "acknowledgement"}));
    let read = |opened: &OpenedMessage| -> Answer<_> {
        let head = opened.translation()?;
        let head = head.ok_or_else(|| Problem::not_found("translation of this message yet"))?;
        Ok(head.translation.acknowledgement)
    };
    let found = Disclosure::of(&state, grant).message(told, read).await?;
    let found = found.ok_or_else(|| Problem::not_found("acknowledgement of this message"))?;
    let mut response = typed(&found.media_type, found.bytes);
    // An adapter of ours wrote it, and its media type.
    response.extensions_mut().insert(browser::Rendered);
    Ok(response)
}

async fn original(State(state): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    let message = message(&state, &id).await?;
    let grant = Grant::of_message(&state, &caller, &message).await?;
    let told = Told::part(json!({"part": "original", "sha256": hex(&message.sha256)}));
    let read = |opened: &OpenedMessage| -> Answer<_> { Ok(opened.payload()?) };
    let content = Disclosure::of(&state, grant).message(told, read).await?;
    let body = Outgoing::Stream(content.reader, Some(content.size)).body();
    let mut response = Response::new(body);
    // Shown as text or downloaded, never run: an original may be any file.
    browser::as_sent_by_others(
        response.headers_mut(),
        message.new.media_type.as_deref(),
        message.new.id.as_str(),
    );
    if let Some(encoding) =
        message.new.content_encoding.as_deref().and_then(|e| HeaderValue::from_str(e).ok())
    {
        response.headers_mut().insert(header::CONTENT_ENCODING, encoding);
    }
    let sha256 = hex(&message.sha256);
    if let Ok(value) = HeaderValue::from_str(&format!("\"{sha256}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    Ok(response)
}
