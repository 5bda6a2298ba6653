//! Each case of `fixtures/nhais` with the ledger on.
//!
//! `cargo bench -p causeway-adapter-nhais`

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_nhais::Nhais;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let _ = Bench::of(&Nhais).fixtures();
}
