//! Files of 200 to 12,800 readings, with the ledger on.
//!
//! `cargo bench -p causeway-adapter-personal-readings`

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_personal_readings::PersonalReadings;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A file of so many blood pressures.
fn file(rows: usize) -> Vec<u8> {
    let mut text =
        "NHS number,9990000018\nDate,Time,Systolic (mmHg),Diastolic (mmHg),Pulse (bpm)\n".to_owned();
    for n in 0..rows {
        text.push_str(&format!(
            "2026-{:02}-{:02},07:{:02},1{:02},8{},7{}\n",
            n % 12 + 1,
            n % 28 + 1,
            n % 60,
            n % 60,
            n % 10,
            n % 9
        ));
    }
    text.into_bytes()
}

fn main() {
    let _ = Bench::of(&PersonalReadings)
        .fixtures()
        .growth("rows", [200, 800, 3200, 12_800].map(|n| (n, file(n))));
}
