//! Documents of 20 to 1,280 findings, beside reading the XML alone.
//!
//! `cargo bench -p causeway-adapter-itk-cda`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_itk_cda::ItkCda;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};

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

/// Reading alone: the document, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    if let Ok(text) = decode(input) {
        black_box(Document::parse(&text, &mut ledger).is_ok());
    }
}

fn main() {
    let _ = Bench::of(&ItkCda)
        .reading(&read)
        .fixtures()
        .growth("findings", [20, 80, 320, 1280].map(|findings| (findings, summary(findings))))
        .corpus("itk-cda-111", &["in/ic24-itk-ooh-referral-dx06.xml", "in/example-adastra-ooh.xml"])
        .all_of_corpus("itk-cda-111", "xml");
}
