//! Invented people and their messages: people first, then journeys, then messages in every format, so that all
//! formats tell the same stories about the same people.
//!
//! Everything follows from a seed. NHS numbers are of the 999 range, which is never issued; postcodes lie in
//! ZZ99, telephone numbers in the ranges kept for drama, organisation codes start with Z.

pub mod clinical;
pub mod defects;
pub mod formats;
pub mod journey;
pub mod people;
pub mod plan;
pub mod random;
pub mod story;
pub mod truth;

pub use journey::{Event, Journey, Kind};
pub use people::{Organisation, Person, Sex, population};
pub use story::edith;

/// One message of a journey, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The adapter that reads it.
    pub format: &'static str,
    /// File name, unique within a journey.
    pub name: String,
    /// What it is, in plain words.
    pub title: String,
    /// Who sends it.
    pub sender: Organisation,
    /// Media type on the wire.
    pub media_type: &'static str,
    /// When it is sent, local time.
    pub at: jiff::civil::DateTime,
    /// The bytes.
    pub bytes: Vec<u8>,
}
