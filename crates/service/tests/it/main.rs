//! The service from the outside: a made-up format, the real store and the real record.

mod access;
mod browser;
mod budget;
mod configuration;
mod disclosures;
mod doors;
mod faulty;
mod fhir;
mod fhir_api;
mod html;
mod large;
mod line_adapter;
mod listeners;
mod look;
mod onramp;
mod orders;
mod pages;
mod person_key;
mod pipeline;
mod server;
mod sign_in;
mod slow;
mod support;
mod uk_core_access;
mod validate;
