//! Extracts of ever more people, beside the `csv` crate reading them alone.
//!
//! `cargo bench -p causeway-adapter-council-case-extract`

use causeway_adapter::contract::bench::{Bench, read_csv};
use causeway_adapter::contract::project_root;
use causeway_adapter_council_case_extract::CouncilCaseExtract;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The tables of a fixture with each data row repeated for so many people.
fn extract(people: u32) -> Vec<u8> {
    let path = project_root().join("fixtures/council-case-extract/orphans-and-merges/input.csv");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut out = String::new();
    for line in text.lines() {
        if line.contains("person_id") {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        for n in 0..people {
            out.push_str(&line.replace("4471002", &format!("{n}")).replace("3300021", &format!("L{n}")));
            out.push('\n');
        }
    }
    out.into_bytes()
}

fn main() {
    let people = [250, 1_000, 4_000, 16_000];
    let _ = Bench::of(&CouncilCaseExtract)
        .reading(&read_csv)
        .fixtures()
        .growth("people", people.map(|people| (people as usize, extract(people))));
}
