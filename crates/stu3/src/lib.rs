#![doc = include_str!("../README.md")]

mod clinical;
pub mod codes;
mod consent;
mod copy;
mod document;
mod elements;
pub mod encode;
mod imaging;
pub mod issues;
mod kinds;
pub mod limits;
mod medicine;
mod message;
mod part;
mod quantity;
mod record;
mod resource;
mod rules;
mod typed;
pub mod xml;
pub mod xml_write;

pub use message::{is_envelope, translate};
pub use part::says_not_done;

/// What an input is around its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A record or a single resource, as GP Connect gives them.
    Record,
    /// A message or document of ITK3: its header and its composition are part of what is told, and a document within a
    /// message is read where it stands.
    Envelope,
}

/// The rules whose breach is told, for [`causeway_adapter::Adapter::rules`].
pub const RULES: [&[causeway_adapter::Rule]; 2] = [rules::ALL, issues::ALL];

/// Elements of STU3 (3.0.2) by path: tab-separated path, type, `*` where it repeats, codes or targets. Source: HL7's
/// definitions (CC0).
pub const ELEMENTS: &str = include_str!("../maps/stu3-elements.tsv");
