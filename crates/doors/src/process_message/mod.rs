//! FHIR messaging with the Booking and Referral rules (BaRS Core 1.2): `$process-message`.
//!
//! A message is durable, with what is to be done with it, before it is answered. Addressed to one of our own
//! services it becomes part of the record; addressed to an endpoint it is passed on and the receiver's answer
//! comes back; addressed to an organisation with a mailbox it waits there. A retry (same body, same request id)
//! does nothing a second time: 409 with issue `duplicate` when the first was done, 425 while it is under way,
//! and the first one's failure where it failed.

mod answer;
mod door;
mod headers;
mod reads;
mod target;

use axum::Router;
use axum::routing::post;
use causeway_broker::state::Shared;

pub use reads::held as hold_reads;

/// Bytes of a message Bundle.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Routes of this door.
pub fn router() -> Router<Shared> {
    // Some clients write the dollar sign in its escaped form.
    ["/fhir/$process-message", "/fhir/%24process-message", "/$process-message", "/%24process-message"]
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, post(door::process_message)))
}
