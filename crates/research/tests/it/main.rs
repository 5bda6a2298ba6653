//! Tests of extracts over an invented population.

mod extracts;
mod office;
mod people;
mod truth;
