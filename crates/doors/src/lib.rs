//! The doors: the protocols on which messages come in and readers ask. HTTP, MESH, MLLP, SCAIP, FHIR, FHIR
//! messaging and the National Record Locator. Each ends in the broker's commit; none knows a format, a page or another door's protocol.

pub mod bulk;
pub mod fault;
pub mod fhir;
pub mod http;
pub mod limits;
pub mod mesh;
pub mod mllp;
pub mod nrl;
mod operation;
mod pieces;
pub mod process_message;
pub mod scaip;
pub mod validate;
