//! The control of suites that wait for a client: a small client of each kind, good unless it is given one of the named
//! faults of `faults`. Each runs until it is dropped and is nobody's product.

pub mod faults;
mod mesh;
mod mllp;
mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A client that is running.
pub struct Running {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What a client knows: whom it speaks to and what is wrong with it.
#[derive(Clone)]
struct Client {
    /// Host and port.
    at: String,
    fault: &'static str,
    stop: Arc<AtomicBool>,
    /// The FHIR transaction that a sender of records was given.
    story: String,
}

impl Client {
    /// Whether it has this fault. A name that is in no table is a mistake of this module.
    fn bad(&self, fault: &str) -> bool {
        assert!(faults::FAULTS.iter().any(|(name, ..)| *name == fault), "{fault} is no fault");
        self.fault == fault
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Milliseconds between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts the client that a suite is about.
pub fn start(suite: &str, at: &str, fault: &'static str, story: &str) -> Running {
    let stop = Arc::new(AtomicBool::new(false));
    let client = Client { at: at.to_owned(), fault, stop: stop.clone(), story: story.to_owned() };
    let work: fn(&Client) = match suite {
        "mllp-sender" => mllp::run,
        "mesh-client" => mesh::run,
        "record-sender" => record::run,
        other => panic!("no client for {other}"),
    };
    let thread = std::thread::spawn(move || work(&client));
    Running { stop, thread: Some(thread) }
}
