//! A token bucket for each organisation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits::RATE_BUCKETS_MAX;

/// Counts requests by organisation. A door asks once for each request, after the sender is known.
#[derive(Debug)]
pub struct RateLimiter {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl RateLimiter {
    /// A limiter; with `per_second` 0 it lets everything pass.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second),
            burst: f64::from(burst.max(1)),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one request of an organisation.
    ///
    /// # Errors
    /// Seconds after which to come again.
    pub fn take(&self, organisation: &str) -> Result<(), u64> {
        self.take_at(organisation, Instant::now())
    }

    fn take_at(&self, organisation: &str, now: Instant) -> Result<(), u64> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= RATE_BUCKETS_MAX && !buckets.contains_key(organisation) {
            // The one that rested longest is full again: forgetting it changes nothing for its owner.
            if let Some(rested) = buckets.iter().min_by_key(|(_, b)| b.filled).map(|(key, _)| key.clone()) {
                buckets.remove(&rested);
            }
        }
        let bucket = buckets
            .entry(organisation.to_owned())
            .or_insert_with(|| Bucket { tokens: self.burst, filled: now });
        let rested = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + rested * self.per_second).min(self.burst);
        bucket.filled = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err((((1.0 - bucket.tokens) / self.per_second).ceil() as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_the_rate_and_each_organisation_for_itself() {
        let limiter = RateLimiter::new(2, 3);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take_at("A", start), Ok(()));
        }
        assert_eq!(limiter.take_at("A", start), Err(1));
        assert_eq!(limiter.take_at("B", start), Ok(()));
        assert_eq!(limiter.take_at("A", start + Duration::from_millis(600)), Ok(()));
        assert_eq!(limiter.take_at("A", start + Duration::from_millis(700)), Err(1));
        assert_eq!(RateLimiter::new(0, 1).take("A"), Ok(()));
    }
}
