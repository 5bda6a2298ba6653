#![doc = include_str!("../README.md")]

mod account;
mod codes;
mod encode;
mod instructions;
pub mod limits;
mod message;
mod people;
mod prescription;
mod refusal;
mod request;
mod rules;
mod supply;
mod write;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::{Issue, Outcome};
use causeway_terminology::Map;
use causeway_xml::{Document, decode};
use serde_json::Value;

pub use causeway_core::prescription::check_character;

/// Messages of the Electronic Prescription Service in HL7 v3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Eps;

/// The format.
pub const FORMAT: Format = Format {
    name: "eps",
    title: "Electronic prescriptions (EPS, HL7 v3)",
    summary: "Prescribers, the Spine and dispensers send prescriptions, cancellations, releases, dispense notifications and claims",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["PORX_MT132004UK31", "PORX_MT024001UK31", "PORX_MT142001UK31", "PORX_MT135001UK30"],
    media_types: &["application/xml", "text/xml"],
    extensions: &["xml"],
};

impl Adapter for Eps {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::xml_attribute(input, "id", "root")
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        // The interaction is the root, or the message stands alone without its wrapper.
        let root = head.split('<').skip(1).find(|t| !t.starts_with(['?', '!'])).unwrap_or_default();
        let root = root.split([' ', '>', '/', '\r', '\n', '\t']).next().unwrap_or_default();
        let root = root.rsplit(':').next().unwrap_or_default();
        if root.starts_with("PORX_IN") || message::RECORDS.contains(&root) {
            return Detection::is(Confidence::Certain, root);
        }
        match head.contains("PORX_IN") || head.contains("PORX_MT") {
            true => Detection::is(Confidence::Likely, "PORX"),
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

    fn rules(&self) -> &'static [&'static [Rule]] {
        &[rules::ALL]
    }

    fn maps(&self) -> &'static [&'static Map] {
        &codes::MAPS
    }
}
