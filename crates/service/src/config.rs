//! What an operator may set. The documented defaults are in `causeway.toml`, compiled in as [`DEFAULTS`].

use std::path::PathBuf;

use causeway_broker::delivery::{self, Endpoint};
use causeway_broker::{bars, limits, traces};
use causeway_doors::{bulk, mesh, mllp, nrl, scaip};
use causeway_exchange::route::{Route, Routes};
use causeway_exchange::watch::Watch;
use causeway_host::tls;
use serde::Deserialize;

pub use causeway_access::{CodeSystem, Organisation};
pub use causeway_broker::settings::{ConfigError, Limits, Retention};

/// The default configuration, with a comment for each key.
pub const DEFAULTS: &str = include_str!("../causeway.toml");

/// The configuration of one process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the HTTP door.
    pub listen: String,
    /// Where messages, record and audit are kept.
    pub data_directory: PathBuf,
    /// PostgreSQL for messages, in place of the embedded engine.
    pub postgres: Option<Postgres>,
    /// Collector that the ways of messages are told to.
    pub traces: Option<traces::Settings>,
    /// Address under which callers reach this server, for links in FHIR; without it, the one they called.
    pub public_url: Option<String>,
    /// Further names that this server is called by, beside that of `public_url`.
    pub hosts: Vec<String>,
    /// Demonstration mode: no tokens.
    pub open: bool,
    /// Test mode: time travel.
    pub test_mode: bool,
    /// Dangers taken on: what is dangerous is refused without its word here.
    pub accept_risk: Vec<Risk>,
    /// When time begins, in test mode; the system's time where nothing is said. Set by programs only.
    #[serde(skip)]
    pub begins: Option<jiff::Timestamp>,
    /// Limits.
    pub limits: Limits,
    /// How long data are kept.
    pub retention: Retention,
    /// Organisations.
    #[serde(rename = "organisation")]
    pub organisations: Vec<Organisation>,
    /// Files of local maps: what the site adds to translations.
    pub local_maps: Vec<PathBuf>,
    /// The same, read. Set by programs only.
    #[serde(skip)]
    pub local: Option<causeway_adapter::local::Local>,
    /// MLLP listeners.
    #[serde(rename = "mllp")]
    pub mllp_listeners: Vec<mllp::Settings>,
    /// SCAIP listeners.
    #[serde(rename = "scaip")]
    pub scaip_listeners: Vec<scaip::Settings>,
    /// Routes, unless a table is kept with the data (document `route`/`table`).
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
    /// Endpoints, unless one of the same name is kept with the data (documents `endpoint`).
    #[serde(rename = "endpoint")]
    pub endpoints: Vec<Endpoint>,
    /// Deadlines of acknowledgements by workflow, unless a table is kept with the data (document `watch`/`table`).
    #[serde(rename = "watch")]
    pub watches: Vec<Watch>,
    /// FHIR messaging.
    pub messaging: bars::Settings,
    /// The MESH API, where mailboxes are served.
    pub mesh: Option<mesh::MeshConfig>,
    /// The National Record Locator.
    pub nrl: nrl::Settings,
    /// Providers on the onboarding board.
    #[serde(rename = "provider")]
    pub providers: Vec<causeway_pages::onboarding::Provider>,
    /// Research projects whose requesters' systems may ask for their data (FHIR Bulk Data).
    pub research: bulk::Settings,
    /// Identity provider at which people sign in.
    pub sign_in: Option<causeway_access::oidc::Settings>,
    /// Certificates of the HTTP door.
    pub tls: Option<tls::Settings>,
}

/// Where PostgreSQL is, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// File with the connection string as libpq has it (it may hold a password); several hosts for failover.
    pub connection_file: PathBuf,
    /// PEM file with the certificates of the authority that signed the servers' ones.
    pub authorities: Option<PathBuf>,
    /// File with the key under which the audit trail is sealed: 64 hexadecimal digits, the same for all brokers of the database.
    pub audit_key_file: Option<PathBuf>,
    /// Refuse to write while the server waits for no standby at a commit.
    #[serde(default)]
    pub require_standby: bool,
    /// Bytes that the database may have in all.
    pub bytes_max: Option<u64>,
    /// Bytes that must stay free below `bytes_max`.
    #[serde(default)]
    pub reserve_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8780".to_owned(),
            data_directory: PathBuf::from("causeway-data"),
            postgres: None,
            traces: None,
            public_url: None,
            hosts: Vec::new(),
            open: false,
            test_mode: false,
            accept_risk: Vec::new(),
            begins: None,
            limits: Limits::default(),
            retention: Retention::default(),
            organisations: Vec::new(),
            local_maps: Vec::new(),
            local: None,
            mllp_listeners: Vec::new(),
            scaip_listeners: Vec::new(),
            routes: Vec::new(),
            endpoints: Vec::new(),
            watches: Vec::new(),
            messaging: bars::Settings::default(),
            mesh: None,
            nrl: nrl::Settings::default(),
            providers: Vec::new(),
            research: bulk::Settings::default(),
            sign_in: None,
            tls: None,
        }
    }
}

impl Config {
    /// Reads a configuration file's text. Keys that it leaves out have their defaults.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of what is wrong.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bad = |text: String| Err(ConfigError::Value(text));
        if self.limits.message_bytes > limits::MESSAGE_BYTES_MAX {
            return bad(format!("limits.message_bytes is above {}", limits::MESSAGE_BYTES_MAX));
        }
        if self.limits.whole_bytes > limits::WHOLE_BYTES_MAX {
            return bad(format!("limits.whole_bytes is above {}", limits::WHOLE_BYTES_MAX));
        }
        if self.limits.head_bytes == 0 || self.limits.spill_bytes == 0 {
            return bad("limits.head_bytes and spill_bytes must be at least 1".to_owned());
        }
        if self.limits.connections == 0
            || self.limits.translate_workers == 0
            || self.limits.heavy_reads == 0
            || self.limits.attempts == 0
        {
            return bad("limits.connections, translate_workers, heavy_reads and attempts must be at least 1"
                .to_owned());
        }
        if self.limits.upload_bytes > 0 && self.limits.upload_bytes < self.limits.message_bytes {
            return bad("limits.upload_bytes is below message_bytes".to_owned());
        }
        if let Some(text) = self.retention.wrong() {
            return bad(text);
        }
        if let Some(text) = self.traces.as_ref().and_then(traces::Settings::wrong) {
            return bad(text);
        }
        for (number, organisation) in self.organisations.iter().enumerate() {
            if organisation.system.canonical(&organisation.code).is_none() {
                return bad(format!("organisation {} has no valid code of its register", number + 1));
            }
            if self.organisations.iter().take(number).any(|other| other.code == organisation.code) {
                return bad(format!("organisation {} is listed twice", organisation.code));
            }
            if organisation.token_sha256.is_some() && organisation.token_digest().is_none() {
                return bad(format!("token_sha256 of {} is not 64 hexadecimal digits", organisation.code));
            }
            if organisation.certificate_sha256.is_some() && organisation.certificate_digest().is_none() {
                return bad(format!(
                    "certificate_sha256 of {} is not 64 hexadecimal digits",
                    organisation.code
                ));
            }
            if organisation.certificate_name.as_deref().is_some_and(|name| name.trim().is_empty()) {
                return bad(format!("certificate_name of {} is empty", organisation.code));
            }
            let same = |other: &Organisation| {
                let digest = organisation.certificate_digest();
                let name = organisation.certificate_name.as_deref();
                (digest.is_some() && other.certificate_digest() == digest)
                    || other
                        .certificate_name
                        .as_deref()
                        .zip(name)
                        .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
            };
            if let Some(other) = self.organisations.iter().take(number).find(|other| same(other)) {
                let codes = format!("{} and {}", other.code, organisation.code);
                return bad(format!("{codes} name the same client certificate"));
            }
            if organisation.names_certificate() && self.tls.as_ref().is_none_or(|t| t.client_ca.is_none()) {
                let code = &organisation.code;
                return bad(format!("{code} names a client certificate, and tls.client_ca asks for none"));
            }
            if let Some(zone) = &organisation.zone
                && jiff::tz::TimeZone::get(zone).is_err()
            {
                return bad(format!("zone of {} is not known", organisation.code));
            }
        }
        if let Err(error) = Routes::new(self.routes.clone()) {
            return bad(error.to_string());
        }
        delivery::config::validate(&self.endpoints)?;
        if let Some(mesh) = &self.mesh {
            mesh.validate()?;
        }
        Ok(())
    }

    /// The organisation with this code.
    pub fn organisation(&self, code: &str) -> Option<&Organisation> {
        self.organisations.iter().find(|o| o.code.eq_ignore_ascii_case(code))
    }
}

/// A danger that an operator may take on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Demonstration mode on an address that other machines reach.
    Open,
    /// Test mode on an address that other machines reach.
    TestMode,
    /// A door without TLS on an address that other machines reach.
    ClearText,
    /// A file with a secret that every user of this machine may read.
    ReadableSecrets,
}

impl Risk {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::TestMode => "test-mode",
            Self::ClearText => "clear-text",
            Self::ReadableSecrets => "readable-secrets",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        assert_eq!(Config::parse(DEFAULTS).unwrap(), Config::default());
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        let error = Config::parse("lisen = \"x\"").unwrap_err().to_string();
        assert!(error.contains("lisen"), "{error}");
        for text in [
            "[[organisation]]\ncode = \"R-1\"",
            "[[organisation]]\ncode = \"ZZ901\"\ntoken_sha256 = \"12\"",
            "[[organisation]]\ncode = \"ZZ901\"\nzone = \"Mars/Base\"",
            "[[organisation]]\ncode = \"ZZ901\"\n[[organisation]]\ncode = \"ZZ901\"",
            "[[organisation]]\ncode = \"ZZ901\"\ncertificate_sha256 = \"12\"",
            "[[organisation]]\ncode = \"ZZ901\"\ncertificate_name = \"a\"",
            "[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\n[[organisation]]\ncode = \"ZZ901\"\n\
             certificate_name = \"a\"\n[[organisation]]\ncode = \"ZZ902\"\ncertificate_name = \"A\"",
            "[[route]]\nid = \"nowhere\"\nto = []",
            "[[route]]\nid = \"a\"\nwhen = { senders = [\"X\"] }\nto = [{ kind = \"record\" }]",
            "[limits]\nconnections = 0",
            "[traces]\nurl = \"http://collector.example/v1/traces\"",
            "[limits]\nupload_bytes = 1000",
            "[retention]\nrecord_days = 29",
            "[retention]\naudit_days = 4000",
            "[retention]\nrecord_days = 3000\naudit_days = 2999",
        ] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
    }
}
