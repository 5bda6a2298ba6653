//! The product: every adapter in one list, and the command line over adapters, exchange and record.

pub mod adapters;
pub mod against;
pub mod bench;
mod cast;
pub mod check;
pub mod checked;
pub mod cli;
pub mod client;
pub mod conform;
pub mod demo;
mod demo_access;
mod demo_local;
mod demo_research;
pub mod detect;
pub mod doctor;
pub mod evidence;
pub mod explain;
pub mod extract;
pub mod generate;
pub mod init;
pub mod input;
pub mod isolated;
pub mod keep;
pub mod load;
pub mod notes;
pub mod policy;
pub mod remote;
pub mod rules;
pub mod serve;
pub mod serving;
pub mod translate;
pub mod translator;

pub use adapters::ADAPTERS;
