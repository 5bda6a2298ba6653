//! Each case of `fixtures/transfer-of-care` with the ledger on.
//!
//! `cargo bench -p causeway-adapter-transfer-of-care`
#![allow(clippy::print_stdout)]

use causeway_adapter::contract::bench;
use causeway_adapter_transfer_of_care::TransferOfCare;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    bench::lines(&TransferOfCare).iter().for_each(|line| println!("{line}"));
}
