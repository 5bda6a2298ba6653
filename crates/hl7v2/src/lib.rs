#![doc = include_str!("../README.md")]

mod charset;
pub mod delimiters;
pub mod escape;
mod fault;
pub mod limits;
mod lines;
pub mod message;
pub mod mllp;
pub mod split;
mod types;
pub mod view;

pub use delimiters::Delimiters;
pub use fault::{Fault, FaultKind, ParseError};
pub use message::Message;
pub use split::{Piece, pieces};
pub use view::{Null, Part, Segment};
