//! The commit that every door ends in, and the words that doors and broker share.

use std::time::Duration;

use causeway_exchange::engine::Done;
use causeway_exchange::{
    Accept, AcceptOutcome, Answer as Kept, Effects, IdempotencyKey, MessageId, NewAudit, NewMessage, NewWork,
    Payload, State as Stand, WorkKind,
};
use causeway_host::{Answer, Problem};
use serde_json::json;
use tokio::sync::oneshot;

use crate::limits;
use crate::state::{Shared, new_message_id};
use crate::traces::Step;

/// Header that names the format, where the sender wants to say it.
pub const FORMAT_HEADER: &str = "causeway-format";
/// Header that names the organisation it is for, where the content doesn't.
pub const RECIPIENT_HEADER: &str = "causeway-recipient";
/// Header with a workflow id, for routing.
pub const WORKFLOW_HEADER: &str = "causeway-workflow";
/// Door of messages that were typed into a form.
pub const FORM_DOOR: &str = "form";

/// Sender of what people write about themselves: no organisation's code looks like it.
pub const PERSON: &str = "person";

/// Accepts without holding a thread while the engine commits.
///
/// # Errors
/// What the engine says, as a problem.
pub async fn commit(state: &Shared, accept: Accept) -> Answer<AcceptOutcome> {
    let (send, receive) = oneshot::channel();
    let now = state.clock.now();
    let id = accept.message.id.clone();
    let done: Done = Box::new(move |outcome| drop(send.send(outcome)));
    if is_small(&accept) {
        // Handing over costs less than going to another thread. Where the engine's queue is full it waits, and
        // that is wanted: what waits behind it could not be accepted sooner.
        state.engine.accept_then(accept, now, done);
    } else {
        // Hashing, and content that is flushed into a file before the engine names it.
        let engine = state.engine.clone();
        let handed = tokio::task::spawn_blocking(move || engine.accept_then(accept, now, done));
        handed.await.map_err(|_| Problem::internal())?;
    }
    let outcome = receive.await.map_err(|_| Problem::internal())??;
    if matches!(outcome, AcceptOutcome::Accepted { .. }) {
        state.trace(&id, Step::Door, now, false, &[]);
    }
    Ok(outcome)
}

/// Whether all that the engine must hash is hashed in less time than a change of threads takes.
fn is_small(accept: &Accept) -> bool {
    let small = match &accept.payload {
        Payload::None => true,
        Payload::Bytes(bytes) => bytes.len() <= limits::HASH_AT_ONCE_BYTES,
        Payload::Staged(_) => false,
    };
    small && accept.effects.messages.is_empty() && accept.effects.translation.is_none()
}

/// The answer kept for retries, by whichever door they come.
pub fn first_answer(id: &MessageId) -> Kept {
    let body = json!({
        "id": id.as_str(),
        "state": "accepted",
        "href": format!("/messages/{id}"),
    });
    Kept { status: 202, media_type: "application/json".to_owned(), body: body.to_string().into_bytes() }
}

/// What somebody typed into a form of this service, as a message.
#[derive(Debug)]
pub struct Typed<'t> {
    /// Code of who sends it.
    pub sender: &'t str,
    /// Its content.
    pub content: Vec<u8>,
    /// Media type of the content.
    pub media_type: &'t str,
    /// Name of a file that would hold it.
    pub file_name: &'t str,
    /// The content's own id, where it has one.
    pub local_id: Option<String>,
    /// What the audit trail calls it.
    pub action: &'t str,
    /// What it says besides: an object without values of a person.
    pub detail: serde_json::Value,
    /// Under which it counts once.
    pub key: String,
}

/// Makes what was typed durable, the same way as `POST /messages`.
///
/// # Errors
/// What the engine says, as a problem.
pub async fn typed(state: &Shared, typed: Typed<'_>) -> Answer<(AcceptOutcome, MessageId)> {
    let mut message = NewMessage::new(new_message_id()?, typed.sender, FORM_DOOR);
    message.media_type = Some(typed.media_type.to_owned());
    message.local_id = typed.local_id;
    message.file_name = Some(typed.file_name.to_owned());
    let id = message.id.clone();
    let effects = Effects {
        work: vec![NewWork::new(WorkKind::Translate, "")],
        answer: Some(first_answer(&id)),
        audit: vec![NewAudit {
            actor: typed.sender.to_owned(),
            action: typed.action.to_owned(),
            entity: id.to_string(),
            detail: typed.detail.to_string(),
        }],
        ..Effects::default()
    };
    let key = Some(IdempotencyKey { sender: typed.sender.to_owned(), request_id: typed.key });
    let payload = Payload::Bytes(typed.content);
    let outcome = commit(state, Accept { message, payload, key, effects }).await?;
    if matches!(outcome, AcceptOutcome::Accepted { .. }) {
        state.signals.work(WorkKind::Translate);
    }
    Ok((outcome, id))
}

/// Waits until a message has been translated or refused, at most `limits.sync_wait_seconds`; whether it has.
///
/// # Errors
/// Where the engine can't be read.
pub async fn settled(state: &Shared, id: &MessageId) -> Answer<bool> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(state.config.limits.sync_wait_seconds);
    let mut progress = state.signals.progress();
    loop {
        progress.mark_unchanged();
        let wanted = id.clone();
        // One that is gone comes no more.
        let Some(message) = state.blocking(move |s| s.engine.message(&wanted)).await? else {
            return Ok(false);
        };
        let ready = !matches!(message.state, Stand::Uploading | Stand::Accepted);
        if ready || tokio::time::Instant::now() >= deadline {
            return Ok(ready);
        }
        drop(tokio::time::timeout_at(deadline, progress.changed()).await);
    }
}
