//! The whole workspace, tested from outside.

mod fixtures;
mod layers;
mod population;
mod schema;
