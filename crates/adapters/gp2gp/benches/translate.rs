//! Extracts of 1 to 20 MB, beside reading them into the tree alone.
//!
//! `cargo bench -p causeway-adapter-gp2gp`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter::contract::project_root;
use causeway_adapter_gp2gp::Gp2gp;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An extract of at least so many bytes, from the consultations of the fixtures with ids of their own.
fn extract(size: usize) -> Vec<u8> {
    let cases =
        ["consultation-with-problem", "medication-chain", "allergies", "pathology-report", "blood-pressure"];
    let read = |case: &str| {
        let path = project_root().join("fixtures/gp2gp").join(case).join("input.xml");
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let first = read("consultation-with-problem");
    const OPEN: &str = "<component typeCode=\"COMP\"><ehrComposition";
    const CLOSE: &str = "</ehrComposition></component>";
    let cut = |text: &str| {
        let start = text.find(OPEN).unwrap_or(0);
        let end = text.rfind(CLOSE).map_or(0, |at| at + CLOSE.len());
        (
            text.get(..start).unwrap_or("").to_owned(),
            text.get(start..end).unwrap_or("").to_owned(),
            text.get(end..).unwrap_or("").to_owned(),
        )
    };
    let (head, _, tail) = cut(&first);
    let bodies: Vec<String> = cases.iter().map(|case| cut(&read(case)).1).collect();
    assert!(bodies.iter().all(|b| !b.is_empty()), "the fixtures are absent");
    let mut out = head;
    let mut round = 0u32;
    while out.len() + tail.len() < size {
        for body in &bodies {
            renew(body, round, &mut out);
        }
        round += 1;
    }
    out.push_str(&tail);
    out.into_bytes()
}

/// Copies a text with the end of every GUID changed, agents left alone.
fn renew(body: &str, round: u32, out: &mut String) {
    let mut rest = body;
    while let Some(at) = rest.find("<id root=\"") {
        let start = at + "<id root=\"".len();
        let end = rest.get(start..).and_then(|t| t.find('"')).map_or(start, |e| start + e);
        let id = rest.get(start..end).unwrap_or("");
        let agent = rest.get(..at).unwrap_or("").ends_with("<agentRef classCode=\"AGNT\">");
        out.push_str(rest.get(..start).unwrap_or(""));
        if id.len() == 36 && !agent {
            out.push_str(id.get(..28).unwrap_or(""));
            out.push_str(&format!("{round:08X}"));
        } else {
            out.push_str(id);
        }
        rest = rest.get(end..).unwrap_or("");
    }
    out.push_str(rest);
}

/// Reading alone: the document, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    if let Ok(text) = decode(input) {
        black_box(Document::parse(&text, &mut ledger).is_ok());
    }
}

fn main() {
    let sizes = [1.0, 1.2, 5.0, 10.0, 20.0].map(|mb| (mb * 1e6) as usize);
    let _ =
        Bench::of(&Gp2gp).reading(&read).fixtures().growth("bytes", sizes.map(|size| (size, extract(size))));
}
