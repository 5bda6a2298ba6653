//! Pieces that each part of an order is made of.

use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, list, text, time};
use serde_json::Value;

use crate::codes::{NHS_EXTENSION, ODS_ROOT, oid};

const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
/// Kinds of what is said about a prescription.
const PERTINENT: &str = "2.16.840.1.113883.2.1.3.2.4.17.30";

pub(super) fn resources<'b>(bundle: &'b Value, kind: &'b str) -> impl Iterator<Item = &'b Value> {
    list(bundle, "entry").iter().map(|e| &e["resource"]).filter(move |r| r["resourceType"] == *kind)
}

pub(super) fn extension<'v>(value: &'v Value, url: &str) -> Option<&'v Value> {
    list(value, "extension").iter().find(|e| e["url"] == *url)
}

pub(super) fn of_nhs<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    extension(value, &format!("{NHS_EXTENSION}{name}"))
}

/// A code of a coding with the OID of its system.
pub(super) fn coded(name: &str, coding: &Value) -> Option<Tag> {
    let (code, system) = (text(coding, "code"), oid(text(coding, "system"))?);
    let tag = Tag::new(name).with("code", code).with("codeSystem", system);
    (!code.is_empty()).then(|| tag.with("displayName", text(coding, "display")))
}

/// The first coding of a concept that can be written.
pub(super) fn concept(name: &str, concept: &Value) -> Option<Tag> {
    let tag = list(concept, "coding").iter().find_map(|c| coded(name, c));
    let words = Tag::of_text("originalText", concept["text"].as_str());
    match tag {
        Some(tag) => Some(tag.children(words)),
        None => words.map(|words| Tag::new(name).with("nullFlavor", "NI").child(words)),
    }
}

pub(super) fn act(name: &str, class: &str, mood: &str) -> Tag {
    Tag::new(name).with("classCode", class).with("moodCode", mood)
}

/// Something said about a prescription or an item: relation, act, kind, value.
pub(super) fn said(relation: &str, name: &str, kind: &str, value: Tag) -> Tag {
    let code = Tag::new("code").with("code", kind).with("codeSystem", PERTINENT);
    Tag::new(relation)
        .with("typeCode", "PERT")
        .with("contextConductionInd", "true")
        .child(Tag::new("seperatableInd").with("value", "false"))
        .child(act(name, "OBS", "EVN").child(code).child(value))
}

pub(super) fn template(name: &str) -> Tag {
    Tag::new("templateId")
        .with("root", "2.16.840.1.113883.2.1.3.2.4.18.2")
        .with("extension", &format!("CSAB_RM-NPfITUK10.{name}"))
}

pub(super) fn snomed(code: &str, words: &str) -> Tag {
    Tag::new("code").with("code", code).with("codeSystem", SNOMED).with("displayName", words)
}

/// A time without an offset, which these messages state in UTC.
pub(super) fn utc(name: &str, fhir: &str) -> Option<Tag> {
    Some(Tag::new(name).with("value", &utc_digits(fhir)?))
}

pub(super) fn utc_digits(fhir: &str) -> Option<String> {
    match fhir.parse::<jiff::Timestamp>() {
        Ok(at) => Some(at.strftime("%Y%m%d%H%M%S").to_string()),
        Err(_) => time(fhir),
    }
}

pub(super) fn ods_id(code: &str) -> Tag {
    Tag::new("id").with("root", ODS_ROOT).with("extension", code)
}

pub(super) fn ods(resource: &Value) -> Option<&str> {
    let own = list(resource, "identifier").iter().find(|i| i["system"] == systems::ODS_ORGANISATION)?;
    own["value"].as_str()
}

/// No code says what kind of organisation it is.
pub(super) fn unknown_kind() -> Tag {
    Tag::new("code").with("code", "999").with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.94")
}

pub(super) fn upper(guid: &str) -> String {
    guid.to_ascii_uppercase()
}
