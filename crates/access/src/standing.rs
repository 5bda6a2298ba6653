//! What stands about a person's access beside what sources told: her choices, whom she lets in, and what a privacy officer
//! has to look at. Kept as documents of the exchange's store, each change under its version.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_exchange::{Desk, EngineError};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::choices::{Change, Choice, Choices};
use crate::relationship::{Kind, Relationship};

/// Kind of the document of one person.
const PERSON: &str = "person-access";
/// Kind of the document of one alert.
const ALERT: &str = "access-alert";
/// How often a change is tried anew when another came between.
const TRIES: usize = 8;
/// How long a claimed relationship lasts without a review.
pub const CLAIM_DAYS: i64 = 14;

/// Access that the person gave to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Id of the user.
    pub carer: String,
    /// Name.
    pub name: String,
    /// Sections; empty for all that the matrix gives a carer.
    pub scope: Vec<String>,
    /// From when.
    pub start: Timestamp,
    /// Until when; the moment of revocation where it was taken back.
    pub end: Option<Timestamp>,
    /// Who gave it: the person, or staff on her word.
    pub given_by: String,
}

/// The document of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Her choices with their history.
    pub choices: Choices,
    /// Whom she let in, the past ones too.
    pub grants: Vec<Grant>,
}

/// Why an alert was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A relationship was claimed.
    SelfClaim,
    /// Emergency access.
    BreakGlass,
    /// The person says that something is wrong.
    SomethingWrong,
}

/// What a review came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who reviewed.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether the access was right.
    pub accepted: bool,
    /// What the officer notes.
    pub note: String,
}

/// Something that a privacy officer has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number.
    pub id: String,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Timestamp,
    /// Id of the user.
    pub user: String,
    /// Name of the user.
    pub user_name: String,
    /// Role of the user.
    pub role: String,
    /// Code of the user's organisation.
    pub organisation: String,
    /// Id of the person. The notification itself says nothing else of her.
    pub person: String,
    /// What the user wrote.
    pub text: String,
    /// What the review came to; `None` while it is open.
    pub review: Option<Review>,
}

impl Alert {
    /// The relationship that it gives its user, while it does.
    pub fn relationship(&self, break_glass_minutes: i64) -> Option<Relationship> {
        let (kind, lasts) = match self.reason {
            Reason::SelfClaim => (Kind::SelfClaimed, SignedDuration::from_hours(24 * CLAIM_DAYS)),
            Reason::BreakGlass => (Kind::BreakGlass, SignedDuration::from_mins(break_glass_minutes)),
            Reason::SomethingWrong => return None,
        };
        let mut end = self.at.checked_add(lasts).ok()?;
        if let Some(review) = &self.review
            && !review.accepted
        {
            end = end.min(review.at);
        }
        Some(Relationship {
            kind,
            holder: self.user.clone(),
            start: Some(self.at),
            end: Some(end),
            source: format!("alert {}", self.id),
            reason: self.text.clone(),
            scope: Vec::new(),
        })
    }
}

/// The documents.
pub struct Standings {
    store: Arc<dyn Desk>,
}

impl std::fmt::Debug for Standings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standings").finish_non_exhaustive()
    }
}

impl Standings {
    /// Over this store.
    pub fn new(store: Arc<dyn Desk>) -> Self {
        Self { store }
    }

    /// What stands about a person.
    ///
    /// # Errors
    /// Where the store can't be read, or the document not be understood: nobody guesses that a person chose nothing.
    pub fn of(&self, person: &str) -> Result<Standing, EngineError> {
        Ok(self.versioned(person)?.1)
    }

    /// What stands about everybody of whom anything does, by person.
    ///
    /// # Errors
    /// As [`Standings::of`].
    pub fn all(&self) -> Result<HashMap<String, Standing>, EngineError> {
        let read = |(person, _, json): (String, u64, String)| {
            let standing = serde_json::from_str(&json).map_err(|_| EngineError::Corrupt("person-access"))?;
            Ok((person, standing))
        };
        self.store.configs(PERSON)?.into_iter().map(read).collect()
    }

    fn versioned(&self, person: &str) -> Result<(u64, Standing), EngineError> {
        match self.store.config(PERSON, person)? {
            None => Ok((0, Standing::default())),
            Some((version, json)) => {
                let standing =
                    serde_json::from_str(&json).map_err(|_| EngineError::Corrupt("person-access"))?;
                Ok((version, standing))
            }
        }
    }

    /// Changes what stands about a person, one change after the other.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn change(
        &self,
        person: &str,
        actor: &str,
        now: Timestamp,
        change: impl Fn(&mut Standing),
    ) -> Result<(), EngineError> {
        for _ in 0..TRIES {
            let (version, mut standing) = self.versioned(person)?;
            change(&mut standing);
            let json = serde_json::to_string(&standing).map_err(|_| EngineError::Invalid("person-access"))?;
            match self.store.put_config(PERSON, person, Some(&json), Some(version), actor, now) {
                Err(EngineError::VersionConflict(_)) => {}
                other => return other.map(drop),
            }
        }
        Err(EngineError::VersionConflict(0))
    }

    /// Sets a choice.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn choose(
        &self,
        person: &str,
        choice: Choice,
        on: bool,
        source: &str,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        self.change(person, source, now, |standing| {
            standing.choices.history.push(Change { choice, on, at: now, source: source.to_owned() });
        })
    }

    /// Takes back what was given to somebody, at once.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn revoke(&self, person: &str, carer: &str, actor: &str, now: Timestamp) -> Result<(), EngineError> {
        self.change(person, actor, now, |standing| {
            for grant in standing.grants.iter_mut().filter(|g| g.carer == carer) {
                grant.end = Some(grant.end.map_or(now, |end| end.min(now)));
            }
        })
    }

    /// The people who let this user in and have not taken it back.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn let_in(&self, user: &str, now: Timestamp) -> Result<Vec<String>, EngineError> {
        let mut out = Vec::new();
        for (person, _, json) in self.store.configs(PERSON)? {
            let standing: Standing =
                serde_json::from_str(&json).map_err(|_| EngineError::Corrupt("person-access"))?;
            let in_force = |g: &Grant| g.carer == user && g.start <= now && g.end.is_none_or(|end| now < end);
            if standing.grants.iter().any(in_force) {
                out.push(person);
            }
        }
        Ok(out)
    }

    /// Raises an alert.
    ///
    /// # Errors
    /// Where the store can't be written: then the access that owes it is not given.
    pub fn raise(&self, alert: &Alert, now: Timestamp) -> Result<(), EngineError> {
        let json = serde_json::to_string(alert).map_err(|_| EngineError::Invalid("alert"))?;
        self.store.put_config(ALERT, &alert.id, Some(&json), Some(0), &alert.user, now).map(drop)
    }

    /// Every alert, oldest first.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn alerts(&self) -> Result<Vec<Alert>, EngineError> {
        self.alerts_where(|_| true)
    }

    fn alerts_where(&self, reads: impl Fn(&str) -> bool) -> Result<Vec<Alert>, EngineError> {
        let mut alerts = Vec::new();
        for (_, _, json) in self.store.configs(ALERT)?.into_iter().filter(|(_, _, json)| reads(json)) {
            alerts.push(serde_json::from_str::<Alert>(&json).map_err(|_| EngineError::Corrupt("alert"))?);
        }
        alerts.sort_by_key(|a| a.at);
        Ok(alerts)
    }

    /// Writes down what a review came to.
    ///
    /// # Errors
    /// There is no such alert, it was reviewed before, or the store can't be written.
    pub fn review(&self, id: &str, review: &Review) -> Result<Alert, EngineError> {
        let (version, json) = self.store.config(ALERT, id)?.ok_or(EngineError::NotFound("alert"))?;
        let mut alert: Alert = serde_json::from_str(&json).map_err(|_| EngineError::Corrupt("alert"))?;
        if alert.review.is_some() {
            return Err(EngineError::Invalid("this alert was reviewed before"));
        }
        alert.review = Some(review.clone());
        let json = serde_json::to_string(&alert).map_err(|_| EngineError::Invalid("alert"))?;
        self.store.put_config(ALERT, id, Some(&json), Some(version), &review.by, review.at)?;
        Ok(alert)
    }

    /// Relationships that a user or carer has with a person by claims, emergencies and grants.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn relationships(
        &self,
        person: &str,
        standing: &Standing,
        break_glass_minutes: i64,
    ) -> Result<Vec<Relationship>, EngineError> {
        let mut out: Vec<Relationship> = standing
            .grants
            .iter()
            .map(|g| Relationship {
                kind: Kind::Delegated,
                holder: g.carer.clone(),
                start: Some(g.start),
                end: g.end,
                source: format!("given by {}", g.given_by),
                reason: String::new(),
                scope: g.scope.clone(),
            })
            .collect();
        // Most alerts are of others, and need not be read for it.
        let alerts = self.alerts_where(|json| json.contains(person))?;
        let mine = alerts.iter().filter(|a| a.person == person);
        out.extend(mine.filter_map(|a| a.relationship(break_glass_minutes)));
        Ok(out)
    }
}
