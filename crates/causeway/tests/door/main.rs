//! What social care sends and gets, with the real adapters: the on-ramp, the SCAIP door, and messages that leave in
//! another form than they came.

mod both_ways;
mod correction;
mod kinds;
mod onramp;
mod scaip;
mod world;
