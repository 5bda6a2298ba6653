//! What benches of adapters have in common: each case of `fixtures/NAME`, with the ledger on, beside the cost of writing its
//! output alone.

use std::hint::black_box;
use std::time::Instant;

use serde_json::Value;

use super::{project_root, test_context};
use crate::{Adapter, translate};

/// Runs of which the least counts.
const RUNS: usize = 25;

/// The least of several times, in µs.
fn least(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    best
}

/// A line for each case of an adapter: kB, µs, how many times the cost of writing the output, messages a second.
///
/// # Panics
/// Where the adapter has no case.
pub fn lines(adapter: &dyn Adapter) -> Vec<String> {
    let context = test_context();
    let folder = project_root().join("fixtures").join(adapter.name());
    let mut cases: Vec<_> =
        std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    cases.sort();
    let mut lines = Vec::new();
    for case in cases {
        let inputs = std::fs::read_dir(&case).into_iter().flatten().flatten().map(|e| e.path());
        let Some(input) = inputs.filter(|p| p.file_stem().is_some_and(|s| s == "input")).min() else {
            continue;
        };
        let bytes = std::fs::read(input).unwrap_or_default();
        let whole = least(|| {
            black_box(translate(adapter, black_box(&bytes), &context));
        });
        let outputs = translate(adapter, &bytes, &context).outputs;
        let trees: Vec<Value> = outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
        let write = least(|| {
            for tree in &trees {
                black_box(serde_json::to_vec(black_box(tree)).unwrap_or_default());
            }
        });
        lines.push(format!(
            "{:<34} {:>7.1} kB {whole:>8.0} µs  {:>5.1} times writing alone  {:>8.0} a second",
            case.file_name().unwrap_or_default().to_string_lossy(),
            bytes.len() as f64 / 1e3,
            whole / write.max(0.1),
            1e6 / whole
        ));
    }
    assert!(!lines.is_empty(), "no case in {}", folder.display());
    lines
}
