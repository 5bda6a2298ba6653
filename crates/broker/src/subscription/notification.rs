//! Notifications: Bundles of type history whose first entry is the status, in R4 a Parameters resource.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Subscription;
use super::request::Content;

/// Profiles of the backport.
const PROFILES: &str =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-";

/// The kind of an answer about events of before.
pub const QUERY_EVENT: &str = "query-event";

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number, from 1.
    pub number: u64,
    /// When the record took it in.
    pub at: Timestamp,
    /// What it is about: `Type/id`.
    pub focus: String,
    /// That resource, where it is sent whole.
    pub resource: Option<Value>,
}

/// What a status tells.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// `handshake`, `heartbeat`, `event-notification`, `query-status`, `query-event`.
    pub kind: &'static str,
    /// Events since the subscription began.
    pub events: u64,
    /// What is told of: one in a notification, any number in an answer about events of before.
    pub told: &'a [Event],
    /// How much of them is told.
    pub content: Content,
}

/// The status of a subscription. `base`: of the FHIR API with a slash at its end, or empty.
pub fn status(one: &Subscription, base: &str, told: &Told<'_>) -> Value {
    let content = told.content;
    let asked = one.asked().ok();
    let mut parameters = vec![
        json!({"name": "subscription", "valueReference": {"reference": format!("{base}Subscription/{}", one.id)}}),
    ];
    if let Some(asked) = asked.filter(|_| content != Content::Empty) {
        parameters.push(json!({"name": "topic", "valueCanonical": asked.topic_url}));
    }
    parameters.push(json!({"name": "status", "valueCode": one.status.code()}));
    parameters.push(json!({"name": "type", "valueCode": told.kind}));
    // No 64-bit integers in R4: numbers of events are text.
    parameters
        .push(json!({"name": "events-since-subscription-start", "valueString": told.events.to_string()}));
    for event in told.told {
        let mut parts = vec![
            json!({"name": "event-number", "valueString": event.number.to_string()}),
            json!({"name": "timestamp", "valueInstant": event.at.to_string()}),
        ];
        if content != Content::Empty {
            parts.push(
                json!({"name": "focus", "valueReference": {"reference": format!("{base}{}", event.focus)}}),
            );
        }
        parameters.push(json!({"name": "notification-event", "part": parts}));
    }
    if !one.error.is_empty() {
        parameters.push(json!({"name": "error", "valueCodeableConcept": {"text": one.error}}));
    }
    let id = own_id(one, told);
    json!({
        "resourceType": "Parameters",
        "id": id,
        "meta": {"profile": [format!("{PROFILES}status-r4")]},
        "parameter": parameters,
    })
}

/// The same for the same notification, however often it is sent.
fn own_id(one: &Subscription, told: &Told<'_>) -> String {
    let mut name = format!("{}|{}|{}", one.id, told.kind, told.events);
    if told.kind == QUERY_EVENT {
        let numbers = told.told.iter().map(|event| event.number.to_string());
        name.push_str(&format!("|{}|{}", told.content.code(), numbers.collect::<Vec<_>>().join(",")));
    }
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).hyphenated().to_string()
}

/// A notification.
pub fn bundle(one: &Subscription, base: &str, told: &Told<'_>, now: Timestamp) -> Value {
    let status = status(one, base, told);
    let id = status["id"].clone();
    let mut entries = vec![json!({
        "fullUrl": format!("urn:uuid:{}", id.as_str().unwrap_or_default()),
        "resource": status,
        "request": {"method": "GET", "url": format!("{base}Subscription/{}/$status", one.id)},
        "response": {"status": "200"},
    })];
    for event in told.told {
        let Some(resource) = &event.resource else { continue };
        let (kind, id) = event.focus.split_once('/').unwrap_or_default();
        let full = if base.is_empty() { format!("urn:uuid:{id}") } else { format!("{base}{}", event.focus) };
        entries.push(json!({
            "fullUrl": full,
            "resource": resource,
            "request": {"method": "PUT", "url": format!("{kind}/{id}")},
            "response": {"status": "200"},
        }));
    }
    json!({
        "resourceType": "Bundle",
        "id": id,
        "meta": {"profile": [format!("{PROFILES}notification-r4")]},
        "type": "history",
        "timestamp": now.to_string(),
        "entry": entries,
    })
}
