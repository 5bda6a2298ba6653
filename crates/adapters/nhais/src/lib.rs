#![doc = include_str!("../README.md")]

mod codes;
mod encode;
mod interchange;
mod limits;
mod patient;
mod recep;
mod refusal;
mod rules;
mod task;
mod transaction;

use causeway_adapter::{
    Adapter, Confidence, Context, Detection, Encoded, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::Issue;
use causeway_terminology::Map;
use serde_json::Value;

/// GP registration in EDIFACT: FHSREG transactions and their RECEP receipts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nhais;

/// The format.
pub const FORMAT: Format = Format {
    name: interchange::NAME,
    title: "GP registration (NHAIS GP Links, EDIFACT FHSREG)",
    summary: "General practices and the health authority tell each other who joins, changes and leaves a practice's list",
    sector: Sector::Health,
    telling: Telling::Delta,
    versions: &["FHS001", "RECEP"],
    media_types: &["application/edifact", "application/EDIFACT"],
    extensions: &["edi", "edifact", "dat"],
};

impl Adapter for Nhais {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_edifact::interchange::reference(input)
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        let head = head.trim_start_matches('\u{feff}').trim_start();
        let begins = ["UNA", "UNB", "UNH"].iter().any(|tag| head.starts_with(tag));
        // The message type stands in UNH; UNB may name it too, of another message.
        let kind = head.find("UNH").and_then(|at| head.get(at..)).unwrap_or_default();
        match begins {
            true if kind.contains("FHSREG") => Detection::is(Confidence::Certain, "FHS001"),
            true if kind.contains("RECEP") => Detection::is(Confidence::Certain, "RECEP"),
            _ => Detection::no(),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        interchange::translate(input, context, sink)
    }

    fn rules(&self) -> &'static [&'static [Rule]] {
        &[rules::ALL]
    }

    fn maps(&self) -> &'static [&'static Map] {
        &codes::ALL
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }
}
