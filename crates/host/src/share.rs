//! A share of what is served at a time for each organisation, so that one can't take all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests under way by organisation.
#[derive(Clone, Debug)]
pub struct Shares {
    most: usize,
    under_way: Arc<Mutex<HashMap<String, usize>>>,
}

/// One request under way; it ends when this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    organisation: String,
}

impl Shares {
    /// At most so many at a time of one organisation; 0 is no limit.
    pub fn new(most: usize) -> Self {
        Self { most, under_way: Arc::default() }
    }

    /// Begins a request of an organisation, if it has not as many under way as it may.
    pub fn take(&self, organisation: &str) -> Option<Share> {
        let organisation = organisation.to_ascii_uppercase();
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(organisation.clone()).or_insert(0);
        if self.most > 0 && *count >= self.most {
            return None;
        }
        *count += 1;
        drop(under_way);
        Some(Share { shares: self.clone(), organisation })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut under_way = self.shares.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.organisation) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.organisation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_organisation_has_its_share_and_gives_it_back() {
        let shares = Shares::new(2);
        let (one, two) = (shares.take("A"), shares.take("a"));
        assert!(one.is_some() && two.is_some());
        assert!(shares.take("A").is_none());
        let other = shares.take("B");
        assert!(other.is_some(), "others have theirs");
        drop(one);
        assert!(shares.take("A").is_some());
        drop((two, other));
        assert!(shares.under_way.lock().unwrap().is_empty(), "nothing is kept of who has nothing under way");
        let without = Shares::new(0);
        let all: Vec<_> = (0..100).map(|_| without.take("A")).collect();
        assert!(all.iter().all(Option::is_some));
    }
}
