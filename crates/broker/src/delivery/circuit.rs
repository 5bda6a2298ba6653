//! What is known of an endpoint while the process runs: how many deliveries are under way, and whether it is away.
//! An endpoint that is away gets one try at a time, with growing pauses, however many messages wait for it.

use std::collections::BTreeSet;

use causeway_exchange::NextStep;
use causeway_exchange::retry::Backoff;
use jiff::{SignedDuration, Timestamp};

use super::config::Retry;

/// Failing items that are told apart; more don't matter.
const FAILING_MAX: usize = 8;
/// Different items that have to fail in a row before it is the endpoint's fault and not theirs.
const ENDPOINTS_FAULT: usize = 2;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The endpoint is away or asks for patience.
    Endpoint,
    /// The endpoint works, this message fails.
    Message,
    /// Can't be told from one failure (no answer in time).
    Unknown,
}

/// One endpoint.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    /// Deliveries under way.
    pub(super) in_flight: usize,
    failures: u32,
    paused_until: Option<Timestamp>,
    failing: BTreeSet<u64>,
}

impl Circuit {
    /// How many more deliveries may begin.
    pub(super) fn room(&self, now: Timestamp, concurrency: usize) -> usize {
        if self.paused_until.is_some_and(|until| until > now) {
            return 0;
        }
        let most = if self.failures > 0 { 1 } else { concurrency };
        most.saturating_sub(self.in_flight)
    }

    /// The endpoint answered.
    pub(super) fn answered(&mut self) {
        self.failures = 0;
        self.paused_until = None;
        self.failing.clear();
    }

    /// A delivery failed for the time being. Says whose fault it is.
    pub(super) fn failed(
        &mut self,
        item: u64,
        whose: Whose,
        retry: Retry,
        asked: Option<SignedDuration>,
        now: Timestamp,
        jitter: u32,
    ) -> Whose {
        if whose == Whose::Message {
            self.answered();
            return whose;
        }
        if self.failing.len() < FAILING_MAX {
            self.failing.insert(item);
        }
        let away = whose == Whose::Endpoint || self.failing.len() >= ENDPOINTS_FAULT;
        if !away {
            return Whose::Message;
        }
        // What was under way when it went away fails too; that makes it no more away.
        if self.paused_until.is_none_or(|until| until <= now) {
            self.failures = self.failures.saturating_add(1);
            if let NextStep::Retry(at) = patient(retry).next(self.failures, now, false, asked, jitter) {
                self.paused_until = Some(at);
            }
        }
        Whose::Endpoint
    }
}

/// The endpoint's pauses, without an end.
pub(super) fn patient(retry: Retry) -> Backoff {
    Backoff { first_seconds: retry.first_seconds, cap_seconds: retry.cap_seconds, max_attempts: u32::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(circuit: &mut Circuit, item: u64, whose: Whose, now: Timestamp) -> Whose {
        circuit.failed(item, whose, Retry::default(), None, now, u32::MAX)
    }

    #[test]
    fn an_endpoint_that_is_away_gets_one_try_at_a_time() {
        let mut circuit = Circuit::default();
        let zero = Timestamp::UNIX_EPOCH;
        assert_eq!(circuit.room(zero, 4), 4);
        assert_eq!(fail(&mut circuit, 1, Whose::Endpoint, zero), Whose::Endpoint);
        assert_eq!(fail(&mut circuit, 2, Whose::Endpoint, zero), Whose::Endpoint);
        assert_eq!(circuit.room(zero, 4), 0);
        let later = zero + SignedDuration::from_secs(5);
        assert_eq!(circuit.room(later, 4), 1);
        circuit.in_flight = 1;
        assert_eq!(circuit.room(later, 4), 0);
        circuit.in_flight = 0;
        assert_eq!(fail(&mut circuit, 3, Whose::Endpoint, later), Whose::Endpoint);
        assert_eq!(circuit.room(later + SignedDuration::from_secs(9), 4), 0, "the pause has doubled");
        circuit.answered();
        assert_eq!(circuit.room(later, 4), 4);
    }

    #[test]
    fn one_message_without_an_answer_is_its_own_fault_two_are_the_endpoints() {
        let mut circuit = Circuit::default();
        let zero = Timestamp::UNIX_EPOCH;
        assert_eq!(fail(&mut circuit, 1, Whose::Unknown, zero), Whose::Message);
        assert_eq!(fail(&mut circuit, 1, Whose::Unknown, zero), Whose::Message);
        assert_eq!(fail(&mut circuit, 2, Whose::Unknown, zero), Whose::Endpoint);
        circuit.answered();
        assert_eq!(fail(&mut circuit, 2, Whose::Unknown, zero), Whose::Message);
    }
}
