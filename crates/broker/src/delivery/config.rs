//! The endpoints in force: from the configuration file (`[[endpoint]]`) or from documents
//! of kind `endpoint`; a document goes before a table of the same name.

use std::collections::BTreeSet;

use causeway_exchange::EngineError;

use crate::settings::ConfigError;
use crate::state::AppState;

pub use crate::endpoint::{Algorithm, Auth, Endpoint, Fault, Kind, Retry};

/// Configuration documents with endpoints.
pub const DOCUMENT: &str = "endpoint";

/// Checks the endpoints of a configuration file.
///
/// # Errors
/// [`ConfigError::Value`].
pub fn validate(endpoints: &[Endpoint]) -> Result<(), ConfigError> {
    for (number, endpoint) in endpoints.iter().enumerate() {
        endpoint.validate().map_err(ConfigError::Value)?;
        if endpoints.iter().take(number).any(|other| other.name == endpoint.name) {
            return Err(ConfigError::Value(format!("endpoint {} is listed twice", endpoint.name)));
        }
    }
    Ok(())
}

fn of_document(name: &str, json: &str) -> Option<Endpoint> {
    let parsed: Result<Endpoint, String> = serde_json::from_str(json).map_err(|e| e.to_string());
    let checked = parsed.and_then(|mut endpoint| {
        endpoint.name = name.to_owned();
        endpoint.validate().map(|()| endpoint)
    });
    match checked {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            tracing::error!(endpoint = name, error, "an endpoint's document can't be used");
            None
        }
    }
}

/// All endpoints in force.
///
/// # Errors
/// What the engine says.
pub fn all(state: &AppState) -> Result<Vec<Endpoint>, EngineError> {
    let documents = state.engine.configs(DOCUMENT)?;
    let mut all: Vec<Endpoint> = state
        .config
        .endpoints
        .iter()
        .filter(|e| !documents.iter().any(|(name, ..)| *name == e.name))
        .cloned()
        .collect();
    all.extend(documents.iter().filter_map(|(name, _, json)| of_document(name, json)));
    Ok(all)
}

/// Names that are set up, also those whose document can't be used.
///
/// # Errors
/// What the engine says.
pub(super) fn names(state: &AppState) -> Result<BTreeSet<String>, EngineError> {
    let documents = state.engine.configs(DOCUMENT)?;
    let file = state.config.endpoints.iter().map(|e| e.name.clone());
    Ok(file.chain(documents.into_iter().map(|(name, ..)| name)).collect())
}

/// The endpoint of this name.
///
/// # Errors
/// What the engine says.
pub fn find(state: &AppState, name: &str) -> Result<Option<Endpoint>, EngineError> {
    Ok(all(state)?.into_iter().find(|e| e.name == name))
}
