//! From accepted bytes to the record: workers that claim translation and record work.
//!
//! Each step is one lease finished in one transaction. Killed at any point, the work is claimed again after
//! its lease and does the same again.

mod check;
mod collect;
mod content;
mod detect;
mod fault;
pub mod follow;
mod made;
mod parts;
pub mod pieces;
mod record;
mod route;
mod slices;
mod translate;
pub mod worker;
mod written;

use causeway_access::OpenedMessage;
use causeway_exchange::{EngineError, Lease, WorkKind};
use tokio_util::sync::CancellationToken;
use worker::{End, Worker, Workers};

use crate::state::{AppState, Shared};
use crate::traces::{Fact, Step};

pub(crate) use content::read as read_content;
pub use content::unpack;
pub use detect::detect;
pub use parts::forget as forget_parts;
pub use route::{Delivery, table as routes};

/// Destination of record work.
pub const RECORD: &str = "record";
/// Destination of record work on a translation in pieces.
pub const RECORD_PIECES: &str = "record-pieces";
/// Destination of translation work on a message that is streamed.
pub const STREAMED: &str = "streamed";
/// Destination of the work that sends a translation in pieces where routes say.
pub const SPREAD: &str = "spread";
/// Destination of deliveries that a route asks for and whose receiver is not known: parked for a person,
/// and routed again when released.
pub const UNRESOLVED: &str = "unresolved";

/// Routes a delivery anew whose receiver was not known (destination [`UNRESOLVED`]). A worker of this crate does
/// it; a worker that claims deliveries of every destination hands such items to this.
pub fn route_again(state: &AppState, lease: &Lease) -> End {
    route::again(state, lease)
}

/// Everything that a translation of this message changes, and the key of the one person it is about: for doors
/// that translate before they answer.
///
/// # Errors
/// What the engine says; [`EngineError::Storage`] where the program failed on it.
pub fn translated(
    state: &AppState,
    message: &causeway_exchange::Message,
    adapter: &'static dyn causeway_adapter::Adapter,
    input: &[u8],
) -> Result<(causeway_exchange::Effects, Option<String>), EngineError> {
    let routes = route::table(state)?;
    let detection = adapter.detect(input);
    let gate = collect::Gate::default();
    let job = collect::Job { state, routes: &routes, message, adapter, lease: None, gate: &gate };
    let made = made::effects(&job, &detection, made::Input::Whole(input)).map_err(parts::unmade)?;
    Ok((made.effects, made::single(&made.persons)))
}

/// What a message's translation was made from, of a message that is open to be read: its content, joined from its parts
/// where it has some, up to `limit` bytes of its own.
///
/// # Errors
/// What the engine says; [`EngineError::NotFound`] for another message than the open one.
pub fn source_of(
    state: &AppState,
    opened: &OpenedMessage,
    message: &causeway_exchange::Message,
    adapter: &dyn causeway_adapter::Adapter,
    limit: u64,
) -> Result<Vec<u8>, EngineError> {
    if *opened.message() != message.new.id {
        return Err(EngineError::NotFound("message"));
    }
    let own = content::read_within(state, message, limit)?.bytes;
    parts::joined_content(state, message, adapter, own)
}

/// Starts the workers that take translations into the record.
fn start_record(state: &Shared, stop: &CancellationToken) -> Workers {
    let mut workers = Workers::default();
    let record = Worker::new("record", WorkKind::Record, crate::limits::CLAIM_RECORD).destination(RECORD);
    workers.add(record, state, stop, |s, leases| {
        record::batch(s, leases);
    });
    let ending = stop.clone();
    let pieces = Worker::new("record-pieces", WorkKind::Record, 1).destination(RECORD_PIECES);
    workers.add(pieces, state, stop, move |s, leases| {
        for lease in leases {
            worker::one(s, &lease, || {
                let began = s.clock.now();
                let end = slices::record(s, &lease, &ending);
                let failed = !matches!(end, End::Done(_));
                s.trace(&lease.item.message, Step::Record, began, failed, &[Fact::Together(1)]);
                end
            });
        }
    });
    workers
}

/// Starts the workers. They stop between two claims when `stop` is cancelled and [`causeway_host::signals::Signals::all`] has
/// been called.
pub fn start(state: &Shared, stop: &CancellationToken) -> Workers {
    let mut workers = start_record(state, stop);
    let translate =
        Worker::new("translate", WorkKind::Translate, crate::limits::CLAIM_MESSAGES).destination("");
    let pool = translate::Pool::start(state.config.limits.translate_workers);
    workers.add(translate, state, stop, move |s, leases| {
        translate::batch(s, &pool, leases);
        s.handed.wait_for_room();
    });
    // What is large takes its time: workers of its own see to it that nothing else waits for it.
    let ending = stop.clone();
    let streamed = Worker::new("translate-streamed", WorkKind::Translate, 1).destination(STREAMED);
    workers.add(streamed, state, stop, move |s, leases| {
        leases.into_iter().for_each(|lease| translate::streamed(s, lease, &ending));
    });
    let spread = Worker::new("spread", WorkKind::Translate, 1).destination(SPREAD);
    workers.add(spread, state, stop, |s, leases| {
        for lease in leases {
            worker::one(s, &lease, || slices::spread(s, &lease));
        }
    });
    let unresolved = Worker::new("unresolved", WorkKind::Deliver, 1).destination(UNRESOLVED);
    workers.add(unresolved, state, stop, |s, leases| {
        for lease in leases {
            worker::one(s, &lease, || route::again(s, &lease));
        }
    });
    workers
}
