//! Admissions and laboratory reports, one and in batches, beside reading them into their index and ledger alone.
//!
//! `cargo bench -p causeway-adapter-hl7v2`; `-- profile` translates and nothing else, for a profiler.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter::contract::test_context;
use causeway_adapter::translate;
use causeway_adapter_hl7v2::Hl7v2;
use causeway_core::Ledger;
use causeway_hl7v2::Message;

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HEAD: &str = "PID|1||AV104772^^^AVH^PI~9990000018^^^NHS^NH||LARKSPUR^EDITH^MARY^^MRS^^L||19420309|2|||14 LANTERN ROW^^ASHBOURNE VALE^VALESHIRE^ZZ99 3VZ^GBR^H||01632960118^PRN^PH~07700900118^PRS^CP||EN|W||||||A||N||||||N\r";

/// An admission of about 1.5 kB.
fn admission() -> String {
    include_str!("../../../../fixtures/hl7v2/admission/input.hl7").to_owned()
        + "NK1|3|BRAMBLE^JOAN^^^MRS^^L|FND^Friend|9 WEIR COTTAGES^^ASHBOURNE VALE^VALESHIRE^ZZ99 6VZ^GBR^H|01632960120^PRN^PH||C\r\
           AL1|2|FA|227493005^Cashew nut^SCT|MO|Urticaria|19990101\r\
           DG1|2||I48.9^Atrial fibrillation^I10||202610122010|W|||||||||2\r"
}

/// A laboratory report of so many results.
fn report(results: usize) -> String {
    let mut text =
        String::from("MSH|^~\\&|WINPATH|ZV801|TIE|ZV801|20261013113000||ORU^R01|AVL20261013008|P|2.4\r");
    text.push_str(HEAD);
    text.push_str("OBR|1|R7731^AVH|26L0113377^WINPATH|FBC^Full blood count^WINPATH|||202610122005|||||||202610122030|BLDV&Venous blood|C9900456^ASHDOWN^RUTH^^^DR^^^GMC||||||202610131125||HM|F\r");
    for n in 1..=results {
        text.push_str(&format!(
            "OBX|{n}|NM|{}-{}^Analyte {n}^LN||{n}.40|mmol/L|3.5-{n}.9|H|||F|||202610122005\r",
            1000 + n,
            n % 10
        ));
    }
    text
}

/// Reading alone.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    for piece in causeway_hl7v2::pieces(input) {
        if let causeway_hl7v2::Piece::Message(range) = piece {
            let start = range.start;
            if let Ok(mut message) = Message::parse(&input[range], start) {
                message.enter(&mut ledger);
                black_box(&message);
            }
        }
    }
    black_box(ledger);
}

fn main() {
    if std::env::args().any(|a| a == "profile") {
        let (input, context, start) = (admission(), test_context(), Instant::now());
        while start.elapsed().as_secs() < 4 {
            black_box(translate(&Hl7v2, black_box(input.as_bytes()), &context));
        }
        return;
    }
    let sizes = [1, 4, 16, 64];
    let _ = Bench::of(&Hl7v2)
        .reading(&read)
        .fixtures()
        .growth("results", sizes.map(|times| (times * 30, report(times * 30).into_bytes())))
        .growth("admissions", sizes.map(|times| (times, admission().repeat(times).into_bytes())));
}
