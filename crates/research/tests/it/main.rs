//! Tests of extracts over an invented population.

mod extracts;
mod people;
mod truth;
