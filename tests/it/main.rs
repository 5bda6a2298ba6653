//! The whole workspace, tested from outside.

mod assessor;
mod conform;
mod fixtures;
mod layers;
mod modules;
mod poison;
mod population;
mod rules;
mod schema;
