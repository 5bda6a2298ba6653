//! `metadata`: what this server really does, from the list of adapters and the types in the record.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_broker::state::{AppState, Shared};
use causeway_fhir::profiles::default_profile;
use causeway_host::problem::Answer;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer, base, negotiate};

/// Parameters of every type that are searched by: name and kind.
const COMMON: [(&str, &str); 6] = [
    ("_id", "token"),
    ("_lastUpdated", "date"),
    ("identifier", "token"),
    ("_tag", "token"),
    ("_security", "token"),
    ("_source", "uri"),
];
/// Messages that Booking and Referral defines and that name what they are (BaRS Core 1.2). Any other FHIR R4 message is
/// taken in the same way.
const MESSAGES: [&str; 6] = [
    "https://fhir.nhs.uk/MessageDefinition/bars-message-booking-request",
    "https://fhir.nhs.uk/MessageDefinition/bars-message-booking-request-cancelled",
    "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-cancelled",
    "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral",
    "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-response-validation-full",
    "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-response-validation-interim",
];
/// Types that are about nobody.
const IMPERSONAL: [&str; 8] = [
    "Patient",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Location",
    "HealthcareService",
    "Medication",
    "Provenance",
];

/// Parameters of a read of the statement.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MetadataQuery {
    _format: Option<String>,
}

pub(super) async fn metadata(
    State(state): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<MetadataQuery>,
) -> Answer {
    negotiate(&headers, query._format.as_deref())?;
    let types = state.blocking(|s| s.record_types()).await?;
    let statement = statement(&state, &types, &base(&state, &headers));
    Ok(answer(StatusCode::OK, &statement))
}

/// The CapabilityStatement. Types are those that the record holds anything of, with Patient in any case.
pub fn statement(state: &AppState, types: &[(String, u64)], base: &str) -> Value {
    let mut kinds: Vec<&str> = types.iter().map(|(kind, _)| kind.as_str()).collect();
    if !kinds.contains(&"Patient") {
        kinds.push("Patient");
    }
    kinds.sort_unstable();
    let reads: Vec<String> = state
        .adapters
        .iter()
        .map(|a| {
            format!(
                "* {} (`{}`, {}): {}",
                a.format().title,
                a.name(),
                a.format().versions.join(", "),
                a.format().summary
            )
        })
        .collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": true,
        "date": state.clock.now().to_string(),
        "kind": "instance",
        "software": {"name": "Causeway", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Prototype: synthetic data", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{
            "mode": "server",
            "documentation": format!(
                "Read-only view of the integrated record. Messages come in by POST /messages and are translated \
                 from these formats:\n{}", reads.join("\n")
            ),
            "security": {
                "description": if state.config.open {
                    "Demonstration mode: nobody is authenticated."
                } else {
                    "Bearer token or Basic sign-in of an organisation. Every disclosure is audited before it is made."
                },
            },
            "resource": kinds.into_iter().map(resource).collect::<Vec<_>>(),
            "operation": [{
                "name": "process-message",
                "definition": "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message",
                "documentation": "Takes message Bundles, with the headers of Booking and Referral.",
            }, {
                "name": "validate",
                "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
                "documentation": "POST a resource or Parameters, JSON or XML, to $validate or TYPE/$validate. Nothing is kept.",
            }],
        }],
        "messaging": [messaging(state, base)],
    })
}

/// What `$process-message` takes, and where.
fn messaging(state: &AppState, base: &str) -> Value {
    let supported: Vec<Value> =
        MESSAGES.iter().map(|definition| json!({"mode": "receiver", "definition": definition})).collect();
    let retention = causeway_exchange::engine::retention().as_mins();
    json!({
        "endpoint": [{
            "protocol": {
                "system": "http://terminology.hl7.org/CodeSystem/message-transport",
                "code": "http",
            },
            "address": format!("{base}/$process-message"),
        }],
        // How long a retry is known for one.
        "reliableCache": retention,
        "documentation": format!(
            "POST a message Bundle of FHIR R4 whose MessageHeader comes first and names its event \
             (booking-request, servicerequest-request and servicerequest-response of message-events-bars, or any other). \
             The target identifier says for whom it is: {} of our own services, an endpoint, or an organisation with a \
             mailbox. A retry with the same ids gets 409 with issue duplicate when the first was done.",
            state.config.messaging.services.len()
        ),
        "supportedMessage": supported,
    })
}

fn resource(kind: &str) -> Value {
    let mut params: Vec<Value> =
        COMMON.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    if !IMPERSONAL.contains(&kind) {
        params.push(json!({"name": "patient", "type": "reference"}));
    }
    if kind == "Patient" {
        for (name, kind) in
            [("family", "string"), ("given", "string"), ("birthdate", "date"), ("gender", "token")]
        {
            params.push(json!({"name": name, "type": kind}));
        }
    }
    let interactions: Vec<Value> = ["read", "vread", "history-instance", "search-type"]
        .iter()
        .map(|code| json!({"code": code}))
        .collect();
    let mut resource = json!({
        "type": kind,
        "interaction": interactions,
        "versioning": "versioned",
        "readHistory": true,
        "searchParam": params,
    });
    if let Some(profile) = default_profile(kind) {
        resource["supportedProfile"] = json!([profile]);
    }
    if kind == "Patient" {
        resource["operation"] = json!([{
            "name": "everything",
            "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        }]);
    }
    resource
}
