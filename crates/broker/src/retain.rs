//! Data that end: the records of persons of whom nothing was told for long enough, and the audit trail of before.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use causeway_exchange::{EngineError, HOLD, HOLD_ALL, NewAudit};
use causeway_record::{DueRecords, RecordError};
use jiff::Timestamp;

use crate::settings::Retention;
use crate::state::AppState;

/// Who ends them, in the audit trail.
const ACTOR: &str = "causeway";
/// Action of the entry that says that a person's record ended, under each of its Patients.
pub const RECORD_ENDED: &str = "record-ended";

/// What was ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Records of persons.
    pub records: usize,
    /// Entries of the audit trail.
    pub audit: usize,
}

fn said(error: &RecordError) -> EngineError {
    EngineError::Storage(error.to_string())
}

/// Ends what the policy says, at a time.
///
/// # Errors
/// What the engine or the record says; what was ended until then stays ended.
pub fn end(state: &AppState, retention: &Retention, now: Timestamp) -> Result<Ended, EngineError> {
    let _alone = state.ending.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ended = Ended::default();
    let before = |days: u32| Retention::before(days, now).filter(|_| days > 0);
    if let Some(before) = before(retention.record_days) {
        ended.records = end_records(state, before, retention.record_days, now)?;
    }
    if let Some(before) = before(retention.audit_days) {
        loop {
            match state.engine.end_audit(before, now)? {
                0 => break,
                more => ended.audit += more,
            }
        }
    }
    Ok(ended)
}

fn end_records(state: &AppState, before: Timestamp, days: u32, now: Timestamp) -> Result<usize, EngineError> {
    let holds: BTreeSet<String> = state.engine.configs(HOLD)?.into_iter().map(|(key, ..)| key).collect();
    if holds.contains(HOLD_ALL) {
        return Ok(0);
    }
    let DueRecords { persons, .. } = state.record.due(before, &holds).map_err(|e| said(&e))?;
    let mut ended = 0;
    for one in persons {
        // Written down before it is done: what ended without its entry could not be told from what was lost.
        let entry = |patient: &String| NewAudit {
            actor: ACTOR.to_owned(),
            action: RECORD_ENDED.to_owned(),
            entity: format!("Patient/{patient}"),
            detail: format!("retention of {days} days; last told of at {}", one.last),
        };
        state.engine.audit(one.patients.iter().map(entry).collect(), now)?;
        ended += usize::from(state.record.end_person(&one.person, before, now).map_err(|e| said(&e))?);
    }
    if ended > 0 {
        state.record.empty_log().map_err(|e| said(&e))?;
    }
    Ok(ended)
}
