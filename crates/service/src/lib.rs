//! The service: puts doors, pages, on-ramp and broker together, with configuration, health and metrics.
//!
//! The binary opens an engine and a record, gives them with the list of adapters to [`AppState::new`], and
//! calls [`serve`]; further doors are added to a [`Service`], one line each. No adapter crate is known here.

pub mod app;
mod attempts;
pub mod check;
pub mod config;
pub mod exposure;
pub mod finding;
mod health;
mod heavy;
pub mod local;
mod metrics;
mod named;
mod negotiate;
pub mod openapi;
mod panicked;
mod shares;
pub mod testing;

pub use app::{Service, serve};
pub use causeway_access::{self as access, Caller};
pub use causeway_broker::state::{AppState, Shared};
pub use causeway_broker::{self as broker, delivery, maintenance, state};
pub use causeway_doors::{self as doors, bulk, mesh, mllp, nrl, scaip};
pub use causeway_host::{self as host, Clock, Problem, panics, server, tls};
pub use causeway_onramp as onramp;
pub use causeway_pages as pages;
pub use config::{Config, ConfigError};
