//! What it takes to know a caller and to write down what it is shown.

use std::sync::Arc;

use axum::http::StatusCode;
use causeway_exchange::{Audit, Desk, NewAudit};
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::rate::RateLimiter;
use causeway_host::{Answer, Clock, Counters, Problem};

use crate::attempts::Attempts;
use crate::oidc::{self, Provider};
use crate::organisation::Organisations;
use crate::policy::{PolicyError, PolicySet};
use crate::session::Sessions;
use crate::shelf::Shelf;
use crate::smart::Tokens;
use crate::standing::Standings;
use crate::trail::{self, Trail};

/// What decides who may see what.
#[derive(Debug)]
pub struct Access {
    /// The policy set in force.
    pub policies: Arc<PolicySet>,
    /// Sessions of people who signed in.
    pub sessions: Sessions,
    /// Choices, grants and alerts.
    pub standings: Standings,
    /// Tokens of systems.
    pub tokens: Tokens,
    /// Where people sign in, where that is set up.
    pub provider: Option<Provider>,
}

impl Access {
    /// With the policy set that is built in, over this store, and the identity provider where there is one.
    ///
    /// # Errors
    /// The built-in set is wrong; its own test holds that it is not.
    pub fn new(store: &Arc<dyn Desk>, sign_in: Option<oidc::Settings>) -> Result<Self, PolicyError> {
        let wrong = |e: oidc::SignInError| PolicyError { file: "sign_in".to_owned(), text: e.to_string() };
        Ok(Self {
            policies: PolicySet::shared()?,
            sessions: Sessions::new(store.clone()),
            standings: Standings::new(store.clone()),
            tokens: Tokens::default(),
            provider: sign_in.map(Provider::new).transpose().map_err(wrong)?,
        })
    }
}

/// The gate of a process: who may come in, how often, and the audit trail.
pub struct Gate {
    /// Who is known.
    pub organisations: Organisations,
    /// Demonstration mode: callers name themselves and need no token.
    pub open: bool,
    /// Requests by organisation.
    pub rate: RateLimiter,
    /// Counts for `/metrics`.
    pub counters: Arc<Counters>,
    /// Keeps the audit trail.
    pub trail: Arc<dyn Audit>,
    /// The time.
    pub clock: Arc<Clock>,
    /// What decides.
    pub access: Access,
    /// Failed sign-ins.
    pub attempts: Attempts,
    /// What is kept of people: what messages hold, and the record.
    pub shelf: Shelf,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Gate {
    /// Writes that something is about to be disclosed. Where that can't be written, nothing is disclosed.
    ///
    /// # Errors
    /// 503: the caller must not answer with what it meant to disclose.
    pub async fn audit(&self, entry: NewAudit) -> Answer<()> {
        self.audit_all(vec![entry]).await
    }

    /// The same for several entries, in one commit.
    ///
    /// # Errors
    /// As [`Gate::audit`].
    pub async fn audit_all(&self, entries: Vec<NewAudit>) -> Answer<()> {
        let action = entries.first().map_or_else(|| "none".to_owned(), |e| e.action.clone());
        let (trail, now) = (self.trail.clone(), self.clock.now());
        let written = tokio::task::spawn_blocking(move || trail.audit(entries, now)).await;
        let problem = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => Problem::from(error),
            Err(_) => Problem::internal(),
        };
        Counters::add(&self.counters.audit_failures);
        tracing::error!(action, rule = problem.rule, "audit entry not written, nothing was disclosed");
        Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "exception",
            "audit-failed",
            "the access could not be recorded, so nothing is shown",
        )
        .after(RETRY_AFTER_SECONDS))
    }
}

impl trail::only::Gate for Gate {}

impl Trail for Gate {
    async fn write(&self, entries: Vec<NewAudit>) -> Answer<()> {
        self.audit_all(entries).await
    }
}

/// A state that has a gate: what handlers are given.
pub trait HasGate {
    /// The gate.
    fn gate(&self) -> &Gate;
}

impl<T: HasGate> HasGate for Arc<T> {
    fn gate(&self) -> &Gate {
        T::gate(self)
    }
}
