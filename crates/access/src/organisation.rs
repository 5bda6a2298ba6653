//! Organisations that send, read or receive, and the registers that their codes are from.

use causeway_adapter::Sender;
use causeway_core::{CassrCode, CqcLocationId, OdsCode};
use causeway_fhir::systems;
use causeway_host::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// Public keys of its systems as a JSON Web Key Set, for SMART Backend Services; its client id is its code.
    pub jwks: Option<String>,
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

/// The organisations of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organisations(pub Vec<Organisation>);

impl Organisations {
    /// The organisation with this code.
    pub fn find(&self, code: &str) -> Option<&Organisation> {
        self.0.iter().find(|o| o.code.eq_ignore_ascii_case(code))
    }
}

/// A SHA-256 digest of its 64 hexadecimal digits.
pub fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
