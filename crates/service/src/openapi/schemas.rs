//! Shapes of bodies and of answers in JSON, as JSON Schema 2020-12.

use serde_json::{Map, Value, json};

/// Headers that mean something to us: name and what it is.
type Headers = &'static [(&'static str, &'static str)];

const SEND: Headers = &[
    ("Idempotency-Key", "The same key again gets the first answer again"),
    ("Causeway-Sender", "Who sends, where a token may speak for several, or in a demonstration"),
    ("Causeway-Format", "Name of the format, where it shall not be found out (see /adapters)"),
    ("Causeway-Recipient", "For whom it is, for routes that ask"),
    ("Causeway-Workflow", "Workflow, for routes and deadlines"),
    ("Prefer", "respond-sync waits for the translation"),
];
const REPLACE: Headers = &[("Causeway-Reason", "Why the message is replaced")];
const MESH_SEND: Headers = &[
    ("Mex-To", "Mailbox of the recipient"),
    ("Mex-WorkflowID", "Workflow"),
    ("Mex-LocalID", "The sender's own id"),
    ("Mex-Chunk-Range", "Number of this chunk and how many there are, 1:2"),
    ("Mex-Subject", "Subject"),
    ("Mex-FileName", "Name of the file"),
    ("Mex-Content-Checksum", "Checksum of the content"),
];

/// Headers of an operation.
pub(super) fn headers(path: &str, method: &str) -> Headers {
    match (path, method) {
        ("/messages", "post") => SEND,
        ("/messages/{id}/replace", "post") => REPLACE,
        ("/messageexchange/{mailbox}/outbox", "post") => MESH_SEND,
        _ => &[],
    }
}

fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object that has these, of these types: `name:type`, a type with `?` may be null.
fn object(fields: &[&str]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let (name, kind) = field.split_once(':').unwrap_or((field, "string"));
        let schema = match kind.split_once('?') {
            Some((kind, _)) => json!({"type": [kind, "null"]}),
            None => match kind.split_once(" of ") {
                Some((_, of)) => json!({"type": "array", "items": named(of)}),
                None => json!({"type": kind}),
            },
        };
        properties.insert(name.to_owned(), schema);
        required.push(name);
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// The names in an answer, where it is JSON.
pub(super) fn of_answer(path: &str, method: &str) -> Option<Value> {
    let name = match (path, method) {
        ("/adapters", _) => "Adapters",
        ("/health", _) => "Health",
        ("/openapi.json", _) => {
            return Some(object(&["openapi", "info:object", "paths:object", "components:object"]));
        }
        ("/messages" | "/messages/", "get") | ("/messages/find", _) => "Messages",
        ("/messages", "post") => "Receipt",
        ("/messages/{id}", "get") => "Message",
        ("/messages/{id}/ledger", _) => "Ledger",
        ("/messages/{id}/bundles", _) => "Bundles",
        ("/messages/{id}/deliver", _) => return Some(json!({"type": "object"})),
        ("/messages/{id}/replace", _) => return Some(object(&["id", "replaces", "href"])),
        ("/failed", _) => "Failed",
        ("/overdue", _) => return Some(object(&["overdue:array"])),
        ("/parked", _) => return Some(object(&["parked:array", "endpointsAway:array"])),
        ("/people" | "/people/", _) => "People",
        ("/identity", _) => return Some(object(&["reviews:array"])),
        ("/research", _) => return Some(object(&["extracts:array", "older:integer"])),
        ("/oauth/token", _) => {
            return Some(object(&["access_token", "token_type", "expires_in:integer", "scope"]));
        }
        ("/fhir/.well-known/smart-configuration", _) => {
            return Some(object(&[
                "token_endpoint",
                "grant_types_supported:array",
                "scopes_supported:array",
            ]));
        }
        ("/fhir/metadata", _) => "CapabilityStatement",
        (
            "/fhir/{kind}/{id}" | "/fhir/{kind}/{id}/_history/{version}" | "/messages/{id}/bundles/{number}",
            _,
        ) => "Resource",
        ("/messages/{id}/issues" | "/fhir/$validate" | "/fhir/{kind}/$validate", _) => "OperationOutcome",
        ("/_ping" | "/_status" | "/healthcheck", _) => "Ping",
        _ if path.starts_with("/messageexchange/") => return mesh(path, method),
        _ if path.starts_with("/fhir") || path.contains("/FHIR/R4/Doc") || path == "/$process-message" => {
            "Resource"
        }
        _ => return None,
    };
    Some(named(name))
}

fn mesh(path: &str, method: &str) -> Option<Value> {
    let end = path.trim_start_matches("/messageexchange/").trim_start_matches("{mailbox}");
    Some(match (end, method) {
        ("_ping" | "deepping", _) => named("Ping"),
        (end, _) if end.starts_with("endpointlookup") || end.starts_with("workflowsearch") => {
            object(&["results:array"])
        }
        ("/count", _) => object(&["count:integer"]),
        ("/inbox" | "/inbox/rich" | "/outbox/rich", _) => object(&["messages:array"]),
        // Their names depend on the version that is asked for.
        _ => json!({"type": "object"}),
    })
}

/// A form: fields that it may have; those with `*` it must have.
fn fields(names: &[&str]) -> Value {
    let bare = |name: &&str| name.trim_end_matches('*').to_owned();
    let properties: Map<String, Value> = names.iter().map(|n| (bare(n), json!({"type": "string"}))).collect();
    let required: Vec<String> = names.iter().filter(|n| n.ends_with('*')).map(bare).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// The shape of a body.
pub(super) fn of_body(path: &str, method: &str, media: &str) -> Value {
    match path {
        "/messages/{id}/deliver" => return named("Order"),
        "/messages/{id}/replay" => return fields(&["note*", "confirm*"]),
        "/messages/find" => return fields(&["nhs_number*"]),
        "/people" | "/people/" => return fields(&["text", "birth_date"]),
        "/overdue/{number}" | "/parked/{number}" => return fields(&["action*", "note", "confirm"]),
        "/identity/{number}" => return fields(&["answer*", "reason*"]),
        "/privacy/{alert}" => return fields(&["csrf*", "accepted", "note*"]),
        "/access/ask" => return fields(&["csrf*", "number*", "born*", "kind*", "reason*"]),
        "/me/code" | "/sign-out" => return fields(&["csrf*"]),
        "/me/{person}/choices" => return fields(&["csrf*", "choice*", "on"]),
        "/me/{person}/people" => return fields(&["csrf*", "code", "part", "revoke"]),
        "/me/{person}/readings" => {
            return fields(&[
                "csrf*",
                "date",
                "time",
                "systolic",
                "diastolic",
                "pulse",
                "weight",
                "glucose",
                "oxygen",
                "temperature",
            ]);
        }
        "/me/{person}/wrong" => return fields(&["csrf*", "text*"]),
        "/look-as" => return fields(&["subject*"]),
        "/care-note" => {
            return fields(&[
                "token",
                "nhs_number",
                "first_name",
                "family_name",
                "date_of_birth",
                "home_cqc_id",
                "kind",
                "note",
            ]);
        }
        "/oauth/token" => {
            return fields(&["grant_type*", "scope*", "client_assertion_type*", "client_assertion*"]);
        }
        "/$process-message" | "/fhir/$process-message" => return named("MessageBundle"),
        _ => {}
    }
    match media {
        "multipart/form-data" => {
            json!({"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}})
        }
        // Search parameters, as the CapabilityStatement has them.
        "application/x-www-form-urlencoded" => {
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        }
        _ if path.contains("/DocumentReference") => named("DocumentReference"),
        _ if path.ends_with("$events") => named("Parameters"),
        _ if path.starts_with("/fhir/Subscription") => named("Subscription"),
        _ if path == "/fhir" || path == "/fhir/" => named("Bundle"),
        _ if path.ends_with("$everything") || path.ends_with("$summary") => named("Parameters"),
        _ if media.ends_with("+json") => named("Resource"),
        _ if method == "post" && media.ends_with("xml") => json!({"type": "string"}),
        _ => json!({"type": "string", "format": "binary"}),
    }
}

/// A FHIR resource of this type.
fn resource(kind: &str, more: &Value) -> Value {
    let mut properties = json!({"resourceType": {"const": kind}});
    let mut required = vec![json!("resourceType")];
    if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
        for (name, schema) in more {
            all.insert(name.clone(), schema.clone());
            required.push(json!(name));
        }
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// The named shapes.
pub(super) fn components() -> Value {
    const FACTS: &[&str] = &[
        "id",
        "state",
        "door",
        "sender",
        "mailboxFrom:string?",
        "mailboxTo:string?",
        "workflow:string?",
        "localId:string?",
        "controlId:string?",
        "correlationId:string?",
        "mediaType:string?",
        "linked:string?",
        "received",
        "changed",
        "bytes:integer",
        "sha256",
        "failure:object?",
        "contentDeleted:string?",
    ];
    let facts = |more: &[&str]| object(&[FACTS, more].concat());
    let entries = json!({"type": "array", "items": {"type": "object"}});
    json!({
        "Adapter": object(&["name", "title", "summary", "sector", "versions:array", "mediaTypes:array", "extensions:array",
            "writes:boolean", "mappingTables:integer"]),
        "Adapters": object(&["adapters:array of Adapter"]),
        "Health": object(&["status", "accepting:boolean", "reason", "version", "engine", "mode", "durable:boolean",
            "parked:integer", "failed:integer", "notCollected:integer", "overdue:integer", "demonstration:boolean",
            "warnings:array", "time", "examined:string?", "damage:array", "what_to_do:string?"]),
        "Receipt": object(&["id", "state", "href"]),
        "Facts": facts(&[]),
        "Messages": object(&["messages:array of Facts"]),
        "Message": facts(&["translation:object?", "timeline:array", "acknowledgements:array", "derived:array", "links:object"]),
        "Totals": object(&["items:integer", "mapped:integer", "mapped-with-loss:integer", "withheld:integer",
            "rejected:integer", "unsupported:integer", "structural:integer", "unexplained:integer"]),
        "Item": json!({"type": "object", "properties": {"at": {"type": "string"}, "outcome": {"type": "string"},
            "reason": {"type": "string"}, "bytes": {"type": "array", "items": {"type": "integer"}}}, "required": ["at", "outcome"]}),
        "Ledger": json!({"type": "object", "required": ["totals", "items"], "properties": {
            "totals": named("Totals"), "items": {"type": "array", "items": named("Item")}}}),
        "BundleName": object(&["name", "bytes:integer", "href"]),
        "Bundles": object(&["bundleCount:integer", "bundles:array of BundleName", "next:string?"]),
        "Failed": object(&["refused:array of Facts"]),
        "People": object(&["people:array"]),
        "Order": {"type": "object", "additionalProperties": false, "required": ["endpoints", "note"], "properties": {
            "endpoints": {"type": "array", "items": {"type": "string"}, "description": "Endpoints to deliver to"},
            "bundle": {"type": ["integer", "null"], "minimum": 0, "description": "Number of the bundle, from 1; all where it is left out"},
            "note": {"type": "string", "description": "Why"}}},
        "Ping": object(&["env", "build_label", "status", "outcome"]),
        "MeshRefusal": {"type": "object", "description": "Version 1: errorEvent, errorCode, errorDescription; version 2: detail"},
        "OAuthError": object(&["error", "error_description"]),
        "Resource": {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}},
        "OperationOutcome": resource("OperationOutcome", &json!({"issue": {"type": "array", "minItems": 1,
            "items": {"type": "object", "required": ["severity", "code"]}}})),
        "CapabilityStatement": resource("CapabilityStatement", &json!({"status": {"type": "string"}, "fhirVersion": {"const": "4.0.1"},
            "rest": entries})),
        "Bundle": resource("Bundle", &json!({"type": {"enum": ["batch", "transaction"]}, "entry": entries})),
        "MessageBundle": resource("Bundle", &json!({"type": {"const": "message"}, "entry": entries})),
        "Parameters": resource("Parameters", &json!({})),
        "Subscription": resource("Subscription", &json!({"status": {"type": "string"}, "criteria": {"type": "string"},
            "channel": {"type": "object"}})),
        "DocumentReference": resource("DocumentReference", &json!({"status": {"const": "current"}, "type": {"type": "object"},
            "subject": {"type": "object"}, "custodian": {"type": "object"}, "content": entries})),
    })
}
