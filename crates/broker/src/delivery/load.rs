//! What is sent, read from the message and its translation and written in the endpoint's format.

use causeway_adapter::Context;
use causeway_exchange::{Lease, Message, NewEvent, StoredOutput};
use serde_json::Value;
use uuid::Uuid;

use super::config::Endpoint;
use super::limits::LEFT_BEHIND_MAX;
use super::parcel::Parcel;
use super::{notification, watch};
use crate::bars;
use crate::pipeline::worker::End;
use crate::pipeline::{Delivery, pieces, read_content};
use crate::state::{AppState, original_uri};
use crate::subscription;

/// Reads and, where asked for, encodes.
pub(super) fn load(state: &AppState, endpoint: &Endpoint, lease: &Lease) -> Result<Parcel, End> {
    if let Some(id) = subscription::of_destination(&lease.item.work.destination) {
        return notification::load(state, id, lease);
    }
    let Ok(delivery) = serde_json::from_str::<Delivery>(&lease.item.work.detail) else {
        return Err(End::park("instructions", "the instructions of this delivery can't be read"));
    };
    let id = &lease.item.message;
    let message = match state.engine.message(id) {
        Ok(Some(message)) => message,
        Ok(None) => return Err(End::park("not-found", "the message is not there")),
        Err(error) => return Err(End::of(state, &error)),
    };
    let passed_on = delivery.route == bars::ROUTE;
    let mut events = Vec::new();
    let (bytes, media_type) = if passed_on || endpoint.send == "original" {
        let content = read_content(state, &message).map_err(|e| End::of(state, &e))?;
        let media_type =
            message.new.media_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        (content.bytes, media_type)
    } else {
        let translation = match state.contents.translation_head(id) {
            Ok(Some(head)) => head.translation,
            Ok(None) => return Err(End::park("not-found", "the message has no translation")),
            Err(error) => return Err(End::of(state, &error)),
        };
        let output = match pieces::bundle(state, id, &translation, delivery.output as u64) {
            Ok(Some(output)) => output,
            Ok(None) => return Err(End::park("not-found", "the translation no longer has this output")),
            Err(error) => return Err(End::of(state, &error)),
        };
        encode(state, endpoint, &message, output, &mut events)?
    };
    let name = if lease.item.work.replay {
        format!("{id}|{}|{}|{}", delivery.output, endpoint.name, lease.item.id.0)
    } else {
        format!("{id}|{}|{}", delivery.output, endpoint.name)
    };
    let own_id = |name: &str| Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).hyphenated().to_string();
    let header = |name: &str| message.new.headers.get(name).filter(|_| passed_on).cloned();
    Ok(Parcel {
        request_id: header(bars::REQUEST_ID).unwrap_or_else(|| own_id(&name)),
        correlation_id: message.new.correlation_id.clone().unwrap_or_else(|| own_id(&original_uri(id))),
        reference: watch::reference(&message, &bytes),
        requested: watch::requested(&bytes),
        message,
        delivery,
        bytes,
        media_type,
        events,
    })
}

fn encode(
    state: &AppState,
    endpoint: &Endpoint,
    message: &Message,
    output: StoredOutput,
    events: &mut Vec<NewEvent>,
) -> Result<(Vec<u8>, String), End> {
    if endpoint.send == "bundle" {
        return Ok((output.bytes, output.media_type));
    }
    let Some(adapter) = state.writer(&endpoint.send) else {
        return Err(End::park("format-unknown", "the endpoint asks for a format that no adapter writes"));
    };
    let Ok(bundle) = serde_json::from_slice::<Value>(&output.bytes) else {
        return Err(End::park("not-readable", "the translated bundle can't be read"));
    };
    let context: Context = state.context(&message.new.sender, message.received_at, &message.new.id, false);
    let encoded = adapter
        .encode(&bundle, &context)
        .map_err(|issue| End::park("not-expressible", &format!("{} ({})", issue.text, issue.rule)))?;
    let left = encoded.left_behind.len();
    let text = format!("written as {}; {left} elements of the bundle left behind", adapter.written().1);
    events.push(NewEvent::new("encoded", adapter.name(), &text));
    for issue in encoded.left_behind.iter().take(LEFT_BEHIND_MAX) {
        let at = issue.position.as_ref().map(|p| p.path.as_str()).unwrap_or_default();
        let text = format!("{at}: {} ({})", issue.text, issue.rule);
        events.push(NewEvent::new("left-behind", adapter.name(), &text));
    }
    if left > LEFT_BEHIND_MAX {
        let text = format!("{} more elements left behind", left - LEFT_BEHIND_MAX);
        events.push(NewEvent::new("left-behind", adapter.name(), &text));
    }
    Ok((encoded.bytes, encoded.media_type.to_owned()))
}
