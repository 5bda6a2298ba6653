//! Where translated bundles go: mailbox copies, deliveries, and what nobody is known to take.

use causeway_adapter::Adapter;
use causeway_exchange::route::{Facts, Routes, Target};
use causeway_exchange::{
    Accept, Effects, Lease, Message, NewEvent, NewMessage, NewWork, Payload, StoredOutput, WorkKind,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::UNRESOLVED;
use super::translate::single;
use super::worker::End;
use super::written::{self, Written};
use crate::doors::http::RECIPIENT_HEADER;
use crate::state::{AppState, new_message_id};

/// Configuration document with the table of routes.
pub const DOCUMENT: (&str, &str) = ("route", "table");
/// Configuration documents with an organisation's mailbox and endpoint.
pub const ORGANISATION: &str = "organisation";
/// Workflow of mailbox copies of a message that came without one.
const WORKFLOW: &str = "CAUSEWAY_FHIR";

/// Instructions of a delivery: which output, by which route. The delivery worker reads it from
/// [`NewWork::detail`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Output of the message's translation, from 0.
    pub output: usize,
    /// Route that asked for it.
    pub route: String,
    /// Event in the format's words.
    #[serde(default)]
    pub event: String,
    /// Organisation that the source addresses.
    #[serde(default)]
    pub recipient: Option<String>,
}

/// Where an organisation takes messages, as kept in its document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Takes {
    mailbox: Option<String>,
    endpoint: Option<String>,
}

/// The table in force: the document kept with the data, else the configuration file's. A broken document
/// routes nothing but keeps everything: all that it would have delivered can be replayed.
pub(super) fn table(state: &AppState) -> Routes {
    match state.engine.config(DOCUMENT.0, DOCUMENT.1) {
        Ok(Some((_, json))) => match Routes::parse(&json) {
            Ok(routes) => return routes,
            Err(error) => {
                tracing::error!(error = %error, "the table of routes is broken; the file's is used")
            }
        },
        Ok(None) => {}
        Err(error) => {
            tracing::error!(error = %error, "the table of routes can't be read; the file's is used")
        }
    }
    Routes::new(state.config.routes.clone()).unwrap_or_default()
}

fn takes(state: &AppState, organisation: &str) -> Takes {
    let kept = state.engine.config(ORGANISATION, organisation).ok().flatten();
    let kept: Option<Takes> = kept.and_then(|(_, json)| serde_json::from_str(&json).ok());
    kept.or_else(|| {
        let known = state.config.organisation(organisation)?;
        Some(Takes { mailbox: known.mailbox.clone(), endpoint: known.endpoint.clone() })
    })
    .unwrap_or_default()
}

/// Adds the deliveries of every output to the effects.
#[allow(clippy::too_many_arguments)]
pub(super) fn deliveries(
    state: &AppState,
    routes: &Routes,
    message: &Message,
    adapter: &dyn Adapter,
    made: &causeway_adapter::Translation,
    outputs: &[StoredOutput],
    persons: &[String],
    effects: &mut Effects,
) {
    let key = single(persons);
    for (number, (output, stored)) in made.outputs.iter().zip(outputs).enumerate() {
        // What the content says comes before what the sender said at the door.
        let recipient =
            output.recipient.clone().or_else(|| message.new.headers.get(RECIPIENT_HEADER).cloned());
        let facts = Facts {
            sender: &message.new.sender,
            format: adapter.name(),
            workflow: message.new.workflow.as_deref().unwrap_or_default(),
            event: &output.event,
            recipient: recipient.as_deref(),
            // Nobody but the national service may say where a person is registered; it is not connected.
            registered_practice: None,
        };
        let routed = routes.route(&facts);
        let delivery = |route: &str| Delivery {
            output: number,
            route: route.to_owned(),
            event: output.event.clone(),
            recipient: recipient.clone(),
        };
        for decision in routed.deliveries {
            let to = (decision.target, decision.send);
            deliver(state, message, stored, &delivery(decision.route), to, key.as_deref(), effects);
        }
        for route in routed.unresolved {
            unresolved(&delivery(route), key.as_deref(), effects);
        }
    }
}

fn unresolved(delivery: &Delivery, key: Option<&str>, effects: &mut Effects) {
    let text = format!("route {}: the receiver is not known", delivery.route);
    effects.events.push(NewEvent::new("route-unresolved", "causeway", &text));
    effects.work.push(work(UNRESOLVED, delivery, key));
}

fn work(destination: &str, delivery: &Delivery, key: Option<&str>) -> NewWork {
    let mut work = NewWork::new(WorkKind::Deliver, destination);
    work.order_key = key.map(str::to_owned);
    work.detail = json!(delivery).to_string();
    work
}

fn deliver(
    state: &AppState,
    message: &Message,
    output: &StoredOutput,
    delivery: &Delivery,
    (target, send): (Target, &str),
    key: Option<&str>,
    effects: &mut Effects,
) {
    match target {
        Target::Record => {}
        Target::Endpoint(endpoint) => {
            let text = format!("{} to endpoint {endpoint} by route {}", output.name, delivery.route);
            effects.events.push(NewEvent::new("routed", "causeway", &text));
            effects.work.push(work(&endpoint, delivery, key));
        }
        Target::Mailbox(mailbox) => {
            let made = match written::write(state, message, output, delivery.output, send) {
                Ok(made) => made,
                Err(why) => {
                    let text = format!("for mailbox {mailbox} by route {}: {why}", delivery.route);
                    effects.events.push(NewEvent::new(written::NOT_WRITTEN, "causeway", &text));
                    effects.work.push(work(UNRESOLVED, delivery, key));
                    return;
                }
            };
            let text =
                format!("{}{} to mailbox {mailbox} by route {}", output.name, made.words, delivery.route);
            effects.events.push(NewEvent::new("routed", "causeway", &text));
            if let Some(copy) = copy(message, made, &mailbox, key) {
                effects.messages.push(copy);
            }
        }
        Target::Organisation(code) => {
            let takes = takes(state, &code);
            match (takes.endpoint, takes.mailbox) {
                (Some(endpoint), _) => {
                    let to = (Target::Endpoint(endpoint), send);
                    deliver(state, message, output, delivery, to, key, effects);
                }
                (None, Some(mailbox)) => {
                    let to = (Target::Mailbox(mailbox), send);
                    deliver(state, message, output, delivery, to, key, effects);
                }
                (None, None) => unresolved(delivery, key, effects),
            }
        }
    }
}

/// A message in a mailbox's inbox, derived from another.
fn derived(message: &Message, mailbox: &str, media_type: &str, bytes: Vec<u8>) -> Option<Accept> {
    let mut new = NewMessage::new(new_message_id().ok()?, &message.new.sender, "broker");
    new.mailbox_to = Some(mailbox.to_owned());
    new.mailbox_from = message.new.mailbox_to.clone();
    new.inbox = true;
    new.media_type = Some(media_type.to_owned());
    new.correlation_id = message.new.correlation_id.clone();
    new.linked = Some(message.new.id.clone());
    Some(Accept { message: new, payload: Payload::Bytes(bytes), key: None, effects: Effects::default() })
}

fn copy(message: &Message, made: Written, mailbox: &str, key: Option<&str>) -> Option<Accept> {
    let mut copy = derived(message, mailbox, &made.media_type, made.bytes)?;
    copy.message.workflow = Some(message.new.workflow.clone().unwrap_or_else(|| WORKFLOW.to_owned()));
    copy.message.local_id = message.new.local_id.clone();
    copy.message.person_key = key.map(str::to_owned);
    copy.message.file_name = Some(made.file_name);
    let text = format!("from message {}", message.new.id);
    copy.effects.events.push(NewEvent::new("derived", "causeway", &text));
    copy.effects.events.extend(made.events);
    copy.effects.translation = made.left_behind;
    Some(copy)
}

/// Sends a format's own acknowledgement back by the way the message came, where that was a mailbox. Other
/// doors give it as their answer, or the sender reads it at `/messages/{id}/acknowledgement`.
pub(super) fn acknowledge(message: &Message, acknowledgement: &StoredOutput, effects: &mut Effects) {
    let Some(mailbox) = message.new.mailbox_from.as_deref() else { return };
    let back = derived(message, mailbox, &acknowledgement.media_type, acknowledgement.bytes.clone());
    let Some(mut back) = back else { return };
    back.message.workflow = message.new.workflow.as_ref().map(|w| format!("{w}_ACK"));
    back.message.local_id = message.new.local_id.clone();
    effects.events.push(NewEvent::new("acknowledgement-sent", "causeway", &format!("to mailbox {mailbox}")));
    effects.messages.push(back);
}

/// A delivery whose receiver was not known, tried anew: a person released it, or it is its first time.
pub(super) fn again(state: &AppState, lease: &Lease) -> End {
    let Ok(delivery) = serde_json::from_str::<Delivery>(&lease.item.work.detail) else {
        return End::park("instructions", "the instructions of this delivery can't be read");
    };
    let id = &lease.item.message;
    let found = state.engine.message(id).and_then(|m| Ok((m, state.engine.translation(id)?)));
    let (message, translation) = match found {
        Ok((Some(message), Some(translation))) => (message, translation),
        Ok(_) => return End::park("not-found", "the message has no translation"),
        Err(error) => return End::of(state, lease, &error),
    };
    let Some(output) = translation.outputs.get(delivery.output) else {
        return End::park("not-found", "the translation no longer has this output");
    };
    let facts = Facts {
        sender: &message.new.sender,
        format: &translation.adapter,
        workflow: message.new.workflow.as_deref().unwrap_or_default(),
        event: &delivery.event,
        recipient: delivery.recipient.as_deref(),
        registered_practice: None,
    };
    let routes = table(state);
    let key = lease.item.work.order_key.as_deref();
    let mut effects = Effects::default();
    for decision in routes.route(&facts).deliveries.into_iter().filter(|d| d.route == delivery.route) {
        let to = (decision.target, decision.send);
        deliver(state, &message, output, &delivery, to, key, &mut effects);
    }
    if let Some(event) = effects.events.iter().find(|e| e.kind.0 == written::NOT_WRITTEN) {
        return End::park("not-expressible", &event.detail);
    }
    if effects.work.iter().any(|w| w.destination == UNRESOLVED) || effects.events.is_empty() {
        return End::park("receiver-unknown", "the message names no receiver that is known here");
    }
    End::Done(Box::new(effects))
}
