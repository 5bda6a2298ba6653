//! Research and planning: projects, extracts that honour every person's choices, de-identification, and views over FHIR
//! (SQL on FHIR v2).

mod block;
pub mod bulk;
pub mod deidentify;
pub mod disclosure;
mod error;
pub mod extract;
mod gate;
mod in_order;
mod job;
pub mod leak;
pub mod limits;
mod noise;
pub mod office;
pub mod omop;
mod omop_tables;
mod person;
mod project;
mod reading;
mod rows;
mod selection;
mod table;
mod view;

pub use error::Error;
pub use gate::{Gate, Removed};
pub use noise::Noise;
pub use person::{Consent, Held, People, PersonRecord, Population, RecordPopulation, Unread, gp_held};
pub use project::{Approval, Dates, LegalBasis, Project, Requester, Tier};
pub use rows::{Cell, Row, Runner};
pub use selection::Selection;
pub use table::{Field, FieldKind, Format};
pub use view::{Column, View};

/// An example of a project with comments.
pub const EXAMPLE: &str = include_str!("example.toml");
