//! A bundle as the International Patient Summary of its one person (`causeway_ips`). What a summary has no section for, and
//! nothing in it refers to, is left behind; the list is made by reading the document again.

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::Issue;
use causeway_ips::{About, Held, document};
use serde_json::Value;

use crate::{FhirR4, own_id, rules};

/// Writes a bundle as a patient summary.
///
/// # Errors
/// Where the bundle is not of exactly one patient.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let held = |entry: &Value| {
        let resource = entry["resource"].clone();
        match entry["fullUrl"].as_str() {
            Some(url) => Held { reference: url.to_owned(), resource },
            None => Held::by_id(resource),
        }
    };
    let (mut people, rest): (Vec<Held>, Vec<Held>) =
        entries.iter().map(held).partition(|one| one.resource["resourceType"] == "Patient");
    let (Some(patient), true) = (people.pop(), people.is_empty()) else {
        return Err(rules::SUMMARY_PATIENT.issue());
    };
    let key = bundle["id"].as_str().unwrap_or_default();
    let about = About {
        base: "",
        id: &own_id(context, "summary", key),
        device: &own_id(context, "summary device", key),
        now: &context.received.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        version: env!("CARGO_PKG_VERSION"),
        announced: false,
    };
    let bytes = serde_json::to_vec(&document(&about, patient, rest))
        .map_err(|_| rules::SUMMARY_UNREADABLE.issue())?;
    let again = translate(&FhirR4, &bytes, &Context { explain: false, ..context.clone() });
    let read: Vec<Value> =
        again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
    if again.unreadable || read.is_empty() {
        return Err(rules::SUMMARY_UNREADABLE.issue());
    }
    Ok(Encoded {
        bytes,
        media_type: "application/fhir+json; fhirVersion=4.0",
        left_behind: read_back::compare(bundle, &read).issues(FhirR4.written().1),
    })
}
