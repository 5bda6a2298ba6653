//! Deliveries to receivers' own endpoints.

pub mod config;
pub mod limits;

pub use config::Endpoint;
