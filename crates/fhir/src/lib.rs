//! FHIR R4 (4.0.1) as Causeway writes it: a streaming JSON writer that accounts for each source item as it
//! writes it, the data types a care record uses, and the identifiers of systems and profiles.
//!
//! Text is borrowed until it is written; decimals stay the digits that the source had.

pub mod profiles;
pub mod systems;
pub mod types;
pub mod writer;

pub use types::Coding;
pub use writer::{Ref, Writer};

/// Media type of FHIR JSON.
pub const MEDIA_TYPE: &str = "application/fhir+json";
