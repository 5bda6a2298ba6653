//! What an operator may set. The documented defaults are in `causeway.toml`, compiled in as [`DEFAULTS`].

use std::path::PathBuf;

use causeway_adapter::Sender;
use causeway_core::{CassrCode, CqcLocationId, OdsCode};
use causeway_exchange::route::{Route, Routes};
use causeway_fhir::systems;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits;

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
    /// Address under which callers reach this server, for links in FHIR; without it, the one they called.
    pub public_url: Option<String>,
    /// Demonstration mode: no tokens.
    pub open: bool,
    /// Test mode: time travel.
    pub test_mode: bool,
    /// Limits.
    pub limits: Limits,
    /// Organisations.
    #[serde(rename = "organisation")]
    pub organisations: Vec<Organisation>,
    /// MLLP listeners.
    #[serde(rename = "mllp")]
    pub mllp_listeners: Vec<crate::mllp::Settings>,
    /// SCAIP listeners.
    #[serde(rename = "scaip")]
    pub scaip_listeners: Vec<crate::scaip::Settings>,
    /// Routes, unless a table is kept with the data (document `route`/`table`).
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
    /// Endpoints, unless one of the same name is kept with the data (documents `endpoint`).
    #[serde(rename = "endpoint")]
    pub endpoints: Vec<crate::delivery::Endpoint>,
    /// Deadlines of acknowledgements by workflow, unless a table is kept with the data (document `watch`/`table`).
    #[serde(rename = "watch")]
    pub watches: Vec<causeway_exchange::watch::Watch>,
    /// FHIR messaging.
    pub messaging: crate::fhir_messaging::Settings,
    /// The MESH API, where mailboxes are served.
    pub mesh: Option<crate::mesh::MeshConfig>,
    /// Certificates of the HTTP door.
    pub tls: Option<crate::tls::Settings>,
}

/// Limits an operator may set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one message.
    pub message_bytes: u64,
    /// Bytes of one message whose format is translated in memory.
    pub whole_bytes: u64,
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
    /// Requests per second and organisation; 0 is no limit.
    pub rate_per_second: u32,
    /// Requests at once before the rate counts.
    pub rate_burst: u32,
    /// Seconds to wait for a translation.
    pub sync_wait_seconds: u64,
    /// Translations side by side.
    pub translate_workers: usize,
    /// Attempts before parking.
    pub attempts: u32,
    /// Hours to wait for missing parts.
    pub parts_wait_hours: i64,
}

/// Which register an organisation's code is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeSystem {
    /// Organisation Data Service.
    #[default]
    Ods,
    /// Care Quality Commission location.
    Cqc,
    /// Council with adult social services responsibilities.
    Cassr,
}

/// An organisation that sends, reads or receives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organisation {
    /// Its code.
    pub code: String,
    /// Which register the code is from.
    pub system: CodeSystem,
    /// Its name.
    pub name: String,
    /// SHA-256 of its bearer token, in hexadecimal.
    pub token_sha256: Option<String>,
    /// SHA-256 of its client certificate in DER, in hexadecimal, with or without colons: who shows it is this
    /// organisation, without a token.
    pub certificate_sha256: Option<String>,
    /// Common name of its client certificate's subject. Every authority of `tls.client_ca` can then vouch for it.
    pub certificate_name: Option<String>,
    /// May see every message, the queues and the people.
    pub operator: bool,
    /// Adapter options switched on for its messages.
    pub options: Vec<String>,
    /// Time zone of its local times.
    pub zone: Option<String>,
    /// Mailbox that takes what is addressed to it.
    pub mailbox: Option<String>,
    /// Endpoint (key of its configuration document) that takes what is addressed to it.
    pub endpoint: Option<String>,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8780".to_owned(),
            data_directory: PathBuf::from("causeway-data"),
            public_url: None,
            open: false,
            test_mode: false,
            limits: Limits::default(),
            organisations: Vec::new(),
            mllp_listeners: Vec::new(),
            scaip_listeners: Vec::new(),
            routes: Vec::new(),
            endpoints: Vec::new(),
            watches: Vec::new(),
            messaging: crate::fhir_messaging::Settings::default(),
            mesh: None,
            tls: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: limits::MESSAGE_BYTES,
            whole_bytes: limits::WHOLE_BYTES_MAX,
            head_bytes: limits::HEAD_BYTES,
            spill_bytes: limits::SPILL_BYTES,
            connections: limits::CONNECTIONS_MAX,
            header_read_seconds: limits::HEADER_READ_SECONDS,
            body_idle_seconds: limits::BODY_IDLE_SECONDS,
            drain_seconds: limits::DRAIN_SECONDS,
            rate_per_second: 0,
            rate_burst: 200,
            sync_wait_seconds: limits::SYNC_WAIT_SECONDS,
            translate_workers: limits::TRANSLATE_WORKERS,
            attempts: causeway_exchange::limits::DEFAULT_MAX_ATTEMPTS,
            parts_wait_hours: limits::PARTS_WAIT_HOURS,
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
        if self.limits.connections == 0 || self.limits.translate_workers == 0 || self.limits.attempts == 0 {
            return bad("limits.connections, translate_workers and attempts must be at least 1".to_owned());
        }
        for (number, organisation) in self.organisations.iter().enumerate() {
            if organisation.system.canonical(&organisation.code).is_none() {
                return bad(format!("organisation {} has no valid code of its register", number + 1));
            }
            if self.organisations.iter().take(number).any(|other| other.code == organisation.code) {
                return bad(format!("organisation {} is listed twice", organisation.code));
            }
            if organisation.token_sha256.as_deref().is_some_and(|hex| digest_of_hex(hex).is_none()) {
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
        crate::delivery::config::validate(&self.endpoints)?;
        Ok(())
    }

    /// The organisation with this code.
    pub fn organisation(&self, code: &str) -> Option<&Organisation> {
        self.organisations.iter().find(|o| o.code.eq_ignore_ascii_case(code))
    }
}

impl CodeSystem {
    /// The identifier system in FHIR.
    pub fn url(self) -> &'static str {
        match self {
            Self::Ods => systems::ODS_ORGANISATION,
            Self::Cqc => systems::CQC_LOCATION,
            Self::Cassr => systems::CASSR,
        }
    }

    /// The code in its canonical spelling; `None` where its shape is wrong.
    pub fn canonical(self, code: &str) -> Option<String> {
        match self {
            Self::Ods => OdsCode::parse(code).map(|c| c.to_string()),
            Self::Cqc => CqcLocationId::parse(code).map(|c| c.to_string()),
            Self::Cassr => CassrCode::parse(code).map(|c| c.to_string()),
        }
    }

    /// The register that a code's shape points to. Three digits are a council's, not an ODS code.
    pub fn of(code: &str) -> Option<(Self, String)> {
        [Self::Cassr, Self::Cqc, Self::Ods].into_iter().find_map(|s| s.canonical(code).map(|c| (s, c)))
    }
}

impl Organisation {
    /// An organisation of which only the code is known.
    pub fn of_code(code: &str) -> Option<Self> {
        let (system, code) = CodeSystem::of(code)?;
        Some(Self { code, system, ..Self::default() })
    }

    /// Sets the token that it signs in with.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.token_sha256 = Some(hex(&digest));
        self
    }

    /// Its name, or its code where there is no name.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.code } else { &self.name }
    }

    /// As an adapter's context takes it.
    pub fn sender(&self) -> Sender {
        Sender { system: self.system.url().to_owned(), code: self.code.clone(), name: self.name.clone() }
    }

    /// Whether it names a client certificate of its own.
    pub fn names_certificate(&self) -> bool {
        self.certificate_sha256.is_some() || self.certificate_name.is_some()
    }

    /// Fingerprint of its client certificate.
    pub fn certificate_digest(&self) -> Option<[u8; 32]> {
        digest_of_hex(&self.certificate_sha256.as_deref()?.replace(':', ""))
    }

    /// Digest of its token.
    pub fn token_digest(&self) -> Option<[u8; 32]> {
        digest_of_hex(self.token_sha256.as_deref()?)
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(digest)
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
        ] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_code_tells_its_register() {
        assert_eq!(CodeSystem::of("503"), Some((CodeSystem::Cassr, "503".to_owned())));
        assert_eq!(CodeSystem::of("1-123456789"), Some((CodeSystem::Cqc, "1-123456789".to_owned())));
        assert_eq!(CodeSystem::of("zz901"), Some((CodeSystem::Ods, "ZZ901".to_owned())));
        assert_eq!(CodeSystem::of("a b"), None);
    }

    #[test]
    fn tokens_are_kept_as_digests() {
        let organisation = Organisation::of_code("ZZ901").unwrap().with_token("secret");
        let digest: [u8; 32] = Sha256::digest(b"secret").into();
        assert_eq!(organisation.token_digest(), Some(digest));
    }
}
