//! A bounded JSON tree with byte spans: every string, number and boolean of a document is a source item with its
//! JSON pointer. Numbers keep their digits, members their order, and a member that occurs twice is seen twice.
//!
//! RFC 8259, strictly: no comments, no trailing commas, no lone surrogates. Linear in the input, and nested no
//! deeper than [`limits::DEPTH_MAX`].

mod build;
pub mod limits;
mod parse;
pub mod shape;
#[cfg(test)]
mod tests;
mod tree;

pub use build::Builder;
pub use parse::Error;
pub use tree::{Kind, Node, Tree};
