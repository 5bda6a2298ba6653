//! From accepted bytes to the record: workers that claim translation and record work.
//!
//! Each step is one lease finished in one transaction. Killed at any point, the work is claimed again after
//! its lease and does the same again.

mod check;
mod content;
mod detect;
mod parts;
mod record;
mod route;
mod translate;
pub mod worker;
mod written;

use causeway_exchange::{Lease, WorkKind};
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::state::{AppState, Shared};
use worker::{End, Worker, Workers};

pub use content::read as read_content;
pub use detect::detect;
pub use parts::joined_content;
pub use route::Delivery;

/// Destination of record work.
pub const RECORD: &str = "record";
/// Destination of deliveries that a route asks for and whose receiver is not known: parked for a person,
/// and routed again when released.
pub const UNRESOLVED: &str = "unresolved";

/// Routes a delivery anew whose receiver was not known (destination [`UNRESOLVED`]). A worker of this crate does
/// it; a worker that claims deliveries of every destination hands such items to this.
pub fn route_again(state: &AppState, lease: &Lease) -> End {
    route::again(state, lease)
}

/// Everything that a translation of this message changes, and the key of the one person it is about: for doors
/// that translate before they answer. `None` where the program failed.
pub(crate) fn translated(
    state: &AppState,
    message: &causeway_exchange::Message,
    adapter: &'static dyn causeway_adapter::Adapter,
    input: &[u8],
) -> Option<(causeway_exchange::Effects, Option<String>)> {
    let routes = route::table(state);
    let detection = adapter.detect(input);
    let (effects, persons) = translate::effects(state, &routes, message, adapter, &detection, input)?;
    Some((effects, translate::single(&persons)))
}

/// Starts the workers. They stop between two claims when `stop` is cancelled and [`crate::signals::Signals::all`] has
/// been called.
pub(crate) fn start(state: &Shared, stop: &CancellationToken) -> Workers {
    let mut workers = Workers::default();
    workers.add(
        Worker::new("translate", WorkKind::Translate, limits::CLAIM_MESSAGES),
        state,
        stop,
        |s, leases| {
            translate::batch(s, leases);
        },
    );
    workers.add(Worker::new("record", WorkKind::Record, limits::CLAIM_MESSAGES), state, stop, |s, leases| {
        record::batch(s, leases);
    });
    let unresolved = Worker::new("unresolved", WorkKind::Deliver, 1).destination(UNRESOLVED);
    workers.add(unresolved, state, stop, |s, leases| {
        for lease in leases {
            worker::one(s, &lease, || route::again(s, &lease));
        }
    });
    workers
}
