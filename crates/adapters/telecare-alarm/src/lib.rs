#![doc = include_str!("../README.md")]

mod fields;
mod limits;
mod message;
mod reply;
pub mod rules;
mod write;

use causeway_adapter::{Adapter, Composer, Confidence, Context, Detection, Format, Sector, Sink, Telling};
use causeway_core::{Issue, Outcome};
use causeway_terminology::Map;
use causeway_xml::{Document, decode};

/// Adapter for SCAIP alarms.
#[derive(Clone, Copy, Debug)]
pub struct TelecareAlarm;

static MAPS: [&Map; 3] = [&write::DEVICE_TYPE, &write::STATUS, &write::LOCATION];

/// The format.
pub const FORMAT: Format = Format {
    name: "telecare-alarm",
    title: "Telecare alarm (SCAIP)",
    summary: "A telecare unit tells an alarm receiving centre of an alarm, a reset or a fault",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["SS 91100:2014", "CLC/TS 50134-9"],
    media_types: &["application/scaip+xml"],
    extensions: &["scaip", "xml"],
};

impl Adapter for TelecareAlarm {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn options(&self) -> &'static [&'static str] {
        &["telecare-position"]
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::xml_text(input, "ref")
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
        if head.contains("<mrq") || head.contains("<scaip") {
            return Detection::is(Confidence::Certain, "SCAIP");
        }
        Detection::no()
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        if input.len() > limits::MESSAGE_BYTES_MAX {
            sink.acknowledgement(reply::reply(None, reply::Status::TooLong));
            return Err(rules::SCAIP_MESSAGE_TOO_LONG.with(&limits::MESSAGE_BYTES_MAX.to_string()));
        }
        let mut composer = Composer::new(self.name(), context);
        let read = decode(input).and_then(|text| {
            let document = Document::parse(&text, &mut composer.ledger)?;
            message::translate(&document, &mut composer, sink);
            Ok(())
        });
        if let Err(error) = read {
            sink.acknowledgement(reply::reply(None, reply::Status::InvalidFormat));
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
