//! What time alone brings about: expiry, overdue acknowledgements, the end of retention.

use std::time::Duration;

use causeway_exchange::EngineError;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::limits::MAINTENANCE_SECONDS;
use crate::state::{AppState, Shared};

/// One full round at the clock's time. Call it after time travel.
///
/// # Errors
/// What the engine says.
pub fn run_once(state: &AppState) -> Result<(), EngineError> {
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
    loop {
        if state.blocking(run_once).await.is_err() {
            tracing::warn!("maintenance round failed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
