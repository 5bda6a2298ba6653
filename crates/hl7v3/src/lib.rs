#![doc = include_str!("../README.md")]

pub mod build;
pub mod bundle;
pub mod code;
pub mod party;
pub mod repeated;
pub mod time;
pub mod write;

pub use code::{
    Sctid, child_code, codes, dedent, guid, key, negated, not_happened, original_text, says, sctid, words,
};
pub use time::{
    Effective, Time, child_time, effective, first_time, interval, states, time, unreadable, when,
};
