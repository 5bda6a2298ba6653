//! FHIR messaging with the Booking and Referral rules (BaRS Core 1.2): `$process-message`.
//!
//! A message is durable, with what is to be done with it, before it is answered. Addressed to one of our own
//! services it becomes part of the record; addressed to an endpoint it is passed on and the receiver's answer
//! comes back; addressed to an organisation with a mailbox it waits there. A retry (same body, same request id)
//! does nothing a second time: 409 with issue `duplicate` when the first was done, 425 while it is under way,
//! and the first one's failure where it failed.

pub mod adapter;
pub mod answer;
mod door;
mod headers;
mod target;

use axum::Router;
use axum::routing::post;
use causeway_exchange::Message;
use serde::Deserialize;

use crate::state::Shared;

/// Route of deliveries that pass a message on while its sender waits.
pub const ROUTE: &str = "process-message";
/// Header of a request's id.
pub const REQUEST_ID: &str = "x-request-id";
/// Header of the id that a request shares with its updates and responses.
pub const CORRELATION_ID: &str = "x-correlation-id";
/// Headers that are passed on to the receiver as they came, besides the two ids and `accept`.
pub const FORWARDED: &[&str] = &[
    "nhsd-target-identifier",
    "nhsd-end-user-organisation",
    "nhsd-requesting-software",
    "nhsd-requesting-practitioner",
    "use-context",
];
/// Seconds after which the sender of a passed-on message gets 408 (BaRS).
pub const TIMEOUT_SECONDS: u64 = 32;
/// Bytes of a message Bundle.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Settings of FHIR messaging.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Our own service identifiers (`value` or `system|value`): messages addressed to them go into the record.
    pub services: Vec<String>,
    /// Seconds that a sender waits at most for a receiver to whom its message is passed on.
    pub timeout_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { services: Vec::new(), timeout_seconds: TIMEOUT_SECONDS }
    }
}

/// Routes of this door.
pub fn router() -> Router<Shared> {
    // Some clients write the dollar sign in its escaped form.
    ["/fhir/$process-message", "/fhir/%24process-message", "/$process-message", "/%24process-message"]
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, post(door::process_message)))
}

/// A header of a message that came through this door, to be passed on.
pub fn forwarded<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.new.headers.get(name).map(String::as_str).filter(|_| message.new.door == DOOR)
}

/// Name of this door.
pub const DOOR: &str = "fhir-messaging";
