//! Who a resource is about and who told it, as it says itself.

use causeway_fhir::systems::NHS_NUMBER;
use serde_json::Value;

/// End of the code system of tags that name the adapter.
pub(crate) const SOURCE_SYSTEM: &str = "/source-system";

/// End of the code system of tags that name the organisation.
pub(crate) const ORGANISATION: &str = "/provenance-organisation";

/// The NHS number of a Patient; empty where it has none.
pub fn nhs_number_of(patient: &Value) -> &str {
    let identifiers = patient["identifier"].as_array().into_iter().flatten();
    let mut numbers = identifiers.filter(|i| i["system"] == NHS_NUMBER);
    numbers.find_map(|i| i["value"].as_str()).unwrap_or_default()
}

/// The tag of a resource in a code system that ends so.
fn tag<'v>(resource: &'v Value, ending: &str) -> &'v str {
    let tags = resource["meta"]["tag"].as_array().into_iter().flatten();
    let mut found = tags.filter(|t| t["system"].as_str().is_some_and(|s| s.ends_with(ending)));
    found.find_map(|t| t["code"].as_str()).unwrap_or_default()
}

/// The adapter that translated a resource.
pub fn adapter_of(resource: &Value) -> &str {
    tag(resource, SOURCE_SYSTEM)
}

/// Code of the organisation that told a resource.
pub fn organisation_of(resource: &Value) -> &str {
    tag(resource, ORGANISATION)
}

/// The message that told a resource.
pub fn message_of(resource: &Value) -> &str {
    message_named(resource["meta"]["source"].as_str().unwrap_or_default())
}

/// The message that a resource's `meta.source` names.
pub(crate) fn message_named(source: &str) -> &str {
    source.strip_prefix("urn:causeway:message:").and_then(|rest| rest.split('#').next()).unwrap_or_default()
}
