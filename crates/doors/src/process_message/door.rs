//! `POST /fhir/$process-message`.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use causeway_access::caller::{Caller, Shown};
use causeway_broker::accept::{FORMAT_HEADER, commit};
use causeway_broker::bars::{CORRELATION_ID, DOOR, FORWARDED, REQUEST_ID, ROUTE, Refusal};
use causeway_broker::fhir_messaging;
use causeway_broker::pipeline::{self, Delivery};
use causeway_broker::state::{AppState, Shared, new_message_id};
use causeway_exchange::{
    Accept, AcceptOutcome, Effects, IdempotencyKey, Message, MessageId, NewEvent, NewMessage, NewWork,
    Payload, State as Stand, WorkKind, WorkQuery, WorkState,
};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::Problem;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::BODY_BYTES_MAX;
use super::answer;
use super::headers::Headers;
use super::target::{self, Target};

/// Workflow of messages in mailboxes.
const WORKFLOW: &str = "FHIR_MESSAGE";

/// Takes one message. The two ids come back with every answer, whatever it is.
pub(super) async fn process_message(
    State(state): State<Shared>,
    shown: Shown,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut response = match take(&state, &shown, &headers, body).await {
        Ok(response) => response,
        Err(refusal) => answer::refuse(&refusal),
    };
    for name in [REQUEST_ID, CORRELATION_ID] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

async fn take(state: &Shared, shown: &Shown, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let caller = Caller::of(state, shown, headers)?;
    if !caller.named {
        return Err(Refusal::bad_request("Causeway-Sender must name the sending organisation"));
    }
    caller.take_rate(state)?;
    let said = Headers::read(headers)?;
    let wanted = said.target.clone();
    let target = state.blocking(move |s| target::find(s, &wanted)).await?.ok_or_else(Refusal::no_target)?;
    let bytes = read(state, body).await?;
    let request: Value = serde_json::from_slice(&bytes)
        .map_err(|_| Refusal::bad_request("the content is not readable as JSON"))?;
    if fhir_messaging::header(&request).is_none() {
        let text = "the content is no message Bundle of FHIR R4 with its MessageHeader first";
        return Err(Refusal::send(422, "invalid", text));
    }
    let message = describe(&caller, headers, &said)?;
    let id = message.id.clone();
    let key = IdempotencyKey {
        sender: caller.organisation.code.clone(),
        request_id: format!("fhir-{}", said.request_id),
    };
    let passed_on = matches!(target, Target::Endpoint(_));
    let accept = {
        let key = key.clone();
        state.blocking(move |s| prepare(s, message, bytes, &request, target, key)).await?
    };
    let kept = accept.effects.answer.clone();
    match commit(state, accept).await? {
        AcceptOutcome::Accepted { .. } => {
            state.signals.work(WorkKind::Record);
            state.signals.work(WorkKind::Deliver);
            state.signals.progressed();
            match kept {
                Some(kept) if !passed_on => Ok(answer::of(&kept)),
                _ => wait(state, &id, &key).await,
            }
        }
        AcceptOutcome::Replayed { answer: kept, .. } if is_done(&kept) => Err(Refusal::duplicate()),
        // A retry inherits the failure of the first.
        AcceptOutcome::Replayed { answer: kept, .. } => Ok(answer::of(&kept)),
        AcceptOutcome::InProgress { .. } => Err(Refusal::too_early()),
        AcceptOutcome::Conflict { .. } => Err(Refusal::conflict()),
    }
}

/// Whether an answer says that the message was processed, now or before.
fn is_done(kept: &causeway_exchange::Answer) -> bool {
    let before = || {
        let outcome: Value = serde_json::from_slice(&kept.body).unwrap_or_default();
        outcome["issue"].as_array().is_some_and(|list| list.iter().any(|i| i["code"] == "duplicate"))
    };
    kept.status < 300 || (kept.status == 409 && before())
}

async fn read(state: &Shared, body: Body) -> Result<Vec<u8>, Refusal> {
    let limit = usize::try_from(state.config.limits.message_bytes).unwrap_or(usize::MAX).min(BODY_BYTES_MAX);
    let idle = Duration::from_secs(state.config.limits.body_idle_seconds);
    let collected = tokio::time::timeout(idle, Limited::new(body, limit).collect()).await;
    let collected = collected.map_err(|_| Refusal::send(408, "timeout", "the content came too slowly"))?;
    let bytes =
        collected.map_err(|_| Refusal::send(400, "too-long", "the content broke off or is too long"))?;
    Ok(bytes.to_bytes().to_vec())
}

fn describe(caller: &Caller, headers: &HeaderMap, said: &Headers) -> Result<NewMessage, Refusal> {
    let mut message = NewMessage::new(new_message_id()?, &caller.organisation.code, DOOR);
    message.media_type = Some(MEDIA_TYPE.to_owned());
    message.local_id = Some(said.request_id.clone());
    let correlation = headers.get(CORRELATION_ID).and_then(|v| v.to_str().ok());
    message.correlation_id = Some(correlation.map_or_else(|| said.correlation_id.clone(), str::to_owned));
    message.headers.insert(FORMAT_HEADER.to_owned(), fhir_messaging::NAME.to_owned());
    for name in FORWARDED.iter().chain(&["accept", REQUEST_ID]) {
        if let Some(value) = headers.get(*name).and_then(|v| v.to_str().ok()) {
            message.headers.insert((*name).to_owned(), value.to_owned());
        }
    }
    Ok(message)
}

/// Everything that is committed with the message.
fn prepare(
    state: &AppState,
    message: NewMessage,
    bytes: Vec<u8>,
    request: &Value,
    target: Target,
    key: IdempotencyKey,
) -> Result<Accept, Problem> {
    let now = state.clock.now();
    let seen = Message {
        seq: 0,
        new: message.clone(),
        state: Stand::Accepted,
        received_at: now,
        changed_at: now,
        acknowledged_at: None,
        expires_at: None,
        size: bytes.len() as u64,
        sha256: Sha256::digest(&bytes).into(),
        chunks: 1,
        content_deleted_at: None,
        failure: None,
        control_id: None,
    };
    let adapter = state.adapter(fhir_messaging::NAME);
    let adapter = adapter.ok_or_else(Problem::internal)?;
    let (mut effects, person) = pipeline::translated(state, &seen, adapter, &bytes)?;
    if effects.failure.is_some() {
        let text = "the content is not a message that can be read without loss";
        let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "invalid", "message-unreadable", text));
    }
    let mut message = message;
    message.person_key.clone_from(&person);
    match target {
        Target::Own => effects.answer = Some(answer::response(&message.id, request, now)),
        Target::Mailbox(mailbox) => {
            effects.answer = Some(answer::response(&message.id, request, now));
            let copy = copy(&message, &bytes, mailbox, person)?;
            let text = format!(
                "to mailbox {} by its target identifier",
                copy.message.mailbox_to.as_deref().unwrap_or("")
            );
            effects.events.push(NewEvent::new("routed", "causeway", &text));
            effects.messages.push(copy);
        }
        Target::Endpoint(endpoint) => {
            let text = format!("to endpoint {endpoint} by its target identifier");
            effects.events.push(NewEvent::new("routed", "causeway", &text));
            let event = fhir_messaging::header(request).map(fhir_messaging::event).unwrap_or_default();
            let delivery = Delivery { output: 0, route: ROUTE.to_owned(), event, recipient: None };
            let mut work = NewWork::new(WorkKind::Deliver, &endpoint);
            work.order_key = person;
            work.detail = json!(delivery).to_string();
            effects.work.push(work);
        }
    }
    Ok(Accept { message, payload: Payload::Bytes(bytes), key: Some(key), effects })
}

fn copy(
    message: &NewMessage,
    bytes: &[u8],
    mailbox: String,
    person: Option<String>,
) -> Result<Accept, Problem> {
    let mut copy = NewMessage::new(new_message_id()?, &message.sender, "broker");
    copy.mailbox_to = Some(mailbox);
    copy.inbox = true;
    copy.media_type.clone_from(&message.media_type);
    copy.workflow = Some(WORKFLOW.to_owned());
    copy.local_id.clone_from(&message.local_id);
    copy.correlation_id.clone_from(&message.correlation_id);
    copy.linked = Some(message.id.clone());
    copy.person_key = person;
    copy.file_name = Some("message.json".to_owned());
    let event = NewEvent::new("derived", "causeway", &format!("from message {}", message.id));
    let effects = Effects { events: vec![event], ..Effects::default() };
    Ok(Accept { message: copy, payload: Payload::Bytes(bytes.to_vec()), key: None, effects })
}

/// How the message stands that is being passed on.
enum Stands {
    Answered(causeway_exchange::Answer),
    Failed(String),
    Open,
}

/// Waits for the receiver's answer. Where the first attempt fails for the time being, or the time is over, the
/// sender hears it, and the message goes on by itself: a retry then finds it done, or still under way.
async fn wait(state: &Shared, id: &MessageId, key: &IdempotencyKey) -> Result<Response, Refusal> {
    let seconds = state.config.messaging.timeout_seconds;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let mut progress = state.signals.progress();
    loop {
        progress.mark_unchanged();
        let (id, key) = (id.clone(), key.clone());
        match state.blocking(move |s| stands(s, &id, &key)).await? {
            Stands::Answered(kept) => return Ok(answer::of(&kept)),
            Stands::Failed(code) => return Err(Refusal::of_attempt(&code)),
            Stands::Open if tokio::time::Instant::now() >= deadline => return Err(Refusal::timeout()),
            Stands::Open => drop(tokio::time::timeout_at(deadline, progress.changed()).await),
        }
    }
}

fn stands(state: &AppState, id: &MessageId, key: &IdempotencyKey) -> Result<Stands, Problem> {
    let query = WorkQuery {
        kind: Some(WorkKind::Deliver),
        message: Some(id.clone()),
        limit: 10,
        ..WorkQuery::default()
    };
    let failed = state.engine.work(&query)?.into_iter().find_map(|item| {
        let tried = matches!(item.state, WorkState::Ready | WorkState::Parked) && item.attempts > 0;
        let ours = item.work.detail.contains(ROUTE);
        item.last_error.filter(|_| tried && ours).map(|(code, _)| code)
    });
    // Looked up last: failure and answer are one transaction, so an answer that was not there before the queue was
    // read may be there now, and it is the receiver's own.
    if let Some(AcceptOutcome::Replayed { answer, .. }) = state.engine.lookup(key)? {
        return Ok(Stands::Answered(answer));
    }
    Ok(failed.map_or(Stands::Open, Stands::Failed))
}
