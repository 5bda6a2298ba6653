//! An endpoint: where and how messages are delivered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use causeway_exchange::AckKind;
use serde::Deserialize;

/// Seconds that a receiver has to answer, unless its endpoint says otherwise.
pub const TIMEOUT_SECONDS: u64 = 30;
/// Longest timeout that an endpoint may set, in seconds: a lease must outlast it.
pub const TIMEOUT_SECONDS_MAX: u64 = 600;
/// Deliveries to one endpoint at a time, unless it says otherwise.
pub const CONCURRENCY: usize = 4;
/// Most deliveries to one endpoint at a time.
pub const CONCURRENCY_MAX: usize = 64;
/// Hours after which a delivery whose receiver stays away is parked for a person.
pub const GIVE_UP_HOURS: u32 = 120;
/// Seconds that a fault destination may hold an answer back.
pub const FAULT_SECONDS_MAX: u64 = 120;

/// How a receiver is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// FHIR: answers are read as OperationOutcome or message Bundle, with the Booking and Referral retry rules.
    Fhir,
    /// Any HTTP receiver: the status decides.
    #[default]
    Http,
    /// HL7 v2 over TCP: the MSA decides.
    Mllp,
    /// Another endpoint with a fault put before it, to test a receiver.
    Fault,
}

/// What goes wrong on the way through a fault endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Waits `fault_seconds` before sending.
    Delay,
    /// Does not send at first; tries again after `fault_seconds`.
    Refuse,
    /// Sends everything twice.
    Duplicate,
    /// Puts off every second message by `fault_seconds`, so that later ones overtake it (never within one person).
    Reorder,
    /// Sends, does not wait for the answer the first time, and sends again.
    Drop,
    /// Sends half of it first, then the whole.
    Truncate,
}

/// How an endpoint is shown who we are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// Not at all, or by client certificate.
    None {},
    /// A token from a file, read anew for every delivery.
    Bearer {
        /// The file.
        token_file: PathBuf,
    },
    /// OAuth 2 client credentials with a signed assertion (RFC 7523, as the NHS API platform and SMART Backend
    /// Services take it).
    Oauth2 {
        /// Where tokens are had.
        token_url: String,
        /// Our name there: issuer and subject of the assertion.
        client_id: String,
        /// PEM file with the private key.
        key_file: PathBuf,
        /// Name of the key (`kid`).
        key_id: String,
        /// RS512, RS384 or ES384.
        algorithm: Algorithm,
        /// Audience of the assertion; without it, `token_url`.
        #[serde(default)]
        audience: Option<String>,
        /// Scope asked for.
        #[serde(default)]
        scope: Option<String>,
    },
}

/// Signature of an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSA with SHA-512 (NHS API platform).
    RS512,
    /// RSA with SHA-384 (SMART Backend Services).
    RS384,
    /// P-384 with SHA-384 (SMART Backend Services).
    ES384,
}

/// When a failed delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Seconds before the second attempt.
    pub first_seconds: u32,
    /// Most seconds between two attempts.
    pub cap_seconds: u32,
    /// Hours after which a delivery is parked whose receiver stays away.
    pub give_up_hours: u32,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// Its name, as routes and organisations use it.
    pub name: String,
    /// How it is spoken to.
    pub kind: Kind,
    /// URL, or `host:port` for MLLP (`mllps://host:port` with TLS).
    pub address: String,
    /// Seconds it has to answer.
    pub timeout_seconds: u64,
    /// What is sent: `bundle` (the translated FHIR), `original`, or the name of the format to write it in.
    pub send: String,
    /// How it is shown who we are.
    pub auth: Auth,
    /// PEM file with the authorities that vouch for it; needed for TLS.
    pub ca: Option<PathBuf>,
    /// PEM file with our client certificate.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub key: Option<PathBuf>,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// Service identifiers (`value` or `system|value`) by which FHIR messages may be addressed to it.
    pub targets: Vec<String>,
    /// Deliveries at a time; those of one person are always one after the other.
    pub concurrency: usize,
    /// When it is tried again.
    pub retry: Retry,
    /// Acknowledgements to wait for although the message doesn't ask for them.
    pub acknowledgements: Vec<AckKind>,
    /// Endpoint behind a fault endpoint.
    pub through: Option<String>,
    /// What goes wrong on the way to it.
    pub fault: Option<Fault>,
    /// How long, in seconds.
    pub fault_seconds: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self::None {}
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { first_seconds: 5, cap_seconds: 900, give_up_hours: GIVE_UP_HOURS }
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: Kind::default(),
            address: String::new(),
            timeout_seconds: TIMEOUT_SECONDS,
            send: "bundle".to_owned(),
            auth: Auth::default(),
            ca: None,
            certificate: None,
            key: None,
            headers: BTreeMap::new(),
            targets: Vec::new(),
            concurrency: CONCURRENCY,
            retry: Retry::default(),
            acknowledgements: Vec::new(),
            through: None,
            fault: None,
            fault_seconds: 1,
        }
    }
}

impl Endpoint {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// A sentence that names the endpoint and what is wrong.
    pub fn validate(&self) -> Result<(), String> {
        let bad = |text: &str| Err(format!("endpoint {}: {text}", self.name));
        if self.name.is_empty() {
            return Err("an endpoint has no name".to_owned());
        }
        if self.timeout_seconds == 0 || self.timeout_seconds > TIMEOUT_SECONDS_MAX {
            return bad("timeout_seconds must be between 1 and 600");
        }
        if self.concurrency == 0 || self.concurrency > CONCURRENCY_MAX {
            return bad("concurrency must be between 1 and 64");
        }
        if self.certificate.is_some() != self.key.is_some() {
            return bad("certificate and key belong together");
        }
        let secure = self.address.starts_with("https://") || self.address.starts_with("mllps://");
        if secure && self.ca.is_none() {
            return bad("a TLS address needs `ca`, the authorities that vouch for it");
        }
        match self.kind {
            Kind::Fhir | Kind::Http => match reqwest::Url::parse(&self.address) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
                _ => bad("the address is no http or https URL"),
            },
            Kind::Mllp if self.mllp_address().1.rsplit_once(':').is_none() => {
                bad("the address is no host:port")
            }
            Kind::Mllp => Ok(()),
            Kind::Fault if self.through.is_none() || self.fault.is_none() => {
                bad("a fault endpoint needs `through` and `fault`")
            }
            Kind::Fault if self.fault_seconds > FAULT_SECONDS_MAX => bad("fault_seconds is at most 120"),
            Kind::Fault => Ok(()),
        }
    }

    /// Whether MLLP runs within TLS, and `host:port`.
    pub(crate) fn mllp_address(&self) -> (bool, &str) {
        match (self.address.strip_prefix("mllps://"), self.address.strip_prefix("mllp://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => (false, &self.address),
        }
    }
}
