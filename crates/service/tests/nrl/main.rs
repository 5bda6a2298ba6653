//! The National Record Locator from the outside.

// Figures are told where a person runs a test alone.
#![allow(clippy::print_stderr)]

#[path = "../it/line_adapter.rs"]
mod line_adapter;
#[path = "../it/support.rs"]
#[allow(dead_code)]
mod support;

mod access;
mod gherkin;
mod scenarios;
mod world;
