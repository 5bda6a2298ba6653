//! Tests of the integrated record, one binary.
#![allow(clippy::print_stderr, missing_docs)]

mod apply;
mod groups;
mod identity;
mod kill;
mod logical;
mod reading;
mod search;
mod sections;
mod support;
