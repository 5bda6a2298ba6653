//! Wake-up calls within the process. They save waiting, nothing depends on them: workers also poll.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use causeway_exchange::WorkKind;
use tokio::sync::watch;

/// One bell for each kind of work, and one that rings when a message got further.
#[derive(Debug)]
pub struct Signals {
    bells: [Bell; WorkKind::ALL.len()],
    progress: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<u64>,
    wake: Condvar,
}

impl Default for Signals {
    fn default() -> Self {
        Self { bells: Default::default(), progress: watch::Sender::new(0) }
    }
}

impl Signals {
    fn bell(&self, kind: WorkKind) -> &Bell {
        let [translate, deliver, record, notify] = &self.bells;
        match kind {
            WorkKind::Translate => translate,
            WorkKind::Deliver => deliver,
            WorkKind::Record => record,
            WorkKind::Notify => notify,
        }
    }

    /// Says that there is work of this kind. Every door calls it after an accept with work.
    pub fn work(&self, kind: WorkKind) {
        let bell = self.bell(kind);
        *bell.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        bell.wake.notify_all();
    }

    /// Wakes every worker (shutdown, time travel).
    pub fn all(&self) {
        WorkKind::ALL.into_iter().for_each(|kind| self.work(kind));
    }

    /// How often the bell of a kind has rung: read it before looking for work, give it to [`Signals::wait`].
    pub fn rung(&self, kind: WorkKind) -> u64 {
        *self.bell(kind).rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks a worker's thread until the bell has rung since `seen`, or the time is over.
    pub fn wait(&self, kind: WorkKind, seen: u64, timeout: Duration) {
        let bell = self.bell(kind);
        let rung = bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        drop(bell.wake.wait_timeout_while(rung, timeout, |rung| *rung == seen));
    }

    /// Says that some message's state has changed.
    pub fn progressed(&self) {
        self.progress.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Follows the changes of messages.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }
}
