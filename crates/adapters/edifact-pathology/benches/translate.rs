//! A report of 40 results: µs with the ledger on, beside its floor in the same run, and growth from 1 to 64 such
//! reports in one interchange. The floor is reading the segments alone plus writing the output alone: `copy` only
//! copies its bytes, `write` serialises the same document from a tree with serde_json.
//!
//! `cargo bench -p causeway-adapter-edifact-pathology`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::{Context, Sender, translate};
use causeway_adapter_edifact_pathology::EdifactPathology;
use causeway_core::text::Decoded;
use causeway_edifact::{Source, group};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An interchange of so many reports of 40 results in four batteries.
fn interchange(reports: usize) -> String {
    let mut out =
        "UNA:+.? '\nUNB+UNOC:3+000000009990001:80+000000009990002:80+261029:1415+77++MEDRPT++1'\n".to_owned();
    for report in 1..=reports {
        let mut segments: Vec<String> = [
            format!("UNH+{report}+MEDRPT:0:1:RT:NHS003"),
            "BGM+LSR".into(),
            "DTM+137:202610291400:203".into(),
            "S01+01".into(),
            "NAD+PO+G9990011:900++THISTLEDOWN R DR".into(),
            "SPR+PRO".into(),
            "S01+01".into(),
            "NAD+MR+G9990011:900++THISTLEDOWN R DR".into(),
            "SPR+PRO".into(),
            "S01+01".into(),
            "NAD+MR+ZP401:901".into(),
            "SPR+ORG".into(),
            "S01+01".into(),
            "NAD+SLA+++Blood Sciences".into(),
            "SPR+DPT".into(),
            "S01+01".into(),
            "NAD+SLA+ZL701:903++ST FERN?'S LABORATORY".into(),
            "SPR+ORG".into(),
            "S02+02".into(),
            "GIS+N".into(),
            format!("RFF+SRI:26/H0044/{report}"),
            "STS++UN".into(),
            "DTM+ISR:202610291345:203".into(),
            "S06+06".into(),
            "ADR++US:4 MARLPIT LANE:FERNDALE++ZZ99 3VZ".into(),
            "S07+07".into(),
            "PNA+PAT+9990000018:OPI+++SU:LARKSPUR+FO:EDITH+MI:MARY+TI:MRS".into(),
            "DTM+329:19420309:102".into(),
            "PDI+2".into(),
            "S16+16".into(),
            "SEQ++1".into(),
            "SPC+TSP+:::VENOUS BLOOD".into(),
            "RFF+STI:H260044A".into(),
            "DTM+SCO:202610290910:203".into(),
            "DTM+SRI:202610291120:203".into(),
        ]
        .into();
        for result in 0..40 {
            let battery = result / 10 + 1;
            if result % 10 == 0 {
                segments.push("GIS+N".into());
                segments.push(format!("INV+MQ+42{battery}..:911::Battery {battery}"));
                segments.push(format!("SEQ++{battery}"));
                segments.push("STS++FI".into());
                segments.push("RFF+ASL:1".into());
            }
            segments.push("GIS+N".into());
            segments.push(format!("INV+MQ+44{result:02}.:911::Serum analyte number {result}"));
            segments.push(format!("RSL+NV+{result}.{battery}0++:::mmol/L+HI"));
            segments.push("STS++FI".into());
            segments.push(format!("RFF+ARL:{battery}"));
            segments.push("S20+20".into());
            segments.push("RND+U+2.5+7.8".into());
        }
        segments.push(format!("UNT+{}+{report}", segments.len() + 1));
        for segment in segments {
            out.push_str(&segment);
            out.push_str("'\n");
        }
    }
    out.push_str(&format!("UNZ+{reports}+77'\n"));
    out
}

/// Median of so many rounds, in microseconds.
fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let sender = Sender {
        system: causeway_fhir::systems::ODS_ORGANISATION.to_owned(),
        code: "ZL701".to_owned(),
        name: "Test laboratory".to_owned(),
    };
    let received = "2026-11-02T09:30:00Z".parse().unwrap_or_default();
    let context = Context::new(sender, received, "urn:uuid:00000000-0000-5000-8000-000000000000");
    println!(
        "{:>8} {:>9} {:>9} {:>12} {:>9} {:>8} {:>9} {:>11} {:>12} {:>10}",
        "reports",
        "bytes in",
        "bytes out",
        "translate µs",
        "parse µs",
        "copy µs",
        "write µs",
        "/parse+copy",
        "/parse+write",
        "µs/report"
    );
    for reports in [1, 2, 4, 8, 16, 32, 64] {
        let input = interchange(reports);
        let translation = translate(&EdifactPathology, input.as_bytes(), &context);
        assert_eq!(translation.outputs.len(), reports, "{:?}", translation.issues);
        let rounds = 2000 / reports + 11;
        let whole = median(rounds, || {
            black_box(translate(&EdifactPathology, black_box(input.as_bytes()), &context));
        });
        let parse = median(rounds, || {
            let decoded = Decoded::utf8_or_windows_1252(black_box(input.as_bytes()));
            let mut source = Source::read(&decoded).unwrap_or_default();
            black_box(group(&mut source));
        });
        let copy = median(rounds, || {
            for output in &translation.outputs {
                let mut out = Vec::new();
                for part in output.json.chunks(64) {
                    out.extend_from_slice(black_box(part));
                }
                black_box(out);
            }
        });
        let trees: Vec<serde_json::Value> =
            translation.outputs.iter().flat_map(|o| serde_json::from_slice(&o.json)).collect();
        let write = median(rounds, || {
            for tree in &trees {
                black_box(serde_json::to_vec(black_box(tree)).unwrap_or_default());
            }
        });
        let bytes: usize = translation.outputs.iter().map(|o| o.json.len()).sum();
        println!(
            "{reports:>8} {:>9} {bytes:>9} {whole:>12.1} {parse:>9.1} {copy:>8.1} {write:>9.1} {:>11.1} {:>12.1} {:>10.1}",
            input.len(),
            whole / (parse + copy),
            whole / (parse + write),
            whole / reports as f64
        );
    }
}
