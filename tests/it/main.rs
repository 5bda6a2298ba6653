//! The whole workspace, tested from outside.

mod assessor;
mod conform;
mod fixtures;
mod layers;
mod poison;
mod population;
mod rules;
mod schema;
