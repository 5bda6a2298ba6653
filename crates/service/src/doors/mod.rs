//! The doors of this crate that are plain HTTP. MESH, MLLP, FHIR messaging and delivery are modules of their
//! own; each gives a router or a task to [`crate::Service`].

pub mod http;
pub mod messages;
mod upload;
