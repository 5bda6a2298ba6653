//! Failed sign-ins are slowed: by address, and by the account that they name. A few are free (people mistype); each
//! further one doubles the wait. Whoever got in from an address with the same credentials is not made to wait for the
//! failures of others, so nobody locks an account by failing in its name. Memory is bounded; time is given.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Failures from one address that cost nothing: several people may sit behind it.
pub const FREE_OF_ADDRESS: u32 = 10;
/// Failures in the name of one account that cost nothing.
pub const FREE_OF_ACCOUNT: u32 = 5;
/// Seconds that the first failure beyond the free ones costs; each further one doubles it.
pub const FIRST_WAIT_SECONDS: i64 = 1;
/// Seconds that a failure costs at most.
pub const WAIT_SECONDS_MAX: i64 = 60;
/// Minutes after the last failure when all are forgotten.
pub const FORGET_MINUTES: i64 = 30;
/// Addresses, accounts, and good credentials that are remembered, each; the one that rested longest goes first.
pub const REMEMBERED_MAX: usize = 10_000;
/// Characters of an account's name that count.
const ACCOUNT_CHARS: usize = 64;

/// Who tries to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Address on the network.
    pub address: String,
    /// The account named; empty where none is (a bearer token names nobody).
    pub account: String,
    /// Digest of what was shown.
    pub shown: [u8; 32],
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    fn wait(self, free: u32) -> SignedDuration {
        let Some(beyond) = self.count.checked_sub(free).filter(|n| *n > 0) else {
            return SignedDuration::ZERO;
        };
        let seconds = FIRST_WAIT_SECONDS.saturating_mul(1i64 << (beyond - 1).min(16));
        SignedDuration::from_secs(seconds.min(WAIT_SECONDS_MAX))
    }

    fn is_forgotten(self, now: Timestamp) -> bool {
        now.duration_since(self.last) >= SignedDuration::from_mins(FORGET_MINUTES)
    }
}

#[derive(Debug, Default)]
struct Memory {
    addresses: HashMap<String, Failures>,
    accounts: HashMap<String, Failures>,
    /// Address and credentials that were good, and when last.
    good: HashMap<(String, [u8; 32]), Timestamp>,
}

/// The failures that are remembered.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Memory>);

/// Makes room for one more: the one that rested longest goes.
fn make_room<K: Clone + Eq + Hash, V>(map: &mut HashMap<K, V>, key: &K, last: impl Fn(&V) -> Timestamp) {
    if map.len() < REMEMBERED_MAX || map.contains_key(key) {
        return;
    }
    if let Some(oldest) = map.iter().min_by_key(|(_, v)| last(v)).map(|(k, _)| k.clone()) {
        map.remove(&oldest);
    }
}

fn account(tried: &Try) -> Option<String> {
    let name: String = tried.account.chars().take(ACCOUNT_CHARS).flat_map(char::to_lowercase).collect();
    (!name.is_empty()).then_some(name)
}

impl Attempts {
    /// Whether somebody may try now.
    ///
    /// # Errors
    /// Whole seconds to wait.
    pub fn may_try(&self, tried: &Try, now: Timestamp) -> Result<(), u64> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.good.contains_key(&(tried.address.clone(), tried.shown)) {
            return Ok(());
        }
        let of_address = memory.addresses.get(&tried.address).map(|f| (*f, FREE_OF_ADDRESS));
        let of_account = account(tried).and_then(|a| memory.accounts.get(&a)).map(|f| (*f, FREE_OF_ACCOUNT));
        let left = [of_address, of_account].into_iter().flatten().filter(|(f, _)| !f.is_forgotten(now));
        let left = left.map(|(f, free)| f.wait(free) - now.duration_since(f.last)).max().unwrap_or_default();
        if left <= SignedDuration::ZERO {
            return Ok(());
        }
        let seconds = left.as_secs().unsigned_abs();
        Err(seconds + u64::from(left.subsec_nanos() > 0))
    }

    /// Notes a failure. How many of this address are remembered.
    pub fn failed(&self, tried: &Try, now: Timestamp) -> u32 {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was good and is not any more (a token was changed) is as any other.
        memory.good.remove(&(tried.address.clone(), tried.shown));
        let mut note = |map: fn(&mut Memory) -> &mut HashMap<String, Failures>, key: String| {
            let map = map(&mut memory);
            make_room(map, &key, |f| f.last);
            let failures = map.entry(key).or_insert(Failures { count: 0, last: now });
            if failures.is_forgotten(now) {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
            failures.count
        };
        if let Some(account) = account(tried) {
            note(|m| &mut m.accounts, account);
        }
        note(|m| &mut m.addresses, tried.address.clone())
    }

    /// Notes that somebody got in, so that the same credentials from the same address are let through. No failure is
    /// forgotten for it: an address may hold one good account and guess at others, and an account that is in use all the
    /// time would otherwise never be slowed.
    pub fn succeeded(&self, tried: &Try, now: Timestamp) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tried.address.clone(), tried.shown);
        make_room(&mut memory.good, &key, |last| *last);
        memory.good.insert(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn of(address: &str, account: &str, shown: u8) -> Try {
        Try { address: address.to_owned(), account: account.to_owned(), shown: [shown; 32] }
    }

    #[test]
    fn an_account_is_slowed_after_the_free_failures_and_forgotten_later() {
        let attempts = Attempts::default();
        for n in 0..i64::from(FREE_OF_ACCOUNT) {
            let tried = of(&format!("192.0.2.{n}"), "ZZ901", 1);
            assert_eq!(attempts.may_try(&tried, at(n)), Ok(()));
            attempts.failed(&tried, at(n));
        }
        let next = of("192.0.2.99", "zz901", 2);
        assert_eq!(attempts.may_try(&next, at(5)), Ok(()), "the last free one costs nothing");
        attempts.failed(&next, at(5));
        assert_eq!(attempts.may_try(&next, at(5)), Err(1), "letter case makes no other account");
        assert_eq!(attempts.may_try(&next, at(6)), Ok(()));
        for n in 0..20 {
            attempts.failed(&next, at(10 + n));
        }
        assert_eq!(
            attempts.may_try(&of("192.0.2.200", "ZZ901", 3), at(29)),
            Err(WAIT_SECONDS_MAX.unsigned_abs())
        );
        assert_eq!(attempts.may_try(&of("192.0.2.200", "ZZ902", 3), at(29)), Ok(()), "others are not slowed");
        let later = 29 + FORGET_MINUTES * 60;
        assert_eq!(attempts.may_try(&next, at(later)), Ok(()));
        assert_eq!(attempts.failed(&next, at(later)), 1, "counted anew");
    }

    #[test]
    fn an_address_is_slowed_whatever_it_names_and_getting_in_does_not_clear_it() {
        let attempts = Attempts::default();
        for n in 0..=FREE_OF_ADDRESS {
            attempts.failed(&of("192.0.2.1", &format!("Z{n}"), 1), at(0));
        }
        assert_eq!(attempts.may_try(&of("192.0.2.1", "", 2), at(0)), Err(1));
        assert_eq!(attempts.may_try(&of("192.0.2.2", "", 2), at(0)), Ok(()));
        attempts.succeeded(&of("192.0.2.1", "ZZ901", 7), at(2));
        attempts.failed(&of("192.0.2.1", "Z", 1), at(2));
        assert_eq!(attempts.may_try(&of("192.0.2.1", "Z", 1), at(2)), Err(2));
        // Who got in from there with the same credentials goes on.
        assert_eq!(attempts.may_try(&of("192.0.2.1", "ZZ901", 7), at(2)), Ok(()));
    }

    #[test]
    fn nobody_is_locked_out_by_failures_in_their_name() {
        let attempts = Attempts::default();
        attempts.succeeded(&of("192.0.2.1", "ZZ901", 7), at(0));
        for n in 0..50 {
            attempts.failed(&of(&format!("198.51.100.{n}"), "ZZ901", 1), at(1));
        }
        assert_eq!(attempts.may_try(&of("192.0.2.1", "ZZ901", 7), at(1)), Ok(()));
        assert!(attempts.may_try(&of("192.0.2.1", "ZZ901", 8), at(1)).is_err());
        // Credentials that stopped being good are as any other.
        attempts.failed(&of("192.0.2.1", "ZZ901", 7), at(1));
        assert!(attempts.may_try(&of("192.0.2.1", "ZZ901", 7), at(1)).is_err());
    }

    #[test]
    fn memory_is_bounded_and_who_was_slowed_last_stays_slowed() {
        let attempts = Attempts::default();
        for n in 0..REMEMBERED_MAX + 50 {
            attempts.failed(&of(&format!("a{n}"), &format!("b{n}"), 1), at(n as i64));
            attempts.succeeded(&of(&format!("a{n}"), "", 2), at(n as i64));
        }
        let memory = attempts.0.lock().unwrap();
        let sizes = [memory.addresses.len(), memory.accounts.len(), memory.good.len()];
        assert_eq!(sizes, [REMEMBERED_MAX, REMEMBERED_MAX, REMEMBERED_MAX]);
        assert!(memory.addresses.contains_key(&format!("a{}", REMEMBERED_MAX + 49)));
        assert!(!memory.addresses.contains_key("a0"));
    }
}
