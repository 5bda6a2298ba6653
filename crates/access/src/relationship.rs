//! Legitimate relationships: why this caller has to do with this person. Derived from facts that sources told, with start
//! and end; claimed by a user with a reason; given by the person to a carer; or an emergency.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of relationship, in the order in which the best is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The person is the caller.
    Own,
    /// Registered with this GP practice.
    Registered,
    /// In this organisation's care now: an open encounter or admission.
    Admitted,
    /// Referred to this organisation, which has accepted.
    Referred,
    /// Receives a service of this council or provider: an active episode of care.
    SocialCare,
    /// This worker is allocated to the person.
    Allocated,
    /// Lives in this care home.
    Resident,
    /// The person let this carer in.
    Delegated,
    /// The user says so, with a reason.
    SelfClaimed,
    /// Emergency access.
    BreakGlass,
    /// None.
    None,
}

impl Kind {
    /// All kinds, in their order.
    pub const ALL: [Self; 11] = [
        Self::Own,
        Self::Registered,
        Self::Admitted,
        Self::Referred,
        Self::SocialCare,
        Self::Allocated,
        Self::Resident,
        Self::Delegated,
        Self::SelfClaimed,
        Self::BreakGlass,
        Self::None,
    ];

    /// The kind of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The word in policies and in the access log.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Own => "own",
            Kind::Registered => "registered",
            Kind::Admitted => "admitted",
            Kind::Referred => "referred",
            Kind::SocialCare => "social-care",
            Kind::Allocated => "allocated",
            Kind::Resident => "resident",
            Kind::Delegated => "delegated",
            Kind::SelfClaimed => "self-claimed",
            Kind::BreakGlass => "break-glass",
            Kind::None => "none",
        }
    }

    /// In plain words, after "because".
    pub fn plain(self) -> &'static str {
        match self {
            Kind::Own => "it is your own record",
            Kind::Registered => "you are registered with this practice",
            Kind::Admitted => "you are, or were just, in their care",
            Kind::Referred => "you were referred to them and they accepted",
            Kind::SocialCare => "you receive care or support from them",
            Kind::Allocated => "they are your allocated worker",
            Kind::Resident => "you live there",
            Kind::Delegated => "you let them in",
            Kind::SelfClaimed => "they said that they care for you (this is being checked)",
            Kind::BreakGlass => "it was an emergency (this is reviewed)",
            Kind::None => "there was no reason on record",
        }
    }
}

/// A relationship of one organisation or user with one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relationship {
    /// What kind.
    pub kind: Kind,
    /// Code of the organisation, or id of the user where it is a user's own.
    pub holder: String,
    /// From when; `None` where the source does not tell.
    pub start: Option<Timestamp>,
    /// Until when; `None` while it is open.
    pub end: Option<Timestamp>,
    /// The fact that told it: `EpisodeOfCare/…`, or the claim's number.
    pub source: String,
    /// The reason that a user gave.
    pub reason: String,
    /// Which sections a delegated access covers; empty for all that the matrix gives a carer.
    pub scope: Vec<String>,
}

impl Relationship {
    /// Whether it is in force.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }
}

/// The best relationship in force of those that a holder has.
pub fn best<'a>(
    all: &'a [Relationship],
    organisation: &str,
    user: &str,
    now: Timestamp,
) -> Option<&'a Relationship> {
    all.iter()
        .filter(|r| r.holder.eq_ignore_ascii_case(organisation) || (!user.is_empty() && r.holder == user))
        .filter(|r| r.in_force(now))
        .min_by_key(|r| r.kind)
}

/// A resource as told by a source.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The resource.
    pub resource: &'a Value,
    /// Code of the organisation that told it.
    pub by: &'a str,
    /// Adapter that translated it.
    pub adapter: &'a str,
}

/// Relationships that the facts of one person tell, each of the organisation or worker whose code it names. Give the
/// Organization and Practitioner resources that they refer to as well.
pub fn derive(facts: &[Told<'_>]) -> Vec<Relationship> {
    let codes = codes(facts);
    let mut out: Vec<Relationship> = Vec::new();
    let mut known = HashSet::new();
    for Told { resource, by, adapter } in facts.iter().copied() {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let id = || format!("{kind}/{}", resource["id"].as_str().unwrap_or_default());
        let mut add = |kind: Kind, holder: &str, start: Option<Timestamp>, end: Option<Timestamp>| {
            if !holder.is_empty() && known.insert((kind, holder.to_owned(), start, end)) {
                out.push(Relationship {
                    kind,
                    holder: holder.to_owned(),
                    start,
                    end,
                    source: id(),
                    reason: String::new(),
                    scope: Vec::new(),
                });
            }
        };
        let period = |of: &Value| (instant(&of["start"], false), instant(&of["end"], true));
        let code = |reference: &Value| -> String {
            match reference["identifier"]["value"].as_str() {
                Some(value) => value.to_owned(),
                None => codes
                    .get(reference["reference"].as_str().unwrap_or_default())
                    .cloned()
                    .unwrap_or_default(),
            }
        };
        match kind {
            "Patient" if resource["active"] != Value::Bool(false) => {
                for practice in resource["generalPractitioner"].as_array().into_iter().flatten() {
                    add(Kind::Registered, &code(practice), None, None);
                }
                // A care provider's own record of somebody whom it looks after.
                if adapter == "care-provider-record" {
                    add(Kind::Resident, by, None, None);
                }
            }
            "Encounter" => {
                let (start, end) = period(&resource["period"]);
                let open = matches!(
                    resource["status"].as_str(),
                    Some("in-progress" | "arrived" | "triaged" | "onleave")
                );
                let named = code(&resource["serviceProvider"]);
                let holder = if named.is_empty() { by } else { &named };
                // One that is over is kept with its end, so that a page can say since when there is none.
                if open || (resource["status"] == "finished" && end.is_some()) {
                    add(Kind::Admitted, holder, start, end);
                }
            }
            "ServiceRequest" if resource["status"] == "active" => {
                for performer in resource["performer"].as_array().into_iter().flatten() {
                    add(Kind::Referred, &code(performer), instant(&resource["authoredOn"], false), None);
                }
            }
            "EpisodeOfCare" => {
                let (start, end) = period(&resource["period"]);
                let active = matches!(resource["status"].as_str(), Some("active" | "waitlist" | "onhold"));
                if active || end.is_some() {
                    // Who gives the care, and the council or provider that says so.
                    add(Kind::SocialCare, &code(&resource["managingOrganization"]), start, end);
                    add(Kind::SocialCare, by, start, end);
                    add(Kind::Allocated, &code(&resource["careManager"]), start, end);
                }
            }
            _ => {}
        }
    }
    out
}

/// Codes of organisations and workers by the reference that leads to them.
fn codes(facts: &[Told<'_>]) -> HashMap<String, String> {
    let mut codes = HashMap::new();
    for Told { resource, .. } in facts {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        if !matches!(kind, "Organization" | "Practitioner" | "HealthcareService") {
            continue;
        }
        let identifiers = resource["identifier"].as_array().into_iter().flatten();
        let best = identifiers
            .filter_map(|i| Some((i["system"].as_str()?, i["value"].as_str()?)))
            .min_by_key(|(system, _)| {
                let known = ["/ods-", "cqc-", "cassr-", "sds-"];
                known.iter().position(|k| system.contains(k)).unwrap_or(known.len())
            });
        if let Some((_, value)) = best {
            codes.insert(format!("{kind}/{}", resource["id"].as_str().unwrap_or_default()), value.to_owned());
        }
    }
    codes
}

/// Length of a whole date, such as `2026-11-29`.
const DATE_LENGTH: usize = 10;

/// A FHIR dateTime as an instant: of a date the beginning, or the end where it ends something, in British time.
fn instant(value: &Value, end: bool) -> Option<Timestamp> {
    let text = value.as_str()?;
    // A date alone is no instant.
    if text.len() > DATE_LENGTH
        && let Ok(time) = text.parse::<Timestamp>()
    {
        return Some(time);
    }
    let date: Date = match text.len() {
        4 => format!("{text}-01-01").parse(),
        7 => format!("{text}-01").parse(),
        _ => text.get(..DATE_LENGTH)?.parse(),
    }
    .ok()?;
    let date = if end {
        match text.len() {
            4 => date.last_of_year().tomorrow().ok()?,
            7 => date.last_of_month().tomorrow().ok()?,
            _ => date.tomorrow().ok()?,
        }
    } else {
        date
    };
    causeway_core::london().to_timestamp(date.at(0, 0, 0, 0)).ok()
}
