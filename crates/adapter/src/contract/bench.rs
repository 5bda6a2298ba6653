//! The one bench of adapters: what a translation with its ledger costs, beside its floor in the same run, which is reading the
//! same bytes alone and writing the same output alone, with `serde_json` from a tree that is already there.
//!
//! ```no_run
//! # fn input(times: usize) -> Vec<u8> { Vec::new() }
//! # fn run(adapter: &dyn causeway_adapter::Adapter) {
//! use causeway_adapter::contract::bench::Bench;
//! Bench::of(adapter).fixtures().growth("results", [1, 4, 16].map(|times| (times * 30, input(times))));
//! # }
//! ```
#![allow(clippy::print_stdout, reason = "benches are read by people")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{corpora, project_root, test_context};
use crate::{Adapter, Context, translate};

/// Runs of which the least counts, at least.
const RUNS_MIN: usize = 5;
/// Runs at most.
const RUNS_MAX: usize = 400;
/// How long one figure is measured.
const MEASURED: Duration = Duration::from_millis(400);

/// The least of several times, in µs.
pub fn least(mut f: impl FnMut()) -> f64 {
    let (mut best, mut runs, begun) = (f64::MAX, 0, Instant::now());
    while runs < RUNS_MIN || (runs < RUNS_MAX && begun.elapsed() < MEASURED) {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
        runs += 1;
    }
    best
}

/// Reading a table alone, by the `csv` crate: the floor of those that read tables.
pub fn read_csv(input: &[u8]) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let mut record = csv::ByteRecord::new();
    let mut cells = 0;
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        cells += record.iter().filter(|cell| !cell.is_empty()).count();
    }
    black_box(cells);
}

/// How bytes are read without being translated.
type Read<'a> = &'a dyn Fn(&[u8]);

/// The bench of one adapter; each call prints its lines.
pub struct Bench<'a> {
    adapter: &'a dyn Adapter,
    read: Option<Read<'a>>,
    context: Context,
}

impl<'a> Bench<'a> {
    /// A bench whose floor is writing alone.
    #[must_use]
    pub fn of(adapter: &'a dyn Adapter) -> Self {
        println!("{}", adapter.name());
        Self { adapter, read: None, context: test_context() }
    }

    /// The same with reading by `read` in the floor: by the reader that the adapter stands on, or by a published one.
    #[must_use]
    pub fn reading(mut self, read: Read<'a>) -> Self {
        self.read = Some(read);
        self
    }

    /// The same with these options of the adapter.
    #[must_use]
    pub fn with(mut self, options: &[&str]) -> Self {
        self.context.options = options.iter().map(|option| (*option).to_owned()).collect();
        self
    }

    /// One input, a line: kB, items, µs, floor, ratio, MB and translations a second. Its µs.
    pub fn measure(&self, name: &str, input: &[u8]) -> f64 {
        let whole = least(|| {
            black_box(translate(self.adapter, black_box(input), &self.context));
        });
        let read = self.read.map_or(0.0, |read| least(|| read(black_box(input))));
        let translation = translate(self.adapter, input, &self.context);
        let outputs = translation.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok());
        let trees: Vec<Value> = outputs.collect();
        let write = least(|| {
            for tree in &trees {
                black_box(serde_json::to_vec(black_box(tree)).unwrap_or_default());
            }
        });
        println!(
            "  {name:<38} {:>9.1} kB {:>7} items {whole:>10.1} µs  floor {:>9.1} (read {read:.1}, write {write:.1})  \
             ratio {:>5.2}  {:>6.1} MB/s {:>9.0} a second",
            input.len() as f64 / 1e3,
            translation.ledger.len(),
            read + write,
            whole / (read + write).max(0.1),
            input.len() as f64 / whole,
            1e6 / whole
        );
        whole
    }

    /// Each case of `fixtures/NAME`.
    ///
    /// # Panics
    /// Where the adapter has no case.
    pub fn fixtures(self) -> Self {
        let folder = project_root().join("fixtures").join(self.adapter.name());
        let mut cases: Vec<_> =
            std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        cases.sort();
        let mut measured = 0;
        for case in cases {
            let inputs = std::fs::read_dir(&case).into_iter().flatten().flatten().map(|e| e.path());
            let Some(input) = inputs.filter(|p| p.file_stem().is_some_and(|s| s == "input")).min() else {
                continue;
            };
            let bytes = std::fs::read(input).unwrap_or_default();
            self.measure(&case.file_name().unwrap_or_default().to_string_lossy(), &bytes);
            measured += 1;
        }
        assert!(measured > 0, "no case in {}", folder.display());
        self
    }

    /// Inputs of growing size, each by how many of `what` it holds: the time of each beside that of the one before.
    pub fn growth(self, what: &str, inputs: impl IntoIterator<Item = (usize, Vec<u8>)>) -> Self {
        let mut last: Option<(usize, f64)> = None;
        for (count, input) in inputs {
            let time = self.measure(&format!("{count} {what}"), &input);
            if let Some((fewer, before)) = last {
                let (times, grown) = (time / before, count as f64 / fewer as f64);
                println!("  {:<38} {times:>9.2} times the time for {grown:.2} times as many", "");
            }
            last = Some((count, time));
        }
        self
    }

    /// Files of a corpus, where it is on the machine.
    pub fn corpus(self, name: &str, files: &[&str]) -> Self {
        for file in files {
            match corpora(name).and_then(|folder| std::fs::read(folder.join(file)).ok()) {
                Some(input) => {
                    self.measure(file, &input);
                }
                None => println!("  {file}: not on this machine"),
            }
        }
        self
    }

    /// All files of a corpus with this ending, where it is on the machine: kB, mean µs and translations a second in one line.
    pub fn all_of_corpus(self, name: &str, ending: &str) -> Self {
        let Some(root) = corpora(name) else {
            println!("  {name}: not on this machine");
            return self;
        };
        let (mut folders, mut files) = (vec![root.join("in")], Vec::new());
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.extension().is_some_and(|e| e == ending) => {
                        files.push(std::fs::read(&path).unwrap_or_default());
                    }
                    false => {}
                }
            }
        }
        let count = files.len().max(1) as f64;
        let whole: f64 = files
            .iter()
            .map(|input| {
                least(|| {
                    black_box(translate(self.adapter, black_box(input), &self.context));
                })
            })
            .sum();
        println!(
            "  {:<38} {:>9.1} kB {:>7} files {:>10.1} µs  {:>9.0} a second",
            format!("all of {name}"),
            files.iter().map(Vec::len).sum::<usize>() as f64 / 1e3 / count,
            files.len(),
            whole / count,
            count * 1e6 / whole.max(0.1)
        );
        self
    }
}
