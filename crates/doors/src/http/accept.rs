//! `POST /messages`. Answered when the message is durable; a retry with the same
//! `Idempotency-Key` gets the first answer again.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use causeway_access::{Caller, CodeSystem, Shown};
use causeway_broker::accept::{
    FORMAT_HEADER, RECIPIENT_HEADER, WORKFLOW_HEADER, commit, first_answer, settled,
};
use causeway_broker::state::{Shared, new_message_id};
use causeway_exchange::{
    Accept, AcceptOutcome, Answer as Kept, Effects, IdempotencyKey, MessageId, NewMessage, NewWork, Payload,
    WorkKind,
};
use causeway_host::problem::{Answer, Problem};

use super::{messages, orders, upload};

/// Header that tells a retry's answer from a first one.
pub const REPLAYED_HEADER: &str = "causeway-replayed";
/// Header of the caller's own key for one request.
const KEY_HEADER: &str = "idempotency-key";

/// Routes of this door.
pub fn router() -> Router<Shared> {
    Router::new().route("/messages", post(accept)).merge(messages::router()).merge(orders::router())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Answer<Option<&'h str>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let value = value.to_str().map_err(|_| Problem::invalid("header", format!("{name} is not readable")))?;
    Ok(Some(value.trim()).filter(|v| !v.is_empty()))
}

async fn accept(State(state): State<Shared>, shown: Shown, headers: HeaderMap, body: Body) -> Answer {
    take(&state, &shown, headers, body).await
}

/// Takes a message in, for the doors that answer in their own words: the answer of `POST /messages`.
///
/// # Errors
/// As that.
pub(crate) async fn take(state: &Shared, shown: &Shown, headers: HeaderMap, body: Body) -> Answer {
    let caller = Caller::of(state, shown, &headers)?;
    if !caller.named {
        return Err(Problem::invalid("sender-missing", "Causeway-Sender must name the sending organisation"));
    }
    caller.take_rate(state)?;
    let message = describe(state, &caller, &headers)?;
    let key = idempotency_key(&caller, &headers)?;
    if let Some(length) = text(&headers, "content-length")?.and_then(|l| l.parse::<u64>().ok())
        && length > state.config.limits.message_bytes
    {
        let text = format!("the message is larger than {} bytes", state.config.limits.message_bytes);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "message-too-large", text));
    }
    let payload = upload::take(state, body).await?;
    if matches!(&payload, Payload::Bytes(bytes) if bytes.is_empty()) {
        return Err(Problem::invalid("empty", "the message has no content"));
    }
    let id = message.id.clone();
    let first = first_answer(&id);
    let effects = Effects {
        work: vec![NewWork::new(WorkKind::Translate, "")],
        // Without a key nobody can ask for it again.
        answer: key.is_some().then(|| first.clone()),
        ..Effects::default()
    };
    let outcome = commit(state, Accept { message, payload, key, effects }).await?;
    match outcome {
        AcceptOutcome::Accepted { .. } => {
            state.signals.work(WorkKind::Translate);
            if wants_result(&headers) {
                return wait(state, &caller, &id).await;
            }
            Ok(answer(&id, first, false))
        }
        AcceptOutcome::Replayed { id, answer: kept } => Ok(answer(&id, kept, true)),
        AcceptOutcome::InProgress { .. } => Err(Problem::new(
            StatusCode::TOO_EARLY,
            "transient",
            "in-progress",
            "the same request is still being processed",
        )
        .after(causeway_host::limits::RETRY_AFTER_SECONDS)),
        AcceptOutcome::Conflict { .. } => Err(Problem::new(
            StatusCode::CONFLICT,
            "duplicate",
            "idempotency-key-reused",
            "this idempotency key was used before with other content",
        )),
    }
}

fn describe(state: &Shared, caller: &Caller, headers: &HeaderMap) -> Answer<NewMessage> {
    let media_type = text(headers, "content-type")?;
    let kind = media_type.unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("multipart/") || kind.starts_with("application/x-www-form-urlencoded") {
        return Err(unsupported("send the message itself as the body, not a form"));
    }
    let encoding = text(headers, "content-encoding")?.map(str::to_ascii_lowercase);
    if !matches!(encoding.as_deref(), None | Some("identity" | "gzip")) {
        return Err(unsupported("the only content encoding taken is gzip"));
    }
    let mut message = NewMessage::new(new_message_id()?, &caller.organisation.code, "http");
    message.media_type = media_type.map(str::to_owned);
    message.content_encoding = encoding.filter(|e| e == "gzip");
    message.workflow = text(headers, WORKFLOW_HEADER)?.map(str::to_owned);
    message.correlation_id = text(headers, "x-correlation-id")?.map(str::to_owned);
    message.local_id = text(headers, KEY_HEADER)?.map(str::to_owned);
    if let Some(format) = text(headers, FORMAT_HEADER)? {
        if state.adapter(format).is_none() {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-supported",
                "format-unknown",
                "Causeway-Format names no adapter; see /adapters",
            ));
        }
        message.headers.insert(FORMAT_HEADER.to_owned(), format.to_owned());
    }
    if let Some(recipient) = text(headers, RECIPIENT_HEADER)? {
        let (_, code) = CodeSystem::of(recipient).ok_or_else(|| {
            Problem::invalid("recipient-code", "Causeway-Recipient is no ODS, CQC location or CASSR code")
        })?;
        message.headers.insert(RECIPIENT_HEADER.to_owned(), code);
    }
    Ok(message)
}

fn unsupported(text: &'static str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", "media-type", text)
}

fn idempotency_key(caller: &Caller, headers: &HeaderMap) -> Answer<Option<IdempotencyKey>> {
    let Some(key) = text(headers, KEY_HEADER)? else { return Ok(None) };
    if key.len() > crate::limits::IDEMPOTENCY_KEY_CHARS_MAX {
        let text =
            format!("an idempotency key has at most {} characters", crate::limits::IDEMPOTENCY_KEY_CHARS_MAX);
        return Err(Problem::invalid("idempotency-key", text));
    }
    Ok(Some(IdempotencyKey { sender: caller.organisation.code.clone(), request_id: key.to_owned() }))
}

fn answer(id: &MessageId, kept: Kept, replayed: bool) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::ACCEPTED);
    let mut response = (status, kept.body).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&kept.media_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if let Ok(value) = HeaderValue::from_str(&format!("/messages/{id}")) {
        headers.insert(header::LOCATION, value);
    }
    if replayed {
        headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    }
    response
}

/// Whether the caller wants to wait for the translation (`Prefer: respond-sync`).
fn wants_result(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|p| p.trim().eq_ignore_ascii_case("respond-sync"))
}

/// Waits until the message has been translated or refused, or the time is over, and tells how it stands.
async fn wait(state: &Shared, caller: &Caller, id: &MessageId) -> Answer {
    let ready = settled(state, id).await?;
    let status = if ready { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, messages::json_of(state, caller, id).await?).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/messages/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-sync"));
    Ok(response)
}
