//! What the doors answer is what `/openapi.json` says: status, media type and shape, for every address and method, as the
//! operator, without a token, with ids that nobody has, and with bodies that are none.

use causeway_service::openapi::document;
use serde_json::Value;

use crate::disclosures::{CASES, First, fill_in};
use crate::orders::ORDERS;
use crate::support::*;

/// What is wrong with a value by a schema: the words of JSON Schema that the document uses, and no others.
fn against(schema: &Value, value: &Value, root: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(all) = schema.as_object() else { return };
    for (word, told) in all {
        match word.as_str() {
            "$ref" => {
                let found = told.as_str().and_then(|to| root.pointer(to.trim_start_matches('#')));
                against(found.unwrap_or_else(|| panic!("{told}")), value, root, at, wrong);
            }
            "type" => {
                let kinds: Vec<&str> = match told {
                    Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                let is = |kind: &str| match kind {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                if !kinds.iter().any(|kind| is(kind)) {
                    wrong.push(format!("{at} is no {told}"));
                }
            }
            "const" if told != value => wrong.push(format!("{at} is not {told}")),
            "enum" if !told.as_array().is_some_and(|list| list.contains(value)) => {
                wrong.push(format!("{at} is none of {told}"));
            }
            "minItems" if value.as_array().is_some_and(|l| (l.len() as u64) < told.as_u64().unwrap()) => {
                wrong.push(format!("{at} is too short"));
            }
            "required" if value.is_object() => {
                for name in told.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.get(name).is_none() {
                        wrong.push(format!("{at}.{name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in told.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        against(schema, value, root, &format!("{at}.{name}"), wrong);
                    }
                }
            }
            "items" => {
                for one in value.as_array().into_iter().flatten() {
                    against(told, one, root, &format!("{at}[]"), wrong);
                }
            }
            "const" | "enum" | "minItems" | "required" | "description" => {}
            other => panic!("{other} is not looked at here"),
        }
    }
}

/// What of an answer the document does not say.
fn undocumented(root: &Value, address: &str, method: &str, reply: &Reply) -> Vec<String> {
    let operation = &root["paths"][address.replace("%24", "$")][method.to_ascii_lowercase()];
    let mut answer = &operation["responses"][reply.status.to_string()];
    if let Some(to) = answer["$ref"].as_str() {
        answer = root.pointer(to.trim_start_matches('#')).expect("a component");
    }
    if !answer.is_object() {
        return vec![format!("status {}", reply.status)];
    }
    let media = reply.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let Some(content) = answer["content"].as_object() else {
        let empty = reply.body.is_empty() || matches!(reply.status, 303 | 304);
        return if empty { Vec::new() } else { vec![format!("{} has a body", reply.status)] };
    };
    let Some(told) = content.get(media).or_else(|| content.get("*/*")) else {
        return vec![format!("{} as {media:?}", reply.status)];
    };
    let mut wrong = Vec::new();
    if media.ends_with("json") && told["schema"].is_object() {
        let value: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        against(&told["schema"], &value, root, "$", &mut wrong);
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_what_the_document_says() {
    let root = document();
    let world = World::new();
    let First { server, id, person, patient } = First::tells(&world).await;
    let subject = "subject:identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018".to_owned();
    let known = [
        ("{id}", id.clone()),
        ("{patient}", patient),
        ("{person}", person),
        ("{mesh}", id),
        ("{subject}", subject.clone()),
        ("{pointer}", "ZZ901-1".to_owned()),
        ("{csrf}", "x".to_owned()),
    ];
    let nobody = known.clone().map(|(name, value)| {
        let kept = matches!(name, "{subject}" | "{csrf}");
        (name, if kept { value } else { "00000000000000000000000000000000".to_owned() })
    });
    let reads = CASES.iter().filter(|case| case.1 != "-").map(|case| (case.0, "GET", case.1, "", ""));
    let orders = ORDERS.iter().map(|o| (o.0, o.1, o.2, o.3, o.4));
    let (mut asked, mut wrong) = (0, Vec::new());
    for (address, method, path, kind, body) in reads.chain(orders) {
        for (token, fill, sent, accept) in [
            ("", &nobody, body, "application/json"),
            ("Bearer token-900", &nobody, body, "application/json"),
            ("Bearer token-900", &nobody, "{\"\u{0}", "text/html"),
            ("Bearer token-901", &known, body, "application/json"),
            ("Bearer token-900", &known, body, "text/html"),
            ("Bearer token-900", &known, body, "application/json"),
        ] {
            let sent = if method == "GET" { "" } else { sent };
            let (path, sent) = (fill_in(path, fill), fill_in(sent, fill));
            let mut headers = vec![("Accept", accept), ("Causeway-Reason", "tried")];
            headers.extend((!kind.is_empty()).then_some(("Content-Type", kind)));
            headers.extend((!token.is_empty()).then_some(("Authorization", token)));
            let reply = call(&server, method, &path, &headers, sent.as_bytes()).await;
            assert!(
                reply.status < 500 || reply.status == 503 || reply.status == 502,
                "{method} {path}: {}",
                reply.status
            );
            asked += 1;
            // A page that is only sent to has a case among those that are read.
            if root["paths"][address.replace("%24", "$")][method.to_ascii_lowercase()].is_null() {
                assert!(matches!(reply.status, 401 | 405), "{method} {address}: {}", reply.status);
                continue;
            }
            for what in undocumented(&root, address, method, &reply) {
                wrong.push(format!("{method} {address} ({token}, {accept}): {what}"));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} of {asked} not as documented:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked > 800, "{asked}");
    server.stop().await.unwrap();
}

/// The control: what is not in the document is found.
#[test]
fn a_status_a_media_type_and_a_shape_that_are_not_documented_are_found() {
    let root = document();
    let reply = |status, media: &str, body: &str| Reply {
        status,
        headers: vec![("content-type".to_owned(), media.to_owned())],
        body: body.as_bytes().to_vec(),
    };
    let receipt = r#"{"id":"1","state":"accepted","href":"/messages/1"}"#;
    for (status, media, body, good) in [
        (202, "application/json", receipt, true),
        (500, "application/fhir+json", "{}", false),
        (202, "text/plain", receipt, false),
        (202, "application/json", r#"{"id":"1","href":"/messages/1"}"#, false),
        (202, "application/json", r#"{"id":1,"state":"accepted","href":"/messages/1"}"#, false),
        (422, "application/fhir+json", r#"{"resourceType":"OperationOutcome","issue":[]}"#, false),
    ] {
        let found = undocumented(&root, "/messages", "POST", &reply(status, media, body));
        assert_eq!(found.is_empty(), good, "{status} {media} {body}: {found:?}");
    }
}
