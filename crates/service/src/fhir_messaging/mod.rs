//! FHIR messaging with the Booking and Referral rules (BaRS Core 1.2): `$process-message`.
//!
//! A message is durable, with what is to be done with it, before it is answered. Addressed to one of our own
//! services it becomes part of the record; addressed to an endpoint it is passed on and the receiver's answer
//! comes back; addressed to an organisation with a mailbox it waits there. A retry (same body, same two ids)
//! does nothing a second time: 409 with issue `duplicate` when the first was done, 425 while it is under way,
//! and the first one's failure where it failed.

use serde::Deserialize;

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

/// Seconds after which the sender of a passed-on message gets 408 (BaRS).
pub const TIMEOUT_SECONDS: u64 = 32;
