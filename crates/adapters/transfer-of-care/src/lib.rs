#![doc = include_str!("../README.md")]

mod acknowledgement;
mod encode;
pub mod limits;
mod rules;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::{Issue, Ledger, Outcome};
use causeway_json::Tree;
use causeway_stu3::{Reading, is_envelope, xml};
use causeway_terminology::Map;
use serde_json::Value;

pub use acknowledgement::respond;

/// Messages and documents of ITK3 in FHIR STU3.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransferOfCare;

/// The format.
pub const FORMAT: Format = Format {
    name: "transfer-of-care",
    title: "Transfer of care and other ITK3 messages (FHIR STU3)",
    summary: "Discharge summaries, emergency care and outpatient letters, vaccinations and consultations that are sent to a general practice",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["ITK3 message and document bundles, FHIR STU3 (3.0.2)"],
    media_types: &["application/fhir+xml; fhirVersion=3.0", "application/fhir+xml", "application/fhir+json"],
    extensions: &["xml", "json"],
};

const RULES: [&[Rule]; 3] = [rules::ALL, causeway_stu3::RULES[0], causeway_stu3::RULES[1]];

/// What the first bytes say: an XML Bundle that is not of R4, or a JSON envelope of STU3.
fn seen(input: &[u8]) -> Option<Confidence> {
    let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
    if !is_xml(input) {
        return is_envelope(head).then_some(Confidence::Certain);
    }
    let text = String::from_utf8_lossy(head);
    let has = |mark: &str| text.contains(mark);
    if xml::root_name(&text) != Some("Bundle") || has("terminology.hl7.org/") || has("/UKCore-") {
        return None;
    }
    let marked = has("/STU3/") || has("-ITK-") || has("/ITK-");
    let envelope = ["message", "document"]
        .iter()
        .any(|t| has(&format!("type value=\"{t}\"")) || has(&format!("type value='{t}'")));
    match (marked, envelope && has("http://hl7.org/fhir")) {
        (true, _) => Some(Confidence::Certain),
        (false, true) => Some(Confidence::Likely),
        _ => None,
    }
}

fn is_xml(input: &[u8]) -> bool {
    let start = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
    start.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<')
}

/// The tree of a message, of whichever syntax.
fn tree<'i>(input: &'i [u8], ledger: &mut Ledger) -> Result<Tree<'i>, Issue> {
    match is_xml(input) {
        true => xml::read(input, ledger),
        false => Ok(Tree::parse(input, ledger)?),
    }
}

impl Adapter for TransferOfCare {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::json_text(input, "id")
            .or_else(|| causeway_adapter::control_id::xml_attribute(input, "id", "value"))
    }

    fn rules(&self) -> &'static [&'static [Rule]] {
        &RULES
    }

    fn maps(&self) -> &'static [&'static Map] {
        &causeway_stu3::codes::MAPS
    }

    fn detect(&self, input: &[u8]) -> Detection {
        match seen(input) {
            Some(confidence) => Detection::is(confidence, "ITK3, FHIR STU3"),
            None => Detection::no(),
        }
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut c = Composer::new(self.name(), context);
        let tree = tree(input, &mut c.ledger)?;
        if acknowledgement::received(&mut c, tree.root()) {
            c.flush(sink);
            return Ok(());
        }
        causeway_stu3::translate(&tree, &mut c, Reading::Envelope);
        acknowledgement::business(&mut c, tree.root());
        let answer = acknowledgement::answer(&c, tree.root());
        c.ledger.claim_rest(
            0..c.ledger.next_id(),
            Outcome::Unsupported,
            "no place in R4; kept only in the original",
        );
        c.flush(sink);
        if let Some(answer) = answer {
            sink.acknowledgement(answer);
        }
        Ok(())
    }
}
