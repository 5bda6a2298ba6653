//! The whole workspace, tested from outside.

mod fixtures;
mod layers;
mod poison;
mod population;
mod schema;
