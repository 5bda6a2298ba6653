//! When a failed delivery is tried again: exponential backoff, capped, with jitter.

use crate::limits;
use crate::work::NextStep;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A retry policy, as configured per route or destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Backoff {
    /// Seconds before the second attempt.
    pub first_seconds: u32,
    /// Most seconds between two attempts.
    pub cap_seconds: u32,
    /// Attempts after which the item is parked; 0 is read as 1.
    pub max_attempts: u32,
}

impl Default for Backoff {
    /// 5 s, 10 s, 20 s, 40 s, then parked; never more than 15 minutes apart where more are allowed.
    fn default() -> Self {
        Self { first_seconds: 5, cap_seconds: 900, max_attempts: limits::DEFAULT_MAX_ATTEMPTS }
    }
}

impl Backoff {
    /// What next after attempt number `attempt` (from 1) failed at `now`.
    ///
    /// `permanent`: trying again can't help. `retry_after`: what the receiver asked for (`Retry-After`); kept
    /// where it is longer than ours, up to the cap. `jitter`: a number drawn evenly from all of `u32`, by the
    /// caller, so that this stays without randomness of its own; the wait is between half and all of the step,
    /// which spreads the clients of a receiver that comes back.
    #[must_use]
    pub fn next(
        &self,
        attempt: u32,
        now: Timestamp,
        permanent: bool,
        retry_after: Option<SignedDuration>,
        jitter: u32,
    ) -> NextStep {
        if permanent || attempt >= self.max_attempts.max(1) {
            return NextStep::Park;
        }
        let cap = u64::from(self.cap_seconds) * 1_000;
        let doublings = attempt.saturating_sub(1).min(32);
        let step = (u64::from(self.first_seconds) * 1_000).saturating_mul(1u64 << doublings).min(cap);
        let half = step / 2;
        let spread = (u128::from(step - half) * u128::from(jitter) / u128::from(u32::MAX)) as u64;
        let asked = retry_after.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0)).min(cap);
        let wait = (half + spread).max(asked);
        let wait = SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX));
        NextStep::Retry(now.checked_add(wait).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use crate::work::NextStep;
    use jiff::{SignedDuration, Timestamp};

    fn wait(step: NextStep) -> Option<i64> {
        match step {
            NextStep::Retry(at) => Some(at.as_millisecond()),
            _ => None,
        }
    }

    #[test]
    fn doubles_between_half_and_whole_and_parks() {
        let backoff = Backoff { first_seconds: 4, cap_seconds: 20, max_attempts: 6 };
        let zero = Timestamp::UNIX_EPOCH;
        for (attempt, least, most) in [
            (1, 2_000, 4_000),
            (2, 4_000, 8_000),
            (3, 8_000, 16_000),
            (4, 10_000, 20_000),
            (5, 10_000, 20_000),
        ] {
            assert_eq!(wait(backoff.next(attempt, zero, false, None, 0)), Some(least));
            assert_eq!(wait(backoff.next(attempt, zero, false, None, u32::MAX)), Some(most));
        }
        assert_eq!(backoff.next(6, zero, false, None, 0), NextStep::Park);
        assert_eq!(backoff.next(1, zero, true, None, 0), NextStep::Park);
    }

    #[test]
    fn a_receivers_wish_counts_up_to_the_cap() {
        let backoff = Backoff { first_seconds: 4, cap_seconds: 20, max_attempts: 6 };
        let ask = |s| {
            wait(backoff.next(1, Timestamp::UNIX_EPOCH, false, Some(SignedDuration::from_secs(s)), u32::MAX))
        };
        assert_eq!(ask(1), Some(4_000));
        assert_eq!(ask(10), Some(10_000));
        assert_eq!(ask(9_999), Some(20_000));
        assert_eq!(ask(-5), Some(4_000));
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let backoff = Backoff { first_seconds: u32::MAX, cap_seconds: u32::MAX, max_attempts: u32::MAX };
        assert!(matches!(
            backoff.next(u32::MAX - 1, Timestamp::MAX, false, None, u32::MAX),
            NextStep::Retry(_)
        ));
    }
}
