#![doc = include_str!("../README.md")]

mod about_me;
pub mod bind;
mod checks;
mod compose;
mod encode;
pub mod forms;
mod item;
pub mod limits;
mod open;
mod record;
pub mod refusals;
pub mod rules;
pub mod sections;
mod subject;
mod write;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Sector, Sink, Telling,
};
use causeway_core::Issue;
use causeway_json::Tree;
use serde_json::Value;

/// The schema of the format (JSON Schema, draft 2020-12).
pub const SCHEMA: &str = include_str!("../schema/dscr-record.schema.json");

/// Adapter for care providers' records.
#[derive(Clone, Copy, Debug)]
pub struct CareProviderRecord;

/// The format.
pub const FORMAT: Format = Format {
    name: "care-provider-record",
    title: "Digital social care record (MODS, PRSB)",
    summary: "A care home or home care provider shares a person's record, and receives a discharge as one",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["dscr-record/0.1"],
    media_types: &["application/vnd.causeway.dscr-record+json", "application/json"],
    extensions: &["dscr.json", "json"],
};

impl Adapter for CareProviderRecord {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn options(&self) -> &'static [&'static str] {
        &["incident-text", "legal-items", "safeguarding-items", "sensitive-items"]
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::json_text(input, "recordUid")
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        if !head.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            return Detection::no();
        }
        if head.contains("schema/dscr-record-0.1") || head.contains("\"dscr-record/0.1\"") {
            return Detection::is(Confidence::Certain, "dscr-record/0.1");
        }
        let parts = ["\"recordUid\"", "\"subject\"", "\"provider\""];
        match parts.iter().filter(|part| head.contains(*part)).count() {
            3 => Detection::is(Confidence::Likely, "dscr-record/0.1"),
            _ => Detection::no(),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut composer = Composer::new(self.name(), context);
        let tree = Tree::parse(input, &mut composer.ledger)?;
        record::translate(&tree, &mut composer, sink);
        Ok(())
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }
}
