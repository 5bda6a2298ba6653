//! Whom a target identifier stands for.

use causeway_broker::delivery::config;
use causeway_broker::state::AppState;
use causeway_exchange::EngineError;
use serde::Deserialize;

use super::headers::Identifier;

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To us.
    Own,
    /// Passed on to an endpoint.
    Endpoint(String),
    /// Into a mailbox.
    Mailbox(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Takes {
    mailbox: Option<String>,
    endpoint: Option<String>,
}

fn is(entry: &str, target: &Identifier) -> bool {
    match entry.rsplit_once('|') {
        Some((system, value)) => system == target.system && value == target.value,
        None => entry == target.value,
    }
}

/// Looks the target up: our own services, then endpoints that name it, then the organisation with this code.
pub(super) fn find(state: &AppState, target: &Identifier) -> Result<Option<Target>, EngineError> {
    if state.config.messaging.services.iter().any(|s| is(s, target)) {
        return Ok(Some(Target::Own));
    }
    let endpoints = config::all(state)?;
    if let Some(endpoint) = endpoints.iter().find(|e| e.targets.iter().any(|t| is(t, target))) {
        return Ok(Some(Target::Endpoint(endpoint.name.clone())));
    }
    let kept = state.engine.config("organisation", &target.value)?;
    let kept: Option<Takes> = kept
        .map(|(_, json)| serde_json::from_str(&json))
        .transpose()
        .map_err(|_| EngineError::Corrupt("organisation document"))?;
    let takes = kept.or_else(|| {
        let known = state.config.organisation(&target.value)?;
        Some(Takes { mailbox: known.mailbox.clone(), endpoint: known.endpoint.clone() })
    });
    let takes = takes.unwrap_or_default();
    Ok(takes.endpoint.map(Target::Endpoint).or(takes.mailbox.map(Target::Mailbox)))
}
