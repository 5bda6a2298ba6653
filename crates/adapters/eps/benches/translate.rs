//! Each case of `fixtures/eps` with the ledger on.
//!
//! `cargo bench -p causeway-adapter-eps`

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_eps::Eps;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let _ = Bench::of(&Eps).fixtures();
}
