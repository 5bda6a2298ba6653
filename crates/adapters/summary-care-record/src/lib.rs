#![doc = include_str!("../README.md")]

mod clinical;
mod codes;
mod encode;
mod entry;
mod hl7;
pub mod limits;
mod medicine;
mod message;
mod narrative;
mod parts;
mod people;
pub mod rules;
mod summary;
mod write;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Sector, Sink, Telling,
};
use causeway_core::{Issue, Outcome};
use causeway_terminology::Map;
use causeway_xml::{Document, decode};
use serde_json::Value;

/// GP summaries of the Summary Care Record.
#[derive(Clone, Copy, Debug, Default)]
pub struct SummaryCareRecord;

/// The format.
pub const FORMAT: Format = Format {
    name: "summary-care-record",
    title: "Summary Care Record (GP Summary)",
    summary: "The summary that a general practice sends to the Spine and that others read there",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["REPC_RM150007UK05", "QUPC_IN210000UK04"],
    media_types: &["application/xml", "text/xml"],
    extensions: &["xml"],
};

impl Adapter for SummaryCareRecord {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::xml_attribute(input, "id", "root")
    }

    fn maps(&self) -> &'static [&'static Map] {
        &codes::MAPS
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let has = |name: &str| causeway_adapter::head::holds(head, name);
        for name in ["QUPC_IN210000UK04", "REPC_IN150016UK05", "REPC_RM150007UK05", "QUQI_IN010000UK14"] {
            if has(name) {
                return Detection::is(Confidence::Certain, name);
            }
        }
        match has("GPSummary") || has("xhtml:NPfIT:PresentationText") || has("pertinentCREType") {
            true => Detection::is(Confidence::Likely, "GP Summary"),
            false => Detection::no(),
        }
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut composer = Composer::new(self.name(), context);
        let read = decode(input).and_then(|text| {
            let document = Document::parse(&text, &mut composer.ledger)?;
            message::translate(&document, &mut composer, sink);
            Ok(())
        });
        if let Err(error) = read {
            let all = 0..composer.ledger.next_id();
            composer.ledger.overrule(all.clone(), Outcome::Rejected, "the message could not be read");
            composer.ledger.claim_rest(all, Outcome::Rejected, "the message could not be read");
            if !composer.ledger.is_empty() {
                composer.flush(sink);
            }
            return Err(error.issue());
        }
        Ok(())
    }
}
