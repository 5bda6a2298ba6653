#![doc = include_str!("../README.md")]

pub mod error;
pub mod escape;
pub mod interchange;
pub mod limits;
pub mod separators;
pub mod source;

pub use error::ReadError;
pub use escape::escape_into;
pub use interchange::{Interchange, Message, group};
pub use separators::Separators;
pub use source::{Component, Fault, FaultKind, Segment, Source, View};
