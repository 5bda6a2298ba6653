//! Bundles on their way from translation to the record, as they were read for the check: the record need not read them
//! again. Nothing depends on it. What is not here, or is not what is stored, is read from the store.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use causeway_exchange::{MessageId, TranslationDigests};
use causeway_record::{Prepared, SourceMessage};

use crate::limits::{HANDED_BYTES, HANDED_SECONDS, HANDED_WAIT_MS};

/// What is on its way.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    state: Mutex<State>,
    taken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    messages: HashMap<MessageId, One>,
    /// Bytes of all bundles, written out.
    bytes: usize,
    /// When the record last took something.
    last_taken: Option<Instant>,
}

/// A message's bundles, with what the record asks of the message.
#[derive(Debug)]
pub(crate) struct Handing {
    pub(crate) prepared: Prepared,
    pub(crate) source: SourceMessage,
    /// Of the translation that they are.
    pub(crate) digests: TranslationDigests,
    /// Of the bundles, written out.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct One {
    handing: Handing,
    at: Instant,
}

impl State {
    fn remove(&mut self, message: &MessageId) -> Option<Handing> {
        let one = self.messages.remove(message)?;
        self.bytes = self.bytes.saturating_sub(one.handing.bytes);
        Some(one.handing)
    }

    fn is_full(&self) -> bool {
        self.bytes >= HANDED_BYTES
    }
}

impl Handed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands bundles on, where there is room.
    pub(crate) fn put(&self, message: &MessageId, handing: Handing) {
        let mut state = self.lock();
        drop(state.remove(message));
        if state.is_full() {
            // Nobody came for them: their translation was not kept, or another process has the work.
            let old = Duration::from_secs(HANDED_SECONDS);
            let forgotten: Vec<MessageId> = state
                .messages
                .iter()
                .filter(|(_, one)| one.at.elapsed() > old)
                .map(|(id, _)| id.clone())
                .collect();
            for id in forgotten {
                drop(state.remove(&id));
            }
        }
        if !state.is_full() {
            state.bytes += handing.bytes;
            state.messages.insert(message.clone(), One { handing, at: Instant::now() });
        }
    }

    /// Takes the bundles of a message.
    pub(crate) fn take(&self, message: &MessageId) -> Option<Handing> {
        let mut state = self.lock();
        state.last_taken = Some(Instant::now());
        let found = state.remove(message);
        drop(state);
        self.taken.notify_all();
        found
    }

    /// Waits a little where the record is behind and catches up: what is translated far ahead of it would have to be read
    /// again.
    pub(crate) fn wait_for_room(&self) {
        let wait = Duration::from_millis(HANDED_WAIT_MS);
        let behind = |state: &mut State| {
            state.is_full() && state.last_taken.is_some_and(|at| at.elapsed() < wait.saturating_mul(4))
        };
        drop(self.taken.wait_timeout_while(self.lock(), wait, behind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: usize) -> Handing {
        let source = SourceMessage {
            message: "M".to_owned(),
            sender_code: String::new(),
            sender_system: String::new(),
            sender_name: String::new(),
            adapter: String::new(),
            sector: causeway_adapter::Sector::Health,
            telling: causeway_adapter::Telling::Event,
            received: jiff::Timestamp::UNIX_EPOCH,
            partial: false,
            notices: Vec::new(),
        };
        Handing { prepared: Prepared::of(&[b"{}"]), source, digests: TranslationDigests::default(), bytes }
    }

    fn id(number: usize) -> MessageId {
        MessageId::new(&format!("M{number}")).expect("an id")
    }

    #[test]
    fn what_is_handed_on_is_taken_once_and_bounded() {
        let handed = Handed::default();
        let quarter = HANDED_BYTES / 4;
        for number in 0..8 {
            handed.put(&id(number), of(quarter));
        }
        let taken = |number| handed.take(&id(number)).is_some();
        assert!(taken(0) && !taken(0), "once");
        assert!(taken(3) && !taken(4), "no more than there is room for");
        handed.put(&id(9), of(quarter));
        handed.put(&id(9), of(quarter));
        assert!(taken(9) && taken(1) && taken(2));
        assert_eq!(handed.lock().bytes, 0);
    }

    #[test]
    fn a_full_one_stops_nobody_for_good() {
        let handed = Handed::default();
        handed.put(&id(1), of(HANDED_BYTES));
        // Nobody takes anything: not waited for at all.
        handed.wait_for_room();
        assert!(handed.take(&id(2)).is_none());
        // Somebody did just now: waited for up to the limit.
        handed.wait_for_room();
        assert!(handed.take(&id(1)).is_some());
    }
}
