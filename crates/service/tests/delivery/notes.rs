//! A format that can be written: one line for each resource of a bundle; gender is left behind.

use causeway_adapter::{Adapter, Context, Detection, Encoded, Format, Sector, Sink, Telling};
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use serde_json::Value;

#[derive(Debug)]
pub struct Notes;

/// The format.
pub const FORMAT: Format = Format {
    name: "notes",
    title: "Notes",
    summary: "For tests.",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["1"],
    media_types: &["text/x-notes"],
    extensions: &["notes"],
};

impl Adapter for Notes {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn detect(&self, _: &[u8]) -> Detection {
        Detection::no()
    }
    fn translate(&self, _: &[u8], _: &Context, _: &mut dyn Sink) -> Result<(), Issue> {
        Err(Issue::new(Severity::Fatal, IssueCode::NotSupported, "not-read", "this format is only written"))
    }
    fn encodes(&self) -> bool {
        true
    }
    fn encode(&self, bundle: &Value, _: &Context) -> Result<Encoded, Issue> {
        let mut lines = String::from("NOTES\n");
        let mut left_behind = Vec::new();
        for (at, entry) in bundle["entry"].as_array().into_iter().flatten().enumerate() {
            let resource = &entry["resource"];
            lines.push_str(resource["resourceType"].as_str().unwrap_or_default());
            lines.push('\n');
            if !resource["gender"].is_null() {
                let place = format!("Bundle.entry[{at}].resource.gender");
                let issue = Issue::new(
                    Severity::Warning,
                    IssueCode::NotSupported,
                    "no-gender",
                    "notes hold no gender",
                );
                left_behind.push(issue.at(Position::new(place, Span::new(0, 0))));
            }
        }
        Ok(Encoded { bytes: lines.into_bytes(), media_type: "text/x-notes", left_behind })
    }
}
