//! Translation against its floor (the `csv` crate reading the same bytes, plus copying the same output), growth
//! from 1× to 64×, and the memory that a million rows take.
//!
//! `cargo bench -p causeway-adapter-client-level-data`; `-- million` adds the million rows.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

use causeway_adapter::contract::test_context;
use causeway_adapter::{Acknowledgement, Adapter, Output, Sink};
use causeway_adapter_client_level_data::ClientLevelData;
use causeway_core::{Issue, Ledger, NhsNumber, Outcome};

/// The allocator of the product.
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
    issues: u64,
}

impl Sink for Measure {
    fn output(&mut self, output: Output) {
        self.bytes += output.json.len() as u64;
        self.bundles += 1;
        black_box(&output.json);
    }
    fn issue(&mut self, _: Issue) {
        self.issues += 1;
    }
    fn ledger(&mut self, ledger: Ledger) {
        self.items += ledger.len() as u64;
        self.unexplained += ledger.totals().of(Outcome::Unexplained);
    }
    fn acknowledgement(&mut self, _: Acknowledgement) {}
}

fn translate(input: &[u8]) -> (Duration, Measure) {
    let context = test_context();
    let mut measure = Measure::default();
    let start = Instant::now();
    let result = ClientLevelData.translate(input, &context, &mut measure);
    let time = start.elapsed();
    assert!(result.is_ok());
    assert_eq!(measure.unexplained, 0);
    (time, measure)
}

/// Best of several runs, for the machine is shared.
fn best<T>(runs: u32, mut f: impl FnMut() -> (Duration, T)) -> (Duration, T) {
    let mut least = f();
    for _ in 1..runs {
        let next = f();
        if next.0 < least.0 {
            least = next;
        }
    }
    least
}

fn parse_only(input: &[u8]) -> Duration {
    let start = Instant::now();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let mut record = csv::ByteRecord::new();
    let mut cells = 0;
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        cells += record.iter().filter(|cell| !cell.is_empty()).count();
    }
    black_box(cells);
    start.elapsed()
}

fn write_only(outputs: &[Vec<u8>]) -> Duration {
    let start = Instant::now();
    for output in outputs {
        let mut copy = Vec::with_capacity(output.len());
        copy.extend_from_slice(output);
        black_box(&copy);
    }
    start.elapsed()
}

#[derive(Default)]
struct Collect(Vec<Vec<u8>>);

impl Sink for Collect {
    fn output(&mut self, output: Output) {
        self.0.push(output.json);
    }
    fn issue(&mut self, _: Issue) {}
    fn ledger(&mut self, _: Ledger) {}
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
    let rows = 40_000;
    let input = Journeys::bytes(rows);
    let (time, measure) = best(5, || translate(&input));
    let mut outputs = Collect::default();
    assert!(ClientLevelData.translate(&input, &test_context(), &mut outputs).is_ok());
    let parse = best(5, || (parse_only(&input), ())).0;
    let write = best(5, || (write_only(&outputs.0), ())).0;
    let per = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(rows);
    println!(
        "{rows} rows, {} bundles, {:.1} MB in, {:.1} MB out, {} items, {} issues",
        measure.bundles,
        input.len() as f64 / 1e6,
        measure.bytes as f64 / 1e6,
        measure.items,
        measure.issues
    );
    println!(
        "translate {:.2} µs a row = {:.0} rows/s = {:.1} MB/s of input",
        per(time),
        f64::from(rows) / time.as_secs_f64(),
        input.len() as f64 / 1e6 / time.as_secs_f64()
    );
    println!("floor     {:.2} µs a row (csv {:.2} + copy {:.2})", per(parse + write), per(parse), per(write));
    println!("ratio     {:.1}", time.as_secs_f64() / (parse + write).as_secs_f64());
    for factor in [1, 4, 16, 64] {
        let rows = 2_000 * factor;
        let input = Journeys::bytes(rows);
        let (time, _) = best(3, || translate(&input));
        println!("growth    {factor:>2}×: {:.2} µs a row", time.as_secs_f64() * 1e6 / f64::from(rows));
    }
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
