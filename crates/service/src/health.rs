//! `/health`: whether messages can be taken, and how durably.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use serde_json::{Value, json};

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
        "warnings": state.config.warnings,
        "time": state.clock.now().to_string(),
        "examined": examined_at.map(|at| at.to_string()),
        "damage": damage.iter().take(SHOWN).map(|one| format!("{}: {}", one.place, one.what)).collect::<Vec<_>>(),
        "what_to_do": damage.first().map(|one| one.advice.clone()),
    });
    Ok((if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body)))
}
