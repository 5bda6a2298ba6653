//! An event as an AuditEvent after BALP, or a plain one.

use causeway_fhir::systems::NHS_NUMBER;
use serde_json::{Value, json};

use super::{Act, Event, Party};

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: &str = "http://hl7.org/fhir/restful-interaction";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const BALP: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
const PROFILE: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";

/// How the event looks in a pattern.
struct Shape {
    profile: &'static str,
    kind: (&'static str, &'static str, &'static str),
    subtype: (&'static str, &'static str, &'static str),
    action: &'static str,
    /// DICOM roles of client and server. A read names the client the destination, a query the source.
    client: (&'static str, &'static str, &'static str),
    server: (&'static str, &'static str, &'static str),
    user: (&'static str, &'static str, &'static str),
}

const SOURCE: (&str, &str, &str) = (DCM, "110153", "Source Role ID");
const DESTINATION: (&str, &str, &str) = (DCM, "110152", "Destination Role ID");
const APPLICATION: (&str, &str, &str) = (DCM, "110150", "Application");
const CUSTODIAN: (&str, &str, &str) =
    ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian");
const RECIPIENT: (&str, &str, &str) = (PARTICIPATION, "IRCP", "information recipient");
const AUTHOR: (&str, &str, &str) = (PARTICIPATION, "AUT", "author (originator)");
const RESTFUL: (&str, &str, &str) = (EVENT_TYPE, "rest", "Restful Operation");
const ALERT: (&str, &str, &str) = (DCM, "110113", "Security Alert");
const SIGN: (&str, &str, &str) = (DCM, "110114", "User Authentication");

fn shape(act: Act) -> Shape {
    let rest = |profile, subtype, action, client, server, user| Shape {
        profile,
        kind: RESTFUL,
        subtype,
        action,
        client,
        server,
        user,
    };
    let other = |kind, subtype, action| Shape {
        profile: "",
        kind,
        subtype,
        action,
        client: APPLICATION,
        server: CUSTODIAN,
        user: RECIPIENT,
    };
    match act {
        Act::Read => rest("Read", (REST, "read", "read"), "R", DESTINATION, SOURCE, RECIPIENT),
        Act::VersionRead => rest("Read", (REST, "vread", "vread"), "R", DESTINATION, SOURCE, RECIPIENT),
        Act::Query => {
            rest("Query", (REST, "search-type", "search-type"), "E", SOURCE, DESTINATION, RECIPIENT)
        }
        Act::Create => rest("Create", (REST, "create", "create"), "C", SOURCE, DESTINATION, AUTHOR),
        Act::Update => rest("Update", (REST, "update", "update"), "U", SOURCE, DESTINATION, AUTHOR),
        Act::Delete => rest("Delete", (REST, "delete", "delete"), "D", APPLICATION, CUSTODIAN, AUTHOR),
        Act::Export => Shape {
            profile: "PrivacyDisclosure.Source",
            kind: (DCM, "110106", "Export"),
            subtype: (
                "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle",
                "disclose",
                "Disclose Record Lifecycle Event",
            ),
            action: "R",
            client: DESTINATION,
            server: SOURCE,
            user: RECIPIENT,
        },
        Act::SignIn => other(SIGN, (DCM, "110122", "Login"), "E"),
        Act::SignOut => other(SIGN, (DCM, "110123", "Logout"), "E"),
        Act::BreakGlass => other(ALERT, (DCM, "110127", "Emergency Override Started"), "E"),
        Act::SelfClaim => other(ALERT, (DCM, "110132", "Use of Restricted Function"), "E"),
        Act::PolicyChange => other(ALERT, (DCM, "110129", "Security Configuration"), "U"),
        Act::ConsentChange => other(ALERT, (DCM, "110135", "Object Security Attributes Changed"), "U"),
        Act::Review => other(ALERT, (DCM, "110132", "Use of Restricted Function"), "U"),
    }
}

/// The profile that an event claims: none where it was refused (the patterns fix success) or where no pattern fits.
fn profile(event: &Event, shape: &Shape) -> Option<String> {
    if shape.profile.is_empty() || !event.refused.is_empty() {
        return None;
    }
    let patient = !event.patient.is_empty();
    match shape.profile {
        "PrivacyDisclosure.Source" => patient.then(|| format!("{PROFILE}{}", shape.profile)),
        // A read names what was read; a query that found nobody has no person.
        name if patient => Some(format!("{PROFILE}Patient{name}")),
        name => Some(format!("{PROFILE}{name}")),
    }
}

fn coding((system, code, display): (&str, &str, &str)) -> Value {
    json!({"system": system, "code": code, "display": display})
}

fn concept(of: (&str, &str, &str)) -> Value {
    json!({"coding": [coding(of)]})
}

fn who(party: &Party) -> Value {
    let mut out = json!({});
    if !party.value.is_empty() {
        let mut identifier = json!({});
        if let Some(system) = party.system_uri() {
            identifier["system"] = system.into();
        }
        identifier["value"] = party.value.clone().into();
        out["identifier"] = identifier;
    }
    let name = if party.name.is_empty() && party.value.is_empty() { "not known" } else { &party.name };
    if !name.is_empty() {
        out["display"] = name.into();
    }
    out
}

/// The AuditEvent.
pub fn balp(event: &Event) -> Value {
    let shape = shape(event.act);
    let mut server = json!({"display": "Causeway"});
    // What this exchange does of itself came in at no address.
    let at = if event.server.is_empty() {
        json!({"address": "unknown", "type": "1"})
    } else {
        server["identifier"] = json!({"system": "urn:ietf:rfc:3986", "value": event.server});
        json!({"address": event.server, "type": "5"})
    };
    let address = if event.address.is_empty() { "unknown" } else { &event.address };
    let mut client = json!({
        "type": concept(shape.client), "who": who(&event.client), "requestor": event.user.is_none(),
        "network": {"address": address, "type": if event.address.is_empty() { "1" } else { "2" }},
    });
    if !event.token.is_empty() {
        client["policy"] = json!([event.token]);
    }
    let mut agents = vec![
        client,
        json!({"type": concept(shape.server), "who": server, "requestor": false, "network": at}),
    ];
    if let Some(user) = &event.user {
        let mut agent = json!({"type": concept(shape.user)});
        if !user.role.is_empty() {
            let mut role = json!({"code": user.role});
            for (name, value) in [("system", &user.role_system), ("display", &user.role_name)] {
                if !value.is_empty() {
                    role[name] = value.clone().into();
                }
            }
            agent["role"] = json!([{"coding": [role]}]);
        }
        agent["who"] = who(&user.who);
        if !user.who.name.is_empty() {
            agent["name"] = user.who.name.clone().into();
        }
        agent["requestor"] = true.into();
        if !event.purpose.is_empty() {
            agent["purposeOfUse"] = json!([{"coding": [{"system": REASON, "code": event.purpose}]}]);
        }
        agents.push(agent);
    }
    let mut out = json!({"resourceType": "AuditEvent", "id": event.id});
    if let Some(profile) = profile(event, &shape) {
        out["meta"] = json!({"profile": [profile]});
    }
    if !event.refused.is_empty() {
        let mut details = json!({"coding": [{"system": "https://fhir.causeway.example/CodeSystem/refusal", "code": event.refused}]});
        // Not each refusal is put in words, and FHIR takes no empty text.
        if !event.text.is_empty() {
            details["text"] = event.text.clone().into();
        }
        out["contained"] = json!([{"resourceType": "OperationOutcome", "id": "outcome", "issue": [{
            "severity": "error", "code": "forbidden", "details": details}]}]);
    }
    out["type"] = coding(shape.kind);
    out["subtype"] = json!([coding(shape.subtype)]);
    out["action"] = shape.action.into();
    out["recorded"] = event.recorded.to_string().into();
    out["outcome"] = if event.refused.is_empty() { "0" } else { "4" }.into();
    if !event.text.is_empty() {
        out["outcomeDesc"] = event.text.clone().into();
    }
    if !event.purpose.is_empty() {
        out["purposeOfEvent"] = json!([{"coding": [{"system": REASON, "code": event.purpose}]}]);
    }
    out["agent"] = agents.into();
    out["source"] = json!({
        "observer": server,
        "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4",
            "display": "Application Server"}],
    });
    out["entity"] = entities(event).into();
    out
}

fn entities(event: &Event) -> Vec<Value> {
    let mut out = Vec::new();
    if !event.patient.is_empty() || !event.nhs_number.is_empty() {
        let mut what = json!({});
        if !event.patient.is_empty() {
            what["reference"] = format!("Patient/{}", event.patient).into();
        }
        if !event.nhs_number.is_empty() {
            what["identifier"] = json!({"system": NHS_NUMBER, "value": event.nhs_number});
        }
        let mut patient = json!({"what": what, "type": coding((ENTITY_TYPE, "1", "Person")),
            "role": coding((OBJECT_ROLE, "1", "Patient"))});
        let details: Vec<Value> = [
            ("relationship", event.relationship.clone()),
            ("sections", event.sections.join(" ")),
            ("policy", event.policy.clone()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(kind, value)| json!({"type": kind, "valueString": value}))
        .collect();
        if !details.is_empty() {
            patient["detail"] = details.into();
        }
        out.push(patient);
    }
    if event.act == Act::Query {
        // BALP forbids what, detail and lifecycle here; the raw request is kept as it came.
        out.push(json!({"type": coding((ENTITY_TYPE, "2", "System Object")), "role": coding((OBJECT_ROLE, "24", "Query")),
            "query": event.query}));
    } else {
        // One data entity is asked for; what else was seen is named by its detail, so that the slice stays one.
        let role = if event.act == Act::Export { ("3", "Report") } else { ("4", "Domain Resource") };
        if let Some((first, rest)) = event.data.split_first() {
            let mut data = json!({"what": reference(first), "type": coding((ENTITY_TYPE, "2", "System Object")),
                "role": coding((OBJECT_ROLE, role.0, role.1))});
            if !rest.is_empty() {
                let more: Vec<Value> =
                    rest.iter().map(|of| json!({"type": "also", "valueString": of})).collect();
                data["detail"] = more.into();
            }
            out.push(data);
        }
    }
    if !event.request.is_empty() {
        out.push(json!({"what": {"identifier": {"value": event.request}},
            "type": coding((BALP, "XrequestId", "X-Request-Id"))}));
    }
    if !event.refused.is_empty() {
        out.push(json!({"what": {"reference": "#outcome"},
            "type": coding(("http://hl7.org/fhir/resource-types", "OperationOutcome", "OperationOutcome"))}));
    }
    out
}

/// A FHIR reference, or the name of a page as an identifier.
fn reference(of: &str) -> Value {
    let is_resource = of.split_once('/').is_some_and(|(kind, id)| {
        kind.starts_with(|c: char| c.is_ascii_uppercase()) && !id.is_empty() && !id.contains(['/', '?', '$'])
    });
    if is_resource {
        json!({"reference": of})
    } else {
        json!({"identifier": {"system": "https://fhir.causeway.example/Id/page", "value": of}})
    }
}
