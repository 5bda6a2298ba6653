//! Invariants that UK Core's profiles state.

use super::{Invariant, error, has, has_choice, items, text, warning};
use crate::invariants::Object;
use serde_json::Value;

const MEDIA_LINK: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.media.link";
const COLLECTOR: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Specimen.collection.collector";

pub(super) const ALL: &[Invariant] = &[
    warning("ukcore-bodstr-001", "", "a location, a description or an image should be given", |o| {
        has(o, "location") || has(o, "description") || has(o, "image")
    }),
    warning("ukcore-diag-lab-001", "", "a report of this status should say when it was issued", |o| {
        let reported = ["partial", "preliminary", "final", "amended", "corrected", "appended"];
        has(o, "issued") || !text(o, "status").is_some_and(|s| reported.contains(&s))
    }),
    error("ukcore-diag-lab-002", "", "the media link is given twice, as element and as extension", |o| {
        !items(o, "media")
            .any(|m| extended(m, MEDIA_LINK) && m.get("link").is_some_and(|l| l.get("reference").is_some()))
    }),
    error("ukcore-imm-001", "", "an immunisation that was not done needs a reason", |o| {
        text(o, "status") != Some("not-done") || has(o, "statusReason")
    }),
    warning("ukcore-obs-grplab-001", "", "an observation that groups others should have no value", |o| {
        !has_choice(o, "value")
    }),
    warning("ukcore-obs-lab-001", "", "a value, a reason for its absence, or a note should be given", |o| {
        has_choice(o, "value") || has(o, "dataAbsentReason") || has(o, "note")
    }),
    error("ukcore-obs-vs-001", "", "a vital sign needs a LOINC code", |o| {
        let code = o.get("code").and_then(Value::as_object);
        code.is_some_and(|c| items(c, "coding").any(|c| text(c, "system") == Some("http://loinc.org")))
    }),
    error("ukcore-spec-001", "", "the collector is given twice, as element and as extension", |o| {
        let collector = o.get("collector").and_then(Value::as_object);
        collector.is_none_or(|c| !(extended(c, COLLECTOR) && has(c, "reference")))
    }),
];

fn extended(object: &Object, url: &str) -> bool {
    items(object, "extension").any(|e| text(e, "url") == Some(url))
}
