//! The one clock. Everything that decides by time asks it, so that a test can let five days pass in one call.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The system's time plus an offset, which can be moved forward in test mode.
#[derive(Debug, Default)]
pub struct Clock {
    offset_seconds: AtomicI64,
    travels: bool,
}

/// The clock can't be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Not in test mode.
    #[error("time travel is possible in test mode only")]
    NotInTestMode,
    /// Backwards, or further than the calendar goes.
    #[error("time can be moved forward by at most ten years")]
    Range,
}

/// Furthest that time can be moved in all: ten years, in seconds.
const OFFSET_SECONDS_MAX: i64 = 10 * 366 * 24 * 3600;

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that can be moved forward (test mode).
    pub fn travelling() -> Self {
        Self { offset_seconds: AtomicI64::new(0), travels: true }
    }

    /// A clock of test mode that begins in the past: a story is told in its own time. One that begins later than the
    /// system's time is the system's.
    pub fn beginning(at: Timestamp) -> Self {
        let behind = Timestamp::now().duration_since(at).as_secs().max(0);
        Self { offset_seconds: AtomicI64::new(-behind), travels: true }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.offset_seconds.load(Ordering::Relaxed));
        Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves time forward. Run [`causeway_broker::maintenance::run_once`] after it to let its consequences happen at once.
    ///
    /// # Errors
    /// [`ClockError`] outside test mode, or where the step is not forward.
    pub fn advance(&self, by: SignedDuration) -> Result<Timestamp, ClockError> {
        if !self.travels {
            return Err(ClockError::NotInTestMode);
        }
        let step = by.as_secs();
        let now = self.offset_seconds.load(Ordering::Relaxed);
        if step < 0 || step > OFFSET_SECONDS_MAX - now {
            return Err(ClockError::Range);
        }
        self.offset_seconds.fetch_add(step, Ordering::Relaxed);
        Ok(self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_begins_in_the_past_and_reaches_the_present() {
        let hour = SignedDuration::from_hours(1);
        let clock = Clock::beginning(Timestamp::now() - hour);
        assert!(clock.now() < Timestamp::now());
        clock.advance(hour).unwrap();
        assert!(Timestamp::now().duration_since(clock.now()) < hour);
        assert!(Clock::beginning(Timestamp::now() + hour).now() <= Timestamp::now());
    }

    #[test]
    fn time_moves_forward_in_test_mode_only() {
        let day = SignedDuration::from_hours(24);
        assert_eq!(Clock::system().advance(day), Err(ClockError::NotInTestMode));
        let clock = Clock::travelling();
        let before = clock.now();
        clock.advance(day).unwrap();
        assert!(clock.now().duration_since(before) >= day);
        assert_eq!(clock.advance(-day), Err(ClockError::Range));
        assert_eq!(clock.advance(SignedDuration::MAX), Err(ClockError::Range));
    }
}
