//! The whole workspace, tested from outside.

mod fixtures;
mod layers;
mod schema;
