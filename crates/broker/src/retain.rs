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
    /// Facts that waited for a person.
    pub waited: usize,
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
        end_records(state, before, retention.record_days, now, &mut ended)?;
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

fn end_records(
    state: &AppState,
    before: Timestamp,
    days: u32,
    now: Timestamp,
    ended: &mut Ended,
) -> Result<(), EngineError> {
    let holds: BTreeSet<String> = state.engine.configs(HOLD)?.into_iter().map(|(key, ..)| key).collect();
    if holds.contains(HOLD_ALL) {
        return Ok(());
    }
    let DueRecords { persons, waited, .. } = state.record.due(before, &holds).map_err(|e| said(&e))?;
    // Written down before it is done: what ended without its entry could not be told from what was lost.
    let write_down = |entities: &mut dyn Iterator<Item = String>, why: String| {
        let entry = |entity| NewAudit {
            actor: ACTOR.to_owned(),
            action: RECORD_ENDED.to_owned(),
            entity,
            detail: format!("retention of {days} days; {why}"),
        };
        state.engine.audit(entities.map(entry).collect(), now)
    };
    for one in persons {
        let patients = &mut one.patients.iter().map(|patient| format!("Patient/{patient}"));
        write_down(patients, format!("last told of at {}", one.last))?;
        ended.records +=
            usize::from(state.record.end_person(&one.person, before, now).map_err(|e| said(&e))?);
    }
    for fact in waited {
        let entity = &mut std::iter::once(format!("{}/{}", fact.kind, fact.id));
        write_down(entity, format!("its person did not become known; last told at {}", fact.last))?;
        ended.waited += usize::from(state.record.end_waited(&fact, before, now).map_err(|e| said(&e))?);
    }
    if ended.records + ended.waited > 0 {
        state.record.empty_log().map_err(|e| said(&e))?;
    }
    Ok(())
}
