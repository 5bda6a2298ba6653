//! Each case of `fixtures/nhais` with the ledger on.
//!
//! `cargo bench -p causeway-adapter-nhais`
#![allow(clippy::print_stdout)]

use causeway_adapter::contract::bench;
use causeway_adapter_nhais::Nhais;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    bench::lines(&Nhais).iter().for_each(|line| println!("{line}"));
}
