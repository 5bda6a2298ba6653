//! Notices, flat and as DSTU2 bundles, beside `serde_json` reading them alone.
//!
//! `cargo bench -p causeway-adapter-discharge-notice`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_discharge_notice::DischargeNotice;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reading alone.
fn read(input: &[u8]) {
    black_box(serde_json::from_slice::<serde_json::Value>(input).is_ok());
}

fn main() {
    let _ = Bench::of(&DischargeNotice).reading(&read).fixtures();
}
