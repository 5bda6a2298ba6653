//! The exchange of a data directory, in whichever engine the configuration has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_exchange::{Engine, EngineError, MessageId, Reading};
use causeway_postgres::Postgres;
use causeway_seal::{Finding, Key};
use causeway_service::config::{self, Config};
use causeway_store::{Store, examine};
use jiff::Timestamp;

use super::{EXCHANGE, RESTORE, said};
use crate::init;

/// The configuration of a file; without one, that in the data directory; without that, the defaults.
pub(crate) fn configured(data: &Path, file: Option<&Path>) -> Result<Config, String> {
    let own = data.join(init::CONFIG);
    let path = match file {
        Some(path) => path,
        None if own.exists() => &own,
        None => return Ok(Config::default()),
    };
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Config::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Where an exchange keeps its data.
#[derive(Clone)]
pub(crate) enum Exchange {
    /// In a folder of the data directory.
    Embedded(PathBuf),
    /// In a database; the file with the connection, for messages.
    Postgres(causeway_postgres::Options, PathBuf),
}

impl Exchange {
    /// The exchange of a data directory, or why there is none.
    pub(crate) fn of(data: &Path, config: &Config) -> Result<Self, String> {
        if let Some(settings) = &config.postgres {
            let options = postgres_options(settings)?;
            return Ok(Self::Postgres(options, settings.connection_file.clone()));
        }
        embedded(data).map(Self::Embedded)
    }

    /// Reads it, whether or not a broker writes it.
    pub(crate) fn read(&self) -> Result<Box<dyn Reading>, EngineError> {
        Ok(match self {
            Self::Embedded(folder) => Box::new(causeway_store::Reader::open(folder)?),
            Self::Postgres(options, _) => Box::new(causeway_postgres::Reader::open(options.clone())?),
        })
    }

    /// Opens it to write. The embedded engine must not be open elsewhere; a database may be.
    pub(crate) fn write(&self) -> Result<Arc<dyn Engine>, EngineError> {
        Ok(match self {
            Self::Embedded(folder) => Arc::new(Store::open(causeway_store::Options::new(folder))?),
            Self::Postgres(options, _) => Arc::new(Postgres::open(options.clone())?),
        })
    }

    /// An error where another process works on it.
    pub(crate) fn idle(&self) -> Result<(), EngineError> {
        match self {
            Self::Embedded(folder) => Store::open(causeway_store::Options::new(folder)).map(drop),
            Self::Postgres(options, _) => {
                let alone = causeway_postgres::Options { alone: true, ..options.clone() };
                Postgres::open(alone).map(drop)
            }
        }
    }

    /// Takes a message away, and what was derived of it. The ids of all.
    pub(crate) fn erase(
        &self,
        id: &MessageId,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Embedded(folder) => {
                Store::open(causeway_store::Options::new(folder))?.erase(id, actor, reason, now)
            }
            Self::Postgres(options, _) => {
                let alone = causeway_postgres::Options { alone: true, ..options.clone() };
                Postgres::open(alone)?.erase(id, actor, reason, now)
            }
        }
    }

    /// What is not as it was written.
    pub(crate) fn examine(&self) -> Result<Vec<Finding>, EngineError> {
        let options = match self {
            Self::Embedded(folder) => return examine(folder),
            Self::Postgres(options, _) => options.clone(),
        };
        let report = causeway_postgres::Reader::open(options)?.verify()?;
        let content = |id: String| {
            Finding::new(format!("message {id}"), "a content of it does not have its digest", RESTORE)
        };
        let mut found: Vec<Finding> = report.corrupt.into_iter().map(content).collect();
        if let Some(broken) = report.audit.broken_at {
            found.push(Finding::new(format!("audit trail, entry {}", broken.seq), broken.why, RESTORE));
        }
        Ok(found)
    }

    /// What findings and errors call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Embedded(_) => "exchange/causeway.db".to_owned(),
            Self::Postgres(_, file) => format!("PostgreSQL ({})", file.display()),
        }
    }

    /// An error of it, in words.
    pub(crate) fn failed(&self, data: &Path, error: &EngineError) -> String {
        match self {
            Self::Embedded(_) => said(data, error),
            Self::Postgres(..) => format!("{}: {error}", self.name()),
        }
    }
}

/// How to open the database of a configuration.
///
/// # Errors
/// A sentence that says why the file with the connection can't be read.
pub fn postgres_options(settings: &config::Postgres) -> Result<causeway_postgres::Options, String> {
    let file = &settings.connection_file;
    let connection = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let key = settings.audit_key_file.as_deref().map(seal_key).transpose()?;
    Ok(causeway_postgres::Options {
        key,
        authorities: settings.authorities.clone(),
        require_standby: settings.require_standby,
        bytes_max: settings.bytes_max,
        reserve: settings.reserve_bytes,
        ..causeway_postgres::Options::new(connection.trim())
    })
}

fn seal_key(file: &Path) -> Result<Key, String> {
    let key = Key::of_file(file).map_err(|e| format!("{}: {e}", file.display()))?;
    key.ok_or_else(|| format!("{}: there is no such file (postgres, audit_key_file)", file.display()))
}

/// A data directory with an embedded exchange in it, or why not.
pub(crate) fn embedded(data: &Path) -> Result<PathBuf, String> {
    let exchange = data.join(EXCHANGE);
    if exchange.join("causeway.db").exists() {
        return Ok(exchange);
    }
    Err(format!(
        "{} has no embedded exchange in it (no {EXCHANGE}/causeway.db); where messages are in PostgreSQL, give the configuration \
         that says so (--config)",
        data.display()
    ))
}
