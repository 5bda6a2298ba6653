#![doc = include_str!("../README.md")]

mod assessment;
pub mod limits;
mod parts;
mod person;
mod placement;
mod plan;
mod record;
pub mod rules;
mod safeguarding;
pub mod shapes;
pub mod vocabulary;

use causeway_adapter::{Adapter, Composer, Confidence, Context, Detection, Format, Sector, Sink, Telling};
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use causeway_json::Tree;
use causeway_terminology::Map;

/// Adapter for the records of socialcaredata.io.
#[derive(Clone, Copy, Debug)]
pub struct CareActAssessment;

static MAPS: [&Map; 13] = [
    &assessment::CATEGORY,
    &assessment::RESPONSE_STATUS,
    &assessment::TASK_STATUS,
    &person::ETHNICITY,
    &person::GENDER,
    &person::LANGUAGE,
    &plan::GOAL_STATUS,
    &plan::OUTCOME,
    &plan::STATUS,
    &safeguarding::EPISODE_TYPE,
    &safeguarding::EVENT_TYPE,
    &safeguarding::ORGANISATION_TYPE,
    &safeguarding::SERVICE_TYPE,
];

/// The format.
pub const FORMAT: Format = Format {
    name: "care-act-assessment",
    title: "Care Act assessments and plans (MAIS, JSON-LD)",
    summary: "A council shares Care Act assessments and plans, people, safeguarding and placements",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["MAIS draft 2026"],
    media_types: &["application/ld+json"],
    extensions: &["jsonld"],
};

impl Adapter for CareActAssessment {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn options(&self) -> &'static [&'static str] {
        &["safeguarding-items"]
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::json_text(input, "@id")
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
        let start = head.trim_start_matches('\u{feff}').trim_start();
        if !start.starts_with(['{', '[']) {
            return Detection::no();
        }
        if head.contains("socialcaredata") || head.contains("SocialCareData") {
            return Detection::is(Confidence::Certain, "MAIS draft 2026");
        }
        let classes = [
            "CareNeedsAssessment",
            "CarePlan",
            "\"Person\"",
            "ServiceEpisode",
            "LifeEvent",
            "\"Placement\"",
            "Organisation",
            "Professional",
            "\"Service\"",
        ];
        if head.contains("\"@type\"") && classes.iter().any(|class| head.contains(class)) {
            return Detection::is(Confidence::Likely, "MAIS draft 2026");
        }
        Detection::no()
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut composer = Composer::new(self.name(), context);
        let tree = Tree::parse(input, &mut composer.ledger).map_err(|error| {
            Issue::new(Severity::Fatal, IssueCode::Structure, "parse-error", error.text)
                .at(Position::new("the JSON document", Span::new(error.at, error.at + 1)))
        })?;
        record::translate(&tree, &mut composer, sink);
        Ok(())
    }
}
