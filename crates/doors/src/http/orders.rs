//! Again: a message delivered to chosen endpoints once more, and one replaced by a corrected copy of it.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use causeway_access::caller::{self, Caller};
use causeway_broker::accept::commit;
use causeway_broker::delivery::order;
use causeway_broker::state::{Shared, new_message_id};
use causeway_broker::view::id_of;
use causeway_exchange::{
    Accept, AcceptOutcome, Effects, IdempotencyKey, Message, MessageId, NewAudit, NewEvent, NewMessage,
    NewWork, Payload, WorkKind,
};
use causeway_host::hex;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Header that says why a message is replaced.
pub const REASON_HEADER: &str = "causeway-reason";
/// Bytes of a corrected message: a person made it.
const REPLACEMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Routes for operators.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/messages/{id}/replace", post(replace).layer(DefaultBodyLimit::max(REPLACEMENT_BYTES_MAX)))
        .route("/messages/{id}/deliver", post(deliver))
}

async fn message(state: &Shared, id: &str) -> Answer<Message> {
    let id = id_of(id)?;
    let found = state.blocking(move |s| s.engine.message(&id)).await?;
    found.ok_or_else(|| Problem::not_found("message"))
}

fn reason(text: &str) -> Answer<String> {
    let reason: String = text.trim().chars().take(causeway_broker::limits::NOTE_CHARS_MAX).collect();
    if reason.is_empty() {
        return Err(Problem::invalid("reason-missing", "say why; nothing was changed"));
    }
    Ok(reason)
}

/// A delivery by hand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// Endpoints to deliver to.
    endpoints: Vec<String>,
    /// Number of the bundle, from 1; all where it is left out.
    #[serde(default)]
    bundle: Option<usize>,
    /// Why.
    note: String,
}

/// `POST /messages/{id}/deliver`: a new delivery of the same translation to chosen endpoints.
async fn deliver(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(order): Json<Order>,
) -> Answer {
    caller.require_operator()?;
    caller::same_origin(&headers)?;
    let message = message(&state, &id).await?;
    let note = reason(&order.note)?;
    let id = message.new.id.clone();
    let actor = caller.organisation.code;
    let Order { endpoints, bundle, .. } = order;
    let ordered = state.blocking(move |s| order::place(s, &id, &endpoints, bundle, &actor, &note)).await?;
    state.signals.work(WorkKind::Deliver);
    state.signals.progressed();
    Ok((StatusCode::ACCEPTED, Json(json!({"deliveries": ordered}))).into_response())
}

/// `POST /messages/{id}/replace`: a corrected copy, as a new message of the same sender, linked to the first.
async fn replace(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    caller.require_operator()?;
    caller::same_origin(&headers)?;
    let given = headers.get(REASON_HEADER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let reason = reason(given)?;
    if body.is_empty() {
        return Err(Problem::invalid("empty", "the corrected message has no content"));
    }
    let first = message(&state, &id).await?;
    let actor = caller.organisation.code.clone();
    let accept = corrected(&first, &headers, body, &actor, &reason)?;
    let new = accept.message.id.clone();
    let (new, status) = match commit(&state, accept).await? {
        AcceptOutcome::Accepted { .. } => (new, StatusCode::CREATED),
        // The same correction of the same message again is the same new message.
        AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id } => (id, StatusCode::OK),
        AcceptOutcome::Conflict { .. } => return Err(Problem::internal()),
    };
    if status == StatusCode::CREATED {
        let (old, text) = (first.new.id.clone(), format!("by message {new}: {reason}"));
        let event = NewEvent::new("replaced", &actor, &text);
        state.blocking(move |s| s.engine.record_event(&old, event, s.clock.now())).await?;
        state.signals.work(WorkKind::Translate);
    }
    Ok(created(status, &new, &first.new.id))
}

fn corrected(first: &Message, headers: &HeaderMap, body: Bytes, actor: &str, reason: &str) -> Answer<Accept> {
    let old = &first.new;
    let mut message = NewMessage::new(new_message_id()?, &old.sender, "http");
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    message.media_type = media_type.map(str::to_owned).or_else(|| old.media_type.clone());
    message.workflow.clone_from(&old.workflow);
    message.local_id.clone_from(&old.local_id);
    message.correlation_id.clone_from(&old.correlation_id);
    message.mailbox_from.clone_from(&old.mailbox_from);
    message.headers.clone_from(&old.headers);
    message.linked = Some(old.id.clone());
    let digest = hex(&Sha256::digest(&body));
    let detail = json!({"replaces": old.id.as_str(), "original": hex(&first.sha256), "corrected": digest,
                        "reason": reason});
    let audit = NewAudit {
        actor: actor.to_owned(),
        action: "message-replaced".to_owned(),
        entity: message.id.to_string(),
        detail: detail.to_string(),
    };
    let text = format!("a corrected copy of message {}, by {actor}: {reason}", old.id);
    let effects = Effects {
        work: vec![NewWork::new(WorkKind::Translate, "")],
        events: vec![NewEvent::new("replaces", actor, &text)],
        audit: vec![audit],
        answer: Some(causeway_exchange::Answer {
            status: StatusCode::CREATED.as_u16(),
            media_type: String::new(),
            body: Vec::new(),
        }),
        ..Effects::default()
    };
    let key =
        IdempotencyKey { sender: old.sender.clone(), request_id: format!("replace-{}-{digest}", old.id) };
    Ok(Accept { message, payload: Payload::Bytes(body.to_vec()), key: Some(key), effects })
}

fn created(status: StatusCode, new: &MessageId, old: &MessageId) -> Response {
    let href = format!("/messages/{new}");
    let body = json!({"id": new.as_str(), "replaces": old.as_str(), "href": href});
    let mut response = (status, Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(&href) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}
