//! Summaries of 20 to 1,280 findings, beside reading the XML alone.
//!
//! `cargo bench -p causeway-adapter-summary-care-record`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_summary_care_record::SummaryCareRecord;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};

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

/// Reading alone: the document, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    if let Ok(text) = decode(input) {
        black_box(Document::parse(&text, &mut ledger).is_ok());
    }
}

fn main() {
    let _ = Bench::of(&SummaryCareRecord)
        .reading(&read)
        .fixtures()
        .growth("findings", [20, 80, 320, 1280].map(|findings| (findings, summary(findings))))
        .corpus("summary-care-record", &["in/success.xml"]);
}
