//! Mapping tables as data: CSV beside the code that uses them, with the authority of each row, exportable as
//! FHIR ConceptMap.

pub mod map;
pub mod ucum;

pub use map::{Map, Relationship, Target};
