//! Each case of `fixtures/eps` with the ledger on.
//!
//! `cargo bench -p causeway-adapter-eps`
#![allow(clippy::print_stdout)]

use causeway_adapter::contract::bench;
use causeway_adapter_eps::Eps;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    bench::lines(&Eps).iter().for_each(|line| println!("{line}"));
}
