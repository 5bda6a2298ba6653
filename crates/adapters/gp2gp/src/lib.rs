#![doc = include_str!("../README.md")]

mod account;
mod allergy;
mod annotation;
mod assign;
mod attachment;
mod codes;
mod comment;
mod composition;
mod confidentiality;
mod consultation;
mod directory;
mod document;
mod extract;
mod hl7;
mod immunisation;
pub mod limits;
mod medication;
mod observation;
mod parts;
mod pathology;
mod problem;
mod qualifier;
mod request;
mod role;
pub mod rules;
mod skeleton;
mod translate;
mod write;

use causeway_adapter::{Adapter, Confidence, Context, Detection, Format, Part, Sector, Sink, Telling};
use causeway_core::Issue;
use causeway_terminology::Map;

/// GP2GP EHR extracts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gp2gp;

/// The format.
pub const FORMAT: Format = Format {
    name: translate::ADAPTER,
    title: "GP2GP EHR Extract",
    summary: "The whole record of a patient, sent from one general practice to the next",
    sector: Sector::Health,
    telling: Telling::Whole,
    versions: &["RCMR_IN030000UK06", "RCMR_IN030000UK07", "COPC_IN000001UK01 (parts)"],
    media_types: &["application/xml", "multipart/related", "text/xml"],
    extensions: &["xml", "mime"],
};

impl Adapter for Gp2gp {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::xml_attribute(input, "id", "root")
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let has = |name: &str| causeway_adapter::head::holds(head, name);
        for name in ["RCMR_IN030000UK06", "RCMR_IN030000UK07", "COPC_IN000001UK01"] {
            if has(name) {
                return Detection::is(Confidence::Certain, name);
            }
        }
        match has("urn:nhs:names:services:gp2gp") || has("EhrExtract") {
            true => Detection::is(Confidence::Likely, "EHR extract"),
            false => Detection::no(),
        }
    }
    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        translate::translate(input, context, sink)
    }
    fn maps(&self) -> &'static [&'static Map] {
        &codes::MAPS
    }
    fn part(&self, input: &[u8]) -> Option<Part> {
        parts::part(input)
    }
    fn join(&self, parts: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Vec<String>> {
        parts::join(parts)
    }
}
