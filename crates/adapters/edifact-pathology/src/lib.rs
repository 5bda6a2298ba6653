#![doc = include_str!("../README.md")]

mod acknowledgement;
mod codes;
mod encode;
mod interchange;
mod investigation;
mod limits;
mod message;
mod moment;
mod party;
mod patient;
mod report;
pub mod rules;
mod segments;
mod specimen;
mod validate;

use causeway_adapter::{Adapter, Confidence, Context, Detection, Encoded, Format, Sector, Sink, Telling};
use causeway_core::Issue;
use causeway_terminology::Map;

/// Pathology, imaging and screening reports in EDIFACT: MEDRPT in the variants NHS002, NHS003 and NHS004.
#[derive(Clone, Copy, Debug, Default)]
pub struct EdifactPathology;

/// The format.
pub const FORMAT: Format = Format {
    name: interchange::NAME,
    title: "Pathology, imaging and screening reports (EDIFACT MEDRPT)",
    summary: "Laboratories, imaging departments and screening hubs send reports to general practices, mostly over MESH",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["NHS002", "NHS003", "NHS004"],
    media_types: &["application/edifact", "application/EDIFACT"],
    extensions: &["edi", "edifact", "dat"],
};

impl Adapter for EdifactPathology {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_edifact::interchange::reference(input)
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(DETECT_BYTES)).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        let head = head.trim_start_matches('\u{feff}').trim_start();
        if !["UNA", "UNB", "UNH"].iter().any(|tag| head.starts_with(tag))
            || !["MEDRPT", "NHSRSR"].iter().any(|kind| head.contains(kind))
        {
            return Detection::no();
        }
        match FORMAT.versions.iter().find(|version| head.contains(**version)) {
            Some(version) => Detection::is(Confidence::Certain, *version),
            None => Detection::is(Confidence::Possible, "MEDRPT"),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        interchange::translate(input, context, sink)
    }

    fn maps(&self) -> &'static [&'static Map] {
        &codes::ALL
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &serde_json::Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }
}

/// Bytes looked at to recognise the format: UNA, UNB and the first UNH fit well within.
const DETECT_BYTES: usize = 1024;
