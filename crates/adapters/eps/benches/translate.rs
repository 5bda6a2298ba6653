//! Each case of `fixtures/eps`, answers with 2 to 128 prescriptions, the corpus; with the ledger on.
//!
//! `cargo bench -p causeway-adapter-eps`

use causeway_adapter::contract::bench::Bench;
use causeway_adapter::contract::project_root;
use causeway_adapter_eps::Eps;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An answer to a release with so many prescriptions, those of the fixture again and again.
fn release(prescriptions: usize) -> Vec<u8> {
    let path = project_root().join("fixtures/eps/release-response/input.xml");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (Some(start), Some(end)) = (text.find("<ParentPrescription"), text.rfind("</ParentPrescription>"))
    else {
        return Vec::new();
    };
    let (head, rest) = text.split_at(start);
    let (both, tail) = rest.split_at(end - start);
    // Two prescriptions stand in it, and what parts them comes back with each.
    let between = both
        .find("</ParentPrescription>")
        .and_then(|at| Some((at, at + both.get(at..)?.find("<ParentPrescription")?)));
    let between = between.and_then(|(from, to)| both.get(from..to)).unwrap_or_default();
    let body = vec![both; prescriptions.div_ceil(2)].join(between);
    [head, &body, tail].concat().into_bytes()
}

fn main() {
    let _ = Bench::of(&Eps)
        .fixtures()
        .growth("prescriptions", [2, 8, 32, 128].map(|n| (n, release(n))))
        .all_of_corpus("eps-hl7v3", "xml");
}
