//! The record of a broker on PostgreSQL follows the exchange: what is in the record of the broker that works, and is not in this
//! one's, is taken into it. A broker that waits does so all the time; one that begins does it before it answers anybody.

use std::collections::BTreeSet;

use causeway_broker::identity::{self, Decided};
use causeway_broker::pipeline::follow::{self, FollowError};
use causeway_exchange::{EngineError, Operation as _, Recorded};
use causeway_postgres::{Place, Postgres};
use causeway_record::{Record, RecordError};
use causeway_service::state::AppState;

use crate::keep::RECORD;

/// Messages asked for at a time.
const PAGE: usize = 1_024;

/// Why a record can't follow.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The same may succeed later.
    ForNow(String),
    /// A person must do something.
    ForGood(String),
}

impl Stopped {
    /// In words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::ForNow(words) | Self::ForGood(words) => words,
        }
    }
}

impl From<FollowError> for Stopped {
    fn from(error: FollowError) -> Self {
        let words = match &error {
            FollowError::Exchange(error) => format!("PostgreSQL: {error}"),
            FollowError::Record(error) => format!("{RECORD}: {error}"),
        };
        if error.is_transient() { Self::ForNow(words) } else { Self::ForGood(words) }
    }
}

impl From<EngineError> for Stopped {
    fn from(error: EngineError) -> Self {
        FollowError::from(error).into()
    }
}

impl From<RecordError> for Stopped {
    fn from(error: RecordError) -> Self {
        FollowError::from(error).into()
    }
}

/// Where a step ended.
#[derive(Debug)]
pub(crate) enum Step {
    /// The record has all that the exchange said was recorded when it was asked last, which was then there.
    Here(Place),
    /// The record tells what was erased from the exchange: it is to be made anew.
    Anew,
}

/// How far a record has followed.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// The server's timeline and the last event whose message is in the record. `None`: record and exchange are compared
    /// message by message.
    at: Option<(String, u64)>,
    /// The decisions about identity that were brought into it.
    decided: Vec<Decided>,
}

impl Followed {
    /// Takes in what is new. `behind` is told how many messages are left.
    ///
    /// # Errors
    /// The exchange or the record failed; what was taken in until then stays.
    pub(crate) fn step(
        &mut self,
        state: &AppState,
        engine: &Postgres,
        record: &Record,
        behind: &dyn Fn(u64),
    ) -> Result<Step, Stopped> {
        loop {
            let after = self.at.as_ref().map_or(0, |(_, at)| *at);
            let place = engine.place(after)?;
            // What an old leader had alone is not with the new one, which gives its numbers to other events.
            let same = |(timeline, at): &(String, u64)| *timeline == place.timeline && *at <= place.event;
            let mut fresh = false;
            if !self.at.as_ref().is_some_and(same) {
                self.at = None;
                let Some(taken) = compare(state, engine, record, behind)? else { return Ok(Step::Anew) };
                fresh |= taken > 0;
                self.at = Some((place.timeline.clone(), place.event));
            }
            let mut left = place.behind;
            while let Some((_, at)) = &mut self.at {
                let page = engine.recorded_since(*at, PAGE)?;
                let Some((last, _)) = page.last() else { break };
                let last = *last;
                let messages: Vec<Recorded> = page.into_iter().map(|(_, message)| message).collect();
                if tells_erased(record, &messages)? {
                    return Ok(Step::Anew);
                }
                left = left.max(messages.len() as u64);
                take(state, engine, &messages, &|done| behind(left.saturating_sub(done)))?;
                left -= messages.len() as u64;
                *at = last;
                fresh = true;
            }
            let kept = identity::kept(&*state.engine)?;
            // What could not be settled for want of a message may be now.
            if fresh || kept != self.decided {
                settled(record, &kept)?;
                self.decided = kept;
            }
            behind(0);
            let now = engine.place(self.at.as_ref().map_or(0, |(_, at)| *at))?;
            if now.timeline == place.timeline {
                return Ok(Step::Here(now));
            }
        }
    }
}

/// Compares record and exchange message by message, and takes in what the record lacks. How many those were; `None` where the
/// record tells what was erased.
fn compare(
    state: &AppState,
    engine: &Postgres,
    record: &Record,
    behind: &dyn Fn(u64),
) -> Result<Option<usize>, Stopped> {
    let recorded = engine.recorded()?;
    if tells_erased(record, &recorded)? {
        return Ok(None);
    }
    let told = record.messages()?;
    let told: BTreeSet<&str> = told.iter().map(|one| one.message.as_str()).collect();
    let (lacking, gone): (Vec<Recorded>, Vec<Recorded>) = recorded
        .into_iter()
        .filter(|message| !message.erased && !told.contains(message.id.as_str()))
        .partition(|message| message.present);
    if !gone.is_empty() {
        tracing::warn!(
            messages = gone.len(),
            "the record lacks what messages told whose content is gone: copy the record of another broker"
        );
    }
    if !lacking.is_empty() {
        let all = lacking.len() as u64;
        tracing::info!(messages = all, "taking into the record what another broker has in its own");
        behind(all);
        take(state, engine, &lacking, &|done| behind(all.saturating_sub(done)))?;
    }
    Ok(Some(lacking.len()))
}

/// Whether a record tells of a message among these that was erased.
pub(crate) fn tells_erased(record: &Record, messages: &[Recorded]) -> Result<bool, RecordError> {
    let erased: BTreeSet<&str> = messages.iter().filter(|m| m.erased).map(|m| m.id.as_str()).collect();
    // The record's messages are many, what is erased is rare.
    Ok(!erased.is_empty() && record.messages()?.iter().any(|one| erased.contains(one.message.as_str())))
}

fn take(
    state: &AppState,
    engine: &Postgres,
    messages: &[Recorded],
    done: &dyn Fn(u64),
) -> Result<(), Stopped> {
    let taken = follow::take_in(state, messages, &|ids| engine.told(ids), &|count| done(count as u64))?;
    if taken.refused > 0 {
        tracing::error!(
            messages = taken.refused,
            "the record lacks messages that another broker has in its own: causeway verify names them"
        );
    }
    Ok(())
}

/// Brings what people decided about who is who into the record. How many decisions it lacked, and how many it can't have.
///
/// # Errors
/// A sentence that says what could not be done.
pub(crate) fn settle(state: &AppState, record: &Record) -> Result<(usize, usize), String> {
    let kept = identity::kept(&*state.engine).map_err(|e| e.to_string())?;
    settled(record, &kept).map_err(|e| format!("{RECORD}: {e}"))
}

fn settled(record: &Record, kept: &[Decided]) -> Result<(usize, usize), RecordError> {
    let (lacked, left) = identity::settle(record, kept)?;
    if lacked > 0 {
        tracing::info!(lacked, left, "decisions about identity of the exchange brought into the record");
    }
    Ok((lacked, left))
}
