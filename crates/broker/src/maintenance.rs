//! What time alone brings about: expiry, overdue acknowledgements, the end of retention, the daily examination of the data.

use std::sync::Arc;
use std::time::Duration;

use causeway_exchange::EngineError;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::evidence;
use crate::limits::MAINTENANCE_SECONDS;
use crate::retain;
use crate::settings::Retention;
use crate::state::{AppState, Shared};

/// One full round at the clock's time, with what is done once a day. Call it after time travel.
///
/// # Errors
/// What the engine or the record says.
pub fn run_once(state: &AppState) -> Result<(), EngineError> {
    round(state)?;
    daily(state)
}

/// Ends what outlived its retention: looks at every person.
fn daily(state: &AppState) -> Result<(), EngineError> {
    let ended = retain::end(state, &state.config.retention, state.clock.now())?;
    if ended != retain::Ended::default() {
        let retain::Ended { records, waited, audit } = ended;
        tracing::info!(
            records,
            facts_without_person = waited,
            audit_entries = audit,
            "what outlived its retention was deleted"
        );
    }
    Ok(())
}

fn round(state: &AppState) -> Result<(), EngineError> {
    let now = state.clock.now();
    while !state.engine.expire(now)?.is_empty() {}
    while !state.engine.sweep_overdue(now)?.is_empty() {}
    let keep = SignedDuration::from_hours(24 * i64::from(state.config.retention.messages_days));
    let mut purged = 0;
    loop {
        match state.engine.purge(keep, now)? {
            0 => break,
            more => purged += more,
        }
    }
    if purged > 0 {
        crate::pipeline::forget_parts(state)?;
    }
    state.signals.all();
    Ok(())
}

/// Rounds until `stop`.
pub async fn run(state: Shared, stop: CancellationToken) {
    let pause = Duration::from_secs(MAINTENANCE_SECONDS);
    let mut done = None;
    loop {
        let today = Retention::before(0, state.clock.now());
        let done_today = done.is_some() && done == today;
        match state.blocking(if done_today { round } else { run_once }).await {
            Ok(()) => done = today,
            Err(_) => tracing::warn!("maintenance round failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Examines everything at start and once a day, until `stop`.
pub async fn examine(state: Shared, stop: CancellationToken) {
    let Some(examine) = state.evidence.examine() else { return };
    loop {
        let look = Arc::clone(&examine);
        match tokio::task::spawn_blocking(move || look()).await {
            Ok(damage) => {
                state.evidence.examined(state.clock.now());
                state.evidence.found(damage);
            }
            Err(_) => tracing::error!("the examination of the data failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(evidence::EVERY_HOURS * 3_600)) => {}
        }
    }
}
