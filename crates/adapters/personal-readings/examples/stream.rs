//! Streams a file and says how fast: `cargo run --release -p causeway-adapter-personal-readings --example stream FILE`.
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::time::Instant;

use causeway_adapter::{Acknowledgement, Adapter, Context, Output, Sender, Sink};
use causeway_adapter_personal_readings::PersonalReadings;
use causeway_core::{Issue, Ledger, Totals};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts what it is given and keeps nothing.
#[derive(Default)]
struct Count {
    bundles: u64,
    bytes: u64,
    issues: u64,
    totals: Totals,
}

impl Sink for Count {
    fn output(&mut self, output: Output) {
        self.bundles += 1;
        self.bytes += output.json.len() as u64;
    }
    fn issue(&mut self, _: Issue) {
        self.issues += 1;
    }
    fn ledger(&mut self, ledger: Ledger) {
        self.totals.merge(&ledger.totals());
    }
    fn acknowledgement(&mut self, _: Acknowledgement) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("a file")?;
    let sender = Sender { system: "urn:x".to_owned(), code: "HOME".to_owned(), name: String::new() };
    let context = Context::new(sender, jiff::Timestamp::now(), "ni:///sha-256;stream");
    let size = std::fs::metadata(&path)?.len();
    let mut count = Count::default();
    let began = Instant::now();
    if let Err(issue) = PersonalReadings.stream(&mut File::open(&path)?, &context, &mut count) {
        return Err(format!("{}: {}", issue.rule, issue.text).into());
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} MB in {seconds:.1} s: {:.0} MB/s; {} bundles of {} MB, {} items, {} issues",
        size >> 20,
        size as f64 / 1_048_576.0 / seconds,
        count.bundles,
        count.bytes >> 20,
        count.totals.total(),
        count.issues
    );
    Ok(())
}
