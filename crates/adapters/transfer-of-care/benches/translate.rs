//! Each case of `fixtures/transfer-of-care`, and the corpus, with the ledger on.
//!
//! `cargo bench -p causeway-adapter-transfer-of-care`

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_transfer_of_care::TransferOfCare;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let _ = Bench::of(&TransferOfCare).fixtures().all_of_corpus("itk3-toc", "xml");
}
