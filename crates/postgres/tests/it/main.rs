//! The engine against real PostgreSQL servers of its own. Where no server's programs are on the machine, each test says
//! SKIPPED and why.

mod contract;
mod database;
mod failover;
mod plans;
mod seals;
mod server;
mod upgrade;
