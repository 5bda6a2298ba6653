//! Tests of the integrated record, one binary.
#![allow(clippy::print_stderr, missing_docs)]

mod apply;
mod ending;
mod facts;
mod identity;
mod kill;
mod logical;
mod outlined;
mod population;
mod reading;
mod search;
mod summary;
mod support;
mod truth;
