//! The whole workspace, tested from outside.

mod access_rules;
mod assessor;
mod cases;
mod conform;
mod corpora;
mod fixtures;
mod interweave;
mod kinds;
mod layers;
mod modules;
mod poison;
mod population;
mod rules;
mod schema;
mod search_rules;
mod sections;
mod truth;
