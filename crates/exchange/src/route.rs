//! Routing as data: which destinations a message goes to, and which rule said so.
//!
//! A table is a JSON list of routes, tried in order. A route matches where every condition it names holds; a
//! condition it leaves out holds always. Semantics:
//!
//! * every matching route adds its destinations, up to and including the first matching route with
//!   `"last": true` (so a table whose routes all say `last` is first-match; one without it is all-match);
//! * a destination that two routes name gets one delivery of each kind (bundle, document, a format), by the first
//!   of them;
//! * no match is not an error here but an empty answer: the broker parks such a message for a person.
//!
//! Unknown keys are refused, so a misspelt condition can't widen a route.

use crate::limits;
use crate::message::WorkflowFilter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Sends the translated FHIR bundle to a mailbox; what a destination that says nothing else gets. Other values:
/// [`SEND_DOCUMENT`], or the name of a format that the bundle is written in.
pub const SEND_BUNDLE: &str = "bundle";
/// Sends a text that a person can read.
pub const SEND_DOCUMENT: &str = "document";

fn bundle() -> String {
    SEND_BUNDLE.to_owned()
}

fn is_bundle(send: &str) -> bool {
    send == SEND_BUNDLE
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// Its name; unique in the table, shown on the timeline.
    pub id: String,
    /// Switched off without being removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// When it matches.
    #[serde(default)]
    pub when: When,
    /// Where to; at least one.
    pub to: Vec<Destination>,
    /// No later route is looked at after this one matched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
}

/// Conditions; all that are given must hold. Within one list, any entry may match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct When {
    /// Sender's organisation code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sender: Vec<String>,
    /// Format that the adapter detected (`hl7v2`, `edifact-pathology`, …).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub format: Vec<String>,
    /// Workflow, in the MESH filter grammar (`W`, `!W`, `W*`, `!W*`, `*W*`, `!*W*`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workflow: Vec<String>,
    /// Event (`ADT^A01`, a FHIR message event code).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event: Vec<String>,
    /// Recipient's organisation code, as the message names it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipient: Vec<String>,
    /// Whether the message is about a person with a known registered practice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_registered_practice: Option<bool>,
}

/// Where a route leads. The recipient of a message may be put in by the name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "kind")]
pub enum Destination {
    /// A fixed mailbox.
    Mailbox {
        /// Its id.
        mailbox: String,
        /// What goes there, see [`SEND_BUNDLE`].
        #[serde(default = "bundle", skip_serializing_if = "is_bundle")]
        send: String,
    },
    /// A fixed endpoint (FHIR, MLLP), by the key of its configuration document.
    Endpoint {
        /// The key.
        endpoint: String,
    },
    /// The organisation that the message names as recipient.
    Recipient {
        /// What goes to its mailbox, see [`SEND_BUNDLE`]. An endpoint says itself what it takes.
        #[serde(default = "bundle", skip_serializing_if = "is_bundle")]
        send: String,
    },
    /// The practice at which the person is registered.
    RegisteredPractice {
        /// What goes to its mailbox, see [`SEND_BUNDLE`]. An endpoint says itself what it takes.
        #[serde(default = "bundle", skip_serializing_if = "is_bundle")]
        send: String,
    },
    /// The integrated record.
    Record {},
}

/// What routing looks at; the broker fills it in from the message and its translation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Sender's organisation code.
    pub sender: &'a str,
    /// Detected format; empty where unknown.
    pub format: &'a str,
    /// Workflow; empty where none.
    pub workflow: &'a str,
    /// Event; empty where none.
    pub event: &'a str,
    /// Recipient's organisation code, where the message names one.
    pub recipient: Option<&'a str>,
    /// Organisation code of the practice the person is registered at (looked up by NHS number, never guessed).
    pub registered_practice: Option<&'a str>,
}

/// A destination with nothing left open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "at")]
pub enum Target {
    /// A mailbox.
    Mailbox(String),
    /// An endpoint's configuration key.
    Endpoint(String),
    /// An organisation: the broker looks up its mailbox or endpoint.
    Organisation(String),
    /// The integrated record.
    Record,
}

/// One delivery to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Route that said so.
    pub route: &'a str,
    /// Where to.
    pub target: Target,
    /// What goes there: [`SEND_BUNDLE`], [`SEND_DOCUMENT`] or a format's name.
    pub send: &'a str,
}

/// What a table says about a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routed<'a> {
    /// Deliveries, in table order.
    pub deliveries: Vec<Decision<'a>>,
    /// Routes that matched but whose open destination the message doesn't fill (no recipient, no practice):
    /// a person must look, nothing is guessed.
    pub unresolved: Vec<&'a str>,
}

/// A table of routes, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(Vec<Route>);

/// Why a table is refused. Says the route's number (from 1), nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Not JSON, or not of this form (an unknown key, a missing one).
    #[error("routes are not valid at line {line}, column {column}")]
    Form {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// Too many.
    #[error("more than {} routes", limits::MAX_ROUTES)]
    TooMany,
    /// An id is empty or used twice.
    #[error("route {0} has an empty id or one that is used before")]
    Id(usize),
    /// A route leads nowhere.
    #[error("route {0} has no destination")]
    Nowhere(usize),
}

impl Routes {
    /// Reads a table.
    ///
    /// # Errors
    /// [`RouteError`].
    pub fn parse(json: &str) -> Result<Self, RouteError> {
        let routes: Vec<Route> = serde_json::from_str(json)
            .map_err(|e| RouteError::Form { line: e.line(), column: e.column() })?;
        Self::new(routes)
    }

    /// Checks a table.
    ///
    /// # Errors
    /// [`RouteError`].
    pub fn new(routes: Vec<Route>) -> Result<Self, RouteError> {
        if routes.len() > limits::MAX_ROUTES {
            return Err(RouteError::TooMany);
        }
        let mut seen = BTreeSet::new();
        for (number, route) in (1..).zip(&routes) {
            if route.id.is_empty() || !seen.insert(route.id.as_str()) {
                return Err(RouteError::Id(number));
            }
            if route.to.is_empty() {
                return Err(RouteError::Nowhere(number));
            }
        }
        Ok(Self(routes))
    }

    /// The routes, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Route] {
        &self.0
    }

    /// Where a message goes.
    #[must_use]
    pub fn route(&self, facts: &Facts<'_>) -> Routed<'_> {
        let mut routed = Routed::default();
        let mut seen = BTreeSet::new();
        for route in self.0.iter().filter(|r| !r.disabled && r.when.holds(facts)) {
            for destination in &route.to {
                match destination.resolve(facts) {
                    // One look by a person settles all open destinations of a route.
                    None if routed.unresolved.contains(&route.id.as_str()) => {}
                    None => routed.unresolved.push(&route.id),
                    Some(target) => {
                        let send = destination.send();
                        if seen.insert((target.clone(), send)) {
                            routed.deliveries.push(Decision { route: &route.id, target, send });
                        }
                    }
                }
            }
            if route.last {
                break;
            }
        }
        routed
    }
}

impl When {
    /// Whether all conditions hold.
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        let any = |list: &[String], value: &str| list.is_empty() || list.iter().any(|l| l == value);
        any(&self.sender, facts.sender)
            && any(&self.format, facts.format)
            && any(&self.event, facts.event)
            && (self.recipient.is_empty() || facts.recipient.is_some_and(|r| any(&self.recipient, r)))
            && (self.workflow.is_empty()
                || self.workflow.iter().any(|w| WorkflowFilter::parse(w).matches(facts.workflow)))
            && self.has_registered_practice.is_none_or(|want| want == facts.registered_practice.is_some())
    }
}

impl Destination {
    fn send(&self) -> &str {
        match self {
            Self::Mailbox { send, .. } | Self::Recipient { send } | Self::RegisteredPractice { send } => send,
            Self::Endpoint { .. } | Self::Record {} => SEND_BUNDLE,
        }
    }

    /// Fills in what the message says; `None` where it doesn't.
    fn resolve(&self, facts: &Facts<'_>) -> Option<Target> {
        match self {
            Self::Mailbox { mailbox, .. } => Some(Target::Mailbox(mailbox.clone())),
            Self::Endpoint { endpoint } => Some(Target::Endpoint(endpoint.clone())),
            Self::Recipient { .. } => facts.recipient.map(|r| Target::Organisation(r.to_owned())),
            Self::RegisteredPractice { .. } => {
                facts.registered_practice.map(|p| Target::Organisation(p.to_owned()))
            }
            Self::Record {} => Some(Target::Record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, RouteError, Routes, Target};

    const TABLE: &str = r#"[
        {"id": "record", "to": [{"kind": "record"}]},
        {"id": "off", "disabled": true, "to": [{"kind": "mailbox", "mailbox": "NEVER"}]},
        {"id": "results", "when": {"format": ["edifact-pathology"], "sender": ["A99990", "A99991"]},
         "to": [{"kind": "registeredPractice"}], "last": true},
        {"id": "letters", "when": {"workflow": ["LETTER*"]},
         "to": [{"kind": "recipient"}, {"kind": "mailbox", "mailbox": "COPY"}, {"kind": "record"}]},
        {"id": "north", "when": {"recipient": ["Z99990"], "event": ["ADT^A01"]},
         "to": [{"kind": "endpoint", "endpoint": "north"}]}
    ]"#;

    fn targets(facts: &Facts<'_>) -> (Vec<Target>, usize) {
        let routes = Routes::parse(TABLE).expect("a table");
        let routed = routes.route(facts);
        (routed.deliveries.into_iter().map(|d| d.target).collect(), routed.unresolved.len())
    }

    #[test]
    fn all_match_until_last() {
        let facts = Facts {
            sender: "A99991",
            format: "edifact-pathology",
            workflow: "LETTERS",
            registered_practice: Some("G99990"),
            ..Facts::default()
        };
        assert_eq!(targets(&facts), (vec![Target::Record, Target::Organisation("G99990".into())], 0));
    }

    #[test]
    fn each_destination_once_and_nothing_guessed() {
        let facts = Facts { sender: "A", workflow: "LETTER_X", ..Facts::default() };
        assert_eq!(targets(&facts), (vec![Target::Record, Target::Mailbox("COPY".into())], 1));
        let facts = Facts { recipient: Some("Z99990"), event: "ADT^A01", ..Facts::default() };
        assert_eq!(targets(&facts), (vec![Target::Record, Target::Endpoint("north".into())], 0));
    }

    #[test]
    fn one_mailbox_may_get_bundle_and_document() {
        let routes = Routes::parse(
            r#"[{"id": "gp", "to": [
                {"kind": "mailbox", "mailbox": "GP"}, {"kind": "mailbox", "mailbox": "GP", "send": "document"},
                {"kind": "mailbox", "mailbox": "GP", "send": "bundle"}, {"kind": "recipient", "send": "flat"}]}]"#,
        )
        .expect("a table");
        let routed = routes.route(&Facts { recipient: Some("Z1"), ..Facts::default() });
        let sent: Vec<_> = routed.deliveries.iter().map(|d| d.send).collect();
        assert_eq!(sent, ["bundle", "document", "flat"]);
        let json = serde_json::to_string(routes.as_slice()).expect("json");
        assert_eq!(Routes::parse(&json), Ok(routes));
    }

    #[test]
    fn unknown_keys_and_bad_tables_are_refused() {
        for bad in [
            r#"[{"id": "a", "to": [{"kind": "record"}], "wen": {}}]"#,
            r#"[{"id": "a", "to": [{"kind": "record"}], "when": {"senders": ["x"]}}]"#,
            r#"[{"id": "a", "to": [{"kind": "mailbox", "mailbox": "M", "x": 1}]}]"#,
            r#"[{"id": "a", "to": [{"kind": "record", "x": 1}]}]"#,
            r#"[{"id": "a", "to": [{"kind": "post"}]}]"#,
            "{",
        ] {
            assert!(matches!(Routes::parse(bad), Err(RouteError::Form { .. })), "{bad}");
        }
        assert_eq!(Routes::parse(r#"[{"id": "a", "to": []}]"#), Err(RouteError::Nowhere(1)));
        let twice = r#"[{"id": "a", "to": [{"kind": "record"}]}, {"id": "a", "to": [{"kind": "record"}]}]"#;
        assert_eq!(Routes::parse(twice), Err(RouteError::Id(2)));
    }

    #[test]
    fn a_table_round_trips() {
        let routes = Routes::parse(TABLE).expect("a table");
        let json = serde_json::to_string(routes.as_slice()).expect("json");
        assert_eq!(Routes::parse(&json), Ok(routes));
    }
}
