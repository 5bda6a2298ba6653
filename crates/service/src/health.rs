//! `/health`: whether messages can be taken, and how durably.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Seconds that the clock may be behind the data before it is told.
const BEHIND_SECONDS: i64 = 60;

/// What to say where the clock is behind the latest time that the data were given: it once stood ahead, or was put back.
fn behind(latest: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let seconds = latest?.as_second() - now.as_second();
    (seconds > BEHIND_SECONDS).then(|| {
        format!(
            "the clock is {seconds} s behind the data: until it has caught up, what comes in has the time that the data have, \
             and leases, retries and deadlines stand still; set the clock right"
        )
    })
}

/// Findings of damage that are shown.
const SHOWN: usize = 5;

/// 200 while messages can be accepted and the data are as they were written, 503 otherwise; with what the engine does to keep them.
pub async fn health(State(state): State<Shared>) -> Answer<(StatusCode, Json<Value>)> {
    let metrics = state.blocking(|s| s.engine.metrics()).await?;
    let short = metrics.free_bytes < metrics.reserve_bytes;
    let accepting = !metrics.stopped && !short;
    let (damage, examined_at) = state.evidence.known();
    let ok = accepting && damage.is_empty();
    let durability = state.engine.durability();
    let parked: u64 = metrics.queues.iter().map(|q| q.parked).sum();
    let mut warnings = state.config.warnings.clone();
    warnings.extend(behind(metrics.latest_time, state.clock.now()));
    let body = json!({
        "status": if ok { "up" } else if accepting { "damaged" } else { "down" },
        "accepting": accepting,
        "reason": if metrics.stopped { "storage failed" } else if short { "storage is nearly full" } else { "" },
        "version": env!("CARGO_PKG_VERSION"),
        "engine": durability.engine,
        "mode": durability.mode,
        "durable": durability.durable,
        "flush_p50_us": durability.flush_p50_us,
        "parked": parked,
        "failed": metrics.failed,
        "notCollected": metrics.undeliverable,
        "overdue": metrics.expectations_overdue,
        "demonstration": state.config.open,
        "warnings": warnings,
        "time": state.clock.now().to_string(),
        "examined": examined_at.map(|at| at.to_string()),
        "damage": damage.iter().take(SHOWN).map(|one| format!("{}: {}", one.place, one.what)).collect::<Vec<_>>(),
        "what_to_do": damage.first().map(|one| one.advice.clone()),
    });
    Ok((if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_put_back_is_told() {
        let now = Timestamp::from_second(1_750_000_000).expect("a time");
        let later = |seconds| Timestamp::from_second(1_750_000_000 + seconds).ok();
        assert_eq!(behind(None, now), None);
        assert_eq!(behind(later(-5), now), None);
        assert_eq!(behind(later(BEHIND_SECONDS), now), None);
        assert!(behind(later(518_400), now).is_some_and(|text| text.contains("518400 s behind")));
    }
}
