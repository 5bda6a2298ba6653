//! The exchange on PostgreSQL as its operator meets it. Where no server's programs are on the machine, each test says SKIPPED
//! and why.

#[path = "../running/mod.rs"]
mod running;
#[allow(dead_code)] // Only part of what the engine's own tests do to servers is done here.
#[path = "../../../postgres/tests/it/server.rs"]
mod server;

mod follow;
mod keep;
mod migrate;
mod outage;
mod support;
mod take_over;
