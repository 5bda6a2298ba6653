//! The acknowledgement of a message by its recipient.

use std::sync::PoisonError;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use causeway_exchange::{EngineError, Message, MessageId, State as Stand};
use serde_json::json;
use tokio::sync::oneshot;

use super::auth::{Call, Signed};
use super::refusal::{Refusal, Version, json_answer};

/// How an acknowledgement that is on its way to the disk ended.
type Outcome = oneshot::Receiver<Result<bool, EngineError>>;

/// `PUT /messageexchange/{mailbox}/inbox/{id}/status/acknowledged`. Idempotent.
pub(super) async fn message(
    signed: Signed,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let id = MessageId::new(&id).map_err(|_| Refusal::no_message())?;
    // Only the disk is waited for, and nobody waits on a thread.
    let (call, (id, outcome)) = signed
        .look(move |_, call| {
            let outcome = begin_acknowledge(call, &id)?;
            Ok((id, outcome))
        })
        .await?;
    if let Some(outcome) = outcome {
        match outcome.await.map_err(|_| Refusal::internal())? {
            Ok(_) => {}
            Err(EngineError::Transition { .. }) if !call.is_strict() => {}
            // Not there, or not in this mailbox.
            Err(EngineError::NotFound(_)) => {
                let id = id.clone();
                call.run(move |_, call| recipients(call, &id).map(drop)).await?;
                return Err(Refusal::no_message());
            }
            Err(error) => return Err(error.into()),
        }
    }
    call.state.signals.progressed();
    if call.version == Version::V2 {
        return Ok(StatusCode::OK.into_response());
    }
    Ok(json_answer(StatusCode::OK, call.version, &json!({"messageId": id.as_str()})))
}

/// The message, if it is in the caller's mailbox.
fn recipients(call: &Call, id: &MessageId) -> Result<Message, Refusal> {
    let message = call.engine().message(id)?.ok_or_else(Refusal::no_message)?;
    if message.new.mailbox_to.as_deref() != Some(call.mailbox.id.as_str()) {
        return Err(Refusal::forbidden("Message belongs to another mailbox"));
    }
    Ok(message)
}

/// Hands an acknowledgement to the engine; `None` where there is nothing to be kept.
fn begin_acknowledge(call: &Call, id: &MessageId) -> Result<Option<Outcome>, Refusal> {
    if !call.is_strict() {
        let message = recipients(call, id)?;
        call.mesh.revived.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if call.mesh.config.canned || message.state == Stand::Acknowledged {
            return Ok(None);
        }
    }
    let (send, outcome) = oneshot::channel();
    let done = Box::new(move |outcome| drop(send.send(outcome)));
    let (mailbox, now) = (&call.mailbox, call.state.clock.now());
    call.engine().acknowledge_then(&mailbox.id, id, mailbox.sender(), now, done);
    Ok(Some(outcome))
}
