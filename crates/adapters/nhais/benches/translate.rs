//! Each case of `fixtures/nhais`, interchanges of 1 to 1,000 messages, the corpus; with the ledger on.
//!
//! `cargo bench -p causeway-adapter-nhais`

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_nhais::Nhais;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An interchange of so many acceptances.
fn interchange(messages: usize) -> Vec<u8> {
    let mut text = "UNB+UNOA:2+TVA1+ZZ91+260914:0930+00000041'\n".to_owned();
    for n in 1..=messages {
        text.push_str(&format!(
            "UNH+{n:08}+FHSREG:0:1:FH:FHS001'\nBGM+++507'\nNAD+FHS+ZZ9:954'\nDTM+137:202609140930:203'\nRFF+950:G1'\nS01+1'\n\
             RFF+TN:{n}'\nNAD+GP+9990101,412:900'\nHEA+ACD+A:ZZZ'\nHEA+ATP+3:ZZZ'\nDTM+956:20260911:102'\nS02+2'\n\
             PNA+PAT+9990000018:OPI+++SU:LARKSPUR+FO:EDITH+TI:MRS'\nDTM+329:19420309:102'\nPDI+2'\n\
             NAD+PAT++ROSE COTTAGE:{n} MARLPIT LANE:LOWER FERN:FERNDALE:ASHSHIRE+++++ZZ99 3VZ'\nUNT+17+{n:08}'\n"
        ));
    }
    text.push_str(&format!("UNZ+{messages}+00000041'\n"));
    text.into_bytes()
}

fn main() {
    let _ = Bench::of(&Nhais)
        .fixtures()
        .growth("messages", [1, 10, 100, 1000].map(|n| (n, interchange(n))))
        .all_of_corpus("nhais", "edi");
}
