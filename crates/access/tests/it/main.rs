//! The access decision, what is withheld, and the events, held to the rules IG-01 to IG-26 by their ids.
#![allow(clippy::print_stderr)]

mod decision;
mod events;
mod fsh;
mod misuse;
mod withhold;

use std::collections::BTreeSet;
use std::sync::Arc;

use causeway_access::choices::{Change, Choice, Choices};
use causeway_access::decide::{self, Asker, Decision, Interface, OrganisationFacts, Reach, Request};
use causeway_access::policy::PolicySet;
use causeway_access::relationship::{Kind, Relationship};
use jiff::Timestamp;

fn now() -> Timestamp {
    "2026-11-29T10:00:00Z".parse().unwrap()
}

fn policies() -> Arc<PolicySet> {
    static SET: std::sync::OnceLock<Arc<PolicySet>> = std::sync::OnceLock::new();
    Arc::clone(
        SET.get_or_init(|| Arc::new(PolicySet::built_in().expect("the built-in set loads and is valid"))),
    )
}

fn choices(on: &[Choice]) -> Choices {
    let change = |choice: &Choice| Change { choice: *choice, on: true, at: now(), source: "test".to_owned() };
    Choices { history: on.iter().map(change).collect() }
}

fn asker(role: &str) -> Asker {
    Asker {
        user: "u1".to_owned(),
        name: "A User".to_owned(),
        role: role.to_owned(),
        activities: BTreeSet::new(),
        organisation: OrganisationFacts {
            code: "ZZ900".to_owned(),
            name: "A Practice".to_owned(),
            registered: true,
            live: true,
            gates_in_date: true,
            demonstration: false,
        },
        own_number: String::new(),
    }
}

fn relation(kind: Kind) -> Relationship {
    Relationship {
        kind,
        holder: "ZZ900".to_owned(),
        start: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        end: None,
        source: "Patient/1".to_owned(),
        reason: "seen in the corridor, asked for help".to_owned(),
        scope: Vec::new(),
    }
}

/// The natural purpose and relationship of a role.
fn natural(role: &str) -> (&'static str, Option<Kind>) {
    match role {
        "person" => ("PATRQT", Some(Kind::Own)),
        "carer" => ("FAMRQT", Some(Kind::Delegated)),
        "R0001" => ("HCOMPL", None),
        "R1860" => ("HRESCH", None),
        _ => ("TREAT", Some(Kind::Registered)),
    }
}

struct Ask<'a> {
    asker: Asker,
    purpose: &'a str,
    kind: Option<Relationship>,
    choices: Choices,
    interface: Interface,
    reach: Reach,
    child: bool,
}

impl Ask<'_> {
    fn of(role: &str) -> Self {
        let (purpose, kind) = natural(role);
        Ask {
            asker: asker(role),
            purpose,
            kind: kind.map(relation),
            choices: Choices::default(),
            interface: Interface::Care,
            reach: Reach::Open,
            child: false,
        }
    }

    fn decide(&self) -> Decision {
        self.decide_by(&policies())
    }

    fn decide_by(&self, policies: &Arc<PolicySet>) -> Decision {
        let request = Request {
            asker: &self.asker,
            purpose: self.purpose,
            interface: self.interface,
            reach: self.reach,
            choices: &self.choices,
            safeguarded_child: self.child,
            relationship: self.kind.as_ref(),
            now: now(),
        };
        decide::decide(policies, &request)
    }
}
