#![doc = include_str!("../README.md")]

mod charset;
pub mod delimiters;
pub mod escape;
pub mod limits;
mod lines;
pub mod message;
pub mod mllp;
pub mod split;
mod types;
pub mod view;

pub use delimiters::Delimiters;
pub use message::{Fault, FaultKind, Message, ParseError};
pub use split::{Piece, pieces};
pub use view::{Null, Part, Segment};
