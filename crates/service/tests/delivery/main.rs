//! Deliveries, FHIR messaging, acknowledgements and TLS, from the outside: real sockets, the real store.

// Figures are told where a person runs a test alone.
#![allow(clippy::print_stderr)]

#[path = "../it/line_adapter.rs"]
#[allow(dead_code)]
mod lines;
#[path = "../it/support.rs"]
#[allow(dead_code)]
mod support;

mod bundles;
mod certificates;
mod credentials;
mod duplicates;
mod endpoints;
mod faults;
mod hardening;
mod messaging;
mod mllp;
mod notes;
mod oauth;
mod outage;
mod receiver;
mod scenarios;
mod subscriptions;
mod transactions;
mod watch;

/// The adapters of these tests, under the name by which the shared support knows them.
mod line_adapter {
    /// The line format, and one that can be written.
    pub static ADAPTERS: &[&dyn causeway_adapter::Adapter] =
        &[&crate::lines::Lines, &crate::notes::Notes, &causeway_adapter_fhir_r4::FhirR4];
}
