//! Summaries of 1 to 64 times 20 entries: µs with the ledger on, beside their floor in the same run, which is reading
//! the XML alone plus writing the output alone; and growth.
//!
//! `cargo bench -p causeway-adapter-summary-care-record`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::{Context, Sender, translate};
use causeway_adapter_summary_care_record::SummaryCareRecord;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};
use serde_json::Value;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A summary with so many findings, and as many rows of text.
fn summary(findings: usize) -> Vec<u8> {
    let snomed = "2.16.840.1.113883.2.1.3.2.4.15";
    let mut text = String::new();
    let mut entries = String::new();
    for n in 0..findings {
        text.push_str(&format!(
            "<tr class=\"oddRow\"><td>01-Oct-2026</td><td>Finding number {n}</td><td/></tr>\n"
        ));
        entries.push_str(&format!(
            "<component typeCode=\"COMP\"><UKCT_MT144043UK02.Finding classCode=\"OBS\" moodCode=\"EVN\">\n\
             <id root=\"5D0B{n:04X}-7A11-4E55-9C3D-0A1B2C3D4E5F\"/>\n\
             <code code=\"42258{n:04}\" codeSystem=\"{snomed}\" displayName=\"Finding number {n}\"/>\n\
             <statusCode code=\"completed\"/><effectiveTime><low value=\"20261001093000\"/></effectiveTime>\n\
             </UKCT_MT144043UK02.Finding></component>\n"
        ));
    }
    format!(
        "<GPSummary xmlns=\"urn:hl7-org:v3\" classCode=\"COMPOSITION\" moodCode=\"EVN\">\
         <id root=\"5D0BFFFF-7A11-4E55-9C3D-0A1B2C3D4E5F\"/><code code=\"196981000000101\" codeSystem=\"{snomed}\" \
         displayName=\"General Practice Summary\"/><effectiveTime value=\"20261029143100\"/>\
         <statusCode code=\"active\"/><excerptFrom typeCode=\"XCRPT\"><x><presentationText><value><html><body>\
         <h2 id=\"ObservationsHeader\">Clinical Observations and Findings</h2><table><tbody>{text}</tbody></table>\
         </body></html></value></presentationText></x></excerptFrom>\
         <pertinentInformation2><pertinentCREType><code code=\"163131000000108\" codeSystem=\"{snomed}\" \
         displayName=\"Clinical Observations and Findings\"/>{entries}</pertinentCREType></pertinentInformation2>\
         <recordTarget><patient><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"9990000018\"/></patient>\
         </recordTarget></GPSummary>"
    )
    .into_bytes()
}

/// The least of several times, in µs.
fn least(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..25 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    best
}

fn measure(name: &str, input: &[u8], context: &Context) -> f64 {
    let whole = least(|| {
        black_box(translate(&SummaryCareRecord, black_box(input), context));
    });
    let parse = least(|| {
        let mut ledger = Ledger::new();
        if let Ok(text) = decode(black_box(input)) {
            black_box(Document::parse(&text, &mut ledger).is_ok());
        }
    });
    let outputs = translate(&SummaryCareRecord, input, context).outputs;
    let trees: Vec<Value> = outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
    let write = least(|| {
        for tree in &trees {
            black_box(serde_json::to_vec(black_box(tree)).unwrap_or_default());
        }
    });
    println!(
        "{name:<32} {:>8.1} kB {whole:>9.0} µs  parse {parse:>7.0}  write {write:>7.0}  ratio {:>5.2}  {:>6.1} MB/s",
        input.len() as f64 / 1e3,
        whole / (parse + write),
        input.len() as f64 / whole
    );
    whole
}

fn main() {
    let sender = Sender {
        system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        code: "ZP401".to_owned(),
        name: "Millpond Surgery".to_owned(),
    };
    let context = Context::new(sender, "2026-11-02T09:30:00Z".parse().unwrap_or_default(), "urn:uuid:0");
    let mut last = 0.0;
    for findings in [20, 80, 320, 1280] {
        let time = measure(&format!("{findings} findings"), &summary(findings), &context);
        if last > 0.0 {
            println!("{:<32} {:>8.2} times the time", "", time / last);
        }
        last = time;
    }
    let Some(corpora) = causeway_adapter::contract::corpora("summary-care-record") else { return };
    if let Ok(input) = std::fs::read(corpora.join("in/success.xml")) {
        measure("success.xml", &input, &context);
    }
}
