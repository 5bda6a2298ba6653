//! Pointers to what the record here holds: one for the record of each source, one for each document. They are made of the
//! record when they are asked for, so they are never older than it.

use causeway_access::CodeSystem;
use causeway_access::meta::organisation_of;
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use causeway_locator::codes::{
    self, Edition, FORMAT_SYSTEM, RETRIEVAL, RETRIEVAL_SYSTEM, SNOMED, STABILITY, STABILITY_SYSTEM,
};
use causeway_locator::{NHS_NUMBER, ODS, Pointer};
use serde_json::{Value, json};

/// Type of a source's record: summary record.
const SUMMARY_RECORD: &str = "824321000000109";
/// Characters of a resource's id, a UUID.
const ID_CHARS: usize = 36;

/// Pointers to what a person's record holds. `held`: the resources that the reader may see.
pub(super) fn pointers(state: &Shared, base: &str, nhs_number: &str, held: &[Value]) -> Vec<Pointer> {
    let of = |resource: &Value| match resource["resourceType"].as_str() {
        Some("Patient") => record(state, base, nhs_number, resource),
        Some("DocumentReference") if resource["status"] == "current" => {
            document(state, base, nhs_number, resource)
        }
        _ => None,
    };
    held.iter().filter_map(of).collect()
}

/// The NHS number of whom a local pointer with this id is about; `None` where there is no such resource here.
pub(super) async fn subject_of(state: &Shared, id: &str) -> Answer<Option<String>> {
    let cut = id.len().checked_sub(ID_CHARS).filter(|at| id.is_char_boundary(*at));
    let Some(resource_id) = cut.and_then(|at| id.get(at..)).map(str::to_owned) else { return Ok(None) };
    state.blocking(move |s| s.gate.shelf.number_about(&resource_id)).await
}

/// Identifier of the organisation that told a resource, in the register that its code is from.
fn organisation(state: &Shared, code: &str) -> (String, String) {
    let known = state.config.organisation(code).map(|o| (o.system, o.code.clone()));
    match known.or_else(|| CodeSystem::of(code)) {
        Some((system, code)) => (system.url().to_owned(), code),
        None => (ODS.to_owned(), code.to_owned()),
    }
}

struct Content<'a> {
    media_type: &'a str,
    url: String,
    stability: (&'static str, &'static str),
}

fn pointer(
    state: &Shared,
    nhs_number: &str,
    resource: &Value,
    coding: &Value,
    content: &Content<'_>,
) -> Option<Pointer> {
    let (system, code) = organisation(state, organisation_of(resource));
    let id = format!("{code}-{}", resource["id"].as_str()?);
    let updated = resource["meta"]["lastUpdated"].as_str()?.to_owned();
    let key = format!("{}|{}", coding["system"].as_str()?, coding["code"].as_str()?);
    let category = match codes::type_of(&key, Edition::Of2025) {
        Some(of) => json!({
            "system": SNOMED, "code": of.category, "display": codes::category_display(of.category, Edition::Of2025),
        }),
        // A type that is none of the national list has the category that its source gives.
        None => resource["category"][0]["coding"][0].clone(),
    };
    let holder = json!({"identifier": {"system": system, "value": code}});
    let structured = content.media_type.ends_with("json");
    let format = match (structured, content.media_type) {
        (true, _) => Some(("urn:nhs-ic:structured", "Structured Document")),
        (false, "application/pdf") => Some(("urn:nhs-ic:unstructured", "Unstructured Document")),
        (false, _) => None,
    };
    let extension = |url: &str, system: &str, code: &str, display: &str| {
        json!({"url": url, "valueCodeableConcept": {"coding": [
            {"system": system, "code": code, "display": display}]}})
    };
    let (stable, shown) = content.stability;
    let mut part = json!({
        "attachment": {"contentType": content.media_type, "url": content.url},
        "extension": [
            extension(STABILITY, STABILITY_SYSTEM, stable, shown),
            extension(RETRIEVAL, RETRIEVAL_SYSTEM, "Direct", "Direct"),
        ],
    });
    if let Some((code, display)) = format {
        part["format"] = json!({"system": FORMAT_SYSTEM, "code": code, "display": display});
    }
    let mut made = json!({
        "resourceType": "DocumentReference",
        "id": id,
        "meta": {"lastUpdated": updated},
        "status": "current",
        "type": {"coding": [coding]},
        "subject": {"identifier": {"system": NHS_NUMBER, "value": nhs_number}},
        "date": updated,
        "author": [holder],
        "custodian": holder,
        "content": [part],
    });
    if !category.is_null() {
        made["category"] = json!([{"coding": [category]}]);
    }
    if resource["securityLabel"].is_array() {
        made["securityLabel"] = resource["securityLabel"].clone();
    }
    let of = |coding: &Value| {
        format!(
            "{}|{}",
            coding["system"].as_str().unwrap_or_default(),
            coding["code"].as_str().unwrap_or_default()
        )
    };
    Some(Pointer {
        category: of(&made["category"][0]["coding"][0]),
        id,
        nhs_number: nhs_number.to_owned(),
        custodian: code,
        kind: key,
        created: updated,
        resource: made,
    })
}

/// What a source holds of her, as a whole.
fn record(state: &Shared, base: &str, nhs_number: &str, patient: &Value) -> Option<Pointer> {
    let coding = json!({"system": SNOMED, "code": SUMMARY_RECORD, "display": "Summary record"});
    let content = Content {
        media_type: "application/fhir+json",
        url: format!("{base}/fhir/Patient/{}/$everything", patient["id"].as_str()?),
        stability: ("dynamic", "Dynamic"),
    };
    pointer(state, nhs_number, patient, &coding, &content)
}

/// A document: where its source holds it, or here.
fn document(state: &Shared, base: &str, nhs_number: &str, document: &Value) -> Option<Pointer> {
    let coding = document["type"]["coding"].as_array()?.iter().find(|c| c["code"].is_string())?;
    let attachment = &document["content"][0]["attachment"];
    let elsewhere =
        attachment["url"].as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let content = match elsewhere {
        Some(url) => Content {
            media_type: attachment["contentType"].as_str()?,
            url: url.to_owned(),
            stability: ("static", "Static"),
        },
        None => Content {
            media_type: "application/fhir+json",
            url: format!("{base}/fhir/DocumentReference/{}", document["id"].as_str()?),
            stability: ("static", "Static"),
        },
    };
    pointer(state, nhs_number, document, coding, &content)
}
