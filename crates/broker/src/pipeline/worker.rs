//! A worker: a thread that claims work of one kind and hands it to a handler. Deliveries use it too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use causeway_exchange::retry::Backoff;
use causeway_exchange::work::PROCESS_DIED;
use causeway_exchange::{Effects, EngineError, Failure, Lease, NextStep, WorkKind};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::state::{AppState, Shared};
use crate::traces::{Fact, Step};

/// What a worker claims.
#[derive(Clone, Debug)]
pub struct Worker {
    name: &'static str,
    kind: WorkKind,
    destination: Option<&'static str>,
    batch: usize,
    lease: SignedDuration,
}

impl Worker {
    /// A worker for one kind of work, up to `batch` items at a time.
    pub fn new(name: &'static str, kind: WorkKind, batch: usize) -> Self {
        let lease = SignedDuration::from_secs(crate::limits::LEASE_SECONDS);
        Self { name, kind, destination: None, batch, lease }
    }

    /// Only for one destination.
    #[must_use]
    pub fn destination(mut self, destination: &'static str) -> Self {
        self.destination = Some(destination);
        self
    }

    fn claim(&self, state: &AppState) -> Result<Vec<Lease>, EngineError> {
        let name = format!("{}-{}", self.name, std::process::id());
        let now = state.clock.now();
        let given_back = state.unwritten.give_back(&*state.engine, now)?;
        if given_back > 0 {
            tracing::info!(items = given_back, "work whose end could not be written is done again");
        }
        let leases = state.engine.claim(self.kind, self.destination, &name, self.lease, self.batch, now)?;
        waited(state, &leases);
        Ok(leases)
    }

    fn run(&self, state: &Shared, stop: &CancellationToken, handle: &dyn Fn(&Shared, Vec<Lease>)) {
        let poll = Duration::from_millis(crate::limits::POLL_MS);
        while !stop.is_cancelled() {
            let rung = state.signals.rung(self.kind);
            match self.claim(state) {
                Ok(leases) if leases.is_empty() => state.signals.wait(self.kind, rung, poll),
                Ok(leases) => {
                    if catch_unwind(AssertUnwindSafe(|| handle(state, leases))).is_err() {
                        tracing::error!(
                            worker = self.name,
                            "a batch panicked; its leases run out by themselves"
                        );
                    }
                    state.signals.progressed();
                }
                Err(error) => {
                    tracing::error!(worker = self.name, error = %error, "no work could be claimed");
                    state.signals.wait(self.kind, rung, poll);
                }
            }
        }
    }
}

/// Tells how long work waited that was given out, the first time.
pub(crate) fn waited(state: &AppState, leases: &[Lease]) {
    if state.traces().is_none() {
        return;
    }
    for Lease { item, .. } in leases.iter().filter(|lease| lease.item.attempts <= 1) {
        state.trace(&item.message, Step::Wait, item.queued_at, false, &[Fact::Work(item.work.kind)]);
    }
}

/// Workers that run.
#[derive(Debug, Default)]
pub struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    /// Starts one more.
    pub fn add(
        &mut self,
        worker: Worker,
        state: &Shared,
        stop: &CancellationToken,
        handle: impl Fn(&Shared, Vec<Lease>) + Send + 'static,
    ) {
        let (state, stop, name) = (state.clone(), stop.clone(), worker.name);
        let thread = std::thread::Builder::new().name(name.to_owned());
        match thread.spawn(move || worker.run(&state, &stop, &handle)) {
            Ok(handle) => self.0.push(handle),
            Err(error) => tracing::error!(worker = name, kind = ?error.kind(), "worker could not be started"),
        }
    }

    /// Waits until all have stopped.
    pub fn join(self) {
        for handle in self.0 {
            drop(handle.join());
        }
    }
}

/// How one item ended.
#[derive(Debug)]
pub enum End {
    /// Done, with what changes.
    Done(Box<Effects>),
    /// Failed, with what next.
    Failed(Box<Failure>),
    /// Nothing was changed here and nothing is to be (another worker holds it, or the engine is unavailable):
    /// the lease runs out.
    Left,
}

impl End {
    /// Failed for good: a person must look.
    pub fn park(code: &str, detail: &str) -> Self {
        Self::Failed(Box::new(Failure {
            code: code.to_owned(),
            detail: detail.to_owned(),
            next: NextStep::Park,
            effects: Effects::default(),
        }))
    }

    /// Failed; tried again with growing pauses until the attempts are used up.
    pub fn retry(state: &AppState, lease: &Lease, code: &str, detail: &str) -> Self {
        let backoff = Backoff { max_attempts: state.config.limits.attempts, ..Backoff::default() };
        let now = state.clock.now();
        let jitter = now.subsec_nanosecond().unsigned_abs().wrapping_mul(2_654_435_761);
        Self::Failed(Box::new(Failure {
            code: code.to_owned(),
            detail: detail.to_owned(),
            next: backoff.next(lease.item.attempts.max(1), now, false, None, jitter),
            effects: Effects::default(),
        }))
    }

    /// A process that worked on it died, and may have died of it: tried again alone.
    pub fn suspect(detail: &str) -> Self {
        Self::Failed(Box::new(Failure {
            code: PROCESS_DIED.to_owned(),
            detail: detail.to_owned(),
            next: NextStep::Suspect,
            effects: Effects::default(),
        }))
    }

    /// The service stops: given back, to be begun anew at the next start. Not a loss.
    pub fn released(state: &AppState) -> Self {
        Self::Failed(Box::new(Failure {
            code: "stopped".to_owned(),
            detail: "the service was stopped meanwhile".to_owned(),
            next: NextStep::Wait(state.clock.now()),
            effects: Effects::default(),
        }))
    }

    /// Something that the message needs is away (the translator): tried again until it is back, for parking would
    /// punish the message for it.
    pub fn await_service(state: &AppState, code: &str, detail: &str) -> Self {
        let at = state.clock.now() + jiff::SignedDuration::from_secs(crate::limits::SERVICE_AWAY_SECONDS);
        Self::Failed(Box::new(Failure {
            code: code.to_owned(),
            detail: detail.to_owned(),
            next: NextStep::Wait(at),
            effects: Effects::default(),
        }))
    }

    /// What an engine's error means for an item: trying again, or a person.
    pub fn of(state: &AppState, error: &EngineError) -> Self {
        match error {
            EngineError::StaleLease | EngineError::Stopped(_) => Self::Left,
            // Counted against the message, an outage would park it, or have all that its person's queue holds wait for minutes.
            transient if transient.is_transient() => {
                Self::await_service(state, "storage", &error.to_string())
            }
            EngineError::Corrupt(_) => Self::park("corrupt", &error.to_string()),
            EngineError::ContentDeleted => Self::park("content-deleted", &error.to_string()),
            _ => Self::park("refused", &error.to_string()),
        }
    }
}

/// Writes down how several items ended; those that are done share flushes.
pub fn finish_all(state: &AppState, ends: Vec<(Lease, End)>) {
    let mut done = Vec::new();
    let mut leases = Vec::new();
    for (lease, end) in ends {
        match end {
            End::Done(effects) => {
                leases.push((lease.clone(), kinds(&effects)));
                done.push((lease, *effects));
            }
            other => finish(state, &lease, other),
        }
    }
    let (began, together) = (state.clock.now(), leases.len());
    let written = state.engine.complete_all(done, began);
    for ((lease, kinds), written) in leases.into_iter().zip(written) {
        committed(state, &lease, began, written.is_err(), together);
        wrote(state, &lease, kinds, written);
    }
    state.signals.progressed();
}

fn kinds(effects: &Effects) -> Vec<WorkKind> {
    effects.work.iter().map(|w| w.kind).collect()
}

/// Writes down how an item ended.
pub fn finish(state: &AppState, lease: &Lease, end: End) {
    let now = state.clock.now();
    let kinds = match &end {
        End::Done(effects) => kinds(effects),
        _ => Vec::new(),
    };
    let written = match end {
        End::Done(effects) => state.engine.complete(lease, *effects, now),
        End::Failed(failure) => {
            tracing::warn!(
                kind = %lease.item.work.kind,
                code = failure.code,
                attempt = lease.item.attempts,
                parked = matches!(failure.next, NextStep::Park),
                "work failed"
            );
            state.engine.fail(lease, *failure, now)
        }
        End::Left => Ok(()),
    };
    committed(state, lease, now, written.is_err(), 1);
    wrote(state, lease, kinds, written);
    state.signals.progressed();
}

fn committed(state: &AppState, lease: &Lease, began: Timestamp, failed: bool, together: usize) {
    let facts = [Fact::Work(lease.item.work.kind), Fact::Together(together)];
    state.trace(&lease.item.message, Step::Commit, began, failed, &facts);
}

/// Wakes who goes on after an item, or says why its end could not be written.
fn wrote(state: &AppState, lease: &Lease, kinds: Vec<WorkKind>, written: Result<(), EngineError>) {
    match written {
        Ok(()) => kinds.into_iter().for_each(|kind| state.signals.work(kind)),
        Err(EngineError::StaleLease) => tracing::warn!("a lease ran out before its work was done"),
        Err(error) if error.is_transient() => {
            tracing::error!(error = %error, "the end of a work item could not be written");
            state.unwritten.keep(lease.clone());
        }
        Err(error) => {
            tracing::error!(error = %error, "the end of a work item could not be written");
            // What the engine refuses to write will be refused again: park it bare, so that a person sees it.
            if let End::Failed(failure) = End::park("result-refused", &error.to_string()) {
                drop(state.engine.fail(lease, *failure, state.clock.now()));
            }
        }
    }
}

/// Runs one item and writes down how it ended; a panic parks it and harms no other.
pub fn one(state: &AppState, lease: &Lease, work: impl FnOnce() -> End) {
    let end = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| End::park("panic", "the program failed on this message; its content is kept"));
    finish(state, lease, end);
}
