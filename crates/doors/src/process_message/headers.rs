//! The headers that Booking and Referral asks for.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use causeway_broker::bars::{CORRELATION_ID, REQUEST_ID, Refusal};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// Characters of one of these headers.
const HEADER_CHARS_MAX: usize = 16 * 1024;

/// The header that says for whom a request is.
pub(super) const TARGET: &str = "nhsd-target-identifier";

/// Who a message is addressed to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Identifier {
    /// Identifier system.
    pub(super) system: String,
    /// Value.
    pub(super) value: String,
}

/// What the headers say.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    pub(super) request_id: String,
    pub(super) correlation_id: String,
    pub(super) target: Identifier,
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let value = headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim).filter(|v| !v.is_empty());
    match value {
        Some(value) if value.len() <= HEADER_CHARS_MAX => Ok(value),
        Some(_) => Err(Refusal::bad_request(format!("the header {name} is too long"))),
        None => Err(Refusal::bad_request(format!("the header {name} is missing"))),
    }
}

pub(super) fn guid(headers: &HeaderMap, name: &str) -> Result<String, Refusal> {
    let value = text(headers, name)?;
    let shaped = value.len() == 36 && Uuid::try_parse(value).is_ok();
    shaped
        .then(|| value.to_ascii_lowercase())
        .ok_or_else(|| Refusal::bad_request(format!("the header {name} is no GUID")))
}

fn base64_json(headers: &HeaderMap, name: &str) -> Result<Value, Refusal> {
    let value = text(headers, name)?;
    let bytes = STANDARD.decode(value).or_else(|_| URL_SAFE.decode(value));
    let bytes = bytes.map_err(|_| Refusal::bad_request(format!("the header {name} is not base64")))?;
    serde_json::from_slice(&bytes)
        .map_err(|_| Refusal::bad_request(format!("the header {name} does not hold JSON")))
}

/// For whom a request is.
pub(super) fn target(headers: &HeaderMap) -> Result<Identifier, Refusal> {
    let unreadable = || Refusal::bad_request("the target identifier holds no system and value");
    let target: Identifier =
        serde_json::from_value(base64_json(headers, TARGET)?).map_err(|_| unreadable())?;
    if target.system.is_empty() || target.value.is_empty() {
        return Err(unreadable());
    }
    Ok(target)
}

/// Whether what the caller accepts is what we write: FHIR JSON of version 1.
fn acceptable(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let kind = matches!(media.as_str(), "application/fhir+json" | "application/*" | "*/*");
        let version = parts.find_map(|p| p.strip_prefix("version=")).map(|v| v.trim_matches('"'));
        kind && version.is_none_or(|v| v == "1" || v.starts_with("1."))
    })
}

impl Headers {
    /// Reads and checks them.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let request_id = guid(headers, REQUEST_ID)?;
        let correlation_id = guid(headers, CORRELATION_ID)?;
        if let Some(accept) = headers.get("accept") {
            let accept = accept.to_str().unwrap_or_default();
            if !acceptable(accept) {
                return Err(Refusal::send(
                    406,
                    "not-supported",
                    "only application/fhir+json of version 1 is written",
                ));
            }
        }
        let media = text(headers, "content-type")?.split(';').next().unwrap_or_default().trim();
        if !matches!(media, "application/fhir+json" | "application/json") {
            return Err(Refusal::bad_request("the content must be application/fhir+json"));
        }
        if headers.contains_key("content-encoding") {
            return Err(Refusal::bad_request("the content must not be compressed"));
        }
        let target = target(headers)?;
        let organisation = base64_json(headers, "nhsd-end-user-organisation")?;
        if organisation["resourceType"] != "Organization" {
            return Err(Refusal::bad_request("the end user's organisation is no FHIR Organization"));
        }
        Ok(Self { request_id, correlation_id, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acceptable() {
        for (accept, good) in [
            ("application/fhir+json; version=1.0.0", true),
            ("application/fhir+json;version=1.1.0, application/fhir+json;version=2", true),
            ("application/fhir+json", true),
            ("*/*", true),
            ("application/fhir+json; version=2.0.0", false),
            ("application/fhir+xml; version=1.0.0", false),
            ("text/html", false),
        ] {
            assert_eq!(acceptable(accept), good, "{accept}");
        }
    }
}
