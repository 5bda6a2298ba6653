//! The audit entry of a disclosure, after IHE Basic Audit Log Patterns (PatientRead, PatientQuery).

use causeway_host::Answer;
use serde_json::{Value, json};

use crate::caller::{self, Caller};
use crate::gate::{Gate, HasGate};

/// People named in one entry; more are told by count.
const PATIENTS_MAX: usize = 200;

/// What is about to be disclosed.
#[derive(Debug)]
pub struct Disclosure<'a> {
    /// `read`, `vread`, `history-instance`, `search-type`, `everything`.
    pub interaction: &'static str,
    /// On what: `Observation/[id]`, `Observation?`, `Patient/[id]/$everything`.
    pub entity: String,
    /// The people concerned, as `Patient/[id]`.
    pub patients: Vec<String>,
    /// Names of search parameters and a digest of the whole query: its values may name a person.
    pub query: Option<(Vec<String>, String)>,
    /// `X-Request-Id`.
    pub request: Option<&'a str>,
}

/// Writes the entry.
///
/// # Errors
/// As [`caller::audit`]: then nothing may be disclosed.
pub async fn write(state: &impl HasGate, caller: &Caller, disclosure: Disclosure<'_>) -> Answer<()> {
    let event = event(state.gate(), caller, &disclosure);
    caller::audit(state, caller, "record-read", disclosure.entity, event).await
}

fn event(gate: &Gate, caller: &Caller, disclosure: &Disclosure<'_>) -> Value {
    let query = disclosure.query.is_some();
    let (type_, subtype) =
        ("http://terminology.hl7.org/CodeSystem/audit-event-type", "http://hl7.org/fhir/restful-interaction");
    let dicom = "http://dicom.nema.org/resources/ontology/DCM";
    let role = |code: &str| json!({"coding": [{"system": dicom, "code": code}]});
    // The pattern names client and server the other way round for a query than for a read.
    let (client, server) = if query { ("110153", "110152") } else { ("110152", "110153") };
    let mut entities: Vec<Value> = disclosure
        .patients
        .iter()
        .take(PATIENTS_MAX)
        .map(|patient| json!({"what": {"reference": patient}, "type": {"code": "1"}, "role": {"code": "1"}}))
        .collect();
    match &disclosure.query {
        None => entities.push(
            json!({"what": {"reference": disclosure.entity}, "type": {"code": "2"}, "role": {"code": "4"}}),
        ),
        Some((names, digest)) => entities.push(json!({
            "type": {"code": "2"}, "role": {"code": "24"},
            "description": format!("{} {}", disclosure.entity, names.join(" ")),
            "detail": [{"type": "query-digest", "valueString": digest}],
        })),
    }
    if let Some(request) = disclosure.request {
        entities.push(json!({"what": {"identifier": {"value": request}}, "type": {"code": "4"}}));
    }
    json!({
        "resourceType": "AuditEvent",
        "type": {"system": type_, "code": "rest"},
        "subtype": [{"system": subtype, "code": disclosure.interaction}],
        "action": if query { "E" } else { "R" },
        "recorded": gate.clock.now().to_string(),
        "outcome": "0",
        "agent": [
            {"type": role(client), "requestor": true,
             "who": {"identifier": {"system": caller.organisation.system.url(), "value": caller.organisation.code}},
             "policy": [if caller.proven { "token" } else { "demonstration-mode" }]},
            {"type": role(server), "requestor": false, "who": {"display": "Causeway"}},
        ],
        "source": {"observer": {"display": "Causeway"}},
        "entity": entities,
        "patients": disclosure.patients.len(),
    })
}

/// The people that resources are about, as `Patient/[id]`, each once.
pub fn patients<'v>(resources: impl Iterator<Item = &'v Value>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for resource in resources {
        let own = match (resource["resourceType"].as_str(), resource["id"].as_str()) {
            (Some("Patient"), Some(id)) => Some(format!("Patient/{id}")),
            _ => ["subject", "patient", "for", "individual", "beneficiary"]
                .into_iter()
                .find_map(|name| resource[name]["reference"].as_str())
                .map(str::to_owned),
        };
        if let Some(reference) = own
            && !found.contains(&reference)
        {
            found.push(reference);
        }
    }
    found
}

/// The same for the entries of a Bundle.
pub fn patients_of_bundle(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    patients(entries.iter().map(|e| &e["resource"]))
}
