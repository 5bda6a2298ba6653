//! Subscribers: handshake, heartbeat, end.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::notification::endpoint_of;
use super::{config, fetch};
use crate::state::Shared;
use crate::subscription::notification::{self, Told};
use crate::subscription::{self, Asked, Status, Subscription};

/// Milliseconds between two looks.
const LOOK_MS: u64 = 500;

/// Looks after subscriptions until `stop`.
pub async fn run(state: Shared, stop: CancellationToken) {
    let mut heard: HashMap<String, Timestamp> = HashMap::new();
    while !stop.is_cancelled() {
        match state.blocking(subscription::all).await {
            Ok(all) => {
                heard.retain(|id, _| all.iter().any(|(_, one)| one.id == *id));
                for (_, one) in all {
                    look(&state, one, &mut heard).await;
                }
            }
            Err(problem) => tracing::error!(rule = problem.rule, "the subscriptions can't be read"),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
        }
    }
}

async fn look(state: &Shared, one: Subscription, heard: &mut HashMap<String, Timestamp>) {
    let Ok(asked) = one.asked() else { return };
    let now = state.clock.now();
    if one.status != Status::Off && asked.end.is_some_and(|end| end <= now) {
        return set(state, &one, Status::Off, String::new()).await;
    }
    match one.status {
        Status::Requested => {
            let (status, error) = match tell(state, &one, &asked, "handshake").await {
                Ok(()) => (Status::Active, String::new()),
                Err(text) => (Status::Error, format!("the handshake failed: {text}")),
            };
            heard.insert(one.id.clone(), now);
            set(state, &one, status, error).await;
        }
        Status::Active => {
            let Some(seconds) = asked.heartbeat else { return };
            let last = *heard.entry(one.id.clone()).or_insert(now);
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            if now.duration_since(last) >= SignedDuration::from_secs(seconds) {
                heard.insert(one.id.clone(), now);
                // Missing ones are what a subscriber watches for; events decide whether it is given up.
                if let Err(text) = tell(state, &one, &asked, "heartbeat").await {
                    tracing::warn!(text, "a heartbeat was not taken");
                }
            }
        }
        Status::Error | Status::Off => {}
    }
}

/// Sends what is no event; it does not raise the count.
async fn tell(state: &Shared, one: &Subscription, asked: &Asked, kind: &'static str) -> Result<(), String> {
    let (about, counted) = (one.clone(), one.clone());
    let read = state.blocking(move |s| {
        Ok::<_, causeway_exchange::EngineError>((config::all(s)?, subscription::waiting(s, &counted)?))
    });
    let (known, waiting) = read.await.map_err(|_| "the settings can't be read".to_owned())?;
    let endpoint = endpoint_of(&known, &about, asked)?;
    let told = Told { kind, events: about.delivered + waiting, told: &[], content: asked.content };
    let bundle = notification::bundle(&about, &subscription::base(state), &told, state.clock.now());
    fetch::post(state, &endpoint, bundle.to_string().into_bytes()).await
}

/// Sets the status, unless the subscriber changed it meanwhile.
async fn set(state: &Shared, one: &Subscription, status: Status, error: String) {
    let (before, now) = (one.clone(), state.clock.now());
    let written = state.blocking(move |s| {
        subscription::change(s, &before.id, |one| {
            if one.status == before.status && one.resource == before.resource {
                one.status = status;
                one.error.clone_from(&error);
                one.since = now;
            }
        })?;
        match status {
            Status::Active => subscription::release(s, &before),
            _ => Ok(()),
        }
    });
    if let Err(problem) = written.await {
        tracing::error!(rule = problem.rule, "a subscription's status could not be kept");
    }
}
