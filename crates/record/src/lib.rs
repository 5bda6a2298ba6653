//! The integrated record: one person's facts from every source, each as its source told it, with its history
//! and the way back to its original.

mod apply;
mod bundle;
mod dates;
mod describe;
mod error;
mod facts;
mod groups;
mod identity;
mod index;
pub mod limits;
mod logical;
mod matching;
mod model;
mod params;
mod person;
mod policy;
mod read;
mod record;
mod schema;
mod search;
mod searchset;
mod sections;

pub use describe::in_words;
pub use error::{RecordError, Result};
pub use model::*;
pub use record::Record;
