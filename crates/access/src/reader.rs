//! Who reads a record: a person who signed in, a connected system, or the operator of the exchange.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_host::Peer;
use causeway_host::{Answer, Problem};

use crate::audit_event::{Act, Event, Party, User};
use crate::caller::{Caller, Shown};
use crate::cookie::{has_cookie, session_of};
use crate::decide::{Asker, OrganisationFacts};
use crate::gate::{Gate, HasGate};
use crate::organisation::Organisation;
use crate::policy::Audience;
use crate::session::Session;
use crate::smart::Granted;

/// A reader.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Who asks, as the decision takes it.
    pub asker: Asker,
    /// Identifier system of the asker's organisation.
    pub organisation_system: String,
    /// The session, where a person signed in.
    pub session: Option<Session>,
    /// What a system's token allows; `None` where the reader did not come with one.
    pub scopes: Option<Granted>,
    /// Whether it is the operator of the exchange, whom no decision limits: the technical keeper of the whole, and the
    /// visitor of an open demonstration who looks as nobody in particular.
    pub operator: bool,
    /// Address on the network.
    pub address: String,
    /// X-Request-Id.
    pub request: String,
    /// The raw request line, for the log of queries.
    pub line: String,
    /// Base URL at which the request came in.
    pub server: String,
}

impl Reader {
    /// Finds out who reads: the session of a cookie comes before the organisation's own credentials.
    ///
    /// # Errors
    /// As [`Caller::of`]; 401 where the cookie's session is over; 503 where the store can't be read.
    pub fn of(state: &impl HasGate, parts: &Parts) -> Answer<Self> {
        let gate = state.gate();
        let headers = &parts.headers;
        let peer = parts.extensions.get::<Peer>();
        let shown = Shown(peer.and_then(|p| p.certificate.clone()));
        let text =
            |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let mut reader = Self {
            asker: Asker::default(),
            organisation_system: String::new(),
            session: None,
            scopes: None,
            operator: false,
            address: peer.map(|p| p.address.ip().to_string()).unwrap_or_default(),
            request: text("x-request-id").chars().filter(|c| c.is_ascii_graphic()).take(64).collect(),
            line: format!("{} {}", parts.method, parts.uri),
            server: format!("http://{}", text("host")),
        };
        if let Some(session) = session_of(gate, headers)? {
            let organisation = gate.organisations.find(&session.who.organisation);
            reader.organisation_system = organisation.map(|o| o.system.url().to_owned()).unwrap_or_default();
            reader.asker = Asker {
                user: session.who.user(),
                name: session.who.name.clone(),
                role: session.who.role.clone(),
                activities: session.who.activities.clone(),
                organisation: facts(gate, organisation, &session.who.organisation),
                own_number: session.who.nhs_number.clone(),
            };
            reader.session = Some(session);
            return Ok(reader);
        }
        // A session that is over leaves nobody: it does not fall back to the visitor of a demonstration.
        if has_cookie(headers) && !headers.contains_key(header::AUTHORIZATION) {
            return Ok(reader);
        }
        let caller = Caller::of(state, &shown, headers)?;
        reader.scopes = caller.scopes.clone();
        reader.operator = caller.is_operator();
        reader.organisation_system = caller.organisation.system.url().to_owned();
        reader.asker = Asker {
            user: String::new(),
            name: caller.organisation.label().to_owned(),
            role: "system".to_owned(),
            activities: BTreeSet::new(),
            organisation: facts(gate, Some(&caller.organisation), &caller.organisation.code),
            own_number: String::new(),
        };
        Ok(reader)
    }

    /// Somebody who is not known yet, at this address.
    pub fn unknown(address: String) -> Self {
        Self {
            asker: Asker::default(),
            organisation_system: String::new(),
            session: None,
            scopes: None,
            operator: false,
            address,
            request: String::new(),
            line: String::new(),
            server: String::new(),
        }
    }

    /// The reader that somebody signed in would be, to show what they would see.
    pub fn of_session(gate: &Gate, who: &crate::session::SignedIn) -> Self {
        let organisation = gate.organisations.find(&who.organisation);
        Self {
            asker: Asker {
                user: who.user(),
                name: who.name.clone(),
                role: who.role.clone(),
                activities: who.activities.clone(),
                organisation: facts(gate, organisation, &who.organisation),
                own_number: who.nhs_number.clone(),
            },
            organisation_system: organisation.map(|o| o.system.url().to_owned()).unwrap_or_default(),
            session: None,
            scopes: None,
            operator: false,
            address: String::new(),
            request: String::new(),
            line: String::new(),
            server: String::new(),
        }
    }

    /// The purpose of this reader's ordinary requests.
    pub fn purpose(&self) -> &'static str {
        match self.asker.role.as_str() {
            "person" => "PATRQT",
            "carer" => "FAMRQT",
            "R0001" | "R5105" => "HCOMPL",
            "R1860" => "HRESCH",
            _ => "TREAT",
        }
    }

    /// The session.
    ///
    /// # Errors
    /// 401 where nobody signed in.
    pub fn signed_in(&self) -> Answer<&Session> {
        self.session.as_ref().ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "login", "not-signed-in", "sign in to see this page")
        })
    }

    /// Refuses a form without its session's token.
    ///
    /// # Errors
    /// 401, 403.
    pub fn check_form(&self, csrf: &str) -> Answer<&Session> {
        use subtle::ConstantTimeEq;
        let session = self.signed_in()?;
        if bool::from(session.csrf.as_bytes().ct_eq(csrf.as_bytes())) {
            return Ok(session);
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "form-token",
            "this form is out of date or was not sent from our own page; open the page again",
        ))
    }

    /// Counts what a person who signed in sends, against their own rate: it is that of an organisation.
    ///
    /// # Errors
    /// 401, 429 with `Retry-After`.
    pub fn take_rate(&self, state: &impl HasGate) -> Answer<()> {
        let user = self.signed_in()?.who.user();
        crate::caller::take_rate(
            state,
            &user,
            "you sent many forms at once; wait a moment, then send it again",
        )
    }

    /// Refuses what the scopes of a system's token do not cover.
    ///
    /// # Errors
    /// 403.
    pub fn require_scope(&self, kind: &str, search: bool) -> Answer<()> {
        if self.scopes.as_ref().is_none_or(|s| s.allows(kind, search)) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "scope", "the token's scopes do not cover this"))
    }

    /// Refuses everyone but these roles.
    ///
    /// # Errors
    /// 403.
    pub fn require_role(&self, roles: &[&str]) -> Answer<()> {
        if self.operator || roles.contains(&self.asker.role.as_str()) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "role", "this page is not for your role"))
    }

    /// An event of this reader about nobody yet.
    pub fn event(&self, gate: &Gate, act: Act) -> Event {
        let policies = &gate.access.policies;
        let role = policies.role(&self.asker.role);
        let client = Party {
            system: self.organisation_system.clone(),
            value: self.asker.organisation.code.clone(),
            name: self.asker.organisation.name.clone(),
        };
        let user = self.session.as_ref().map(|session| User {
            who: Party {
                system: session.who.issuer.clone(),
                value: session.who.subject.clone(),
                name: session.who.name.clone(),
            },
            role: self.asker.role.clone(),
            role_system: role.map(|r| r.system.clone()).unwrap_or_default(),
            role_name: role.map(|r| r.name.clone()).unwrap_or_default(),
            audience: role.map_or(Audience::System, |r| r.audience).word().to_owned(),
        });
        Event {
            id: uuid::Uuid::now_v7().to_string(),
            recorded: gate.clock.now(),
            act,
            refused: String::new(),
            text: String::new(),
            client,
            address: self.address.clone(),
            server: self.server.clone(),
            user,
            purpose: self.purpose().to_owned(),
            token: match (&self.session, &self.scopes) {
                (Some(session), _) => session.id.clone(),
                (None, Some(granted)) => granted.id.clone(),
                (None, None) => String::new(),
            },
            patient: String::new(),
            nhs_number: String::new(),
            data: Vec::new(),
            query: if act == Act::Query { STANDARD.encode(&self.line) } else { String::new() },
            request: self.request.clone(),
            relationship: if self.operator { "operator".to_owned() } else { String::new() },
            sections: Vec::new(),
            policy: policies.head.version.clone(),
        }
    }
}

fn facts(gate: &Gate, organisation: Option<&Organisation>, code: &str) -> OrganisationFacts {
    OrganisationFacts {
        code: code.to_owned(),
        name: organisation.map_or_else(|| code.to_owned(), |o| o.label().to_owned()),
        registered: organisation.is_some(),
        live: organisation.is_some(),
        gates_in_date: true,
        demonstration: gate.open,
    }
}

impl<S: HasGate + Send + Sync> FromRequestParts<Arc<S>> for Reader {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &Arc<S>) -> Result<Self, Problem> {
        Self::of(state, parts)
    }
}
