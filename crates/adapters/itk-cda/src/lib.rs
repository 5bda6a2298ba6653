#![doc = include_str!("../README.md")]

mod account;
mod acknowledgement;
mod codes;
mod document;
mod encode;
mod encounter;
mod entry;
pub mod limits;
mod medicine;
mod message;
mod narrative;
mod pathways;
mod people;
mod refusal;
mod rules;
mod scope;
mod section;
mod statement;
mod value;
mod write;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::{Issue, Outcome};
use causeway_terminology::Map;
use causeway_xml::{Document, decode};
use serde_json::Value;

/// Clinical documents (CDA) of the NHS Interoperability Toolkit.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItkCda;

/// The format.
pub const FORMAT: Format = Format {
    name: "itk-cda",
    title: "NHS 111 report, discharge summary and other ITK documents (CDA)",
    summary: "Clinical documents that NHS 111, ambulance services and hospitals send in an ITK envelope",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &[
        "ITK 2.2",
        "POCD_MT200001GB02 (NHS 111)",
        "POCD_MT150001UK06 (non-coded CDA)",
        "CDA release 2",
    ],
    media_types: &["application/xml", "text/xml"],
    extensions: &["xml"],
};

impl Adapter for ItkCda {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::xml_attribute(input, "header", "trackingid")
            .or_else(|| causeway_adapter::control_id::xml_attribute(input, "id", "root"))
    }

    fn rules(&self) -> &'static [&'static [Rule]] {
        &[rules::ALL]
    }

    fn maps(&self) -> &'static [&'static Map] {
        &codes::MAPS
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let has = |name: &str| causeway_adapter::head::holds(head, name);
        let version = message::version(head);
        if has("ClinicalDocument") && (has("urn:hl7-org:v3") || has("POCD_")) {
            return Detection::is(Confidence::Certain, version);
        }
        // An envelope whose payload is encoded, or an acknowledgement.
        let acknowledges = has("InfrastructureResponse") || has("BusinessResponseMessage");
        if acknowledges && (has("urn:nhs-itk:ns:201005") || has("urn:hl7-org:v3")) {
            return Detection::is(Confidence::Certain, "ITK acknowledgement");
        }
        match has("DistributionEnvelope") && has("urn:nhs-itk:ns:201005") {
            true => Detection::is(Confidence::Likely, version),
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
