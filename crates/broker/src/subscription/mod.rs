//! Topic-based subscriptions in R4 (HL7 Subscriptions R5 Backport 1.2.0): a care team's system hears of an admission.
//!
//! * `request`: what a Subscription asks for; what is not done is refused, never passed over.
//! * `notification`: the Bundles, pure.
//! * `trigger`: which events a message brings about, found when it is part of the record; they are queued in the
//!   transaction that says so.
//! * Notifications go through the delivery engine (`delivery::notification`), one after the other, under the same access
//!   decision as a read; `delivery::subscribers` has handshake, heartbeat and end.
//!
//! * The last events that were told are kept by number for `$events`, without their content: that is read from the record when
//!   it is asked for, under the decision of then.
//!
//! A Subscription is a configuration document. Its events are counted when they are sent: a number is given once, to one
//! event, and given again only to the same event.

pub mod notification;
mod request;
pub(crate) mod trigger;

use causeway_exchange::{EngineError, WorkKind, WorkQuery, WorkState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::state::AppState;

pub use request::{Asked, Content, Fault, Topic};

/// Configuration documents with subscriptions.
pub const DOCUMENT: &str = "subscription";
/// Configuration documents with the events that a subscription was last told.
const SENT: &str = "subscription-events";
/// Events of before that are kept for each subscription.
pub const SENT_KEPT: usize = 100;
/// Subscriptions that there may be.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;
/// Bytes of one.
pub const SUBSCRIPTION_BYTES_MAX: usize = 64 * 1024;
/// Events that are counted of those that wait.
const WAITING_COUNTED: usize = 1_000;

/// Where a subscription stands, in R4's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made or changed; the handshake is to come.
    Requested,
    /// Events are sent.
    Active,
    /// The receiver failed; events are counted and kept. Only the subscriber's update ends this.
    Error,
    /// Over.
    Off,
}

impl Status {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
        }
    }
}

/// A subscription as kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// The Subscription as it was asked for.
    pub resource: Value,
    /// Code of the organisation that hears.
    pub owner: String,
    /// Whether it was made by the operator, whom no decision limits.
    pub operator: bool,
    /// Where it stands.
    pub status: Status,
    /// Why it is in error.
    pub error: String,
    /// Events sent.
    pub delivered: u64,
    /// Work item of the last of them.
    pub last: Option<u64>,
    /// Since when it has stood as it does.
    pub since: jiff::Timestamp,
}

impl Subscription {
    /// What it asks for.
    ///
    /// # Errors
    /// As [`request::read`]; what is kept was read before.
    pub fn asked(&self) -> Result<Asked, Fault> {
        request::read(&self.resource)
    }

    /// As the subscriber may see it: headers may hold secrets and are not shown.
    pub fn shown(&self) -> Value {
        let mut resource = self.resource.clone();
        resource["id"] = self.id.clone().into();
        resource["meta"]["lastUpdated"] = self.since.to_string().into();
        resource["status"] = self.status.code().into();
        if !self.error.is_empty() {
            resource["error"] = self.error.clone().into();
        }
        if let Some(channel) = resource["channel"].as_object_mut() {
            channel.remove("header");
        }
        resource
    }
}

/// Every subscription with its document's version.
///
/// # Errors
/// What the engine says. A document that can't be read is left out and told in the log.
pub fn all(state: &AppState) -> Result<Vec<(u64, Subscription)>, EngineError> {
    let mut found = Vec::new();
    for (key, version, text) in state.engine.configs(DOCUMENT)? {
        match serde_json::from_str(&text) {
            Ok(subscription) => found.push((version, subscription)),
            Err(_) => tracing::error!(subscription = key, "a subscription can't be read"),
        }
    }
    Ok(found)
}

/// One.
///
/// # Errors
/// What the engine says.
pub fn get(state: &AppState, id: &str) -> Result<Option<(u64, Subscription)>, EngineError> {
    let kept = state.engine.config(DOCUMENT, id)?;
    let Some((version, text)) = kept else { return Ok(None) };
    let subscription =
        serde_json::from_str(&text).map_err(|_| EngineError::Corrupt("subscription document"))?;
    Ok(Some((version, subscription)))
}

/// Keeps one, where nobody changed it meanwhile.
///
/// # Errors
/// [`EngineError::VersionConflict`]; what the engine says. 0 is the version of what is not there yet.
pub fn keep(state: &AppState, one: &Subscription, expect: u64) -> Result<(), EngineError> {
    let text = json!(one).to_string();
    let now = state.clock.now();
    state.engine.put_config(DOCUMENT, &one.id, Some(&text), Some(expect), &one.owner, now).map(drop)
}

/// Changes one, however often somebody else is quicker.
///
/// # Errors
/// What the engine says.
pub fn change(state: &AppState, id: &str, mut how: impl FnMut(&mut Subscription)) -> Result<(), EngineError> {
    loop {
        let Some((version, mut one)) = get(state, id)? else { return Ok(()) };
        let before = one.clone();
        how(&mut one);
        if one == before {
            return Ok(());
        }
        match keep(state, &one, version) {
            Err(EngineError::VersionConflict(_)) => {}
            other => return other,
        }
    }
}

/// Destination of a subscription's notifications.
pub fn destination(id: &str) -> String {
    format!("{PREFIX}{id}")
}

const PREFIX: &str = "subscription/";

/// The subscription whose notifications go to a destination.
pub(crate) fn of_destination(destination: &str) -> Option<&str> {
    destination.strip_prefix(PREFIX)
}

/// Events that wait to be sent; not the one that is counted already and about to leave the queue.
///
/// # Errors
/// What the engine says.
pub fn waiting(state: &AppState, one: &Subscription) -> Result<u64, EngineError> {
    let query = WorkQuery {
        kind: Some(WorkKind::Deliver),
        destination: Some(destination(&one.id)),
        limit: WAITING_COUNTED,
        ..WorkQuery::default()
    };
    let items = state.engine.work(&query)?;
    Ok(items.iter().filter(|item| one.last != Some(item.id.0)).count() as u64)
}

/// Lets what was given up go on: the subscriber is there again.
pub(crate) fn release(state: &AppState, one: &Subscription) -> Result<(), EngineError> {
    let query = WorkQuery {
        kind: Some(WorkKind::Deliver),
        state: Some(WorkState::Parked),
        destination: Some(destination(&one.id)),
        limit: WAITING_COUNTED,
        ..WorkQuery::default()
    };
    let now = state.clock.now();
    for item in state.engine.work(&query)? {
        state.engine.unpark(item.id, &one.owner, now, now)?;
    }
    state.signals.work(WorkKind::Deliver);
    Ok(())
}

/// The status of a subscription, as its `$status` says.
///
/// # Errors
/// What the engine says.
pub fn status(state: &AppState, one: &Subscription) -> Result<Value, EngineError> {
    let events = one.delivered + waiting(state, one)?;
    let content = one.asked().map_or(Content::Empty, |asked| asked.content);
    let told = notification::Told { kind: "query-status", events, told: &[], content };
    Ok(notification::status(one, &base(state), &told))
}

/// Base URL of the FHIR API, empty where the operator set none: then references are relative.
pub fn base(state: &AppState) -> String {
    state
        .config
        .public_url
        .as_ref()
        .map_or_else(String::new, |url| format!("{}/fhir/", url.trim_end_matches('/')))
}

/// An event that was told, by its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) number: u64,
    pub(crate) event: trigger::Event,
}

/// The last events that a subscription was told, the oldest first: [`SENT_KEPT`] of them.
///
/// # Errors
/// What the engine says.
pub(crate) fn sent(state: &AppState, id: &str) -> Result<Vec<Sent>, EngineError> {
    let Some((_, text)) = state.engine.config(SENT, id)? else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|_| EngineError::Corrupt("events of a subscription"))
}

/// Keeps one more; the same again changes nothing.
///
/// # Errors
/// What the engine says.
pub(crate) fn keep_sent(state: &AppState, one: &Subscription, sent_now: Sent) -> Result<(), EngineError> {
    let mut kept = sent(state, &one.id)?;
    kept.retain(|before| before.number != sent_now.number);
    kept.push(sent_now);
    let surplus = kept.len().saturating_sub(SENT_KEPT);
    kept.drain(..surplus);
    let text = json!(kept).to_string();
    state.engine.put_config(SENT, &one.id, Some(&text), None, &one.owner, state.clock.now()).map(drop)
}

/// Ends one for good; what waits for it is not sent.
///
/// # Errors
/// What the engine says.
pub fn remove(state: &AppState, one: &Subscription) -> Result<(), EngineError> {
    let now = state.clock.now();
    state.engine.put_config(DOCUMENT, &one.id, None, None, &one.owner, now)?;
    if state.engine.config(SENT, &one.id)?.is_some() {
        state.engine.put_config(SENT, &one.id, None, None, &one.owner, now)?;
    }
    Ok(())
}
