//! The outbox: messages and the further chunks of messages.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use causeway_broker::pipeline;
use causeway_broker::state::{AppState, Shared};
use causeway_broker::traces::Step;
use causeway_exchange::{
    Accept, AcceptOutcome, Answer, Effects, EngineError, IdempotencyKey, Message, MessageId, NewMessage,
    NewWork, Payload, State as Stand, Unfinished, Upload, WorkKind,
};
use causeway_host::hex;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::auth::{Call, Signed};
use super::body::{self, Start};
use super::canned;
use super::config::Mailbox;
use super::headers::{Mex, chunk_range, encoding};
use super::limits::QUICK_BYTES_MAX;
use super::refusal::{Refusal, Version, json_answer};

/// Door of a message that came this way.
const DOOR: &str = "mesh";
/// Document with the table of routes; its absence means the configuration file's.
const ROUTES: (&str, &str) = ("route", "table");

/// `POST /messageexchange/{mailbox}/outbox`.
pub(super) async fn message(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    match prepare(&mut parts, &state).await {
        Ok(ready) => ready.receive(&state, body).await,
        Err(refusal) => Err(refused(&state, &parts, body, refusal).await),
    }
}

/// Reads away what a refused client still sends.
async fn refused(state: &Shared, parts: &Parts, body: Body, refusal: Refusal) -> Refusal {
    // A client that waits for our word before it sends has it now.
    if !parts.headers.contains_key(header::EXPECT) {
        body::drain(state, body).await;
    }
    refusal
}

/// A message that may be sent; its content is still to come.
struct Ready {
    signed: Signed,
    mex: Mex,
    total: u32,
    recipient: Option<Arc<Mailbox>>,
}

async fn prepare(parts: &mut Parts, state: &Shared) -> Result<Ready, Refusal> {
    let signed = Signed::from_request_parts(parts, state).await?;
    let mex = Mex::of(&parts.headers)?;
    let total = chunk_range(&mex.chunk_range, 1).ok_or_else(Refusal::chunk_range)?;
    let recipient = signed.mesh().mailboxes.get(&mex.to).cloned();
    Ok(Ready { signed, mex, total, recipient })
}

impl Ready {
    async fn receive(self, state: &Shared, body: Body) -> Result<Response, Refusal> {
        let Self { signed, mex, total, recipient } = self;
        let recipient = match addressed(signed.sender(), signed.is_strict(), recipient, &mex.workflow) {
            Ok(recipient) => recipient,
            Err(refusal) => {
                body::drain(state, body).await;
                return Err(refusal);
            }
        };
        if total > 1
            && let Err(refusal) = room(state, signed.sender().sender(), None).await
        {
            body::drain(state, body).await;
            return Err(refusal);
        }
        let start = Start::of(state, body).await?;
        if start.is_empty() {
            return Err(Refusal::no_data());
        }
        let (call, kept) = if start.is_large() {
            let call = signed.spend().await?;
            let payload = start.payload(state).await?;
            let kept = call.run(move |_, call| keep(call, mex, total, &recipient, payload)).await?;
            (call, kept)
        } else {
            // Handing over a small message is short; only the disk is waited for, and nobody waits on a thread.
            let quick = total == 1 && start.len() <= QUICK_BYTES_MAX;
            let payload = start.payload(state).await?;
            let keep = move |_: &AppState, call: &Call| keep(call, mex, total, &recipient, payload);
            if quick { signed.look(keep).await? } else { signed.run(keep).await? }
        };
        let id = match kept {
            Kept::Done(id) => id,
            Kept::Waiting(waiting) => waiting.finish(&call).await?,
        };
        let key = if call.version == Version::V1 { "messageID" } else { "message_id" };
        Ok(json_answer(StatusCode::ACCEPTED, call.version, &json!({ key: id.as_str() })))
    }
}

/// Whether a sender may begin an upload, or send one more chunk of `begun`: what is not finished has bounds. Those that were
/// begun may go on beyond them by the size of one message, so that something can be finished.
async fn room(state: &Shared, sender: &str, begun: Option<&Message>) -> Result<(), Refusal> {
    let limits = &state.config.limits;
    if begun.is_some_and(|m| m.state == Stand::Uploading && m.size >= limits.message_bytes) {
        return Err(EngineError::TooLarge(limits.message_bytes).into());
    }
    let sender = sender.to_owned();
    let Unfinished { uploads, bytes } = state.blocking(move |state| state.engine.unfinished(&sender)).await?;
    let is_full = match begun {
        None => is_over(uploads, limits.uploads) || is_over(bytes, limits.upload_bytes),
        Some(_) => limits.upload_bytes > 0 && is_over(bytes, limits.upload_bytes + limits.message_bytes),
    };
    if is_full { Err(Refusal::uploads()) } else { Ok(()) }
}

/// Whether a limit that is one is reached.
fn is_over(count: u64, most: u64) -> bool {
    most > 0 && count >= most
}

/// Whether the message may go there.
fn addressed(
    sender: &Mailbox,
    strict: bool,
    recipient: Option<Arc<Mailbox>>,
    workflow: &str,
) -> Result<Arc<Mailbox>, Refusal> {
    let no_one = || Refusal::new(StatusCode::EXPECTATION_FAILED, "SEND", "12", "Unregistered to address");
    let recipient = recipient.ok_or_else(no_one)?;
    if strict {
        let not_registered =
            |status| Refusal::new(status, "SEND", "17", "Workflow ID not registered for mailbox");
        if !recipient.active {
            return Err(no_one());
        }
        if !sender.may_send(workflow) {
            return Err(not_registered(StatusCode::FORBIDDEN));
        }
        if !recipient.may_receive(workflow) {
            return Err(not_registered(StatusCode::EXPECTATION_FAILED));
        }
    }
    Ok(recipient)
}

/// How far a message has got.
enum Kept {
    /// Durable (or, in canned mode, thrown away).
    Done(MessageId),
    /// On its way to the disk; no thread waits for it.
    Waiting(Waiting),
}

/// A message on its way to the disk.
struct Waiting {
    id: MessageId,
    began: Timestamp,
    outcome: oneshot::Receiver<Result<AcceptOutcome, EngineError>>,
    translate: bool,
    /// The same without its key, for the case that the local id was used for something else: MESH lets it repeat.
    again: Option<Box<Accept>>,
}

/// Makes a message durable, or the start of one.
fn keep(call: &Call, mex: Mex, total: u32, recipient: &Mailbox, payload: Payload) -> Result<Kept, Refusal> {
    let now = call.state.clock.now();
    let random = Uuid::now_v7().as_bytes().iter().rev().take(3).fold(0, |n, b| n << 8 | u32::from(*b));
    let id = MessageId::mesh_style(now, random);
    if call.mesh.config.canned {
        return Ok(Kept::Done(id));
    }
    let mut message = NewMessage::new(id.clone(), call.mailbox.sender(), DOOR);
    message.mailbox_from = Some(call.mailbox.id.clone());
    message.inbox = !recipient.broker;
    mex.describe(&mut message);
    if total > 1 {
        let upload = Upload { message, total, first: payload, effects: Effects::default() };
        call.engine().begin_upload(upload, now)?;
        return Ok(Kept::Done(id));
    }
    let key = retry_key(call, &message);
    let mut effects = work(call, recipient, message.workflow.as_deref())?;
    let translate = !effects.work.is_empty();
    let accept = Accept { message, payload, key: None, effects: effects.clone() };
    let again = key.is_some().then(|| Box::new(accept.clone()));
    if key.is_some() {
        let body = id.as_str().as_bytes().to_vec();
        effects.answer = Some(Answer { status: 202, media_type: "text/plain".to_owned(), body });
    }
    let (send, outcome) = oneshot::channel();
    let done = Box::new(move |outcome| drop(send.send(outcome)));
    call.engine().accept_then(Accept { key, effects, ..accept }, now, done);
    Ok(Kept::Waiting(Waiting { id, began: now, outcome, translate, again }))
}

impl Waiting {
    /// Waits for the disk.
    async fn finish(self, call: &Call) -> Result<MessageId, Refusal> {
        let outcome = self.outcome.await.map_err(|_| Refusal::internal())??;
        if matches!(outcome, AcceptOutcome::Accepted { .. }) {
            call.state.trace(&self.id, Step::Door, self.began, false, &[]);
        }
        let id = match (outcome, self.again) {
            (AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id }, _) => return Ok(id),
            (AcceptOutcome::Conflict { .. }, Some(again)) => {
                call.run(move |state, _| Ok(state.engine.accept(*again, state.clock.now())?)).await?;
                self.id
            }
            _ => self.id,
        };
        if self.translate {
            call.state.signals.work(WorkKind::Translate);
        }
        if call.mesh.config.mirror_directory.is_some() {
            let copied = id.clone();
            call.run(move |_, call| canned::mirror(call, &copied)).await?;
        }
        Ok(id)
    }
}

/// The key under which a repeated message is known, where the operator wants that.
fn retry_key(call: &Call, message: &NewMessage) -> Option<IdempotencyKey> {
    let local = message.local_id.as_deref().filter(|_| call.mesh.config.same_local_id_is_retry)?;
    let mut digest = Sha256::new();
    for part in [message.mailbox_to.as_deref(), message.workflow.as_deref(), Some(local)] {
        let part = part.unwrap_or_default();
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let request_id = format!("mesh:{}", hex(&digest.finalize()));
    Some(IdempotencyKey { sender: call.mailbox.id.clone(), request_id })
}

/// The translation of a message whose workflow a route names, or that is for the exchange itself.
fn work(call: &Call, recipient: &Mailbox, workflow: Option<&str>) -> Result<Effects, EngineError> {
    let mut effects = Effects::default();
    if recipient.broker || is_routed(call, workflow.unwrap_or_default())? {
        effects.work.push(NewWork::new(WorkKind::Translate, ""));
    }
    Ok(effects)
}

/// Whether a route names the workflow.
fn is_routed(call: &Call, workflow: &str) -> Result<bool, EngineError> {
    let kept = call.engine().config(ROUTES.0, ROUTES.1)?;
    let version = kept.as_ref().map_or(0, |(version, _)| *version);
    let mut known = call.mesh.routed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if known.as_ref().is_none_or(|(at, _)| *at != version) {
        let table = pipeline::routes(&call.state)?;
        let named = table.as_slice().iter().filter(|r| !r.disabled).flat_map(|r| &r.when.workflow);
        let filters = named.map(|w| causeway_exchange::WorkflowFilter::parse(w)).collect();
        *known = Some((version, Arc::new(filters)));
    }
    let filters = known.as_ref().map(|(_, filters)| filters.clone()).unwrap_or_default();
    drop(known);
    Ok(filters.iter().any(|f| f.matches(workflow)))
}

/// `POST /messageexchange/{mailbox}/outbox/{id}/{chunk}`.
pub(super) async fn chunk(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    match prepare_chunk(&mut parts, &state).await {
        Ok((call, message, number)) => receive_chunk(&state, call, message, number, body).await,
        Err(refusal) => Err(refused(&state, &parts, body, refusal).await),
    }
}

async fn prepare_chunk(parts: &mut Parts, state: &Shared) -> Result<(Call, Message, u32), Refusal> {
    let signed = Signed::from_request_parts(parts, state).await?;
    let path = Path::<(String, String, String)>::from_request_parts(parts, state).await;
    let Path((_, id, number)) = path.map_err(|_| Refusal::no_message())?;
    let number: u32 = number.parse().map_err(|_| Refusal::field("chunk_number", "is not a number"))?;
    let shown = id.to_ascii_uppercase();
    let id = MessageId::new(&id).map_err(|_| Refusal::no_message())?;
    let range = parts.headers.get("mex-chunk-range").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let total = Some(range)
        .filter(|r| !r.trim().is_empty())
        .and_then(|r| chunk_range(r, number))
        .ok_or_else(|| Refusal::chunk_range().about(&shown))?;
    let encoding = encoding(&parts.headers)?;
    let (call, message) = signed
        .run(move |state, call| {
            let message = state.engine.message(&id)?.ok_or_else(Refusal::no_message)?;
            if message.new.mailbox_from.as_deref() != Some(call.mailbox.id.as_str()) {
                return Err(Refusal::forbidden("Message belongs to another mailbox"));
            }
            if number > message.chunks {
                return Err(Refusal::from(EngineError::ChunkOutOfRange).about(&shown));
            }
            if call.is_strict() && total != message.chunks {
                return Err(Refusal::chunk_range().about(&shown));
            }
            if encoding != message.new.content_encoding {
                let text = "cannot change content encoding";
                return Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "SEND", "", text).about(&shown));
            }
            Ok(message)
        })
        .await?;
    room(state, &message.new.sender, Some(&message)).await?;
    Ok((call, message, number))
}

async fn receive_chunk(
    state: &Shared,
    call: Call,
    message: Message,
    number: u32,
    body: Body,
) -> Result<Response, Refusal> {
    let start = Start::of(state, body).await?;
    if start.is_empty() && call.is_strict() {
        return Err(Refusal::no_data());
    }
    let payload = start.payload(state).await?;
    let (version, id) = (call.version, message.new.id.clone());
    call.run(move |_, call| {
        keep_chunk(call, &message, number, payload).map_err(|r| r.about(message.new.id.as_str()))
    })
    .await?;
    let body = match version {
        Version::V1 => json!({"messageID": id.as_str(), "blockID": number}),
        Version::V2 => Value::Null,
    };
    Ok(json_answer(StatusCode::ACCEPTED, version, &body))
}

/// Makes a chunk durable; the last one to come makes the message complete. A chunk that came before is fine.
fn keep_chunk(call: &Call, message: &Message, number: u32, payload: Payload) -> Result<(), Refusal> {
    let (engine, id, now) = (call.engine(), &message.new.id, call.state.clock.now());
    let digest = digest(&payload);
    let outcome = match engine.put_chunk(id, number, payload, now) {
        // The answer to this very chunk may have been lost: the client sends it again.
        Err(EngineError::UploadFinalised) if call.state.has_chunk(id, number, &digest) => {
            return Ok(());
        }
        other => other?,
    };
    // The sandbox takes the last chunk for the end, whatever is missing.
    let lenient = !call.is_strict() && number == message.chunks;
    if !outcome.complete && !lenient {
        return Ok(());
    }
    let to = message.new.mailbox_to.as_deref().and_then(|to| call.mesh.mailboxes.get(to));
    let workflow = message.new.workflow.as_deref();
    let effects = to.map(|to| work(call, to, workflow)).transpose()?.unwrap_or_default();
    let translate = !effects.work.is_empty();
    let finished = engine.finish_upload(id, lenient, None, effects, now);
    // Another sender of the same chunk may have been faster.
    let done = |m: &Message| !matches!(m.state, Stand::Uploading);
    match finished {
        Err(error) if !engine.message(id)?.is_some_and(|m| done(&m)) => return Err(error.into()),
        Err(_) => {}
        Ok(_) => call.state.trace(id, Step::Door, message.received_at, false, &[]),
    }
    if translate {
        call.state.signals.work(WorkKind::Translate);
    }
    canned::mirror(call, id)
}

fn digest(payload: &Payload) -> [u8; 32] {
    match payload {
        Payload::None => Sha256::digest([]).into(),
        Payload::Bytes(bytes) => Sha256::digest(bytes).into(),
        Payload::Staged(staged) => staged.sha256,
    }
}
