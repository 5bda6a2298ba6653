//! Alarms, beside reading the XML alone. Messages are small and stand alone, so there is no growth to measure.
//!
//! `cargo bench -p causeway-adapter-telecare-alarm`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_telecare_alarm::TelecareAlarm;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reading alone: the document, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    if let Ok(text) = decode(input) {
        black_box(Document::parse(&text, &mut ledger).is_ok());
    }
}

fn main() {
    let _ = Bench::of(&TelecareAlarm).reading(&read).fixtures();
}
