//! The HTTP door: `POST /messages`, what is known of messages, and what an operator may order for one.

pub mod accept;
pub mod messages;
mod orders;
mod upload;

pub use accept::router;
