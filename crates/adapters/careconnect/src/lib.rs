#![doc = include_str!("../README.md")]

mod encode;

use causeway_adapter::head::{find, holds};
use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Encoded, Format, Sector, Sink, Telling,
};
use causeway_core::Issue;
use causeway_json::Tree;
use causeway_stu3::{Reading, limits};
use causeway_terminology::Map;
use serde_json::Value;

/// CareConnect and GP Connect resources of FHIR STU3.
#[derive(Clone, Copy, Debug, Default)]
pub struct CareConnect;

/// The format.
pub const FORMAT: Format = Format {
    name: "careconnect",
    title: "GP Connect and CareConnect (FHIR STU3)",
    summary: "A general practice's record, appointments and documents, as GP Connect gives them",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["FHIR STU3 (3.0.2) CareConnect", "GP Connect Access Record: Structured 1.x"],
    media_types: &["application/fhir+json; fhirVersion=3.0", "application/fhir+json"],
    extensions: &["json"],
};

impl Adapter for CareConnect {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        causeway_adapter::control_id::json_text(input, "id")
            .or_else(|| causeway_adapter::control_id::xml_attribute(input, "id", "value"))
    }

    fn maps(&self) -> &'static [&'static Map] {
        &causeway_stu3::codes::MAPS
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &causeway_stu3::RULES
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..input.len().min(limits::DETECT_BYTES)).unwrap_or_default();
        let has = |name: &str| holds(head, name);
        if !has("\"resourceType\"") {
            return Detection::no();
        }
        // The kind of an answer is said at its start; an error of a server is no record, unless GP Connect gives it.
        let answer = ["\"resourceType\":\"OperationOutcome\"", "\"resourceType\": \"OperationOutcome\""];
        let answers = answer.iter().filter_map(|text| find(head, text)).min();
        let kind = find(head, "\"resourceType\"");
        if answers.is_some() && answers == kind && !has("/STU3/") {
            return Detection::no();
        }
        // A message or document of ITK3 has an adapter of its own.
        if causeway_stu3::is_envelope(head) {
            return Detection::no();
        }
        // R4 looks alike: only what R4 can't have speaks for STU3. Records in R4 may keep extensions of CareConnect.
        let is_r4 = has("terminology.hl7.org/") || has("/StructureDefinition/UKCore-");
        let only = ["\"ProcedureRequest\"", "\"ReferralRequest\"", "\"assertedDate\"", "\"taken\""];
        let named = has("/STU3/StructureDefinition/") || has("/STU3/CodeSystem/");
        match only.iter().any(|name| has(name)) {
            _ if named && !is_r4 => Detection::is(Confidence::Certain, "FHIR STU3"),
            true if named => Detection::is(Confidence::Certain, "FHIR STU3"),
            true => Detection::is(Confidence::Likely, "FHIR STU3"),
            false if is_r4 => Detection::no(),
            false => Detection::is(Confidence::Possible, "FHIR"),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut composer = Composer::new(self.name(), context);
        let tree = Tree::parse(input, &mut composer.ledger)?;
        causeway_stu3::translate(&tree, &mut composer, Reading::Record);
        composer.flush(sink);
        Ok(())
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }
}
