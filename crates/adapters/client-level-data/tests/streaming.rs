//! A long file in bounded memory.

mod common;

use std::io::Read;

use causeway_adapter::contract::test_context;
use causeway_adapter::{Acknowledgement, Adapter, Output, Sink};
use causeway_adapter_client_level_data::{ClientLevelData, limits};
use causeway_core::{Issue, Ledger, Outcome, Totals};

/// Rows, made as they are read.
struct Rows {
    made: u32,
    rows: u32,
    template: String,
    pending: Vec<u8>,
    at: usize,
}

impl Read for Rows {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.pending.len() && self.made < self.rows {
            self.pending.clear();
            self.at = 0;
            while self.pending.len() < 64 * 1024 && self.made < self.rows {
                // The first is 1: nobody's id is 0.
                let (person, event) = (self.made / 4 + 1, self.made % 4);
                let row = self
                    .template
                    .replace("{person}", &format!("{:07}", person))
                    .replace("{day}", &format!("{:02}", 10 + event));
                self.pending.extend_from_slice(row.as_bytes());
                self.made += 1;
            }
        }
        let part = &self.pending[self.at..];
        let count = part.len().min(into.len());
        into[..count].copy_from_slice(&part[..count]);
        self.at += count;
        Ok(count)
    }
}

#[derive(Default)]
struct Counter {
    totals: Totals,
    bundles: u64,
    bundles_in_batch: u64,
    bundles_in_batch_most: u64,
    items_in_batch_most: usize,
    batches: u64,
    issues: u64,
}

impl Sink for Counter {
    fn output(&mut self, _: Output) {
        self.bundles += 1;
        self.bundles_in_batch += 1;
    }
    fn issue(&mut self, _: Issue) {
        self.issues += 1;
    }
    fn ledger(&mut self, ledger: Ledger) {
        self.batches += 1;
        self.totals.merge(&ledger.totals());
        self.items_in_batch_most = self.items_in_batch_most.max(ledger.len());
        self.bundles_in_batch_most = self.bundles_in_batch_most.max(self.bundles_in_batch);
        self.bundles_in_batch = 0;
    }
    fn acknowledgement(&mut self, _: Acknowledgement) {}
}

#[test]
fn two_hundred_thousand_rows() {
    const ROWS: u32 = 200_000;
    let changes = [
        ("NHS Number", ""),
        ("LA Person Unique Identifier", "{person}"),
        ("Event Start Date", "{day}/09/2026"),
    ];
    let template = format!("{}\r\n", common::row("Request", &changes));
    let items_in_row = template.split(',').filter(|cell| !cell.trim().is_empty()).count();
    let mut rows = Rows { made: 0, rows: ROWS, template, pending: common::file(&[]), at: 0 };
    let mut sink = Counter::default();
    ClientLevelData.stream(&mut rows, &test_context(), &mut sink).unwrap();
    assert_eq!(sink.bundles, u64::from(ROWS / 4));
    assert_eq!(sink.totals.total(), u64::from(ROWS) * items_in_row as u64 + 50);
    assert_eq!(sink.totals.of(Outcome::Unexplained), 0);
    let most = limits::ROWS_PER_FLUSH + limits::ROWS_PER_BUNDLE_MAX;
    assert!(sink.items_in_batch_most <= most as usize * 50, "{}", sink.items_in_batch_most);
    assert!(sink.bundles_in_batch_most <= u64::from(most), "{}", sink.bundles_in_batch_most);
    assert!(sink.batches >= u64::from(ROWS / most));
}

#[test]
fn one_person_on_every_row_is_cut_into_bundles() {
    let template = format!("{}\r\n", common::row("Request", &[]));
    let mut rows = Rows { made: 0, rows: 5_000, template, pending: common::file(&[]), at: 0 };
    let mut sink = Counter::default();
    ClientLevelData.stream(&mut rows, &test_context(), &mut sink).unwrap();
    assert_eq!(sink.bundles, 5_000 / u64::from(limits::ROWS_PER_BUNDLE_MAX));
    assert_eq!(sink.issues, 4_999, "each repetition is told");
}

#[test]
fn a_stream_of_single_bytes_gives_the_same() {
    struct Drip<'a>(&'a [u8]);
    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let (Some((first, rest)), Some(slot)) = (self.0.split_first(), into.first_mut()) else {
                return Ok(0);
            };
            *slot = *first;
            self.0 = rest;
            Ok(1)
        }
    }
    let input = common::file(&[common::row("Service", &[]), common::row("Review", &[])]);
    let mut whole = causeway_adapter::Translation::default();
    let mut dripped = causeway_adapter::Translation::default();
    ClientLevelData.translate(&input, &test_context(), &mut whole).unwrap();
    ClientLevelData.stream(&mut Drip(&input), &test_context(), &mut dripped).unwrap();
    assert_eq!(whole.outputs, dripped.outputs);
}
