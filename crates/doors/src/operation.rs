//! What FHIR operations share (R4, Operations: the body of a POST is a Parameters resource).

use causeway_host::problem::{Answer, Problem};
use serde_json::Value;

/// Names and values of a Parameters resource, in order; `None` where a parameter has no `value[x]`.
///
/// # Errors
/// 400: another resource, or a parameter without a name.
pub(crate) fn parameters(resource: &Value) -> Answer<Vec<(&str, Option<&Value>)>> {
    let wrong = |text: &str| Problem::invalid("parameters", text);
    if resource["resourceType"] != "Parameters" {
        return Err(wrong("an operation takes a Parameters resource"));
    }
    let all = resource["parameter"].as_array().into_iter().flatten();
    all.map(|parameter| {
        let name = parameter["name"].as_str().ok_or_else(|| wrong("a parameter has no name"))?;
        let mut members = parameter.as_object().into_iter().flatten();
        Ok((name, members.find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)))
    })
    .collect()
}
