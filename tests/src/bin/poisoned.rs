//! The product with one adapter more: input that begins with `POISON` ends the process that translates it. For the
//! tests of what one such message does to the exchange and to its neighbours.

use std::process::ExitCode;

use causeway_adapter::{Adapter, Confidence, Context, Detection, Format, Sector, Sink, Telling};
use causeway_core::Issue;

struct Poison;

const FORMAT: Format = Format {
    name: "poison",
    title: "Input that ends its process",
    summary: "for tests",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["1"],
    media_types: &["text/plain"],
    extensions: &["poison"],
};

impl Adapter for Poison {
    fn format(&self) -> &'static Format {
        &FORMAT
    }
    fn detect(&self, input: &[u8]) -> Detection {
        if input.starts_with(b"POISON") { Detection::is(Confidence::Certain, "1") } else { Detection::no() }
    }
    fn translate(&self, _: &[u8], _: &Context, _: &mut dyn Sink) -> Result<(), Issue> {
        // What running out of memory does.
        std::process::abort()
    }
}

fn main() -> ExitCode {
    let mut adapters = causeway::ADAPTERS.to_vec();
    adapters.push(&Poison);
    causeway::cli::main_with(Box::leak(adapters.into_boxed_slice()))
}
