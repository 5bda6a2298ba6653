//! Interchanges of 1 to 64 reports of 40 results, beside reading their segments alone.
//!
//! `cargo bench -p causeway-adapter-edifact-pathology`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
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

/// Reading alone: the segments and their groups.
fn read(input: &[u8]) {
    let decoded = Decoded::utf8_or_windows_1252(input);
    let mut source = Source::read(&decoded).unwrap_or_default();
    black_box(group(&mut source));
}

fn main() {
    let sizes = [1, 2, 4, 8, 16, 32, 64];
    let _ = Bench::of(&EdifactPathology)
        .reading(&read)
        .fixtures()
        .growth("reports", sizes.map(|reports| (reports, interchange(reports).into_bytes())));
}
