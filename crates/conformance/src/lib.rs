#![doc = include_str!("../README.md")]

pub mod limits;
pub mod operation;
pub mod package;
pub mod report;
pub mod stream;
pub mod suite;

pub use report::{Format, Renderer};

use causeway_profile::Report;

/// The outcome of one document.
#[derive(Debug)]
pub struct Checked {
    /// What the document is called: a path, a URL, `FILE#3` for the third line of NDJSON.
    pub name: String,
    /// What was found.
    pub report: Report,
}
