//! Work whose end could not be written down, because the engine was away: it is given back as soon as the engine is there
//! again. Without that its lease would hold it, and all that waits behind it in its order, for as long as the lease is.

use std::sync::{Mutex, PoisonError};

use causeway_exchange::{Effects, EngineError, Failure, Lease, NextStep, Queue};
use jiff::{SignedDuration, Timestamp};

use crate::limits::SERVICE_AWAY_SECONDS;

/// The leases that are to be given back.
#[derive(Debug, Default)]
pub struct Unwritten(Mutex<Vec<Lease>>);

impl Unwritten {
    /// Keeps one until it can be given back.
    pub fn keep(&self, lease: Lease) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lease);
    }

    /// Gives back what is kept, to be done again: not a loss, and no attempt used up. An end that was written after all, its
    /// answer alone lost, stays as it is: its lease is no longer held. How many were given back.
    ///
    /// # Errors
    /// The engine is still away; what could not be given back is kept.
    pub fn give_back<Q: Queue + ?Sized>(&self, engine: &Q, now: Timestamp) -> Result<usize, EngineError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return Ok(0);
        }
        let leases = std::mem::take(&mut *kept);
        let failure = || Failure {
            code: "storage".to_owned(),
            detail: "how it ended could not be written down".to_owned(),
            next: NextStep::Wait(now + SignedDuration::from_secs(SERVICE_AWAY_SECONDS)),
            effects: Effects::default(),
        };
        let given = engine.fail_all(leases.iter().map(|lease| (lease.clone(), failure())).collect(), now);
        let mut away = None;
        let mut count = 0;
        for (lease, given) in leases.into_iter().zip(given) {
            match given {
                Ok(()) => count += 1,
                Err(error) if error.is_transient() => {
                    kept.push(lease);
                    away = Some(error);
                }
                Err(EngineError::StaleLease) => {}
                Err(error) => tracing::warn!(error = %error, "a lease could not be given back; it runs out"),
            }
        }
        away.map_or(Ok(count), Err)
    }
}
