//! `metadata`: what this server really does, from the list of adapters and the types in the record.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_broker::state::{AppState, Shared};
use causeway_broker::subscription::Topic;
use causeway_fhir::profiles::default_profile;
use causeway_host::problem::Answer;
use serde_json::{Value, json};

use super::query::Params;
use super::{answer, base, negotiate, param, type_of};

/// Statements that this one fulfils, as far as their obligations (SHALL) go.
const INSTANTIATES: [&str; 2] = [
    "https://fhir.hl7.org.uk/uk-core-access/CapabilityStatement/UKCoreAccessPatientIndexProvider",
    "https://fhir.hl7.org.uk/uk-core-access/CapabilityStatement/UKCoreAccessClinicalDataProvider",
];
/// Types that are answered about whether or not the record holds any yet.
const ALWAYS: [&str; 24] = [
    "AllergyIntolerance",
    "Appointment",
    "AuditEvent",
    "CarePlan",
    "Composition",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "EpisodeOfCare",
    "Flag",
    "Immunization",
    "Location",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "Procedure",
    "Provenance",
    "ServiceRequest",
];
/// Parameters of the access log.
const AUDIT: [(&str, &str); 6] = [
    ("action", "token"),
    ("agent", "reference"),
    ("date", "date"),
    ("entity", "reference"),
    ("outcome", "token"),
    ("patient", "reference"),
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
pub(super) async fn metadata(
    State(state): State<Shared>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Answer {
    negotiate(&headers, param(&params, "_format"))?;
    let types = state.blocking(|s| s.record_types()).await?;
    let statement = statement(&state, &types, &base(&state, &headers));
    Ok(answer(StatusCode::OK, &statement))
}

/// The CapabilityStatement. Types are those that a record has in any case and those that this one holds anything of.
pub fn statement(state: &AppState, types: &[(String, u64)], base: &str) -> Value {
    let mut kinds: Vec<&str> = types.iter().map(|(kind, _)| kind.as_str()).collect();
    kinds.extend(ALWAYS);
    kinds.retain(|kind| type_of(kind).is_ok());
    kinds.sort_unstable();
    kinds.dedup();
    // Those of subscribers, not of the record.
    kinds.retain(|kind| *kind != "Subscription");
    let mut resources: Vec<Value> = kinds.iter().map(|kind| resource(kind, &kinds)).collect();
    resources.push(subscriptions());
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
    let mut statement = json!({
        "resourceType": "CapabilityStatement",
        "url": format!("{base}/metadata"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "CausewayRecord",
        "title": "Causeway: the integrated record",
        "publisher": "Causeway",
        "status": "active",
        "experimental": true,
        "date": state.clock.now().to_string(),
        "kind": "instance",
        "instantiates": INSTANTIATES,
        "software": {"name": "Causeway", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Prototype: synthetic data", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [{
            "mode": "server",
            "documentation": format!(
                "Read-only view of the integrated record, and subscriptions to what happens in it. Messages come in by POST /messages and are translated \
                 from these formats:\n{}", reads.join("\n")
            ),
            "security": {
                "cors": false,
                "extension": [{
                    "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                    "extension": [{
                        "url": "token",
                        "valueUri": format!("{}/oauth/token", base.strip_suffix("/fhir").unwrap_or(base)),
                    }],
                }],
                "description": if state.config.open {
                    "Demonstration mode: nobody is authenticated."
                } else {
                    "Bearer token or Basic sign-in of an organisation. Every disclosure is audited before it is made."
                },
            },
            "resource": resources,
            "interaction": [{"code": "batch", "documentation": "Reads only."},
                {"code": "transaction", "documentation": "Taken in as a message (202 with its address): what becomes of it is told there."},
                {"code": "history-system"}],
            "compartment": [
                "http://hl7.org/fhir/CompartmentDefinition/patient",
                "http://hl7.org/fhir/CompartmentDefinition/encounter",
            ],
            "operation": [{
                "name": "export",
                "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
                "documentation": "The research project of the caller's organisation, de-identified, under everybody's choices. A project is a Group: Group/ID/$export. _type, _since, _typeFilter and _outputFormat.",
            }, {
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
    });
    let services = security(state);
    if !services.is_empty() {
        statement["rest"][0]["security"]["service"] = services.into();
    }
    statement
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

/// How callers are known: not at all in a demonstration.
fn security(state: &AppState) -> Vec<Value> {
    let system = "http://terminology.hl7.org/CodeSystem/restful-security-service";
    let one = |code: &str| json!({"coding": [{"system": system, "code": code}]});
    if state.config.open { Vec::new() } else { ["SMART-on-FHIR", "OAuth", "Basic"].map(one).to_vec() }
}

/// A type with what is answered about it. Every parameter and include that is named is one that a search takes.
/// Subscriptions to topics, as the backport to R4 has them.
fn subscriptions() -> Value {
    const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport";
    let topics = Topic::ALL.iter().filter_map(|(_, urls)| urls.first());
    let url = format!("{BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical");
    let topics: Vec<Value> = topics.map(|topic| json!({"url": url, "valueCanonical": topic})).collect();
    let operations = ["status", "events"].map(|name| {
        let definition = format!("{BACKPORT}/OperationDefinition/backport-subscription-{name}");
        json!({"name": name, "definition": definition})
    });
    let interactions =
        ["create", "read", "update", "delete", "search-type"].map(|code| json!({"code": code}));
    json!({
        "extension": topics,
        "type": "Subscription",
        "supportedProfile": [format!("{BACKPORT}/StructureDefinition/backport-subscription")],
        "interaction": interactions,
        "versioning": "no-version",
        "searchParam": [{"name": "_id", "type": "token"}, {"name": "status", "type": "token"}],
        "operation": operations,
    })
}

fn resource(kind: &str, kinds: &[&str]) -> Value {
    let params: Vec<(&str, &str)> = match kind {
        "AuditEvent" => AUDIT.to_vec(),
        _ => causeway_access::record::search_parameters(kind),
    };
    let params: Vec<Value> = params.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let interactions: &[&str] = match kind {
        "AuditEvent" => &["search-type"],
        _ => &["read", "vread", "history-instance", "history-type", "search-type"],
    };
    let interactions: Vec<Value> = interactions.iter().map(|code| json!({"code": code})).collect();
    let mut resource = json!({"type": kind, "interaction": interactions, "searchParam": params});
    if kind != "AuditEvent" {
        resource["versioning"] = "versioned".into();
        resource["readHistory"] = true.into();
        resource["conditionalRead"] = "full-support".into();
        let includes = causeway_access::record::search_includes(kind);
        if !includes.is_empty() {
            resource["searchInclude"] = json!(includes);
        }
        let reverse: Vec<String> = kinds
            .iter()
            .filter(|other| **other != "AuditEvent")
            .flat_map(|other| causeway_access::record::search_includes(other))
            .filter(|include| causeway_access::record::leads_to(include, kind))
            .collect();
        if !reverse.is_empty() {
            resource["searchRevInclude"] = json!(reverse);
        }
    }
    if let Some(profile) = default_profile(kind) {
        resource["supportedProfile"] = json!([profile]);
    }
    if kind == "Patient" {
        resource["operation"] = json!([{
            "name": "export",
            "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
            "documentation": "As $export of the whole.",
        }, {
            "name": "summary",
            "definition": "http://hl7.org/fhir/uv/ips/OperationDefinition/summary",
            "documentation": "The patient summary as a document, with the sections of the International Patient Summary.",
        }, {
            "name": "everything",
            "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
            "documentation": "By GET and by POST, with start, end, _since, _type and _count.",
        }]);
    }
    resource
}
