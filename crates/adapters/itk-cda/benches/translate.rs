//! Documents of 1 to 64 times 20 entries: µs with the ledger on, beside their floor in the same run, which is reading
//! the XML alone plus writing the output alone; and growth.
//!
//! `cargo bench -p causeway-adapter-itk-cda`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::{Context, Sender, translate};
use causeway_adapter_itk_cda::ItkCda;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};
use serde_json::Value;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A document with so many findings, and as many rows of text.
fn summary(findings: usize) -> Vec<u8> {
    let snomed = "2.16.840.1.113883.2.1.3.2.4.15";
    let (mut text, mut entries) = (String::new(), String::new());
    for n in 0..findings {
        text.push_str(&format!("<tr><td>01-Oct-2026</td><td>Finding number {n}</td></tr>\n"));
        entries.push_str(&format!(
            "<entry typeCode=\"COMP\"><observation classCode=\"OBS\" moodCode=\"EVN\">\n\
             <id root=\"5D0B{n:04X}-7A11-4E55-9C3D-0A1B2C3D4E5F\"/>\n\
             <code code=\"42258{n:04}\" codeSystem=\"{snomed}\" displayName=\"Finding number {n}\"/>\n\
             <statusCode code=\"completed\"/><effectiveTime value=\"20261001093000\"/>\n\
             <value xsi:type=\"PQ\" value=\"7.{n}\" unit=\"mmol/L\"/></observation></entry>\n"
        ));
    }
    format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <id root=\"5D0BFFFF-7A11-4E55-9C3D-0A1B2C3D4E5F\"/><code code=\"373942005\" codeSystem=\"{snomed}\" \
         displayName=\"Discharge summary\"/><title>Discharge summary</title><effectiveTime \
         value=\"20261029143100\"/><recordTarget><patientRole><id root=\"2.16.840.1.113883.2.1.4.1\" \
         extension=\"9990000018\"/></patientRole></recordTarget><component><structuredBody><component><section>\
         <title>Findings</title><text><table><tbody>{text}</tbody></table></text>{entries}</section></component>\
         </structuredBody></component></ClinicalDocument>"
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
        black_box(translate(&ItkCda, black_box(input), context));
    });
    let parse = least(|| {
        let mut ledger = Ledger::new();
        if let Ok(text) = decode(black_box(input)) {
            black_box(Document::parse(&text, &mut ledger).is_ok());
        }
    });
    let outputs = translate(&ItkCda, input, context).outputs;
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
    let Some(corpora) = causeway_adapter::contract::corpora("itk-cda-111") else { return };
    if let Ok(input) = std::fs::read(corpora.join("in/ic24-itk-ooh-referral-dx06.xml")) {
        measure("ic24 dx06", &input, &context);
    }
}
