//! The administration of tests: reset, reports, events, details, time. Only in sandbox mode or test mode, and only
//! where the configuration opens it; nobody signs in here.

use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use causeway_broker::maintenance;
use causeway_broker::state::{AppState, Shared, new_message_id};
use causeway_exchange::{
    Accept, Effects, EngineError, Message, MessageId, MessageKind, NewEvent, NewMessage, Payload,
    State as Stand,
};
use causeway_host::clock::ClockError;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Mesh;
use super::config::Mode;
use super::headers::{self, LINKED, STATUS_EVENT};
use super::limits::REVIVED_MAX;
use super::refusal::{Refusal, Version, json_answer};
use super::tracking::{expiry, is_success, iso, parties, title, with};

/// Who does this, in the audit.
const ACTOR: &str = "mesh-admin";

pub(super) fn router() -> Router<Shared> {
    let mut router = Router::new()
        .route("/messageexchange/mailbox/{mailbox}", get(mailbox))
        .route("/messageexchange/admin/report", post(report))
        .route("/admin/report", post(report));
    for root in ["/admin", "/messageexchange/admin"] {
        router = router
            .route(&format!("{root}/reset"), delete(reset))
            .route(&format!("{root}/reset/{{mailbox}}"), delete(reset_mailbox))
            .route(&format!("{root}/message/{{id}}"), get(message))
            .route(&format!("{root}/message/{{id}}/event"), post(event))
            .route(&format!("{root}/mailbox/{{mailbox}}"), get(mailbox))
            .route(&format!("{root}/time"), get(time).post(travel));
    }
    router
}

/// Refuses everything unless this is a test.
fn allowed(mesh: &Mesh, state: &AppState) -> Result<(), Refusal> {
    if mesh.config.mode == Mode::Sandbox || state.config.test_mode {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::NOT_FOUND, "", "", "No such address"))
}

async fn run<T: Send + 'static>(
    state: Shared,
    work: impl FnOnce(&AppState) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(move || work(&state)).await.map_err(|_| Refusal::internal())?
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::field("body", "is not the JSON that is expected here"))
}

fn ok(body: &Value) -> Response {
    json_answer(StatusCode::OK, Version::V1, body)
}

async fn reset(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
) -> Result<Response, Refusal> {
    clear(state, mesh, None).await?;
    Ok(ok(&json!({"message": "all mailboxes reset"})))
}

async fn reset_mailbox(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id = id.to_uppercase();
    clear(state, mesh, Some(id.clone())).await?;
    Ok(ok(&json!({"message": format!("mailbox {id} reset")})))
}

async fn clear(state: Shared, mesh: Arc<Mesh>, id: Option<String>) -> Result<(), Refusal> {
    allowed(&mesh, &state)?;
    if mesh.config.canned {
        let text = "reset not supported for current store mode";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "", "", text));
    }
    if id.as_ref().is_some_and(|id| !mesh.mailboxes.contains_key(id)) {
        return Err(no_mailbox());
    }
    run(state, move |state| {
        let mut revived = mesh.revived.lock().unwrap_or_else(PoisonError::into_inner);
        revived.retain(|_, (_, m)| id.is_some() && m.new.mailbox_to != id);
        drop(revived);
        Ok(state.engine.reset(id.as_deref(), ACTOR, state.clock.now())?)
    })
    .await
}

fn no_mailbox() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "", "", "mailbox does not exist")
}

/// A report to be made. Fields that this doesn't know are let pass, as the sandbox does.
#[derive(Deserialize)]
struct Report {
    mailbox_id: String,
    code: String,
    description: String,
    workflow_id: String,
    subject: Option<String>,
    local_id: Option<String>,
    status: Option<String>,
    file_name: Option<String>,
    linked_message_id: Option<String>,
}

async fn report(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    allowed(&mesh, &state)?;
    let asked: Report = parse(&body)?;
    let to = mesh.mailboxes.get(&asked.mailbox_id.to_uppercase()).ok_or_else(no_mailbox)?.id.clone();
    let id = new_message_id()?;
    let mut message = NewMessage::new(id.clone(), "", "mesh");
    message.kind = MessageKind::Report;
    message.mailbox_to = Some(to);
    message.inbox = true;
    message.workflow = Some(asked.workflow_id);
    message.local_id = asked.local_id;
    let failure = match asked.status.as_deref().unwrap_or("undeliverable") {
        "undeliverable" => {
            message.subject = Some(asked.subject.map_or_else(|| "NDR".to_owned(), |s| format!("NDR: {s}")));
            message.headers.insert(STATUS_EVENT.to_owned(), "SEND".to_owned());
            ("14".to_owned(), "Message not collected by recipient after 5 days".to_owned())
        }
        "error" => {
            message.subject = asked.subject;
            message.file_name = asked.file_name;
            message.headers.insert(STATUS_EVENT.to_owned(), "TRANSFER".to_owned());
            (asked.code, asked.description)
        }
        _ => return Err(Refusal::field("status", "must be error or undeliverable")),
    };
    if let Some(linked) = asked.linked_message_id {
        message.headers.insert(LINKED.to_owned(), linked);
    }
    run(state, move |state| {
        let effects = Effects { failure: Some(failure), ..Effects::default() };
        let accept = Accept { message, payload: Payload::None, key: None, effects };
        state.engine.accept(accept, state.clock.now())?;
        Ok(())
    })
    .await?;
    Ok(ok(&json!({"message_id": id.as_str()})))
}

/// An event to be added to a message.
#[derive(Deserialize)]
struct Event {
    status: String,
    code: Option<String>,
    description: Option<String>,
}

async fn event(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    allowed(&mesh, &state)?;
    let asked: Event = parse(&body)?;
    let next = Stand::parse(&asked.status).filter(|s| s.mesh_word() == asked.status);
    let next = next.ok_or_else(|| Refusal::field("status", "is no state of a message"))?;
    run(state, move |state| {
        let message = held(state, &id)?;
        let failure = asked.code.map(|code| (code, asked.description.unwrap_or_default()));
        let events = vec![NewEvent::new("mesh-admin-event", ACTOR, next.mesh_word())];
        let effects = Effects { state: Some(next), failure, events, ..Effects::default() };
        let id = message.new.id.clone();
        let mut revived = mesh.revived.lock().unwrap_or_else(PoisonError::into_inner);
        match state.engine.apply(&id, effects, state.clock.now()) {
            Ok(()) => drop(revived.remove(&id)),
            Err(EngineError::Transition { .. }) if mesh.config.mode == Mode::Sandbox => {
                if revived.len() >= REVIVED_MAX {
                    revived.pop_first();
                }
                revived.insert(id, (next.mesh_word(), Arc::new(message)));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::OK.into_response())
}

fn held(state: &AppState, id: &str) -> Result<Message, Refusal> {
    let id = MessageId::new(id).map_err(|_| Refusal::no_message())?;
    state.engine.message(&id)?.ok_or_else(Refusal::no_message)
}

async fn mailbox(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    allowed(&mesh, &state)?;
    let mailbox = mesh.mailboxes.get(&id.to_uppercase()).ok_or_else(no_mailbox)?;
    let mut body = json!({
        "mailbox_id": mailbox.id,
        "mailbox_name": mailbox.name,
        "ods_code": mailbox.ods_code,
        "org_code": mailbox.org(),
        "org_name": mailbox.org_name,
        "active": mailbox.active,
    });
    if let Some(entity) = &mailbox.billing_entity {
        body["billing_entity"] = json!(entity);
    }
    Ok(ok(&body))
}

async fn message(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    allowed(&mesh, &state)?;
    let message = run(state, move |state| held(state, &id)).await?;
    Ok(ok(&details(&mesh, &message)))
}

/// What the sandbox tells of a message.
fn details(mesh: &Mesh, message: &Message) -> Value {
    let new = &message.new;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let mut body = json!({
        "checksum": text(&new.sender_checksum),
        "chunk_count": message.chunks,
        "content_encoding": text(&new.content_encoding),
        "filename": headers::file_name(message),
        "file_size": message.size,
        "is_compressed": headers::is_compressed(message),
        "is_encrypted": headers::is_encrypted(message),
        "local_id": text(&new.local_id),
        "message_id": new.id.as_str(),
        "message_type": if new.kind == MessageKind::Data { "Data" } else { "Report" },
        "status": title(headers::status(mesh, message)),
        "status_success": if is_success(message) { "SUCCESS" } else { "ERROR" },
        "subject": text(&new.subject),
        "upload_timestamp": iso(message.received_at),
        "workflow_id": text(&new.workflow),
    });
    for (name, at) in [("download_timestamp", message.acknowledged_at), ("expiry_time", expiry(message))] {
        if let Some(at) = at {
            body[name] = json!(iso(at));
        }
    }
    if let Some(failure) = headers::failure(message) {
        let at = iso(message.changed_at);
        if new.kind == MessageKind::Data {
            body["failure_date"] = json!(at);
            body["failure_diagnostic"] = json!(failure.text);
        } else {
            body["status_code"] = json!(failure.code);
            body["status_description"] = json!(failure.text);
            body["status_event"] = json!(failure.event);
            body["status_timestamp"] = json!(at);
        }
        if let Some(linked) = failure.linked {
            body["linked_msg_id"] = json!(linked);
        }
    }
    with(body, parties(mesh, message, false))
}

/// A step in time; the parts are added.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Step {
    days: u32,
    hours: u32,
    minutes: u32,
    seconds: u32,
}

async fn time(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
) -> Result<Response, Refusal> {
    allowed(&mesh, &state)?;
    Ok(ok(&json!({"now": iso(state.clock.now())})))
}

/// Moves time forward, and lets its consequences happen before it answers: expiry with reports, deletion.
async fn travel(
    State(state): State<Shared>,
    Extension(mesh): Extension<Arc<Mesh>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    allowed(&mesh, &state)?;
    let step: Step = parse(&body)?;
    let seconds = i64::from(step.days) * 86_400
        + i64::from(step.hours) * 3_600
        + i64::from(step.minutes) * 60
        + i64::from(step.seconds);
    let now = state.clock.advance(SignedDuration::from_secs(seconds)).map_err(|error| match error {
        ClockError::NotInTestMode => Refusal::forbidden("Time travel is possible in test mode only"),
        ClockError::Range => Refusal::field("body", "is further than time can be moved"),
    })?;
    tracing::warn!(seconds, "time was moved");
    run(state, |state| Ok(maintenance::run_once(state)?)).await?;
    Ok(ok(&json!({"now": iso(now)})))
}
