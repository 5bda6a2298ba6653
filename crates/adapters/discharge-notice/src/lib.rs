#![doc = include_str!("../README.md")]

mod dstu2;
mod encode;
mod flat;
mod limits;
mod notice;
mod people;
pub mod rules;
mod write;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Sector, Sink, Telling,
};
use causeway_core::{Issue, IssueCode, Outcome, Severity};
use causeway_json::Tree;
use causeway_terminology::Map;
use serde_json::Value;

/// Adapter for assessment, discharge and withdrawal notices.
#[derive(Clone, Copy, Debug)]
pub struct DischargeNotice;

static MAPS: [&Map; 2] = [&notice::EVENT, &write::ADMISSION_TYPE];

/// The format.
pub const FORMAT: Format = Format {
    name: "discharge-notice",
    title: "Hospital to council discharge notice",
    summary: "A hospital tells a council that a person may need care after discharge, and the council answers",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["discharge-notice/0.1", "sc-fhir-5.3 (FHIR DSTU2)"],
    media_types: &["application/vnd.causeway.discharge-notice+json", "application/json+fhir"],
    extensions: &["json"],
};

impl Adapter for DischargeNotice {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn options(&self) -> &'static [&'static str] {
        &["safeguarding-items"]
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::json_text(input, "noticeId")
            .or_else(|| causeway_adapter::control_id::json_text(input, "id"))
    }

    fn maps(&self) -> &'static [&'static Map] {
        &MAPS
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
        if head.contains("discharge-notice/0.1") || head.contains("\"noticeType\"") {
            return Detection::is(Confidence::Certain, "discharge-notice/0.1");
        }
        if head.contains("\"ReferralRequest\"") && head.contains("ADW") {
            return Detection::is(Confidence::Certain, "FHIR DSTU2");
        }
        Detection::no()
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut c = Composer::new(self.name(), context);
        let tree = Tree::parse(input, &mut c.ledger)?;
        let all = 0..c.ledger.next_id();
        for twice in tree.duplicates() {
            let issue = Issue::new(
                Severity::Warning,
                IssueCode::Duplicate,
                "member-twice",
                "the name occurs twice in its object; the first was taken",
            );
            c.issue(issue.at(twice.position()));
        }
        let root = tree.root();
        let read = match root.string_of("resourceType") {
            Some("Bundle") => dstu2::read(root, &mut c),
            _ => {
                flat::tell_unknown(root, &mut c);
                flat::read(root, &mut c)
            }
        };
        match read.and_then(|notice| write::write(&notice, &mut c)) {
            Ok(()) => {}
            Err(issue) => {
                c.abandon();
                c.issue(issue);
                c.ledger.overrule(all.clone(), Outcome::Rejected, "the notice was refused");
                c.ledger.claim_rest(all.clone(), Outcome::Rejected, "the notice was refused");
            }
        }
        c.ledger.claim_rest(
            all,
            Outcome::Unsupported,
            "the data set has no such item; kept only in the original",
        );
        c.flush(sink);
        Ok(())
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }
}
