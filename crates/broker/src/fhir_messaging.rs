//! What FHIR messaging and FHIR's media types say of a message, beside what its adapter reads.

use serde_json::Value;

/// The adapter that reads FHIR R4.
pub const NAME: &str = "fhir-r4";

/// The MessageHeader of a message Bundle of R4.
pub fn header(bundle: &Value) -> Option<&Value> {
    let header = &bundle["entry"][0]["resource"];
    let message = bundle["resourceType"] == "Bundle"
        && bundle["type"] == "message"
        && header["resourceType"] == "MessageHeader"
        && (header["eventCoding"]["code"].is_string() || header["eventUri"].is_string());
    message.then_some(header)
}

/// The event in the message's own words.
pub fn event(header: &Value) -> String {
    let code = header["eventCoding"]["code"].as_str().or_else(|| header["eventUri"].as_str());
    code.unwrap_or_default().to_owned()
}

/// The version of FHIR that a media type names (`fhirVersion=4.0`, FHIR R4 3.1.0.2.1).
pub fn version(media_type: &str) -> Option<&str> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|p| p.trim().split_once('='));
    let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case("fhirVersion"));
    found.map(|(_, value)| value.trim_matches('"'))
}

/// Whether a document that its sender calls FHIR R4 is a record: one resource, or a Bundle that tells and does not only ask.
pub fn is_record(input: &[u8]) -> bool {
    let document = match causeway_profile::is_xml(input) {
        true => causeway_profile::Definitions::r4().from_xml(input).ok(),
        false => serde_json::from_slice::<Value>(input).ok(),
    };
    let Some(document) = document else { return false };
    let Some(kind) = document["resourceType"].as_str() else { return false };
    let first = &document["entry"][0]["resource"]["resourceType"];
    match (kind, document["type"].as_str()) {
        ("Bundle", Some("message")) => header(&document).is_some(),
        ("Bundle", Some("document")) => first == "Composition",
        ("Bundle", Some("collection" | "transaction" | "batch" | "searchset")) => first.is_string(),
        ("Bundle", _) | ("OperationOutcome" | "Parameters", _) => false,
        _ => true,
    }
}
