//! Conformance suites: what an endpoint is held to, as data, and the runner over it.
//!
//! A suite is a folder `suites/NAME/` with `suite.toml` and the files that it sends. The runner decides; what it asks
//! of the outside (requests, MLLP, clock, waiting) is the [`Wire`]. `docs/conform.md` says how to write one.

mod builtin;
mod expect;
mod fuzz;
mod listen;
mod mesh;
pub mod model;
mod must_support;
mod report;
mod result;
mod run;
mod transfer;
mod values;
mod wire;

pub use builtin::{builtin, names};
pub use expect::mask;
pub use model::{Listens, Suite, Unreadable};
pub use must_support::{Element, Exception, summary};
pub use report::{RunFormat, board, render, seen, verdict};
pub use result::{CaseResult, Change, End, Exchange, Run, compare, words};
pub use run::{Plan, fill_file, run, same_origin};
pub use wire::{Act, Came, Heard, Reply, Request, Response, Said, Wire};
