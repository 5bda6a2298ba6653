//! Answers of FHIR messaging: OperationOutcomes with the codes of the NHS API platform, response Bundles.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_broker::bars::Refusal;
use causeway_broker::state::original_uri;
use causeway_exchange::{Answer, MessageId};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::browser;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// A refusal as a response.
pub(super) fn refuse(refusal: &Refusal) -> Response {
    let mut response = of(&refusal.keep());
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A kept answer as a response.
pub(super) fn of(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body.clone()).into_response();
    // It may be the word of the receiver that a message was passed on to.
    let said = Some(answer.media_type.as_str()).filter(|said| !said.is_empty()).unwrap_or(MEDIA_TYPE);
    browser::as_sent_by_others(response.headers_mut(), Some(said), "answer");
    response
}

/// The response message to a request that is now ours or in a mailbox.
pub(super) fn response(id: &MessageId, request: &Value, now: Timestamp) -> Answer {
    let header = &request["entry"][0]["resource"];
    let own =
        |what: &str| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}#{what}", original_uri(id)).as_bytes());
    let header_id = own("response-header").hyphenated().to_string();
    let mut answer = json!({
        "resourceType": "MessageHeader",
        "id": header_id,
        "source": {"name": "Causeway", "endpoint": original_uri(id)},
        "response": {"identifier": header["id"], "code": "ok"},
    });
    for event in ["eventCoding", "eventUri"] {
        if !header[event].is_null() {
            answer[event] = header[event].clone();
        }
    }
    if header["source"]["endpoint"].is_string() {
        answer["destination"] = json!([{"endpoint": header["source"]["endpoint"]}]);
    }
    let bundle = json!({
        "resourceType": "Bundle",
        "id": own("response").hyphenated().to_string(),
        "type": "message",
        "timestamp": now.to_string(),
        "entry": [{"fullUrl": format!("urn:uuid:{header_id}"), "resource": answer}],
    });
    Answer { status: 200, media_type: MEDIA_TYPE.to_owned(), body: bundle.to_string().into_bytes() }
}
