//! Research and planning: views over FHIR (SQL on FHIR v2).

mod error;
pub mod limits;
mod rows;
mod view;

pub use error::Error;
pub use rows::{Cell, Row, Runner};
pub use view::{Column, View};
