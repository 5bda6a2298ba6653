//! What every listener and handler of a Causeway process stands on: connections and TLS, the clock, wake-up calls,
//! limits of rate, counts, and the one form of a refusal. Knows no message format, no person and no page.

pub mod browser;
mod certificate;
pub mod clock;
pub mod counters;
pub mod limits;
pub mod listener;
pub mod origin;
pub mod panics;
pub mod problem;
pub mod rate;
pub mod server;
pub mod share;
pub mod signals;
pub mod standing;
pub mod tls;
pub mod weighed;

pub use certificate::{common_name, fingerprint};
pub use clock::Clock;
pub use counters::Counters;
pub use listener::{Bounds, Listener, Peer, Stream, Wrap};
pub use problem::{Answer, Problem};

pub use causeway_exchange::hex;
