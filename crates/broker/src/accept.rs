//! The commit that every door ends in, and the words that doors and broker share.

use causeway_exchange::engine::Done;
use causeway_exchange::{Accept, AcceptOutcome, Answer as Kept, MessageId, Payload};
use causeway_host::{Answer, Problem};
use serde_json::json;
use tokio::sync::oneshot;

use crate::limits;
use crate::state::Shared;

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
    let outcome = receive.await.map_err(|_| Problem::internal())?;
    Ok(outcome?)
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
