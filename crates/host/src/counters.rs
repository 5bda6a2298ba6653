//! Counts of the service itself, for `/metrics`. Labels are route patterns, status classes and adapter names:
//! never a message, a person or a path with an id in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Upper bounds of the duration buckets, in seconds; the last has none.
pub const BUCKETS_SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, f64::MAX];

/// A histogram of durations.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Observations between each bound of [`BUCKETS_SECONDS`] and the one before.
    pub buckets: [u64; BUCKETS_SECONDS.len()],
    /// Observations.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum: f64,
}

impl Histogram {
    fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut buckets = self.buckets.iter_mut().zip(BUCKETS_SECONDS);
        if let Some((bucket, _)) = buckets.find(|(_, bound)| seconds <= *bound) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }
}

/// The counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Open connections.
    pub connections: AtomicU64,
    /// Connections that waited because all were in use.
    pub connections_waited: AtomicU64,
    /// Requests refused by an organisation's rate.
    pub throttled: AtomicU64,
    /// Sign-ins that failed.
    pub sign_ins_failed: AtomicU64,
    /// Sign-ins refused unseen, for the failures before them.
    pub sign_ins_slowed: AtomicU64,
    /// Audit entries that could not be written, each a disclosure refused.
    pub audit_failures: AtomicU64,
    /// Batches of traces that the collector did not take.
    pub traces_failed: AtomicU64,
    requests: Mutex<BTreeMap<String, BTreeMap<u16, Histogram>>>,
    translations: Mutex<BTreeMap<(&'static str, &'static str), Histogram>>,
    items: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    away: Mutex<BTreeMap<String, Away>>,
}

/// Why deliveries to an endpoint wait for the endpoint's sake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Short code: `connect`, `http-503`, `http-401`, `token`.
    pub code: String,
    /// One sentence.
    pub detail: String,
    /// Since when this is so.
    pub since: Timestamp,
}

impl Away {
    /// Whether a person has to put something right before it goes on, for waiting won't.
    pub fn needs_person(&self) -> bool {
        matches!(self.code.as_str(), "http-401" | "http-403" | "token" | "settings")
    }
}

impl Counters {
    /// An endpoint failed for its own sake. The first failure of a kind tells since when.
    pub fn endpoint_away(&self, endpoint: &str, code: &str, detail: &str, now: Timestamp) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let since = away.get(endpoint).filter(|a| a.code == code).map_or(now, |a| a.since);
        let (code, detail) = (code.to_owned(), detail.to_owned());
        away.insert(endpoint.to_owned(), Away { code, detail, since });
    }

    /// An endpoint answered, or its settings changed.
    pub fn endpoint_back(&self, endpoint: &str) {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
    }

    /// Endpoints that are away, as far as this process has seen.
    pub fn endpoints_away(&self) -> BTreeMap<String, Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a request by its route's pattern.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // The key is made only where the route is new.
        let found = match requests.get_mut(route) {
            Some(found) => found,
            None => requests.entry(route.to_owned()).or_default(),
        };
        found.entry(status).or_default().observe(took);
    }

    /// Counts a translation by its adapter and how it ended.
    pub fn translation(&self, adapter: &'static str, end: &'static str, took: Duration) {
        let mut translations = self.translations.lock().unwrap_or_else(PoisonError::into_inner);
        translations.entry((adapter, end)).or_default().observe(took);
    }

    /// Counts source items by adapter and outcome.
    pub fn items(&self, adapter: &'static str, outcome: &'static str, count: u64) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        *items.entry((adapter, outcome)).or_default() += count;
    }

    /// One more of a plain count.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far, by route and status.
    pub fn requests(&self) -> BTreeMap<String, BTreeMap<u16, Histogram>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Translations so far, by adapter and end.
    pub fn translations(&self) -> BTreeMap<(&'static str, &'static str), Histogram> {
        self.translations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Source items so far, by adapter and outcome.
    pub fn source_items(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
