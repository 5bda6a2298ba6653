//! `/openapi.json`: every address of HTTP with its methods, in OpenAPI 3.1. Made from one table; a test holds the table
//! to the router's own list, both ways, method by method.

use axum::Json;
use serde_json::{Map, Value, json};

/// Who may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anyone.
    Anyone,
    /// Organisations and people who have signed in.
    SignedIn,
    /// Mailboxes, by the token of the MESH API.
    Mailbox,
}

use Who::{Anyone, Mailbox, SignedIn};

/// One method of one address: path, method, who, what it does, media type of the body (empty: none), media types of the
/// answer, statuses of a good answer, query parameters.
pub type Operation = (
    &'static str,
    &'static str,
    Who,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [u16],
    &'static [&'static str],
);

const JSON: &[&str] = &["application/json"];
const PAGE: &[&str] = &["text/html"];
const BOTH: &[&str] = &["application/json", "text/html"];
const FHIR: &[&str] = &["application/fhir+json", "application/fhir+xml"];
const ANY: &[&str] = &["*/*"];
const NONE: &[&str] = &[];
const FORM: &str = "application/x-www-form-urlencoded";
const OK: &[u16] = &[200];
const SEE: &[u16] = &[303];
const SHOWN: &[u16] = &[200, 303];
const LIST: &[&str] = &["state", "sender", "number", "since", "until", "after", "limit"];
const SEARCH: &[&str] = &["_count", "_sort", "_include", "_summary"];

/// Every operation, but the administration of a MESH sandbox (test mode only).
pub const OPERATIONS: &[Operation] = &[
    ("/", "get", SignedIn, "Start page: where things stand", "", PAGE, SHOWN, NONE),
    ("/accessibility", "get", Anyone, "Accessibility statement", "", PAGE, OK, NONE),
    ("/adapters", "get", Anyone, "Formats that are read and written", "", BOTH, OK, NONE),
    ("/assets/causeway.css", "get", Anyone, "Style sheet", "", &["text/css"], OK, NONE),
    (
        "/health",
        "get",
        Anyone,
        "Whether messages can be taken, what failed, what is dangerous",
        "",
        JSON,
        &[200, 503],
        NONE,
    ),
    ("/metrics", "get", Anyone, "Counts in Prometheus' text format", "", &["text/plain"], OK, NONE),
    ("/openapi.json", "get", Anyone, "This document", "", JSON, OK, NONE),
    ("/messages", "get", SignedIn, "Messages, newest first", "", BOTH, SHOWN, LIST),
    (
        "/messages",
        "post",
        SignedIn,
        "Take a message in; answered when it is durable",
        "*/*",
        JSON,
        &[200, 202],
        NONE,
    ),
    ("/messages/", "get", SignedIn, "As /messages", "", BOTH, SHOWN, LIST),
    ("/messages/find", "post", SignedIn, "Messages about one person, by NHS number", FORM, BOTH, OK, NONE),
    ("/messages/{id}", "get", SignedIn, "One message with its journey", "", BOTH, SHOWN, NONE),
    (
        "/messages/{id}/ledger",
        "get",
        SignedIn,
        "What became of every source item",
        "",
        JSON,
        SHOWN,
        &["page"],
    ),
    ("/messages/{id}/issues", "get", SignedIn, "Problems, as OperationOutcome", "", FHIR, SHOWN, NONE),
    (
        "/messages/{id}/bundles",
        "get",
        SignedIn,
        "Bundles made of it: names and addresses",
        "",
        JSON,
        SHOWN,
        &["from"],
    ),
    ("/messages/{id}/bundles/{number}", "get", SignedIn, "One bundle", "", FHIR, SHOWN, NONE),
    ("/messages/{id}/acknowledgement", "get", SignedIn, "The format's own answer", "", ANY, SHOWN, NONE),
    ("/messages/{id}/original", "get", SignedIn, "The message as it came", "", ANY, SHOWN, NONE),
    ("/messages/{id}/explain", "get", SignedIn, "Source and FHIR side by side", "", PAGE, SHOWN, &["page"]),
    (
        "/messages/{id}/replay",
        "get",
        SignedIn,
        "Asks before a message is translated again",
        "",
        PAGE,
        SHOWN,
        NONE,
    ),
    ("/messages/{id}/replay", "post", SignedIn, "Translate it again", "*/*", ANY, &[202, 303], NONE),
    (
        "/messages/{id}/deliver",
        "post",
        SignedIn,
        "Deliver it to chosen endpoints",
        "application/json",
        JSON,
        &[202],
        NONE,
    ),
    (
        "/messages/{id}/replace",
        "post",
        SignedIn,
        "A corrected body as a new message, linked to the first",
        "*/*",
        JSON,
        &[202],
        NONE,
    ),
    ("/failed", "get", SignedIn, "What failed, why, and what can be done", "", BOTH, SHOWN, &["limit"]),
    ("/overdue", "get", SignedIn, "Answers that have not come", "", BOTH, SHOWN, NONE),
    ("/overdue/{number}", "get", SignedIn, "One of them", "", PAGE, SHOWN, NONE),
    ("/overdue/{number}", "post", SignedIn, "Take it out of the list, with a note", FORM, NONE, SEE, NONE),
    ("/parked", "get", SignedIn, "Steps that need a decision", "", BOTH, SHOWN, NONE),
    ("/parked/{number}", "get", SignedIn, "One of them", "", PAGE, SHOWN, NONE),
    ("/parked/{number}", "post", SignedIn, "Try it again, or give it up", FORM, NONE, SEE, NONE),
    ("/people", "get", SignedIn, "People in the record", "", BOTH, SHOWN, &["after"]),
    ("/people", "post", SignedIn, "Find a person", FORM, BOTH, OK, NONE),
    ("/people/", "get", SignedIn, "As /people", "", BOTH, SHOWN, &["after"]),
    ("/people/", "post", SignedIn, "As /people", FORM, BOTH, OK, NONE),
    ("/people/{id}", "get", SignedIn, "One person's record", "", PAGE, SHOWN, NONE),
    ("/identity", "get", SignedIn, "Cases of identity to be decided", "", BOTH, SHOWN, NONE),
    ("/identity/{number}", "get", SignedIn, "One case", "", PAGE, SHOWN, NONE),
    ("/identity/{number}", "post", SignedIn, "Decide it", FORM, NONE, SEE, NONE),
    ("/care-note", "get", SignedIn, "Form for a care note", "", PAGE, SHOWN, NONE),
    ("/care-note", "post", SignedIn, "Send a care note", FORM, PAGE, &[200, 303], NONE),
    ("/care-note/{id}", "get", SignedIn, "A care note that was sent, to correct it", "", PAGE, SHOWN, NONE),
    ("/care-note/{id}", "post", SignedIn, "Correct a care note", FORM, PAGE, &[200, 303], NONE),
    ("/care-notes", "get", SignedIn, "Send many care notes in a table", "", PAGE, SHOWN, NONE),
    ("/care-notes", "post", SignedIn, "Send a table of care notes", "multipart/form-data", PAGE, OK, NONE),
    ("/care-notes.csv", "get", Anyone, "Template of that table", "", &["text/csv"], OK, NONE),
    ("/check", "get", Anyone, "Form for checking a FHIR document", "", PAGE, SHOWN, NONE),
    ("/check", "post", SignedIn, "Check a FHIR document", "multipart/form-data", PAGE, OK, NONE),
    ("/commitment", "get", Anyone, "The promise, clause by clause", "", PAGE, OK, NONE),
    ("/tour", "get", Anyone, "Routes for an assessor", "", PAGE, OK, NONE),
    ("/safety", "get", Anyone, "Hazards and the tests of their controls", "", PAGE, OK, NONE),
    (
        "/onboarding",
        "get",
        SignedIn,
        "Providers, their gates and how their endpoints stand",
        "",
        PAGE,
        SHOWN,
        NONE,
    ),
    (
        "/onboarding",
        "post",
        SignedIn,
        "Start a conformance run against a provider's endpoint",
        FORM,
        NONE,
        SEE,
        NONE,
    ),
    ("/onboarding/{run}", "get", SignedIn, "One run", "", ANY, SHOWN, &["form"]),
    ("/coverage", "get", Anyone, "What is covered", "", PAGE, SHOWN, NONE),
    ("/research", "get", Anyone, "Register of what left for research", "", PAGE, OK, NONE),
    ("/access", "get", SignedIn, "Who may see what, and why", "", PAGE, SHOWN, NONE),
    ("/access/ask", "get", SignedIn, "Ask for access to a record", "", PAGE, SHOWN, &["patient"]),
    ("/access/ask", "post", SignedIn, "Ask for access to a record", FORM, PAGE, &[200, 303], NONE),
    ("/access/choices", "get", SignedIn, "Choices of a person and what follows", "", PAGE, SHOWN, NONE),
    ("/access/sensitive", "get", SignedIn, "What is held back by rule", "", PAGE, SHOWN, NONE),
    ("/access/side-by-side", "get", SignedIn, "One record as several readers see it", "", PAGE, SHOWN, NONE),
    ("/access/try", "get", SignedIn, "Try the decision", "", PAGE, SHOWN, NONE),
    ("/privacy", "get", SignedIn, "Alerts for the privacy officer", "", PAGE, SHOWN, NONE),
    ("/privacy/{alert}", "post", SignedIn, "Review an alert", FORM, NONE, SEE, NONE),
    ("/me", "get", SignedIn, "A person's own pages", "", PAGE, SHOWN, NONE),
    ("/me/code", "post", SignedIn, "Enter a code", FORM, NONE, SEE, NONE),
    ("/me/{person}", "get", SignedIn, "Her own record", "", PAGE, SHOWN, NONE),
    ("/me/{person}/looked", "get", SignedIn, "Who has looked", "", PAGE, SHOWN, NONE),
    ("/me/{person}/choices", "get", SignedIn, "Her choices", "", PAGE, SHOWN, NONE),
    ("/me/{person}/choices", "post", SignedIn, "Change them", FORM, NONE, SEE, NONE),
    ("/me/{person}/people", "get", SignedIn, "Whom she lets in", "", PAGE, SHOWN, NONE),
    ("/me/{person}/people", "post", SignedIn, "Let somebody in, or no longer", FORM, NONE, SEE, NONE),
    ("/me/{person}/readings", "get", SignedIn, "Readings that she takes at home", "", PAGE, SHOWN, NONE),
    ("/me/{person}/readings", "post", SignedIn, "Send readings", FORM, NONE, SEE, NONE),
    ("/me/{person}/wrong", "get", SignedIn, "Say that something is wrong", "", PAGE, SHOWN, NONE),
    ("/me/{person}/wrong", "post", SignedIn, "Say that something is wrong", FORM, NONE, SEE, NONE),
    ("/look-as", "get", Anyone, "Whom a visitor of the demonstration may look as", "", PAGE, SHOWN, NONE),
    ("/look-as", "post", Anyone, "Look as one of them", FORM, NONE, SEE, NONE),
    ("/sign-in", "get", Anyone, "Begin a sign-in at the identity provider", "", NONE, SEE, &["to"]),
    ("/sign-in/choose", "get", Anyone, "Ways to sign in", "", PAGE, OK, &["to"]),
    (
        "/sign-in/return",
        "get",
        Anyone,
        "Where the identity provider sends back to",
        "",
        NONE,
        SEE,
        &["code", "state"],
    ),
    (
        "/sign-in-organisation",
        "get",
        SignedIn,
        "Sign in as an organisation, and go back",
        "",
        NONE,
        SEE,
        &["to"],
    ),
    ("/sign-out", "post", SignedIn, "End the session", FORM, NONE, SEE, NONE),
    ("/oauth/token", "post", Anyone, "Token for a system (SMART Backend Services)", FORM, JSON, OK, NONE),
    (
        "/scaip",
        "post",
        SignedIn,
        "A telecare alarm (SCAIP)",
        "application/scaip+xml",
        &["application/scaip+xml"],
        &[200, 503],
        NONE,
    ),
    (
        "/fault/{mode}",
        "post",
        SignedIn,
        "A receiver that fails as asked; test mode only",
        "*/*",
        ANY,
        OK,
        &["seconds"],
    ),
    (
        "/$process-message",
        "post",
        SignedIn,
        "As /fhir/$process-message",
        "application/fhir+json",
        FHIR,
        OK,
        NONE,
    ),
    (
        "/fhir/$process-message",
        "post",
        SignedIn,
        "A FHIR message (Booking and Referral)",
        "application/fhir+json",
        FHIR,
        OK,
        NONE,
    ),
    ("/fhir/metadata", "get", Anyone, "CapabilityStatement", "", FHIR, OK, NONE),
    ("/fhir/.well-known/smart-configuration", "get", Anyone, "Where systems get tokens", "", JSON, OK, NONE),
    ("/fhir", "post", SignedIn, "A batch of reads", "application/fhir+json", FHIR, OK, NONE),
    ("/fhir/", "post", SignedIn, "As /fhir", "application/fhir+json", FHIR, OK, NONE),
    ("/fhir/_history", "get", SignedIn, "History of all", "", FHIR, OK, &["_count", "_since"]),
    ("/fhir/$validate", "post", SignedIn, "Check a resource", "application/fhir+json", FHIR, OK, NONE),
    (
        "/fhir/{kind}",
        "get",
        SignedIn,
        "Search; parameters as the CapabilityStatement says",
        "",
        FHIR,
        OK,
        SEARCH,
    ),
    ("/fhir/{kind}/_search", "post", SignedIn, "Search by form", FORM, FHIR, OK, NONE),
    ("/fhir/{kind}/_history", "get", SignedIn, "History of a type", "", FHIR, OK, &["_count", "_since"]),
    (
        "/fhir/{kind}/$validate",
        "post",
        SignedIn,
        "Check a resource of a type",
        "application/fhir+json",
        FHIR,
        OK,
        NONE,
    ),
    ("/fhir/{kind}/{id}", "get", SignedIn, "Read", "", FHIR, &[200, 304], NONE),
    (
        "/fhir/{kind}/{id}/_history",
        "get",
        SignedIn,
        "History of a resource",
        "",
        FHIR,
        OK,
        &["_count", "_since"],
    ),
    ("/fhir/{kind}/{id}/_history/{version}", "get", SignedIn, "One version", "", FHIR, &[200, 304], NONE),
    ("/fhir/{kind}/{id}/{other}", "get", SignedIn, "Search in a compartment", "", FHIR, OK, SEARCH),
    (
        "/fhir/{kind}/{id}/$everything",
        "get",
        SignedIn,
        "All of one patient",
        "",
        FHIR,
        OK,
        &["_count", "_type", "start", "end"],
    ),
    (
        "/fhir/{kind}/{id}/$everything",
        "post",
        SignedIn,
        "All of one patient",
        "application/fhir+json",
        FHIR,
        OK,
        NONE,
    ),
    (
        "/producer/FHIR/R4/DocumentReference",
        "get",
        SignedIn,
        "NRL producer: its pointers",
        "",
        FHIR,
        OK,
        &["subject:identifier", "type", "next-page-token"],
    ),
    (
        "/producer/FHIR/R4/DocumentReference",
        "post",
        SignedIn,
        "NRL producer: make a pointer",
        "application/fhir+json",
        FHIR,
        &[201],
        NONE,
    ),
    (
        "/producer/FHIR/R4/DocumentReference",
        "put",
        SignedIn,
        "NRL producer: make a pointer under an id of its own",
        "application/fhir+json",
        FHIR,
        &[201],
        NONE,
    ),
    (
        "/producer/FHIR/R4/DocumentReference/_search",
        "post",
        SignedIn,
        "NRL producer: its pointers, by form",
        FORM,
        FHIR,
        OK,
        NONE,
    ),
    (
        "/producer/FHIR/R4/DocumentReference/{id}",
        "get",
        SignedIn,
        "NRL producer: one pointer",
        "",
        FHIR,
        OK,
        NONE,
    ),
    (
        "/producer/FHIR/R4/DocumentReference/{id}",
        "put",
        SignedIn,
        "NRL producer: change a pointer",
        "application/fhir+json",
        FHIR,
        OK,
        NONE,
    ),
    (
        "/producer/FHIR/R4/DocumentReference/{id}",
        "delete",
        SignedIn,
        "NRL producer: remove a pointer",
        "",
        FHIR,
        OK,
        NONE,
    ),
    ("/producer/FHIR/R4/_status", "get", SignedIn, "NRL producer: whether it is there", "", JSON, OK, NONE),
    (
        "/consumer/FHIR/R4/DocumentReference",
        "get",
        SignedIn,
        "NRL consumer: pointers to a person's records",
        "",
        FHIR,
        OK,
        &["subject:identifier", "type", "custodian:identifier", "next-page-token"],
    ),
    (
        "/consumer/FHIR/R4/DocumentReference/_search",
        "post",
        SignedIn,
        "NRL consumer: pointers, by form",
        FORM,
        FHIR,
        OK,
        NONE,
    ),
    (
        "/consumer/FHIR/R4/DocumentReference/_count",
        "get",
        SignedIn,
        "NRL consumer: how many pointers",
        "",
        FHIR,
        OK,
        &["subject:identifier"],
    ),
    (
        "/consumer/FHIR/R4/DocumentReference/{id}",
        "get",
        SignedIn,
        "NRL consumer: one pointer",
        "",
        FHIR,
        OK,
        NONE,
    ),
    (
        "/consumer/FHIR/R4/DocumentReference/{id}/$retrieve",
        "get",
        SignedIn,
        "NRL consumer: what a pointer points to",
        "",
        ANY,
        OK,
        NONE,
    ),
    ("/consumer/FHIR/R4/_status", "get", SignedIn, "NRL consumer: whether it is there", "", JSON, OK, NONE),
    ("/fhir/Subscription", "get", SignedIn, "Subscriptions of one's own", "", FHIR, OK, &["status"]),
    ("/fhir/Subscription", "post", SignedIn, "Ask to be told", "application/fhir+json", FHIR, &[201], NONE),
    ("/fhir/Subscription/$status", "get", SignedIn, "How they stand", "", FHIR, OK, NONE),
    ("/fhir/Subscription/{id}", "get", SignedIn, "One subscription", "", FHIR, OK, NONE),
    ("/fhir/Subscription/{id}", "put", SignedIn, "Change it", "application/fhir+json", FHIR, OK, NONE),
    ("/fhir/Subscription/{id}", "delete", SignedIn, "End it", "", NONE, &[200, 204], NONE),
    ("/fhir/Subscription/{id}/$status", "get", SignedIn, "How it stands", "", FHIR, OK, NONE),
    ("/fhir/{kind}/{id}/$summary", "get", SignedIn, "International Patient Summary", "", FHIR, OK, NONE),
    (
        "/fhir/{kind}/{id}/$summary",
        "post",
        SignedIn,
        "International Patient Summary",
        "application/fhir+json",
        FHIR,
        OK,
        NONE,
    ),
    ("/_ping", "get", Anyone, "MESH: whether it is there", "", JSON, OK, NONE),
    ("/_status", "get", Anyone, "MESH: whether it is there", "", JSON, OK, NONE),
    ("/healthcheck", "get", Anyone, "MESH: whether it is there", "", JSON, OK, NONE),
    ("/messageexchange/_ping", "get", Anyone, "MESH: whether it is there", "", JSON, OK, NONE),
    ("/messageexchange/deepping", "get", Anyone, "MESH: whether it is there", "", JSON, OK, NONE),
    (
        "/messageexchange/endpointlookup/{ods}/{workflow}",
        "get",
        Anyone,
        "MESH: mailboxes of an organisation for a workflow",
        "",
        JSON,
        OK,
        NONE,
    ),
    (
        "/messageexchange/workflowsearch/{workflow}",
        "get",
        Anyone,
        "MESH: mailboxes for a workflow",
        "",
        JSON,
        OK,
        NONE,
    ),
    ("/messageexchange/{mailbox}", "get", Mailbox, "MESH: handshake", "", JSON, OK, NONE),
    ("/messageexchange/{mailbox}", "post", Mailbox, "MESH: handshake", "", JSON, OK, NONE),
    (
        "/messageexchange/{mailbox}/update",
        "post",
        Mailbox,
        "MESH: versions of a client",
        "*/*",
        JSON,
        OK,
        NONE,
    ),
    ("/messageexchange/{mailbox}/count", "get", Mailbox, "MESH: how many wait", "", JSON, OK, NONE),
    (
        "/messageexchange/{mailbox}/inbox",
        "get",
        Mailbox,
        "MESH: what waits",
        "",
        JSON,
        OK,
        &["max_results", "continue_from", "workflow_filter"],
    ),
    (
        "/messageexchange/{mailbox}/inbox/rich",
        "get",
        Mailbox,
        "MESH: what waits, with its facts",
        "",
        JSON,
        OK,
        NONE,
    ),
    ("/messageexchange/{mailbox}/inbox/{id}", "get", Mailbox, "MESH: download", "", ANY, &[200, 206], NONE),
    (
        "/messageexchange/{mailbox}/inbox/{id}",
        "head",
        Mailbox,
        "MESH: facts of a message",
        "",
        NONE,
        OK,
        NONE,
    ),
    (
        "/messageexchange/{mailbox}/inbox/{id}/{chunk}",
        "get",
        Mailbox,
        "MESH: download a chunk",
        "",
        ANY,
        &[200, 206],
        NONE,
    ),
    (
        "/messageexchange/{mailbox}/inbox/{id}/status/acknowledged",
        "put",
        Mailbox,
        "MESH: acknowledge",
        "",
        JSON,
        OK,
        NONE,
    ),
    ("/messageexchange/{mailbox}/outbox", "post", Mailbox, "MESH: send", "*/*", JSON, &[200, 202], NONE),
    ("/messageexchange/{mailbox}/outbox/rich", "get", Mailbox, "MESH: what was sent", "", JSON, OK, NONE),
    (
        "/messageexchange/{mailbox}/outbox/tracking",
        "get",
        Mailbox,
        "MESH: track a message",
        "",
        JSON,
        OK,
        &["messageID"],
    ),
    (
        "/messageexchange/{mailbox}/outbox/tracking/{local}",
        "get",
        Mailbox,
        "MESH: track by local id",
        "",
        JSON,
        OK,
        NONE,
    ),
    (
        "/messageexchange/{mailbox}/outbox/{id}/{chunk}",
        "post",
        Mailbox,
        "MESH: send a chunk",
        "*/*",
        JSON,
        &[200, 202],
        NONE,
    ),
];

/// Statuses that any operation may answer besides those of the table, and what they mean.
pub const REFUSALS: &[(u16, &str)] = &[
    (400, "The request is malformed"),
    (401, "A valid token is needed"),
    (403, "Not allowed"),
    (404, "There is none"),
    (405, "This can't be done here"),
    (406, "Not in this form"),
    (408, "The body stood still"),
    (409, "It is in another state, or the key was used with other content"),
    (410, "Its content was deleted"),
    (412, "Another version stands"),
    (413, "Too large"),
    (415, "Not this media type"),
    (417, "MESH: the request is refused"),
    (421, "This server has another name"),
    (422, "Understood and refused; the problems say why"),
    (425, "The same request is under way"),
    (429, "Too many requests, or failed sign-ins"),
    (431, "The header is too large"),
    (501, "Not built"),
    (502, "The receiver does not answer"),
    (503, "Nothing can be taken at the moment"),
];

fn answers(good: &[u16], media: &[&str], who: Who) -> Value {
    let mut all = Map::new();
    for status in good {
        let text = match status {
            200 | 206 => "Done",
            201 => "Made",
            202 => "Durable",
            303 => "Look there",
            304 => "Not changed",
            _ => "Not well",
        };
        let mut answer = json!({"description": text});
        let has_body = !matches!(status, 204 | 303 | 304) && !media.is_empty();
        if has_body {
            let content: Map<String, Value> = media.iter().map(|m| ((*m).to_owned(), json!({}))).collect();
            answer["content"] = Value::Object(content);
        }
        all.insert(status.to_string(), answer);
    }
    for (status, _) in REFUSALS.iter().filter(|(status, _)| !good.contains(status)) {
        if *status == 401 && who == Anyone {
            continue;
        }
        all.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    Value::Object(all)
}

fn parameters(path: &str, query: &[&str]) -> Vec<Value> {
    let within = path.split('{').skip(1).filter_map(|part| part.split('}').next());
    within
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .chain(query.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}})))
        .collect()
}

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for (path, method, who, summary, body, media, good, query) in OPERATIONS {
        let mut operation = json!({
            "summary": summary,
            "responses": answers(good, media, *who),
            "security": match who {
                Anyone => json!([]),
                SignedIn => json!([{"token": []}, {"organisation": []}, {"session": []}]),
                Mailbox => json!([{"mesh": []}]),
            },
        });
        let given = parameters(path, query);
        if !given.is_empty() {
            operation["parameters"] = Value::Array(given);
        }
        if !body.is_empty() {
            operation["requestBody"] = json!({"content": {*body: {}}});
        }
        let entry = paths.entry(*path).or_insert_with(|| json!({}));
        entry[*method] = operation;
    }
    let outcome = json!({"application/fhir+json": {"schema": {"$ref": "#/components/schemas/OperationOutcome"}},
        "application/json": {}, "text/html": {}, "application/fhir+xml": {}, "application/scaip+xml": {}});
    let refusals: Map<String, Value> = REFUSALS
        .iter()
        .map(|(status, text)| (status.to_string(), json!({"description": text, "content": outcome})))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Causeway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every address of the HTTP door. Those of MESH are served where the configuration has [mesh]. `$` in an \
                address may be written `%24`. A browser (Accept: text/html) gets pages where a program gets JSON, and is led to \
                /sign-in/choose (303) where a program gets 401. FHIR's own description is /fhir/metadata.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "organisation": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": "causeway-session"},
                "mesh": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
            "responses": refusals,
            "schemas": {"OperationOutcome": {"type": "object", "required": ["resourceType", "issue"], "properties": {
                "resourceType": {"const": "OperationOutcome"},
                "issue": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["severity", "code"]}},
            }}},
        },
    })
}

/// The handler.
pub async fn openapi() -> Json<Value> {
    Json(document())
}
