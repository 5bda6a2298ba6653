//! Files of ever more rows, beside the `csv` crate reading them alone; and the memory that a million rows take.
//!
//! `cargo bench -p causeway-adapter-client-level-data`; `-- million` adds the million rows.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

use causeway_adapter::contract::bench::{Bench, read_csv};
use causeway_adapter::contract::test_context;
use causeway_adapter::{Acknowledgement, Adapter, Output, Sink};
use causeway_adapter_client_level_data::ClientLevelData;
use causeway_core::{Issue, Ledger, NhsNumber, Outcome};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// People with their journey: the rows of one person stand together, as council systems export them.
struct Journeys {
    heading: String,
    rows: [String; 4],
    row: u32,
    limit: u32,
    pending: Vec<u8>,
    at: usize,
}

impl Journeys {
    fn new(limit: u32) -> Self {
        let path = causeway_adapter::contract::project_root()
            .join("fixtures/client-level-data/hospital-discharge/input.csv");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines().map(|line| format!("{line}\r\n"));
        let heading = lines.next().unwrap_or_default();
        let mut rows = lines.map(|line| line.replace("9990000018", "{nhs}").replace("4471002", "{id}"));
        let mut next = || rows.next().unwrap_or_default();
        let rows = [next(), next(), next(), next()];
        let pending = heading.clone().into_bytes();
        Self { heading, rows, row: 0, limit, pending, at: 0 }
    }

    fn more(&mut self) {
        self.pending.clear();
        self.at = 0;
        while self.pending.len() < 128 * 1024 && self.row < self.limit {
            let person = self.row / 4;
            let template = self.rows.get((self.row % 4) as usize).map_or("", String::as_str);
            let (before, rest) = template.split_once("{nhs}").unwrap_or_default();
            let (middle, after) = rest.split_once("{id}").unwrap_or_default();
            self.pending.extend_from_slice(before.as_bytes());
            self.pending.extend_from_slice(number(person).as_bytes());
            self.pending.extend_from_slice(middle.as_bytes());
            self.pending.extend_from_slice(format!("{}", 4_000_000 + person).as_bytes());
            self.pending.extend_from_slice(after.as_bytes());
            self.row += 1;
        }
    }

    fn bytes(limit: u32) -> Vec<u8> {
        let mut all = Vec::new();
        let mut journeys = Self::new(limit);
        assert!(!journeys.heading.is_empty(), "the fixture hospital-discharge is absent");
        journeys.read_to_end(&mut all).unwrap_or_default();
        all
    }
}

/// A number of ten digits for a person, empty where the nine digits have no check digit.
fn number(person: u32) -> String {
    let mut nine = [0; 9];
    nine.copy_from_slice(format!("9{:08}", person % 100_000_000).as_bytes());
    NhsNumber::check_digit(nine)
        .map_or_else(String::new, |check| format!("{}{}", String::from_utf8_lossy(&nine), char::from(check)))
}

impl Read for Journeys {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.pending.len() {
            self.more();
        }
        let part = self.pending.get(self.at..).unwrap_or_default();
        let count = part.len().min(into.len());
        into[..count].copy_from_slice(&part[..count]);
        self.at += count;
        Ok(count)
    }
}

#[derive(Default)]
struct Measure {
    bytes: u64,
    bundles: u64,
    items: u64,
    unexplained: u64,
}

impl Sink for Measure {
    fn output(&mut self, output: Output) {
        self.bytes += output.json.len() as u64;
        self.bundles += 1;
        black_box(&output.json);
    }
    fn issue(&mut self, _: Issue) {}
    fn ledger(&mut self, ledger: Ledger) {
        self.items += ledger.len() as u64;
        self.unexplained += ledger.totals().of(Outcome::Unexplained);
    }
    fn acknowledgement(&mut self, _: Acknowledgement) {}
}

fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    if std::env::args().any(|argument| argument == "million") {
        million();
        return;
    }
    let sizes = [2_000, 8_000, 32_000, 128_000];
    let _ = Bench::of(&ClientLevelData)
        .reading(&read_csv)
        .fixtures()
        .growth("rows", sizes.map(|rows| (rows as usize, Journeys::bytes(rows))));
}

fn million() {
    let rows = 1_000_000;
    let context = test_context();
    let mut measure = Measure::default();
    let start = Instant::now();
    let result = ClientLevelData.stream(&mut Journeys::new(rows), &context, &mut measure);
    let time = start.elapsed();
    assert!(result.is_ok());
    println!(
        "{rows} rows streamed in {:.1} s = {:.0} rows/s, {} bundles, {:.0} MB out, {} items, {} unexplained, peak memory {} MiB",
        time.as_secs_f64(),
        f64::from(rows) / time.as_secs_f64(),
        measure.bundles,
        measure.bytes as f64 / 1e6,
        measure.items,
        measure.unexplained,
        peak_memory_mib()
    );
}
