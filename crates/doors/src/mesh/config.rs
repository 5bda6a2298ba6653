//! What an operator sets for the MESH door: mailboxes, who may send what, and how strict the door is.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use causeway_broker::settings::ConfigError;
use causeway_exchange::WorkflowFilter;
use serde::Deserialize;

use super::limits;

/// Configuration of the MESH door. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeshConfig {
    /// As the specification, or as the published sandbox does it.
    pub mode: Mode,
    /// How callers are authenticated; anything but `full` needs sandbox mode.
    pub auth: AuthMode,
    /// Key of the environment, shared by all mailboxes, for the tokens' HMAC.
    pub shared_key: Secret,
    /// Environment that `_ping` names.
    pub environment: String,
    /// Build that `_ping` names.
    pub build_label: String,
    /// Where used tokens are remembered.
    pub token_memory: TokenMemory,
    /// Opens the administration addresses: reset, reports, events, time. Sandbox or test mode only.
    pub admin: bool,
    /// Sandbox only: serves three fixed messages and keeps nothing that is sent.
    pub canned: bool,
    /// Sandbox only: a folder that gets a copy of each message as files, `MAILBOX/in/ID.json` and
    /// `MAILBOX/in/ID/CHUNK`, for people who want to look at them.
    pub mirror_directory: Option<PathBuf>,
    /// A message that repeats the sender's local id, recipient, workflow and content is the same message and
    /// gets the first one's id. MESH itself lets local ids repeat.
    pub same_local_id_is_retry: bool,
    /// The mailboxes.
    #[serde(rename = "mailbox")]
    pub mailboxes: Vec<Mailbox>,
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Strict,
            auth: AuthMode::Full,
            shared_key: Secret::default(),
            environment: "local".to_owned(),
            build_label: env!("CARGO_PKG_VERSION").to_owned(),
            token_memory: TokenMemory::Auto,
            admin: false,
            canned: false,
            mirror_directory: None,
            same_local_id_is_retry: false,
            mailboxes: Vec::new(),
        }
    }
}

/// How strict the door is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As the MESH API's specification says.
    #[default]
    Strict,
    /// As lenient as the published sandbox: tokens may repeat, chunks may be missing, workflows are free.
    Sandbox,
}

/// How callers are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Token with HMAC.
    #[default]
    Full,
    /// Token whose nonce is the word `VALID`.
    Canned,
    /// The mailbox in the address is believed.
    None,
}

/// Where used tokens are remembered. Either way a used token stays used over a crash and a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenMemory {
    /// In the journal where the engine is this process's own (SQLite), else in the engine.
    #[default]
    Auto,
    /// With the messages, for every broker of one database. One commit for each request.
    Engine,
    /// In this process, and in a journal file beside the data; no flush for a request. After a power cut the tokens
    /// of the last minutes are refused, used or not: a client whose clock is right is let in again within three
    /// minutes of the cut. One broker only.
    Journal,
}

/// A mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mailbox {
    /// Its id, upper case.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its password, part of the token's HMAC.
    pub password: Secret,
    /// ODS code, for look-ups and as the sending organisation of its messages.
    pub ods_code: String,
    /// Organisation code in tracking; the ODS code where it is left out.
    pub org_code: Option<String>,
    /// Organisation name in tracking.
    pub org_name: String,
    /// Who pays (shown by the sandbox's administration).
    pub billing_entity: Option<String>,
    /// Whether it may be used.
    pub active: bool,
    /// Workflows that it may send, in the filter grammar; left out, any.
    pub send: Option<Vec<String>>,
    /// Workflows that it receives, in the filter grammar; left out, any. Look-ups find what is listed only.
    pub receive: Option<Vec<String>>,
    /// The exchange's own: what is sent there is translated and routed, nobody collects it.
    pub broker: bool,
    /// SHA-256 of the client certificate (DER) that must be shown with this mailbox, in hexadecimal.
    pub certificate_sha256: Option<String>,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            password: Secret::default(),
            ods_code: String::new(),
            org_code: None,
            org_name: String::new(),
            billing_entity: None,
            active: true,
            send: None,
            receive: None,
            broker: false,
            certificate_sha256: None,
        }
    }
}

/// A text that no log shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl MeshConfig {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bad = |text: String| Err(ConfigError::Value(text));
        let lenient = self.auth != AuthMode::Full || self.canned || self.mirror_directory.is_some();
        if self.mode == Mode::Strict && lenient {
            return bad(
                "mesh: auth other than full, canned and mirror_directory need sandbox mode".to_owned()
            );
        }
        if self.auth == AuthMode::Full && self.shared_key.reveal().is_empty() {
            return bad("mesh: shared_key is missing".to_owned());
        }
        if self.mailboxes.len() > limits::MAILBOXES_MAX {
            return bad(format!("mesh: more than {} mailboxes", limits::MAILBOXES_MAX));
        }
        let mut seen = HashMap::new();
        for (number, mailbox) in (1..).zip(&self.mailboxes) {
            let ok = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
            if mailbox.id.is_empty() || mailbox.id.len() > 100 || !mailbox.id.bytes().all(ok) {
                return bad(format!("mesh: id of mailbox {number} is not upper-case letters and digits"));
            }
            if seen.insert(&mailbox.id, number).is_some() {
                return bad(format!("mesh: mailbox {} is listed twice", mailbox.id));
            }
            if self.auth == AuthMode::Full && mailbox.password.reveal().is_empty() {
                return bad(format!("mesh: mailbox {} has no password", mailbox.id));
            }
            let hex = |h: &str| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit());
            if mailbox.certificate_sha256.as_deref().is_some_and(|h| !hex(h)) {
                return bad(format!(
                    "mesh: certificate_sha256 of {} is not 64 hexadecimal digits",
                    mailbox.id
                ));
            }
        }
        Ok(())
    }

    /// The mailboxes by id.
    pub(super) fn by_id(&self) -> HashMap<String, Arc<Mailbox>> {
        self.mailboxes.iter().map(|m| (m.id.clone(), Arc::new(m.clone()))).collect()
    }
}

impl Mailbox {
    /// Whether it may send messages of this workflow.
    pub fn may_send(&self, workflow: &str) -> bool {
        self.send.as_deref().is_none_or(|list| listed(list, workflow))
    }

    /// Whether it takes messages of this workflow.
    pub fn may_receive(&self, workflow: &str) -> bool {
        self.receive.as_deref().is_none_or(|list| listed(list, workflow))
    }

    /// Whether a look-up of this workflow finds it.
    pub(super) fn is_endpoint_of(&self, workflow: &str) -> bool {
        self.active && self.receive.as_deref().is_some_and(|list| listed(list, workflow))
    }

    /// Organisation code, for tracking.
    pub(super) fn org(&self) -> &str {
        self.org_code.as_deref().unwrap_or(&self.ods_code)
    }

    /// Who a message from it is from.
    pub(super) fn sender(&self) -> &str {
        if self.ods_code.is_empty() { &self.id } else { &self.ods_code }
    }
}

fn listed(list: &[String], workflow: &str) -> bool {
    list.iter().any(|w| WorkflowFilter::parse(w).matches(workflow))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(), String> {
        let config: MeshConfig = toml::from_str(text).map_err(|e| e.to_string())?;
        config.validate().map_err(|e| e.to_string())
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        let good = "shared_key = \"k\"\n[[mailbox]]\nid = \"A1\"\npassword = \"p\"\nsend = [\"W*\"]";
        assert_eq!(parse(good), Ok(()));
        for bad in [
            "shared_kee = \"k\"",
            "",
            "shared_key = \"k\"\nauth = \"none\"",
            "shared_key = \"k\"\ncanned = true",
            "shared_key = \"k\"\n[[mailbox]]\nid = \"a1\"\npassword = \"p\"",
            "shared_key = \"k\"\n[[mailbox]]\nid = \"A1\"",
            "shared_key = \"k\"\n[[mailbox]]\nid = \"A1\"\npassword = \"p\"\n[[mailbox]]\nid = \"A1\"\npassword = \"p\"",
            "shared_key = \"k\"\n[[mailbox]]\nid = \"A1\"\npassword = \"p\"\ncertificate_sha256 = \"12\"",
            "shared_key = \"k\"\n[[mailbox]]\nid = \"A1\"\npassword = \"p\"\nreceives = [\"W\"]",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = MeshConfig { shared_key: "hidden".into(), ..MeshConfig::default() };
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn workflows() {
        let mailbox = Mailbox { send: Some(vec!["W*".into(), "X".into()]), ..Mailbox::default() };
        assert!(mailbox.may_send("W1") && mailbox.may_send("X") && !mailbox.may_send("X2"));
        assert!(mailbox.may_receive("anything") && !mailbox.is_endpoint_of("anything"));
    }
}
