#![doc = include_str!("../README.md")]

mod accept;
mod check;
mod conn;
mod content;
mod engine;
mod erase;
mod fault;
mod follow;
mod head;
pub mod later;
mod limits;
mod queue;
mod read;
mod reader;
mod rows;
mod schema;
mod seal;
mod shared;
mod sweep;
mod take_over;
mod tls;
mod upload;
mod writer;

pub use crate::follow::{Place, Told, is_taken};
pub use crate::reader::{Copied, Reader};
pub use crate::take_over::{Taken, take_over};

use crate::conn::{Conn, Reach};
use crate::fault::Result;
use crate::shared::Shared;
use crate::tls::Tls;
use crate::writer::Writer;
use causeway_exchange::{Durability, EngineError};
use causeway_seal::Key;
use postgres::config::{Host, SslMode};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How to open the engine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connection string, as libpq has it (`host=a,b user=causeway dbname=causeway sslmode=require`). Of several hosts the
    /// one that accepts writes is used.
    pub connection: String,
    /// PEM file with the certificates of the authority that signed the servers' ones.
    pub authorities: Option<PathBuf>,
    /// Refuse to write while the server waits for no standby at a commit.
    pub require_standby: bool,
    /// Bytes that the database may have in all; `None`: the server alone decides.
    pub bytes_max: Option<u64>,
    /// Bytes that must stay free below `bytes_max` before a message is accepted.
    pub reserve: u64,
    /// Write only while no other engine that was opened alone does: a second one waits its turn, and takes over when the
    /// first has ended.
    pub alone: bool,
    /// Key under which the audit trail is sealed: the same for all brokers of a database.
    pub key: Option<Key>,
    /// Seal the trail as it is, whatever its seals say now.
    pub reseal: bool,
}

impl Options {
    /// Nothing but where the database is.
    #[must_use]
    pub fn new(connection: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            authorities: None,
            require_standby: false,
            bytes_max: None,
            reserve: 0,
            alone: false,
            key: None,
            reseal: false,
        }
    }

    fn reach(&self) -> Result<Reach> {
        let mut config: postgres::Config =
            self.connection.parse().map_err(|_| EngineError::Invalid("connection string of PostgreSQL"))?;
        if config.get_ssl_mode() != SslMode::Require && !config.get_hosts().iter().all(is_here) {
            return Err(EngineError::Invalid("PostgreSQL on another machine needs sslmode=require"));
        }
        config.target_session_attrs(postgres::config::TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(limits::HOST_WAIT);
        }
        // A leader that was cut off says nothing any more, not even that it is gone: the kernel finds out and ends the
        // connection, in place of after two hours.
        config.keepalives(true);
        config.keepalives_idle(limits::SILENCE);
        config.keepalives_interval(limits::SILENCE_ASKED);
        config.keepalives_retries(limits::SILENCE_RETRIES);
        config.tcp_user_timeout(limits::UNANSWERED);
        config.application_name("causeway");
        Ok(Reach { config, tls: Tls::new(self.authorities.as_deref())?, reads_only: false })
    }
}

/// Whether a host is this machine: clear text stays within it.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

/// The engine on a PostgreSQL database. Several brokers may have the same one open.
pub struct Postgres {
    // Before what it uses: it ends first.
    writer: Writer,
    shared: Arc<Shared>,
    durability: Durability,
}

impl Postgres {
    /// Opens the engine: makes or migrates the tables, measures a commit, removes what was staged and never named.
    ///
    /// # Errors
    /// A connection string that can't be read, a server that can't be reached, data of a newer version, a server that
    /// waits for no standby where one is required, an audit trail whose head is not sealed under the key.
    pub fn open(options: Options) -> Result<Self> {
        let reach = options.reach()?;
        conn::apart(|| Self::open_reached(options, reach))
    }

    fn open_reached(options: Options, reach: Reach) -> Result<Self> {
        let mut conn = Conn::open_to_write(&reach, options.alone)?;
        schema::migrate(&mut conn)?;
        take_over::settled(&mut conn)?;
        if options.reseal {
            conn.transaction(|conn| seal::all(conn, options.key.as_ref()))?;
        }
        seal::judged(&mut conn, options.key.as_ref())?;
        let mut reign = None;
        let mut token = 0;
        if options.alone {
            // Whoever held a lease is gone, for the lock of its session is free: its work need not wait for the lease to
            // run out. Each counts as lost, so that work which kills its process is parked in the end. One that is not
            // gone but was cut off for a while finds another reign here and writes nothing any more.
            let begun = "UPDATE meta SET reign = reign + 1 RETURNING reign, token";
            let found = conn.transaction(|conn| {
                conn.run("UPDATE work SET lease_until = 0 WHERE state = 'leased'", conn::p![])?;
                conn.first(begun, conn::p![], |r| Ok((conn::get::<i64>(r, 0)?, conn::get::<i64>(r, 1)?)))
            })?;
            let (own, last) = found.ok_or(EngineError::Corrupt("meta"))?;
            (reign, token) = (Some(own), last);
        }
        let abandoned = content::abandoned(&mut conn)?;
        conn.transaction(|conn| content::forget(conn, &abandoned))?;
        let durability = check::durability(&mut conn, limits::PROBES)?;
        let shared = Arc::new(Shared::new(options, reach, reign)?);
        let writer = Writer::start(conn, Arc::clone(&shared), token)?;
        Ok(Self { writer, shared, durability })
    }

    /// Whether another broker has taken the database over from this one, which was alone on it and can write no more: the
    /// process should end. It can't become true before a write has failed for it.
    #[must_use]
    pub fn superseded(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.superseded)
    }

    /// Puts a backup into an empty database and opens it.
    ///
    /// # Errors
    /// As [`Postgres::open`]; a database that is not empty, a backup that is damaged or of another version.
    pub fn restore(backup: &Path, options: Options) -> Result<Self> {
        let reach = options.reach()?;
        conn::apart(|| {
            let mut conn = Conn::open(&reach)?;
            check::restore(&mut conn, backup)
        })?;
        Self::open(options)
    }
}
