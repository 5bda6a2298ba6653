//! Deliveries to receivers' own endpoints: FHIR, HTTP, MLLP.
//!
//! The worker claims for each endpoint on its own, so one that is away holds up nobody else. What fails for the
//! endpoint's sake is tried again for as long as the endpoint's patience lasts, one try at a time; what fails for
//! the message's sake is parked after a few tries, and holds back only what is about the same person. Every
//! attempt has the same request id, so a receiver that has had it says so (409 `duplicate`) and that is as good
//! as taken. The order within one person is the engine's.

mod answer;
mod attempt;
mod circuit;
pub mod config;
mod connection;
pub mod fetch;
mod http;
pub mod limits;
mod load;
mod mllp;
mod notification;
mod oauth;
pub mod order;
pub(crate) mod parcel;
mod subscribers;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use attempt::Outbox;
use causeway_exchange::{EngineError, Lease, WorkId, WorkKind, WorkQuery, WorkState};
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::endpoint;
use crate::pipeline::UNRESOLVED;
use crate::pipeline::worker::{self, End};
use crate::state::{AppState, Shared};
use crate::subscription;

pub use config::Endpoint;
pub use notification::{events, reachable};
pub use oauth::sign_assertion;
pub use subscribers::run as run_subscribers;

/// Which destinations there are, and which of them nobody knows.
#[derive(Default)]
struct Queues {
    endpoints: Arc<Vec<Endpoint>>,
    /// Names that are set up: what is addressed to one whose settings are broken just waits.
    names: BTreeSet<String>,
    read: Option<Instant>,
    last: Option<WorkId>,
    seen: BTreeSet<String>,
}

/// Delivers until `stop`.
pub async fn run(state: Shared, stop: CancellationToken) {
    let outbox = Arc::new(Outbox::default());
    let freed = Arc::new(Notify::new());
    let tracker = TaskTracker::new();
    let mut queues = Queues::default();
    let mut progress = state.signals.progress();
    while !stop.is_cancelled() {
        let rung = state.signals.rung(WorkKind::Deliver);
        queues.refresh(&state, &outbox).await;
        for endpoint in queues.endpoints.iter() {
            let room = outbox.circuit(&endpoint.name, |c| c.room(state.clock.now(), endpoint.concurrency));
            for lease in claim(&state, endpoint, room).await {
                outbox.circuit(&endpoint.name, |c| c.in_flight += 1);
                let (state, outbox, freed) = (state.clone(), outbox.clone(), freed.clone());
                let (endpoints, endpoint) = (queues.endpoints.clone(), endpoint.clone());
                tracker.spawn(async move {
                    attempt::run(&state, &outbox, &endpoints, &endpoint, lease).await;
                    outbox.circuit(&endpoint.name, |c| c.in_flight = c.in_flight.saturating_sub(1));
                    freed.notify_one();
                });
            }
        }
        queues.park_strangers(&state).await;
        let poll = tokio::time::sleep(Duration::from_millis(limits::POLL_MS));
        tokio::pin!(poll);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = freed.notified() => break,
                () = &mut poll => break,
                changed = progress.changed() => {
                    if changed.is_err() || state.signals.rung(WorkKind::Deliver) != rung {
                        break;
                    }
                }
            }
        }
    }
    tracker.close();
    tracker.wait().await;
}

/// Claims for one endpoint. Asks first whether there is anything, for asking costs no flush.
async fn claim(state: &Shared, endpoint: &Endpoint, room: usize) -> Vec<Lease> {
    if room == 0 {
        return Vec::new();
    }
    let name = endpoint.name.clone();
    let seconds = endpoint.timeout_seconds * 4 + endpoint.fault_seconds + limits::LEASE_MARGIN_SECONDS;
    let claimed = state.blocking(move |s| -> Result<Vec<Lease>, EngineError> {
        if !any(s, &name)? {
            return Ok(Vec::new());
        }
        let worker = format!("deliver-{}", std::process::id());
        let lease = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        let leases = s.engine.claim(WorkKind::Deliver, Some(&name), &worker, lease, room, s.clock.now())?;
        worker::waited(s, &leases);
        Ok(leases)
    });
    claimed.await.unwrap_or_else(|problem| {
        tracing::error!(endpoint = endpoint.name, rule = problem.rule, "no deliveries could be claimed");
        Vec::new()
    })
}

fn any(state: &AppState, destination: &str) -> Result<bool, EngineError> {
    for wanted in [WorkState::Ready, WorkState::Leased] {
        let query = WorkQuery {
            kind: Some(WorkKind::Deliver),
            state: Some(wanted),
            destination: Some(destination.to_owned()),
            limit: 1,
            ..WorkQuery::default()
        };
        if !state.engine.work(&query)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Queues {
    /// Reads the endpoints, and which destinations newly queued items have.
    async fn refresh(&mut self, state: &Shared, outbox: &Outbox) {
        let pause = Duration::from_secs(limits::SETTINGS_SECONDS);
        if self.read.is_some_and(|read| read.elapsed() < pause) {
            return;
        }
        let last = self.last;
        let read = state.blocking(move |s| {
            let (mut endpoints, mut names) = (config::all(s)?, config::names(s)?);
            let (subscribed, known) = notification::endpoints(s)?;
            endpoints.extend(subscribed);
            names.extend(known);
            Ok::<_, EngineError>((endpoints, names, destinations(s, last)?))
        });
        match read.await {
            Ok((endpoints, names, (destinations, last))) => {
                // What was learnt of an endpoint says nothing of it under other settings.
                for changed in endpoints.iter().filter(|e| !self.endpoints.contains(e)) {
                    outbox.circuit(&changed.name, circuit::Circuit::answered);
                    state.counters.endpoint_back(&changed.name);
                }
                for gone in self.endpoints.iter().filter(|e| !names.contains(&e.name)) {
                    state.counters.endpoint_back(&gone.name);
                }
                self.endpoints = Arc::new(endpoints);
                self.names = names;
                self.seen.extend(destinations);
                self.last = last;
                self.read = Some(Instant::now());
            }
            Err(problem) => tracing::error!(rule = problem.rule, "the endpoints can't be read"),
        }
    }

    /// Parks what is addressed to an endpoint that isn't there: a person releases it when it is.
    async fn park_strangers(&self, state: &Shared) {
        for name in self.seen.iter().filter(|n| *n != UNRESOLVED) {
            if self.names.contains(name) {
                continue;
            }
            let stranger = Endpoint { name: name.clone(), ..Endpoint::default() };
            for lease in claim(state, &stranger, endpoint::CONCURRENCY_MAX).await {
                let end = match subscription::of_destination(name) {
                    Some(_) => notification::over(),
                    None => End::park("endpoint-unknown", "no endpoint of this name is set up"),
                };
                attempt::finish(state, lease, end).await;
            }
        }
    }
}

/// Destinations of items queued after `last`, and the last item now.
fn destinations(
    state: &AppState,
    mut last: Option<WorkId>,
) -> Result<(BTreeSet<String>, Option<WorkId>), EngineError> {
    let mut found = BTreeSet::new();
    loop {
        let query = WorkQuery {
            kind: Some(WorkKind::Deliver),
            after: last,
            limit: limits::STRANGERS_PAGE,
            ..WorkQuery::default()
        };
        let items = state.engine.work(&query)?;
        let Some(newest) = items.last() else { return Ok((found, last)) };
        last = Some(newest.id);
        found.extend(items.into_iter().map(|i| i.work.destination));
    }
}

/// Deliveries that wait for a person, by endpoint.
///
/// # Errors
/// What the engine says.
pub fn parked(state: &AppState) -> Result<BTreeMap<String, u64>, EngineError> {
    let mut counts = BTreeMap::new();
    let mut after = None;
    loop {
        let query = WorkQuery {
            kind: Some(WorkKind::Deliver),
            state: Some(WorkState::Parked),
            after,
            limit: limits::STRANGERS_PAGE,
            ..WorkQuery::default()
        };
        let items = state.engine.work(&query)?;
        let Some(newest) = items.last() else { return Ok(counts) };
        after = Some(newest.id);
        for item in items {
            *counts.entry(item.work.destination).or_default() += 1;
        }
    }
}
