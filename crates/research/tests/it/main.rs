//! Tests of extracts over an invented population.

mod attack;
mod extracts;
mod office;
mod omop;
mod people;
mod truth;
