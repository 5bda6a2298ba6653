//! One attempt: read, send, and write down what came of it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use causeway_exchange::retry::Backoff;
use causeway_exchange::{
    AckKind, AckOutcome, Effects, EngineError, Failure, Lease, MessageId, NewAudit, NewEvent, NewExpectation,
    NextStep, Settle, State, WorkItem, WorkKind, WorkQuery,
};
use causeway_host::hex;
use jiff::{SignedDuration, Timestamp};
use rustls::ClientConfig;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::answer::{Sent, Verdict};
use super::circuit::{Circuit, Whose, patient};
use super::config::{Endpoint, Fault, Kind, Retry};
use super::load::load;
use super::mllp::Lines;
use super::oauth::Tokens;
use super::parcel::Parcel;
use super::{connection, http, mllp, notification, watch};
use crate::bars;
use crate::pipeline::worker::{self, End};
use crate::state::{AppState, Shared};
use crate::subscription;
use crate::traces::{self, Fact};

/// Items of a message that are looked at to see whether any is a delivery.
const OPEN: usize = 500;
/// Seconds after which a client is built anew, so that replaced certificates come into use.
const LINK_SECONDS: u64 = 300;

/// What the worker remembers while the process runs. Nothing depends on it: after a restart it is learnt anew.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    circuits: std::sync::Mutex<HashMap<String, Circuit>>,
    links: Mutex<HashMap<String, Arc<Link>>>,
    tokens: Tokens,
}

#[derive(Debug)]
struct Link {
    endpoint: Endpoint,
    made: Instant,
    client: reqwest::Client,
    tls: Option<Arc<ClientConfig>>,
    lines: Lines,
}

impl Outbox {
    /// Looks at or changes what is known of an endpoint.
    pub(super) fn circuit<T>(&self, endpoint: &str, f: impl FnOnce(&mut Circuit) -> T) -> T {
        let mut circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        f(circuits.entry(endpoint.to_owned()).or_default())
    }

    async fn link(&self, endpoint: &Endpoint) -> Result<Arc<Link>, Verdict> {
        let mut links = self.links.lock().await;
        if let Some(link) = links.get(&endpoint.name)
            && link.endpoint == *endpoint
            && link.made.elapsed() < Duration::from_secs(LINK_SECONDS)
        {
            return Ok(link.clone());
        }
        let said = |text: &str| Verdict::later("settings", text, Whose::Endpoint);
        let client = connection::client(endpoint).await.map_err(|text| said(&text))?;
        let tls = match (&endpoint.ca, endpoint.kind) {
            (Some(ca), Kind::Mllp) => {
                let (ca, certificate, key) = (ca.clone(), endpoint.certificate.clone(), endpoint.key.clone());
                let made = tokio::task::spawn_blocking(move || {
                    causeway_host::tls::client_config(&ca, certificate.as_deref().zip(key.as_deref()))
                });
                let made = made.await.map_err(|_| said("TLS can't be set up"))?;
                Some(Arc::new(made.map_err(|e| said(&e.to_string()))?))
            }
            _ => None,
        };
        let link =
            Link { endpoint: endpoint.clone(), made: Instant::now(), client, tls, lines: Lines::default() };
        let link = Arc::new(link);
        links.insert(endpoint.name.clone(), link.clone());
        Ok(link)
    }

    async fn transmit(&self, state: &AppState, endpoint: &Endpoint, parcel: &Parcel, body: &[u8]) -> Sent {
        let link = match self.link(endpoint).await {
            Ok(link) => link,
            Err(verdict) => return verdict.into(),
        };
        match endpoint.kind {
            Kind::Fhir | Kind::Http => {
                http::send(&link.client, &self.tokens, endpoint, parcel, body, state.clock.now()).await
            }
            Kind::Mllp => mllp::send(&link.lines, link.tls.clone(), endpoint, body).await.into(),
            Kind::Fault => {
                Verdict::refused("endpoint-fault", "a fault endpoint can't lead to another").into()
            }
        }
    }

    /// With what goes wrong on the way.
    async fn with_fault(
        &self,
        state: &AppState,
        fault: &Endpoint,
        target: &Endpoint,
        lease: &Lease,
        parcel: &Parcel,
    ) -> Sent {
        let first = lease.item.attempts <= 1;
        let wait = Duration::from_secs(fault.fault_seconds);
        let put_off = |code: &str, detail: &str| {
            let after = SignedDuration::try_from(wait).ok();
            let (code, detail) = (code.to_owned(), detail.to_owned());
            Sent::from(Verdict::Later { code, detail, whose: Whose::Message, after })
        };
        let whole = parcel.bytes.as_slice();
        match fault.fault {
            Some(Fault::Delay) => {
                tokio::time::sleep(wait).await;
                self.transmit(state, target, parcel, whole).await
            }
            Some(Fault::Refuse) if first => put_off("fault-refuse", "put off on purpose, nothing was sent"),
            Some(Fault::Reorder) if first && lease.item.id.0.is_multiple_of(2) => {
                put_off("fault-reorder", "put off on purpose, so that others overtake it")
            }
            Some(Fault::Duplicate) => {
                drop(self.transmit(state, target, parcel, whole).await);
                self.transmit(state, target, parcel, whole).await
            }
            Some(Fault::Drop) if first => {
                drop(self.transmit(state, target, parcel, whole).await);
                put_off("fault-drop", "sent, and the answer dropped on purpose")
            }
            Some(Fault::Truncate) if first => {
                let half = whole.get(..whole.len() / 2).unwrap_or(whole);
                drop(self.transmit(state, target, parcel, half).await);
                put_off("fault-truncate", "half of it sent on purpose")
            }
            _ => self.transmit(state, target, parcel, whole).await,
        }
    }
}

/// Attempts one delivery and writes down how it ended.
pub(super) async fn run(
    state: &Shared,
    outbox: &Outbox,
    endpoints: &[Endpoint],
    endpoint: &Endpoint,
    lease: Lease,
) {
    let target = match endpoint.through.as_deref().filter(|_| endpoint.kind == Kind::Fault) {
        None => Some(endpoint),
        Some(through) => endpoints.iter().find(|e| e.name == through),
    };
    let Some(target) = target.cloned() else {
        let end = End::park("endpoint-unknown", "the endpoint behind the fault endpoint is not known");
        return finish(state, lease, end).await;
    };
    let lease = Arc::new(lease);
    let loading = {
        let (state, target, lease) = (state.clone(), target.clone(), lease.clone());
        let endpoint = endpoint.clone();
        tokio::task::spawn_blocking(move || {
            let parcel = load(&state, &target, &lease)?;
            let awaited = Awaited::of(&state, &endpoint, &lease, &parcel);
            Ok((parcel, awaited.map_err(|error| End::of(&state, &error))?))
        })
    };
    let (parcel, awaited) = match loading.await {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(end)) => return finish(state, (*lease).clone(), end).await,
        Err(_) => {
            let end = End::park("panic", "the program failed on this delivery; the message is kept");
            return finish(state, (*lease).clone(), end).await;
        }
    };
    let (started, began) = (Instant::now(), state.clock.now());
    let sent = if endpoint.kind == Kind::Fault {
        outbox.with_fault(state, endpoint, &target, &lease, &parcel).await
    } else {
        outbox.transmit(state, &target, &parcel, &parcel.bytes).await
    };
    let took = started.elapsed();
    let now = state.clock.now();
    let end = match sent.verdict {
        Verdict::Taken { .. } => "taken",
        Verdict::Refused { .. } => "refused",
        Verdict::Later { .. } => "later",
    };
    let facts = [Fact::Attempt(lease.item.attempts), Fact::End(end), Fact::Bytes(parcel.bytes.len() as u64)];
    state.trace(&lease.item.message, traces::Step::Deliver, began, end != "taken", &facts);
    let step = step(state, outbox, endpoint, &lease, &sent.verdict, now);
    let writing = {
        let (state, endpoint, lease) = (state.clone(), endpoint.clone(), lease.clone());
        tokio::task::spawn_blocking(move || {
            let end = conclude(&state, &endpoint, &lease, &parcel, awaited, sent, step, took);
            worker::finish(&state, &lease, end);
            if subscription::of_destination(&endpoint.name).is_none() {
                settle_state(&state, &lease);
            }
        })
    };
    if writing.await.is_err() {
        let end = End::park("panic", "the program failed on the answer to this delivery");
        finish(state, (*lease).clone(), end).await;
    }
}

pub(super) async fn finish(state: &Shared, lease: Lease, end: End) {
    let state = state.clone();
    drop(tokio::task::spawn_blocking(move || worker::finish(&state, &lease, end)).await);
}

/// A number drawn evenly enough to spread retries.
fn jitter() -> u32 {
    (Uuid::now_v7().as_u128() & u128::from(u32::MAX)) as u32
}

/// What next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    next: NextStep,
    /// How often it has failed for the message's own sake, this time included.
    tries: Option<u32>,
}

/// What next, and what the failure or success says of the endpoint.
fn step(
    state: &AppState,
    outbox: &Outbox,
    endpoint: &Endpoint,
    lease: &Lease,
    verdict: &Verdict,
    now: Timestamp,
) -> Step {
    let Verdict::Later { code, detail, whose: verdict_whose, after } = verdict else {
        outbox.circuit(&endpoint.name, Circuit::answered);
        state.counters.endpoint_back(&endpoint.name);
        return Step { next: NextStep::Park, tries: None };
    };
    let (retry, item, jitter) = (endpoint.retry, lease.item.id.0, jitter());
    let whose =
        outbox.circuit(&endpoint.name, |c| c.failed(item, *verdict_whose, retry, *after, now, jitter));
    match (verdict_whose, whose) {
        (_, Whose::Endpoint) => state.counters.endpoint_away(&endpoint.name, code, detail, now),
        (Whose::Message, _) => state.counters.endpoint_back(&endpoint.name),
        _ => {}
    }
    next(retry, state.config.limits.attempts, lease, whose, *after, now, jitter)
}

fn next(
    retry: Retry,
    attempts: u32,
    lease: &Lease,
    whose: Whose,
    after: Option<SignedDuration>,
    now: Timestamp,
    jitter: u32,
) -> Step {
    let tried = lease.item.attempts.max(1);
    let backoff = patient(retry);
    let patience = SignedDuration::from_hours(i64::from(retry.give_up_hours));
    // Released by a person after that time, it is tried once more at least.
    let over = now.duration_since(lease.item.queued_at) >= patience && tried > 1;
    if whose == Whose::Endpoint {
        let next = match backoff.next(tried, now, over, after, jitter) {
            NextStep::Retry(at) => NextStep::Away(at),
            other => other,
        };
        return Step { next, tries: None };
    }
    let tries = lease.item.tries.saturating_add(1);
    let backoff = Backoff { max_attempts: attempts, ..backoff };
    Step { next: backoff.next(tries, now, over, after, jitter), tries: Some(tries) }
}

/// Acknowledgements that are waited for. Looked up before anything is sent: what can't be read then costs no delivery.
struct Awaited {
    /// Not yet written down.
    fresh: Vec<NewExpectation>,
    /// Whether there are any of this endpoint.
    any: bool,
}

impl Awaited {
    fn of(
        state: &AppState,
        endpoint: &Endpoint,
        lease: &Lease,
        parcel: &Parcel,
    ) -> Result<Self, EngineError> {
        let fresh = watch::expected(state, endpoint, lease, parcel)?;
        let any = !fresh.is_empty() || watch::is_watched(state, &lease.item.message, &endpoint.name)?;
        Ok(Self { fresh, any })
    }
}

#[expect(clippy::too_many_arguments, reason = "what is known of one attempt")]
fn conclude(
    state: &AppState,
    endpoint: &Endpoint,
    lease: &Lease,
    parcel: &Parcel,
    awaited: Awaited,
    sent: Sent,
    step: Step,
    took: Duration,
) -> End {
    let id = &lease.item.message;
    let passed_on = parcel.delivery.route == bars::ROUTE;
    let notification = parcel.delivery.route == notification::ROUTE;
    let watched = awaited.any;
    let mut effects = Effects { expectations: awaited.fresh, ..Effects::default() };
    let settle = |kind, outcome, code: &str| {
        let from = Some(endpoint.name.clone());
        Settle { message: id.clone(), kind, from, outcome, code: code.to_owned() }
    };
    match sent.verdict {
        Verdict::Taken { code, detail, infrastructure } => {
            let text = format!("{detail} after {} ms, {} bytes sent", took.as_millis(), parcel.bytes.len());
            effects.events.clone_from(&parcel.events);
            effects.events.push(NewEvent::new("delivered", &endpoint.name, &text));
            if notification {
                notification::taken(state, &endpoint.name, lease);
            }
            // The last one that is open: the state changes in the same transaction. Where that can't be read now, it is
            // not said yet; [`settle_state`] looks again.
            let open = open(state, id, 2).is_ok_and(|list| list.iter().all(|item| item.id == lease.item.id));
            if open && !notification && matches!(parcel.message.state, State::Accepted | State::Translated) {
                effects.state = Some(State::Delivered);
            }
            effects.audit.push(audit(endpoint, lease, parcel, &code));
            if watched {
                effects.settled.push(settle(AckKind::Transport, AckOutcome::Positive, &code));
                if let Some(outcome) = infrastructure {
                    effects.settled.push(settle(AckKind::Infrastructure, outcome, &code));
                }
            }
            if passed_on {
                let kept = sent.received.as_ref().and_then(super::answer::Received::keep);
                effects.answer = Some(kept.unwrap_or_else(bars::taken));
            }
            End::Done(Box::new(effects))
        }
        Verdict::Refused { code, detail } => {
            if notification {
                notification::given_up(state, &endpoint.name, &code);
            }
            if watched && (sent.received.is_some() || code.starts_with("mllp-")) {
                effects.settled.push(settle(AckKind::Transport, AckOutcome::Negative, &code));
            }
            if passed_on {
                let kept = sent.received.as_ref().and_then(super::answer::Received::keep);
                effects.answer = Some(kept.unwrap_or_else(|| bars::failed(&code)));
            }
            End::Failed(Box::new(Failure { code, detail, next: NextStep::Park, effects }))
        }
        Verdict::Later { code, detail, .. } => {
            if notification && step.next == NextStep::Park {
                notification::given_up(state, &endpoint.name, &code);
            }
            if passed_on && step.next == NextStep::Park {
                effects.answer = Some(bars::failed(&code));
            }
            let detail = match step.tries {
                Some(tries) => format!("try {tries} of {}: {detail}", state.config.limits.attempts),
                None => detail,
            };
            End::Failed(Box::new(Failure { code, detail, next: step.next, effects }))
        }
    }
}

fn audit(endpoint: &Endpoint, lease: &Lease, parcel: &Parcel, code: &str) -> NewAudit {
    let detail = json!({
        "endpoint": endpoint.name,
        "route": parcel.delivery.route,
        "answer": code,
        "sha256": hex(&Sha256::digest(&parcel.bytes)),
        "bytes": parcel.bytes.len(),
        "requestId": parcel.request_id,
        "replay": lease.item.work.replay,
    });
    NewAudit {
        actor: "causeway".to_owned(),
        action: "message-delivered".to_owned(),
        entity: lease.item.message.to_string(),
        detail: detail.to_string(),
    }
}

/// Deliveries of a message that are in the queue, without notifications of it.
fn open(state: &AppState, id: &MessageId, limit: usize) -> Result<Vec<WorkItem>, EngineError> {
    let query = WorkQuery {
        kind: Some(WorkKind::Deliver),
        message: Some(id.clone()),
        limit: OPEN,
        ..WorkQuery::default()
    };
    let mut items = state.engine.work(&query)?;
    items.retain(|item| subscription::of_destination(&item.work.destination).is_none());
    items.truncate(limit);
    Ok(items)
}

/// When nothing of a message is left to deliver, it is delivered. Where two deliveries ended at once, each saw the
/// other still open: so it is looked at again.
fn settle_state(state: &AppState, lease: &Lease) {
    let id = &lease.item.message;
    let result = open(state, id, 1).and_then(|left| {
        let message = state.engine.message(id)?;
        let ready = message.is_some_and(|m| matches!(m.state, State::Accepted | State::Translated));
        if left.is_empty() && ready {
            let effects = Effects { state: Some(State::Delivered), ..Effects::default() };
            state.engine.apply(id, effects, state.clock.now())?;
        }
        Ok(())
    });
    if let Err(error) = result {
        tracing::warn!(error = %error, "the state of a delivered message could not be written");
    }
    state.signals.progressed();
}

#[cfg(test)]
mod tests {
    use causeway_exchange::{NewWork, WorkId, WorkState};

    use super::*;

    fn lease(attempts: u32) -> Lease {
        let item = WorkItem {
            id: WorkId(1),
            message: MessageId::mesh_style(Timestamp::UNIX_EPOCH, 1),
            work: NewWork::new(WorkKind::Deliver, "r"),
            state: WorkState::Leased,
            attempts,
            tries: 0,
            lost: 0,
            queued_at: Timestamp::UNIX_EPOCH,
            last_error: None,
        };
        Lease { item, token: 1, until: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn patience_has_an_end_and_a_messages_fault_has_a_number() {
        let retry = Retry { first_seconds: 4, cap_seconds: 900, give_up_hours: 24 };
        let after = |attempts, tries, whose, hours| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
            let mut lease = lease(attempts);
            lease.item.tries = tries;
            let step = next(retry, 5, &lease, whose, None, now, u32::MAX);
            let pause = match step.next {
                NextStep::Retry(at) | NextStep::Away(at) => Some(at.duration_since(now).as_secs()),
                _ => None,
            };
            (pause, step.tries)
        };
        assert_eq!(after(1, 0, Whose::Endpoint, 0), (Some(4), None));
        assert_eq!(
            after(90, 0, Whose::Endpoint, 23),
            (Some(900), None),
            "many attempts are no reason to give up"
        );
        assert_eq!(after(90, 0, Whose::Endpoint, 24), (None, None));
        assert_eq!(after(1, 0, Whose::Endpoint, 48), (Some(4), None), "released by a person");
        assert_eq!(after(30, 0, Whose::Message, 1), (Some(4), Some(1)));
        assert_eq!(after(4, 3, Whose::Message, 1), (Some(32), Some(4)));
        assert_eq!(after(5, 4, Whose::Message, 0), (None, Some(5)));
        assert_eq!(after(1, 0, Whose::Message, 0), (Some(4), Some(1)), "released: the queue counts anew");
        assert_eq!(after(3, 1, Whose::Message, 24), (None, Some(2)));
    }
}
