//! The service from the outside: a made-up format, the real store and the real record.

mod access;
mod attacks;
mod audit_events;
mod browser;
mod budget;
mod bulk;
mod configuration;
mod daily;
mod disclosures;
mod documented;
mod doors;
mod faulty;
mod fhir;
mod fhir_api;
#[path = "../../../access/tests/it/fsh.rs"]
#[allow(dead_code)]
mod fsh;
mod hostile;
mod html;
mod large;
mod leaks;
mod line_adapter;
mod listeners;
mod look;
mod onramp;
mod openapi;
mod orders;
mod pages;
mod person_key;
mod pipeline;
mod provider;
mod server;
mod sign_in;
mod slow;
mod support;
mod uk_core_access;
mod validate;
