//! Where translated bundles go: mailbox copies, deliveries, and what nobody is known to take.

use std::collections::BTreeMap;

use causeway_exchange::route::{Facts, Routes, Target};
use causeway_exchange::{
    Accept, Effects, EngineError, Lease, Message, NewEvent, NewMessage, NewWork, Payload, StoredOutput,
    WorkKind,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::UNRESOLVED;
use super::pieces::{self, Entry};
use super::worker::End;
use super::written::{self, Written};
use crate::accept::RECIPIENT_HEADER;
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

/// The table in force: the document kept with the data, else the configuration file's.
///
/// # Errors
/// What the engine says; [`EngineError::Corrupt`] where the table can't be read as one. Another table in its place would
/// send records where nobody wants them, so nothing is routed: the message is kept and parked, and can be released.
pub fn table(state: &AppState) -> Result<Routes, EngineError> {
    let corrupt = || EngineError::Corrupt("table of routes");
    match state.engine.config(DOCUMENT.0, DOCUMENT.1)? {
        Some((_, json)) => Routes::parse(&json).map_err(|_| corrupt()),
        None => Routes::new(state.config.routes.clone()).map_err(|_| corrupt()),
    }
}

fn takes(state: &AppState, organisation: &str) -> Result<Takes, EngineError> {
    if let Some((_, json)) = state.engine.config(ORGANISATION, organisation)? {
        return serde_json::from_str(&json).map_err(|_| EngineError::Corrupt("document of an organisation"));
    }
    let known = state.config.organisation(organisation);
    Ok(known.map_or_else(Takes::default, |known| Takes {
        mailbox: known.mailbox.clone(),
        endpoint: known.endpoint.clone(),
    }))
}

/// What routes ask of an output.
fn facts<'a>(message: &'a Message, format: &'a str, event: &'a str, recipient: Option<&'a str>) -> Facts<'a> {
    Facts {
        sender: &message.new.sender,
        format,
        workflow: message.new.workflow.as_deref().unwrap_or_default(),
        event,
        recipient,
        // Nobody but the national service may say where a person is registered; it is not connected.
        registered_practice: None,
    }
}

/// Whom an output is for. What the content says comes before what the sender said at the door.
fn recipient<'a>(message: &'a Message, entry: &'a Entry) -> Option<&'a str> {
    let stated = message.new.headers.get(RECIPIENT_HEADER).map(String::as_str);
    entry.recipient.as_deref().or(stated)
}

/// Whether a route takes an output anywhere but to the record.
pub(super) fn goes_anywhere(routes: &Routes, message: &Message, format: &str, entry: &Entry) -> bool {
    let routed = routes.route(&facts(message, format, &entry.event, recipient(message, entry)));
    !routed.unresolved.is_empty() || routed.deliveries.iter().any(|d| d.target != Target::Record)
}

/// How the timeline tells of deliveries.
pub(super) enum Tell {
    /// Each one.
    Each,
    /// How many of a kind, with the same words: a timeline has no room for a million.
    Together(BTreeMap<(&'static str, String), u64>),
}

/// Where outputs of one message go.
pub(super) struct Outgoing<'a> {
    pub(super) state: &'a AppState,
    pub(super) message: &'a Message,
    /// Key under which work about one person keeps its order.
    pub(super) key: Option<&'a str>,
    pub(super) effects: &'a mut Effects,
    pub(super) tell: Tell,
}

impl Outgoing<'_> {
    /// Adds the deliveries of outputs; `first` is the number of the first.
    ///
    /// # Errors
    /// What the engine says of a receiver's document.
    pub(super) fn all(
        &mut self,
        routes: &Routes,
        format: &str,
        first: u64,
        entries: &[Entry],
    ) -> Result<(), EngineError> {
        for (number, entry) in (first..).zip(entries) {
            let recipient = recipient(self.message, entry);
            let routed = routes.route(&facts(self.message, format, &entry.event, recipient));
            let delivery = |route: &str| Delivery {
                output: usize::try_from(number).unwrap_or(usize::MAX),
                route: route.to_owned(),
                event: entry.event.clone(),
                recipient: recipient.map(str::to_owned),
            };
            for decision in routed.deliveries {
                self.deliver(&entry.output, &delivery(decision.route), decision.target, decision.send)?;
            }
            for route in routed.unresolved {
                self.unresolved(&delivery(route));
            }
        }
        Ok(())
    }

    /// An event about an output, whose name may stand in front of what is the same for many.
    fn tell(&mut self, kind: &'static str, name: &str, text: String) {
        match &mut self.tell {
            Tell::Each => {
                self.effects.events.push(NewEvent::new(
                    kind,
                    "causeway",
                    format!("{name}{text}").trim_start(),
                ));
            }
            Tell::Together(counts) => *counts.entry((kind, text)).or_default() += 1,
        }
    }

    fn unresolved(&mut self, delivery: &Delivery) {
        let text = format!("route {}: the receiver is not known", delivery.route);
        self.tell("route-unresolved", "", text);
        self.effects.work.push(work(UNRESOLVED, delivery, self.key));
    }

    fn deliver(
        &mut self,
        output: &StoredOutput,
        delivery: &Delivery,
        target: Target,
        send: &str,
    ) -> Result<(), EngineError> {
        match target {
            Target::Record => {}
            Target::Endpoint(endpoint) => {
                let text = format!(" to endpoint {endpoint} by route {}", delivery.route);
                self.tell("routed", &output.name, text);
                self.effects.work.push(work(&endpoint, delivery, self.key));
            }
            Target::Mailbox(mailbox) => {
                let made = match written::write(self.state, self.message, output, delivery.output, send) {
                    Ok(made) => made,
                    Err(why) => {
                        let text = format!("for mailbox {mailbox} by route {}: {why}", delivery.route);
                        self.tell(written::NOT_WRITTEN, "", text);
                        self.effects.work.push(work(UNRESOLVED, delivery, self.key));
                        return Ok(());
                    }
                };
                let text = format!("{} to mailbox {mailbox} by route {}", made.words, delivery.route);
                self.tell("routed", &output.name, text);
                self.effects.messages.push(copy(self.message, made, &mailbox, self.key)?);
            }
            Target::Organisation(code) => {
                let takes = takes(self.state, &code)?;
                match (takes.endpoint, takes.mailbox) {
                    (Some(endpoint), _) => {
                        self.deliver(output, delivery, Target::Endpoint(endpoint), send)?
                    }
                    (None, Some(mailbox)) => {
                        self.deliver(output, delivery, Target::Mailbox(mailbox), send)?
                    }
                    (None, None) => self.unresolved(delivery),
                }
            }
        }
        Ok(())
    }
}

fn work(destination: &str, delivery: &Delivery, key: Option<&str>) -> NewWork {
    let mut work = NewWork::new(WorkKind::Deliver, destination);
    work.order_key = key.map(str::to_owned);
    work.detail = json!(delivery).to_string();
    work
}

/// A message in a mailbox's inbox, derived from another.
fn derived(
    message: &Message,
    mailbox: &str,
    media_type: &str,
    bytes: Vec<u8>,
) -> Result<Accept, EngineError> {
    let id = new_message_id().map_err(|error| EngineError::Storage(error.to_string()))?;
    let mut new = NewMessage::new(id, &message.new.sender, "broker");
    new.mailbox_to = Some(mailbox.to_owned());
    new.mailbox_from = message.new.mailbox_to.clone();
    new.inbox = true;
    new.media_type = Some(media_type.to_owned());
    new.correlation_id = message.new.correlation_id.clone();
    new.linked = Some(message.new.id.clone());
    Ok(Accept { message: new, payload: Payload::Bytes(bytes), key: None, effects: Effects::default() })
}

fn copy(message: &Message, made: Written, mailbox: &str, key: Option<&str>) -> Result<Accept, EngineError> {
    let mut copy = derived(message, mailbox, &made.media_type, made.bytes)?;
    copy.message.workflow = Some(message.new.workflow.clone().unwrap_or_else(|| WORKFLOW.to_owned()));
    copy.message.local_id = message.new.local_id.clone();
    copy.message.person_key = key.map(str::to_owned);
    copy.message.file_name = Some(made.file_name);
    let text = format!("from message {}", message.new.id);
    copy.effects.events.push(NewEvent::new("derived", "causeway", &text));
    copy.effects.events.extend(made.events);
    copy.effects.translation = made.left_behind;
    Ok(copy)
}

/// Sends a format's own acknowledgement back by the way the message came, where that was a mailbox. Other
/// doors give it as their answer, or the sender reads it at `/messages/{id}/acknowledgement`.
///
/// # Errors
/// There is no id for it.
pub(super) fn acknowledge(
    message: &Message,
    acknowledgement: &StoredOutput,
    effects: &mut Effects,
) -> Result<(), EngineError> {
    let Some(mailbox) = message.new.mailbox_from.as_deref() else { return Ok(()) };
    let mut back = derived(message, mailbox, &acknowledgement.media_type, acknowledgement.bytes.clone())?;
    back.message.workflow = message.new.workflow.as_ref().map(|w| format!("{w}_ACK"));
    back.message.local_id = message.new.local_id.clone();
    effects.events.push(NewEvent::new("acknowledgement-sent", "causeway", &format!("to mailbox {mailbox}")));
    effects.messages.push(back);
    Ok(())
}

/// A delivery whose receiver was not known, tried anew: a person released it, or it is its first time.
pub(super) fn again(state: &AppState, lease: &Lease) -> End {
    let Ok(delivery) = serde_json::from_str::<Delivery>(&lease.item.work.detail) else {
        return End::park("instructions", "the instructions of this delivery can't be read");
    };
    let id = &lease.item.message;
    let found = state.engine.message(id).and_then(|m| Ok((m, state.contents.translation_head(id)?)));
    let (message, translation) = match found {
        Ok((Some(message), Some(head))) => (message, head.translation),
        Ok(_) => return End::park("not-found", "the message has no translation"),
        Err(error) => return End::of(state, &error),
    };
    let output = match pieces::bundle(state, id, &translation, delivery.output as u64) {
        Ok(Some(output)) => output,
        Ok(None) => return End::park("not-found", "the translation no longer has this output"),
        Err(error) => return End::of(state, &error),
    };
    let facts = facts(&message, &translation.adapter, &delivery.event, delivery.recipient.as_deref());
    let routes = match table(state) {
        Ok(routes) => routes,
        Err(error) => return End::of(state, &error),
    };
    let mut effects = Effects::default();
    let key = lease.item.work.order_key.as_deref();
    let mut out = Outgoing { state, message: &message, key, effects: &mut effects, tell: Tell::Each };
    for decision in routes.route(&facts).deliveries.into_iter().filter(|d| d.route == delivery.route) {
        if let Err(error) = out.deliver(&output, &delivery, decision.target, decision.send) {
            return End::of(state, &error);
        }
    }
    if let Some(event) = effects.events.iter().find(|e| e.kind.0 == written::NOT_WRITTEN) {
        return End::park("not-expressible", &event.detail);
    }
    if effects.work.iter().any(|w| w.destination == UNRESOLVED) || effects.events.is_empty() {
        return End::park("receiver-unknown", "the message names no receiver that is known here");
    }
    End::Done(Box::new(effects))
}
