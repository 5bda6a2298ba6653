//! An event for NHS England's Patient Audit Record Service (England-AuditEvent-PARS 0.0.2, draft): slicing of agents by
//! `who.type` and of entities by type, both closed, so an agent or entity that fits no slice is an error.

use causeway_fhir::systems::NHS_NUMBER;
use serde_json::{Value, json};

use super::{Act, Event, Party};

/// The profile, by which the export is asked for (`AuditEvent?_profile=`).
pub const PROFILE: &str = "https://fhir.nhs.uk/England/StructureDefinition/England-AuditEvent-PARS";

/// What the exchange is called in PARS.
#[derive(Clone, Debug)]
pub struct Product {
    /// Product id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The organisation that runs the exchange: it stands for people who look at their own record, and have no other.
    pub organisation: Party,
    /// What the exchange does for whoever asks.
    pub interaction: String,
    /// `Endpoint` (the profile) or `Device` (the published examples, which break the profile's slicing).
    pub device_type: String,
}

impl Default for Product {
    fn default() -> Self {
        Self {
            id: "CAUSEWAY-PROTOTYPE".to_owned(),
            name: "Causeway".to_owned(),
            organisation: Party::default(),
            interaction: "urn:causeway:interaction:record-access".to_owned(),
            device_type: "Endpoint".to_owned(),
        }
    }
}

/// The AuditEvent for PARS; `None` where the profile has no place for the event: no NHS number, no organisation, or nothing
/// of the record that was read, changed or given out.
pub fn pars(event: &Event, product: &Product) -> Option<Value> {
    let organisation = [&event.client, &product.organisation].into_iter().find(|o| !o.value.is_empty())?;
    if event.nhs_number.is_empty() || organisation.system.is_empty() {
        return None;
    }
    // The transaction: what the client called its request, or the event by itself.
    let transaction = if event.request.is_empty() { &event.id } else { &event.request };
    let (subtype, action) = match event.act {
        Act::Read => ("read", "R"),
        Act::VersionRead => ("vread", "R"),
        Act::Query => ("search-type", "E"),
        Act::Create => ("create", "C"),
        Act::Update => ("update", "U"),
        Act::Delete => ("delete", "D"),
        Act::Export => ("read", "R"),
        _ => return None,
    };
    let product_identifier = json!({"system": "https://fhir.nhs.uk/Id/product-id", "value": product.id});
    let person = event.user.as_ref().filter(|u| u.audience == "person");
    let staff = event.user.as_ref().filter(|u| u.audience == "staff" && !u.who.value.is_empty());
    let mut agents = vec![json!({
        "who": {"type": "Organization", "identifier": {"system": organisation.system_uri(), "value": organisation.value},
            "display": if organisation.name.is_empty() { &organisation.value } else { &organisation.name }},
        "requestor": person.is_none() && staff.is_none(),
    })];
    if person.is_some() {
        agents.push(json!({"who": {"type": "Patient", "identifier": nhs_number(&event.nhs_number),
            "display": "the person"}, "requestor": true}));
    }
    if let Some(user) = staff {
        agents.push(json!({"who": {"type": "Practitioner",
            "identifier": {"system": user.who.system_uri(), "value": user.who.value}, "display": user.who.name},
            "requestor": true}));
        if !user.role.is_empty() {
            agents.push(json!({"who": {"type": "PractitionerRole",
                "identifier": {"system": user.role_system, "value": user.role}, "display": user.role_name},
                "requestor": false}));
        }
    }
    agents.push(json!({"who": {"type": product.device_type, "identifier": product_identifier, "display": product.name},
        "requestor": false}));
    let entity_type = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
    Some(json!({
        "resourceType": "AuditEvent",
        "id": event.id,
        "meta": {"profile": [PROFILE]},
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": subtype}],
        "action": action,
        "recorded": event.recorded.to_string(),
        "outcome": if event.refused.is_empty() { "0" } else { "4" },
        "agent": agents,
        "source": {
            "observer": {"type": "Device", "identifier": product_identifier, "display": product.name},
            "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4"}],
        },
        "entity": [
            {"what": {"identifier": nhs_number(&event.nhs_number)}, "type": {"system": entity_type, "code": "1"},
                "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"}},
            {"what": {"identifier": {"system": "https://fhir.causeway.example/Id/x-request-id", "value": transaction}},
                "type": {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
                    "code": "XrequestId"}},
            {"what": {"identifier": product_identifier},
                "type": {"system": "http://hl7.org/fhir/resource-types", "code": "Endpoint"},
                "name": product.name,
                "detail": [{"type": "productIdentifier", "valueString": product.id},
                    {"type": "interactionIdentifier", "valueString": product.interaction}]},
        ],
    }))
}

fn nhs_number(value: &str) -> Value {
    json!({"system": NHS_NUMBER, "value": value})
}
