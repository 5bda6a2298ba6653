//! Opening what a data directory and its configuration name: exchange, record, and the state of a service over both.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use causeway_exchange::Engine;
use causeway_postgres::Postgres;
use causeway_record::Record;
use causeway_service::config::Config;
use causeway_service::state::{Adapters, AppState, Shared};
use causeway_store::{Options, Store};

use crate::keep;
use crate::keep::said;

/// Opens the data directory.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn open(config: Config, adapters: Adapters) -> Result<Shared, String> {
    open_both(config, adapters).map(|opened| opened.state)
}

/// What was opened.
pub(crate) struct Opened {
    /// The state of the service.
    pub(crate) state: Shared,
    /// Its record.
    pub(crate) record: Arc<Record>,
    /// The engine of the exchange.
    pub(crate) engine: Arc<dyn Engine>,
    /// On PostgreSQL: whether another broker has taken the database over.
    pub(crate) superseded: Option<Arc<AtomicBool>>,
}

/// Makes the data directory and the key of its seals where they are not there.
pub(crate) fn folder(data: &Path) -> Result<(), String> {
    std::fs::create_dir_all(data).map_err(|e| said(data, &e))?;
    keep::seal_key(data).map(drop).map_err(|e| said(data, &e))
}

/// The same, with the record and the engine. On PostgreSQL nobody else may have the database, and nothing is waited for.
pub(crate) fn open_both(config: Config, adapters: Adapters) -> Result<Opened, String> {
    let data = config.data_directory.clone();
    folder(&data)?;
    let record = Record::open(data.join(keep::RECORD)).map_err(|e| said(&data, &e))?;
    open_with(config, adapters, Arc::new(record))
}

/// The same with a record that is open.
pub(crate) fn open_with(config: Config, adapters: Adapters, record: Arc<Record>) -> Result<Opened, String> {
    match &config.postgres {
        None => {
            let data = config.data_directory.clone();
            let exchange = data.join(keep::EXCHANGE);
            let store = Arc::new(Store::open(Options::new(&exchange)).map_err(|e| said(&data, &e))?);
            let exchange = keep::exchange::Exchange::Embedded(exchange);
            put_together(config, adapters, store.clone(), exchange, Some(store), record)
        }
        Some(settings) => {
            let options = keep::exchange::postgres_options(settings)?;
            let file = settings.connection_file.display().to_string();
            let engine = Postgres::open(causeway_postgres::Options { alone: true, ..options });
            let engine = engine.map_err(|e| format!("PostgreSQL ({file}): {e}"))?;
            on_postgres(config, adapters, &Arc::new(engine), record)
        }
    }
}

/// The same with an engine on PostgreSQL that is alone on its database, and a record.
pub(crate) fn on_postgres(
    config: Config,
    adapters: Adapters,
    engine: &Arc<Postgres>,
    record: Arc<Record>,
) -> Result<Opened, String> {
    let exchange = keep::exchange::Exchange::of(&config.data_directory, &config)?;
    let opened = put_together(config, adapters, engine.clone(), exchange, None, record)?;
    Ok(Opened { superseded: Some(engine.superseded()), ..opened })
}

fn put_together(
    config: Config,
    adapters: Adapters,
    engine: Arc<dyn Engine>,
    exchange: keep::exchange::Exchange,
    store: Option<Arc<Store>>,
    record: Arc<Record>,
) -> Result<Opened, String> {
    let data = config.data_directory.clone();
    let state =
        AppState::new(config, engine.clone(), record.clone(), adapters).map_err(|e| said(&data, &e))?;
    state.evidence.found(keep::verify::at_open(store.as_deref(), &record));
    state.evidence.examine_with(keep::verify::examiner(&data, exchange, store, record.clone()));
    Ok(Opened { state, record, superseded: None, engine })
}
