//! A batch of reads: each entry is a request of its own, through the same gate and with its own entry of the access log. A
//! transaction is taken in as a message.

use std::pin::Pin;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use causeway_access::{Reader, Shown};
use causeway_broker::state::Shared;
use causeway_host::Peer;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{answer, base, format};
use crate::http::accept;

/// Entries of a batch.
const ENTRIES_MAX: usize = 100;
/// Bytes of a transaction that is taken in here; a larger one goes to `POST /messages`.
const TRANSACTION_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a batch.
const BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the answer to one entry.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Headers of the batch that are not those of its entries.
const OWN: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::ACCEPT,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];

pub(super) async fn batch(State(state): State<Shared>, reader: Reader, request: Request) -> Answer {
    // Whoever may not read at all is told so once.
    drop(reader);
    let (parts, body) = request.into_parts();
    format::negotiate(&parts.headers, None)?;
    let large =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "batch", "the Bundle is too large");
    let body = to_bytes(body, TRANSACTION_BYTES_MAX).await.map_err(|_| large())?;
    let bundle = format::resource_of(&body)?;
    let invalid = |text: &'static str| Problem::invalid("batch", text);
    if bundle["resourceType"] == "Bundle" && bundle["type"] == "transaction" {
        return taken_in(&state, &parts, body).await;
    }
    if bundle["resourceType"] != "Bundle" || bundle["type"] != "batch" {
        return Err(invalid(
            "a Bundle of type batch with reads is answered here, one of type transaction is taken in; send any other to \
             POST /messages",
        ));
    }
    if body.len() > BYTES_MAX {
        return Err(large());
    }
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.len() > ENTRIES_MAX {
        return Err(invalid("the batch has too many entries"));
    }
    let root = base(&state, &parts.headers);
    let mut answered = Vec::with_capacity(entries.len());
    for entry in entries {
        answered.push(one(&state, &parts, &root, &entry["request"]).await);
    }
    let bundle = json!({"resourceType": "Bundle", "type": "batch-response", "entry": answered});
    Ok(answer(StatusCode::OK, &bundle))
}

/// A transaction is a message like any other: durable before it is answered, translated and accounted for, then part of the
/// record. What became of it is told at its address; a request that is not done is told there too.
async fn taken_in(state: &Shared, parts: &Parts, body: Bytes) -> Answer {
    let media_type = match causeway_profile::is_xml(&body) {
        true => "application/fhir+xml; fhirVersion=4.0",
        false => "application/fhir+json; fhirVersion=4.0",
    };
    let mut headers = parts.headers.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.remove("prefer");
    let shown = Shown(parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.clone()));
    let taken = accept::take(state, &shown, headers, Body::from(body)).await?;
    let place = taken.headers().get(header::LOCATION).cloned();
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{
        "severity": "information", "code": "informational",
        "details": {"text": "the transaction is kept and will be part of the record; its address tells what became of each item"},
    }]});
    let mut response = answer(taken.status(), &outcome);
    if let Some(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn refused(problem: &Problem) -> Value {
    json!({"response": {"status": problem.status.as_u16().to_string(), "outcome": problem.outcome()}})
}

async fn one(state: &Shared, batch: &Parts, root: &str, asked: &Value) -> Value {
    let method = asked["method"].as_str().unwrap_or_default();
    if method != "GET" && method != "HEAD" {
        let text = "only reads are answered in a batch";
        return refused(&Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", "method", text));
    }
    let url = asked["url"].as_str().unwrap_or_default();
    let path = url.strip_prefix(root).unwrap_or(url).trim_start_matches('/');
    let elsewhere = path.is_empty() || path.contains("://") || path.split(['/', '?']).any(|p| p == "..");
    // The Bundle's own form is the form of what is in it.
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query: Vec<&str> = query.split('&').filter(|part| !part.starts_with("_format=")).collect();
    let request = request(batch, &format!("/fhir/{path}?{}", query.join("&")), asked);
    let (false, Some(request)) = (elsewhere, request) else {
        return refused(&Problem::invalid("batch", "the url of an entry is relative to this API"));
    };
    entry(routed(state, request).await, method == "HEAD").await
}

/// The answer of this API to one request.
fn routed(state: &Shared, request: Request) -> Pin<Box<dyn Future<Output = Response> + Send>> {
    let router = super::router().with_state(state.clone());
    Box::pin(async move {
        let Ok(response) = router.oneshot(request).await;
        response
    })
}

/// The request of an entry, by the same caller.
fn request(batch: &Parts, uri: &str, asked: &Value) -> Option<Request> {
    let mut headers: HeaderMap = batch.headers.clone();
    for name in OWN {
        headers.remove(name);
    }
    for (name, member) in
        [(header::IF_NONE_MATCH, "ifNoneMatch"), (header::IF_MODIFIED_SINCE, "ifModifiedSince")]
    {
        if let Some(value) = asked[member].as_str() {
            let value = if member == "ifModifiedSince" { http_date(value)? } else { value.to_owned() };
            headers.insert(name, HeaderValue::from_str(&value).ok()?);
        }
    }
    let mut request = Request::builder().method(Method::GET).uri(uri).body(Body::empty()).ok()?;
    *request.headers_mut() = headers;
    if let Some(peer) = batch.extensions.get::<Peer>() {
        request.extensions_mut().insert(peer.clone());
    }
    Some(request)
}

/// An instant as HTTP writes it.
fn http_date(instant: &str) -> Option<String> {
    let at: jiff::Timestamp = instant.parse().ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

async fn entry(response: Response, head: bool) -> Value {
    let status = response.status();
    let mut told = json!({"status": status.as_u16().to_string()});
    if let Some(etag) = response.headers().get(header::ETAG).and_then(|v| v.to_str().ok()) {
        told["etag"] = etag.into();
    }
    let bytes: Bytes = match to_bytes(response.into_body(), ANSWER_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(_) => return refused(&Problem::internal()),
    };
    let resource = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    if resource.is_null() || head {
        return json!({"response": told});
    }
    if let Some(updated) = resource["meta"]["lastUpdated"].as_str() {
        told["lastModified"] = updated.into();
    }
    if status.is_success() {
        return json!({"resource": resource, "response": told});
    }
    told["outcome"] = resource;
    json!({"response": told})
}
