//! The service: doors, pages, FHIR API, the translation pipeline, health and metrics.
//!
//! The binary opens an engine and a record, gives them with the list of adapters to [`AppState::new`], and
//! calls [`serve`]; further doors are added to a [`Service`], one line each. No adapter crate is known here.

pub mod app;
pub mod caller;
mod certificate;
pub mod clock;
pub mod config;
pub mod counters;
pub mod delivery;
pub mod doors;
pub mod fhir;
pub mod fhir_messaging;
mod health;
pub mod limits;
pub mod maintenance;
pub mod mesh;
mod metrics;
pub mod mllp;
pub mod onramp;
pub mod pages;
pub mod panics;
pub mod pipeline;
pub mod problem;
pub mod rate;
pub mod scaip;
pub mod server;
pub mod signals;
pub mod state;
pub mod testing;
pub mod tls;

pub use app::{Service, serve};
pub use caller::Caller;
pub use clock::Clock;
pub use config::{Config, ConfigError};
pub use problem::Problem;
pub use state::{AppState, Shared};
