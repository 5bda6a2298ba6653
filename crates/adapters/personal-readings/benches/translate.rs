//! A file of 200 to 12,800 readings: µs with the ledger on, and growth.
//!
//! `cargo bench -p causeway-adapter-personal-readings`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::{Context, Sender, translate};
use causeway_adapter_personal_readings::PersonalReadings;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let sender = Sender { system: String::new(), code: "ZP401".to_owned(), name: String::new() };
    let context = Context::new(sender, "2026-11-02T09:30:00Z".parse().unwrap_or_default(), "urn:uuid:0");
    for rows in [200, 800, 3200, 12_800] {
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
        let start = Instant::now();
        black_box(translate(&PersonalReadings, black_box(text.as_bytes()), &context));
        let micros = start.elapsed().as_secs_f64() * 1e6;
        println!("{rows:>6} rows {micros:>10.0} µs {:>6.2} µs a row", micros / f64::from(rows));
    }
}
