//! What becomes of a message once it is durable: translation, check, routing, delivery, the record, and what time
//! alone brings about. Knows no protocol by which messages come in, and no page.

pub mod accept;
pub mod answered;
pub mod bars;
pub mod delivery;
pub mod document;
pub mod endpoint;
pub mod evidence;
pub mod fhir_messaging;
mod handed;
pub mod identity;
pub mod limits;
mod link;
pub mod maintenance;
pub mod person;
pub mod pipeline;
pub mod retain;
pub mod rules;
pub mod settings;
pub mod state;
pub mod subscription;
pub mod traces;
mod unwritten;
pub mod view;
pub mod words;

pub use state::{AppState, Shared};
