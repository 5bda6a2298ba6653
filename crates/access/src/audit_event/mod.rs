//! Audit events in FHIR: what was seen, by whom, why. Kept as plain facts, written after IHE Basic Audit Log Patterns
//! (BALP 1.1.5) where the pattern fits, as plain AuditEvents where it does not (a refusal, a sign-in), and as NHS England's
//! PARS profile for export, whose closed slicing no BALP event satisfies.

mod balp;
mod pars;

pub use balp::balp;
pub use pars::{PROFILE as PARS, Product, pars};

use causeway_core::address;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An identified party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Identifier system.
    pub system: String,
    /// Identifier.
    pub value: String,
    /// Name.
    pub name: String,
}

/// The user at the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who: issuer and subject of the sign-in, or the system's own id.
    pub who: Party,
    /// Role code.
    pub role: String,
    /// Role system.
    pub role_system: String,
    /// Role name.
    pub role_name: String,
    /// `staff`, `person`, `carer` or `system`.
    pub audience: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// One resource, page or part of a page was read.
    Read,
    /// One version or the history was read.
    VersionRead,
    /// A search.
    Query,
    /// Something was written.
    Create,
    /// Something was changed.
    Update,
    /// Something was removed.
    Delete,
    /// Data left: mailbox, attachment, original, extract, paper.
    Export,
    /// Somebody signed in, or tried to.
    SignIn,
    /// Somebody signed out.
    SignOut,
    /// Emergency access began.
    BreakGlass,
    /// A relationship was claimed.
    SelfClaim,
    /// The policy set was changed.
    PolicyChange,
    /// A choice of the person, or access that she gave, changed.
    ConsentChange,
    /// An alert was reviewed.
    Review,
}

/// One event about at most one person: a search that finds several people makes one for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Id of the event, a UUID.
    pub id: String,
    /// When.
    pub recorded: Timestamp,
    /// What was done.
    pub act: Act,
    /// Empty where it succeeded; else the stable code of the refusal, such as `no-relationship`.
    pub refused: String,
    /// The refusal, or more about what was done, in a sentence without any content of the record.
    pub text: String,
    /// The organisation whose client asked.
    pub client: Party,
    /// Its address on the network.
    pub address: String,
    /// Base URL at which this exchange answered.
    pub server: String,
    /// The user.
    pub user: Option<User>,
    /// Purpose: a code of HL7's ActReason.
    pub purpose: String,
    /// Id of the token or session, never the token.
    pub token: String,
    /// The person: logical id of a Patient; empty where the event is about nobody.
    pub patient: String,
    /// Her NHS number, empty where not known.
    pub nhs_number: String,
    /// What was seen or changed: `Type/id`, or the page.
    pub data: Vec<String>,
    /// For a query: the raw request in base64, as BALP keeps it: it may name a person, or be malicious.
    pub query: String,
    /// X-Request-Id.
    pub request: String,
    /// Word of the relationship that it rests on.
    pub relationship: String,
    /// Sections that were shown.
    pub sections: Vec<String>,
    /// Version of the policy set that decided.
    pub policy: String,
}

impl Party {
    /// The identifier system as FHIR asks for it (`Identifier.system` is an absolute URI); `None` where there is none. An
    /// issuer that is only a name is one among this exchange's issuers.
    pub fn system_uri(&self) -> Option<String> {
        let system = self.system.as_str();
        if system.is_empty() {
            return None;
        }
        if is_absolute(system) {
            return Some(system.to_owned());
        }
        Some(format!("https://fhir.causeway.example/Id/issuer/{}", address::segment(system)))
    }
}

/// Whether a text is an absolute URI: a scheme (RFC 3986, 3.1), something after it, and no blank or control character.
fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_char = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(scheme_char)
        && !rest.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii())
}

impl Event {
    /// Whether it was an emergency access.
    pub fn is_break_glass(&self) -> bool {
        self.act == Act::BreakGlass || self.relationship == "break-glass"
    }
}

/// A purpose in plain words, after "to".
pub fn purpose_plain(code: &str) -> &'static str {
    match code {
        "TREAT" => "give you care",
        "ETREAT" => "help you in an emergency",
        "PATRQT" => "see your own record",
        "FAMRQT" => "help you, as you allowed",
        "HCOMPL" => "check that your record is used properly",
        "HRESCH" => "do research",
        "HOPERAT" => "plan services",
        "PUBHLTH" => "protect the health of the public",
        _ => "do something that is not named",
    }
}
