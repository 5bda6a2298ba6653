//! Translations that a door makes because its answer is part of them (MLLP): the pipeline uses them, so that such a message
//! is translated once. Nothing depends on it. What is not here, or does not come in time, the pipeline translates itself.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use causeway_adapter::Translation;
use causeway_exchange::MessageId;

use crate::limits::{ANSWERED_MAX, ANSWERED_SECONDS, ANSWERED_WAIT_MS};

/// A translation with the time it took.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) translation: Translation,
    pub(crate) took: Duration,
}

#[derive(Debug)]
enum Slot {
    /// A door will translate it.
    Promised(Instant),
    Made(Instant, Box<Answered>),
}

impl Slot {
    fn since(&self) -> Instant {
        match self {
            Self::Promised(at) | Self::Made(at, _) => *at,
        }
    }
}

/// What doors translate and have translated.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    slots: Mutex<HashMap<MessageId, Slot>>,
    changed: Condvar,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<MessageId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A door's word that it will translate a message. Dropped, the pipeline does it.
#[derive(Debug)]
pub struct Promise {
    inner: Arc<Inner>,
    message: MessageId,
}

impl Promise {
    /// Hands the translation over, unless the pipeline may do better: where nothing could be read, or issues were left out,
    /// it says itself what that means.
    pub fn keep(self, translation: Translation, took: Duration) {
        if translation.unreadable || translation.issues_dropped > 0 {
            return;
        }
        let made = Slot::Made(Instant::now(), Box::new(Answered { translation, took }));
        if let Some(slot) = self.inner.lock().get_mut(&self.message) {
            *slot = made;
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let mut slots = self.inner.lock();
        if matches!(slots.get(&self.message), Some(Slot::Promised(_))) {
            slots.remove(&self.message);
        }
        drop(slots);
        self.inner.changed.notify_all();
    }
}

impl Answers {
    /// Promises a translation, before the message is accepted; `None` where there are too many already.
    #[must_use]
    pub fn promise(&self, message: &MessageId) -> Option<Promise> {
        let mut slots = self.0.lock();
        if slots.len() >= ANSWERED_MAX {
            // Nobody came for them: another process has the work.
            let old = Duration::from_secs(ANSWERED_SECONDS);
            slots.retain(|_, slot| slot.since().elapsed() < old);
        }
        if slots.len() >= ANSWERED_MAX {
            return None;
        }
        slots.insert(message.clone(), Slot::Promised(Instant::now()));
        Some(Promise { inner: self.0.clone(), message: message.clone() })
    }

    /// Takes a message's translation; waits for it a little where it is promised.
    pub(crate) fn take(&self, message: &MessageId) -> Option<Box<Answered>> {
        let wait = Duration::from_millis(ANSWERED_WAIT_MS);
        let promised = |slots: &mut HashMap<MessageId, Slot>| matches!(slots.get(message), Some(Slot::Promised(at)) if at.elapsed() < wait);
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), wait, promised);
        let (mut slots, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match slots.remove(message)? {
            Slot::Made(_, answered) => Some(answered),
            Slot::Promised(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        MessageId::new(&format!("M{number}")).expect("an id")
    }

    fn made() -> Translation {
        Translation { issues_dropped: 0, ..Translation::default() }
    }

    #[test]
    fn a_promise_is_waited_for_and_kept_once() {
        let answers = Answers::default();
        let promise = answers.promise(&id(1)).expect("room");
        let waiting = std::thread::spawn({
            let answers = answers.clone();
            move || answers.take(&id(1)).is_some()
        });
        promise.keep(made(), Duration::ZERO);
        assert!(waiting.join().expect("ends"));
        assert!(answers.take(&id(1)).is_none(), "once");
    }

    #[test]
    fn what_is_not_kept_is_left_to_the_pipeline() {
        let answers = Answers::default();
        drop(answers.promise(&id(1)));
        assert!(answers.take(&id(1)).is_none());
        for translation in
            [Translation { unreadable: true, ..made() }, Translation { issues_dropped: 1, ..made() }]
        {
            answers.promise(&id(2)).expect("room").keep(translation, Duration::ZERO);
            assert!(answers.take(&id(2)).is_none());
        }
        assert!(answers.0.lock().is_empty());
    }

    #[test]
    fn promises_are_bounded() {
        let answers = Answers::default();
        let all: Vec<_> = (0..ANSWERED_MAX + 1).map(|number| answers.promise(&id(number))).collect();
        assert_eq!(all.iter().filter(|one| one.is_some()).count(), ANSWERED_MAX);
    }
}
