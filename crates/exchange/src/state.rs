//! A message's states and which may follow which.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a message stands. The MESH words `uploading`, `accepted`, `acknowledged`, `undeliverable` and `error`
/// are kept; `translated` and `delivered` are the broker's own and MESH tracking shows them as accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Chunks are still to come; not in any inbox.
    Uploading,
    /// Durable: in the recipient's inbox or the broker's queue.
    Accepted,
    /// Translated; its deliveries are queued.
    Translated,
    /// Every delivery of it was taken by its receiver (transport acknowledgement).
    Delivered,
    /// The recipient confirmed it. Final.
    Acknowledged,
    /// Not collected in time; a non-delivery report was sent. Final.
    Undeliverable,
    /// It cannot be processed (nothing readable, refused, work discarded). Replay may lead out of it.
    Error,
}

impl State {
    /// All states, in the order of a message's life.
    pub const ALL: [Self; 7] = [
        Self::Uploading,
        Self::Accepted,
        Self::Translated,
        Self::Delivered,
        Self::Acknowledged,
        Self::Undeliverable,
        Self::Error,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Accepted => "accepted",
            Self::Translated => "translated",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
            Self::Undeliverable => "undeliverable",
            Self::Error => "error",
        }
    }

    /// The state for a stored word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    /// The word that MESH tracking shows for it (v2, lower case).
    #[must_use]
    pub const fn mesh_word(self) -> &'static str {
        match self {
            Self::Translated | Self::Delivered => "accepted",
            other => other.as_str(),
        }
    }

    /// Whether a message may go from this state to `next`. The same state again is allowed (idempotent).
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use State::{Accepted, Acknowledged, Delivered, Error, Translated, Undeliverable, Uploading};
        match (self, next) {
            (Uploading, Uploading | Accepted | Undeliverable | Error) => true,
            (Accepted, Accepted | Translated | Delivered | Acknowledged | Undeliverable | Error) => true,
            (Translated, Translated | Delivered | Acknowledged | Undeliverable | Error) => true,
            (Delivered, Delivered | Acknowledged | Undeliverable | Error) => true,
            // A replay after a repaired mapping or route.
            (Error, Error | Accepted | Translated | Delivered) => true,
            (Acknowledged, Acknowledged) | (Undeliverable, Undeliverable) => true,
            _ => false,
        }
    }

    /// Nothing follows it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Undeliverable)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn words_round_trip() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert!(state.may_become(state));
        }
        assert_eq!(State::parse("gone"), None);
    }

    #[test]
    fn final_states_stay() {
        for from in State::ALL.into_iter().filter(|s| s.is_final()) {
            for to in State::ALL {
                assert_eq!(from.may_become(to), from == to, "{from} to {to}");
            }
        }
    }

    #[test]
    fn nothing_goes_back_to_uploading() {
        for from in State::ALL {
            assert_eq!(from.may_become(State::Uploading), from == State::Uploading);
        }
    }
}
