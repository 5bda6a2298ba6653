//! `/openapi.json`: every address of HTTP with its methods, in OpenAPI 3.1. Made from one table ([`OPERATIONS`]), the shapes
//! of bodies and answers (`schemas`) and the statuses of refusals (`refusals`). Tests hold the table to the router's own
//! list, both ways, method by method, and what is answered to what is said here; `tests/long/schemathesis` does so with
//! thousands of requests.

mod operations;
mod refusals;
mod schemas;

use axum::Json;
use serde_json::{Map, Value, json};

pub use operations::OPERATIONS;

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

/// Query parameters that are numbers.
const NUMBERS: &[&str] = &["_count", "after", "from", "limit", "max_results", "page", "seconds"];

/// Whether an answer of this media type is JSON.
fn is_json(media: &str) -> bool {
    media == "application/json" || media.ends_with("+json")
}

fn content(media: &[&str], schema: Option<&Value>) -> Value {
    let one = |media: &&str| {
        let schema = schema.filter(|_| is_json(media)).cloned();
        ((*media).to_owned(), schema.map_or_else(|| json!({}), |schema| json!({"schema": schema})))
    };
    Value::Object(media.iter().map(one).collect())
}

fn answers(operation: &Operation) -> Value {
    let (path, method, _, _, _, media, good, _) = operation;
    let mut all = Map::new();
    let schema = schemas::of_answer(path, method);
    for status in *good {
        let text = match status {
            200 | 206 => "Done",
            201 => "Made",
            202 => "Durable",
            204 => "Done, and there is nothing to say",
            303 => "Look there",
            304 => "Not changed",
            _ => "Not well",
        };
        let mut answer = json!({"description": text});
        if !matches!(status, 204 | 303 | 304) && !media.is_empty() {
            answer["content"] = content(media, schema.as_ref());
        }
        all.insert(status.to_string(), answer);
    }
    for status in refusals::of(operation).filter(|status| !good.contains(status)) {
        let name = refusals::component(path, status);
        all.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    Value::Object(all)
}

fn parameters(path: &str, method: &str, query: &[&str]) -> Vec<Value> {
    let within = path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let asked = |name: &&str| {
        let kind = if NUMBERS.contains(name) {
            json!({"type": "integer", "minimum": 0})
        } else {
            json!({"type": "string"})
        };
        json!({"name": name, "in": "query", "schema": kind})
    };
    within
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .chain(query.iter().map(asked))
        .chain(schemas::headers(path, method).iter().map(|(name, text)| {
            json!({"name": name, "in": "header", "description": text, "schema": {"type": "string"}})
        }))
        .collect()
}

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let (path, method, who, summary, body, _, _, query) = operation;
        let mut told = json!({
            "summary": summary,
            "responses": answers(operation),
            "security": match who {
                Who::Anyone => json!([]),
                Who::SignedIn => json!([{"token": []}, {"organisation": []}, {"session": []}]),
                Who::Mailbox => json!([{"mesh": []}]),
            },
        });
        let given = parameters(path, method, query);
        if !given.is_empty() {
            told["parameters"] = Value::Array(given);
        }
        if !body.is_empty() {
            let schema = schemas::of_body(path, method, body);
            told["requestBody"] = json!({"content": {*body: {"schema": schema}}});
        }
        let entry = paths.entry(*path).or_insert_with(|| json!({}));
        entry[*method] = told;
    }
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
            "responses": refusals::components(),
            "schemas": schemas::components(),
        },
    })
}

/// The handler.
pub async fn openapi() -> Json<Value> {
    Json(document())
}
