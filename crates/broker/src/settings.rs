//! What an operator may set of the broker: each crate above it has settings of its own, and the service composes
//! them from one file.

use std::path::PathBuf;
use std::time::Duration;

use causeway_access::Organisation;
use causeway_exchange::route::Route;
use causeway_exchange::watch::Watch;
use causeway_host::limits as host;
use causeway_host::server::Bounds;
use serde::Deserialize;

use crate::bars;
use crate::endpoint::Endpoint;
use crate::limits;

/// Settings of one process, as the broker and everything above it need them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where messages, record and audit are kept.
    pub data_directory: PathBuf,
    /// Address under which callers reach this server, for links in FHIR; without it, the one they called.
    pub public_url: Option<String>,
    /// Further names that this server is called by, beside that of `public_url`.
    pub hosts: Vec<String>,
    /// Demonstration mode: no tokens.
    pub open: bool,
    /// Test mode: time travel.
    pub test_mode: bool,
    /// When time begins, in test mode; the system's time where nothing is said.
    pub begins: Option<jiff::Timestamp>,
    /// Limits.
    pub limits: Limits,
    /// How long data are kept.
    pub retention: Retention,
    /// Organisations.
    pub organisations: Vec<Organisation>,
    /// Routes, unless a table is kept with the data (document `route`/`table`).
    pub routes: Vec<Route>,
    /// Endpoints, unless one of the same name is kept with the data (documents `endpoint`).
    pub endpoints: Vec<Endpoint>,
    /// Deadlines of acknowledgements by workflow, unless a table is kept with the data (document `watch`/`table`).
    pub watches: Vec<Watch>,
    /// FHIR messaging.
    pub messaging: bars::Settings,
    /// Identity provider at which people sign in.
    pub sign_in: Option<causeway_access::oidc::Settings>,
    /// Certificates of the HTTP door.
    pub tls: Option<causeway_host::tls::Settings>,
    /// The site's own tables for translations.
    pub local: Option<causeway_adapter::local::Local>,
    /// What is dangerous in the configuration, a sentence each, for `/health`.
    pub warnings: Vec<String>,
}

impl Settings {
    /// The organisation with this code.
    pub fn organisation(&self, code: &str) -> Option<&Organisation> {
        self.organisations.iter().find(|o| o.code.eq_ignore_ascii_case(code))
    }
}

/// How long data are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after which a message's content and translation are deleted. Its facts stay.
    pub messages_days: u32,
    /// Days after the last message about a person after which the person's record ends; 0: never.
    pub record_days: u32,
    /// Days after which entries of the audit trail are deleted; 0: never.
    pub audit_days: u32,
}

impl Retention {
    /// What of it would delete something before what rests on it, in words.
    pub fn wrong(&self) -> Option<String> {
        let Self { messages_days, record_days, audit_days } = *self;
        if record_days > 0 && record_days < messages_days {
            return Some(format!(
                "retention.record_days ({record_days}) is below messages_days ({messages_days}): a record would end before the \
                 messages that it is made of"
            ));
        }
        // As long as the record that it is evidence of (IG-22).
        if audit_days > 0 && (record_days == 0 || audit_days < record_days) {
            let record = if record_days == 0 { "for ever".to_owned() } else { format!("{record_days} days") };
            return Some(format!(
                "retention.audit_days ({audit_days}): the audit trail is evidence of the record, which is kept {record}; keep it \
                 at least as long"
            ));
        }
        None
    }

    /// The time before which what is kept so many days is over: midnight (UTC), so that it changes once a day.
    pub fn before(days: u32, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let day = 24 * 3_600;
        let midnight = now.as_second().div_euclid(day) * day;
        jiff::Timestamp::from_second(midnight - i64::from(days) * day).ok()
    }
}

impl Default for Retention {
    fn default() -> Self {
        let days = u32::try_from(causeway_exchange::limits::RETENTION_DAYS).unwrap_or(u32::MAX);
        Self { messages_days: days, record_days: 0, audit_days: 0 }
    }
}

/// Limits an operator may set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one message.
    pub message_bytes: u64,
    /// Bytes of one message whose format is translated in memory.
    pub whole_bytes: u64,
    /// Bytes of memory that one translation may be expected to need, and all large ones at a time.
    pub translation_bytes: u64,
    /// Bytes by which the format of a larger message is detected.
    pub head_bytes: u64,
    /// Bytes of bundles and ledger that a translation holds in memory.
    pub spill_bytes: u64,
    /// Open connections.
    pub connections: usize,
    /// Seconds in which a request's header must have come.
    pub header_read_seconds: u64,
    /// Seconds between two pieces of a body.
    pub body_idle_seconds: u64,
    /// Seconds to finish after shutdown begins.
    pub drain_seconds: u64,
    /// Requests of one organisation under way at a time; 0 is no limit.
    pub organisation_requests: usize,
    /// Requests per second and organisation; 0 is no limit.
    pub rate_per_second: u32,
    /// Requests at once before the rate counts.
    pub rate_burst: u32,
    /// Uploads in chunks that one organisation may have unfinished; 0 is no limit.
    pub uploads: u64,
    /// Bytes of the chunks of all of them; 0 is no limit.
    pub upload_bytes: u64,
    /// Seconds to wait for a translation.
    pub sync_wait_seconds: u64,
    /// Translations side by side.
    pub translate_workers: usize,
    /// Whole records and accounts read at a time.
    pub heavy_reads: usize,
    /// Attempts before parking.
    pub attempts: u32,
    /// Hours to wait for missing parts.
    pub parts_wait_hours: i64,
}

impl Limits {
    /// As the listeners take them.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.connections,
            header_read: Duration::from_secs(self.header_read_seconds),
            drain: Duration::from_secs(self.drain_seconds),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: limits::MESSAGE_BYTES,
            whole_bytes: limits::WHOLE_BYTES_MAX,
            translation_bytes: causeway_adapter::budget::MEMORY_BYTES,
            head_bytes: limits::HEAD_BYTES,
            spill_bytes: limits::SPILL_BYTES,
            connections: host::CONNECTIONS_MAX,
            header_read_seconds: host::HEADER_READ_SECONDS,
            body_idle_seconds: host::BODY_IDLE_SECONDS,
            drain_seconds: host::DRAIN_SECONDS,
            organisation_requests: host::REQUESTS_OF_ONE_ORGANISATION,
            rate_per_second: 0,
            rate_burst: 200,
            uploads: limits::UPLOADS_OF_ONE_ORGANISATION,
            upload_bytes: limits::UPLOAD_BYTES_OF_ONE_ORGANISATION,
            sync_wait_seconds: limits::SYNC_WAIT_SECONDS,
            translate_workers: limits::TRANSLATE_WORKERS,
            heavy_reads: limits::HEAVY_READS,
            attempts: causeway_exchange::limits::DEFAULT_MAX_ATTEMPTS,
            parts_wait_hours: limits::PARTS_WAIT_HOURS,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key or a wrong type; the parser says where.
    #[error("configuration: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value breaks a rule.
    #[error("configuration: {0}")]
    Value(String),
}
