//! The product: every adapter in one list, and the command line over adapters, exchange and record.

pub mod adapters;
pub mod cli;
pub mod demo;
pub mod detect;
pub mod explain;
pub mod input;
pub mod serve;
pub mod translate;

pub use adapters::ADAPTERS;
