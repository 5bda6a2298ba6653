//! Statuses of refusals: which an operation may answer, what they mean, and the form that they have.

use serde_json::{Map, Value, json};

use super::{Operation, Who};

/// Statuses and what they mean.
const MEANING: &[(u16, &str)] = &[
    (400, "The request is malformed"),
    (401, "A valid token is needed"),
    (403, "Not allowed"),
    (404, "There is none"),
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

/// Forms of a refusal: the end of the component's name, the media types.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    ("", &[("application/fhir+json", "OperationOutcome"), ("text/html", "")]),
    (
        "-fhir",
        &[("application/fhir+json", "OperationOutcome"), ("application/fhir+xml", ""), ("text/html", "")],
    ),
    (
        "-mesh",
        &[
            ("application/json", "MeshRefusal"),
            ("application/vnd.mesh.v1+json", "MeshRefusal"),
            ("application/vnd.mesh.v2+json", "MeshRefusal"),
            ("application/fhir+json", "OperationOutcome"),
            ("text/html", ""),
        ],
    ),
    (
        "-oauth",
        &[
            ("application/json", "OAuthError"),
            ("application/fhir+json", "OperationOutcome"),
            ("text/html", ""),
        ],
    ),
    (
        "-scaip",
        &[("application/scaip+xml", ""), ("application/fhir+json", "OperationOutcome"), ("text/html", "")],
    ),
];

/// The form of an address's refusals.
fn form(path: &str) -> &'static str {
    match path {
        "/oauth/token" => "-oauth",
        "/scaip" => "-scaip",
        _ if path.starts_with("/fhir") || path.contains("/FHIR/") || path == "/$process-message" => "-fhir",
        _ if path.starts_with("/messageexchange") => "-mesh",
        _ => "",
    }
}

/// Name of the component that describes a refusal of this address.
pub(super) fn component(path: &str, status: u16) -> String {
    format!("{status}{}", form(path))
}

/// Every component.
pub(super) fn components() -> Map<String, Value> {
    let mut all = Map::new();
    for (ending, media) in FORMS {
        let content: Map<String, Value> = media
            .iter()
            .map(|(media, schema)| {
                let told = match *schema {
                    "" => json!({}),
                    name => json!({"schema": {"$ref": format!("#/components/schemas/{name}")}}),
                };
                ((*media).to_owned(), told)
            })
            .collect();
        for (status, text) in MEANING {
            all.insert(format!("{status}{ending}"), json!({"description": text, "content": content}));
        }
    }
    all
}

/// Statuses that an operation may refuse with.
pub(super) fn of(operation: &Operation) -> impl Iterator<Item = u16> + use<> {
    let (path, method, who, _, body, ..) = *operation;
    let mesh = path.starts_with("/messageexchange/");
    let fhir = form(path) == "-fhir";
    let messaging = path.ends_with("$process-message");
    let named = path.contains('{');
    // Forms are answered where they lead to a page: that may be gone.
    let paged = method == "get" || !body.is_empty();
    let all = [
        (400, true),
        (401, who != Who::Anyone || matches!(path, "/oauth/token" | "/sign-in/return" | "/look-as")),
        (403, true),
        (
            404,
            named
                || fhir
                || !matches!(who, Who::Anyone)
                || path.starts_with("/sign-in")
                || path == "/look-as",
        ),
        (406, fhir),
        (408, !body.is_empty()),
        (409, method != "get"),
        (410, named && paged),
        (412, fhir),
        (413, !body.is_empty() || (named && method == "get")),
        (415, !body.is_empty() || mesh),
        (417, mesh),
        (421, true),
        (422, method != "get" || fhir),
        (425, messaging),
        (429, true),
        (431, true),
        (501, fhir),
        (502, messaging || path.ends_with("$retrieve")),
        (503, true),
    ];
    all.into_iter().filter(|(_, may)| *may).map(|(status, _)| status)
}
