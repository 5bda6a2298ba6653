//! FHIR messaging with the Booking and Referral headers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_exchange::{InboxQuery, MessageId};
use causeway_service::config::{Config, Organisation};
use causeway_service::testing::TestServer;
use serde_json::{Value, json};

use crate::receiver::*;
use crate::support::*;

pub const OURS: &str = "2000099991";
pub const THEIRS: &str = "2000099992";

pub fn target(value: &str) -> String {
    STANDARD.encode(json!({"system": "https://fhir.nhs.uk/id/dos-service-id", "value": value}).to_string())
}

pub fn request_id(number: u32) -> String {
    format!("{number:08x}-0b0a-4909-8807-060504030201")
}

/// A referral about an invented person.
pub fn referral(what: &str) -> String {
    let patient = nhs_number(77);
    json!({"resourceType": "Bundle", "type": "message", "id": "b-1", "entry": [
        {"fullUrl": "urn:uuid:5f3c7a52-0000-4000-8000-000000000001", "resource": {
            "resourceType": "MessageHeader", "id": "5f3c7a52-0000-4000-8000-000000000001",
            "eventCoding": {"system": "https://fhir.nhs.uk/CodeSystem/message-events-bars", "code": "servicerequest-request"},
            "source": {"endpoint": "https://sender.example/fhir"},
            "focus": [{"reference": "urn:uuid:5f3c7a52-0000-4000-8000-000000000002"}]}},
        {"fullUrl": "urn:uuid:5f3c7a52-0000-4000-8000-000000000002", "resource": {
            "resourceType": "ServiceRequest", "id": "5f3c7a52-0000-4000-8000-000000000002",
            "status": "active", "intent": "order", "code": {"text": what},
            "subject": {"reference": "Patient/p-1"}}},
        {"fullUrl": "https://sender.example/fhir/Patient/p-1", "resource": {
            "resourceType": "Patient", "id": "p-1", "meta": {"source": "https://sender.example"},
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": patient}],
            "name": [{"family": "Testling", "given": ["Bea"]}], "birthDate": "1950-02-03"}},
    ]})
    .to_string()
}

pub fn bars(id: u32, to: &str) -> Vec<(String, String)> {
    let organisation =
        json!({"resourceType": "Organization", "identifier": [{"value": "ZZ901"}]}).to_string();
    [
        ("Content-Type", "application/fhir+json".to_owned()),
        ("Accept", "application/fhir+json; version=1.0.0".to_owned()),
        ("Causeway-Sender", "ZZ901".to_owned()),
        ("X-Request-Id", request_id(id)),
        ("X-Correlation-Id", request_id(id + 1000)),
        ("NHSD-Target-Identifier", target(to)),
        ("NHSD-End-User-Organisation", STANDARD.encode(organisation)),
        ("NHSD-Requesting-Software", "test".to_owned()),
    ]
    .map(|(n, v)| (n.to_owned(), v))
    .into()
}

pub async fn post(server: &TestServer, headers: &[(String, String)], body: &str) -> Reply {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let reply = call(server, "POST", "/fhir/$process-message", &headers, body.as_bytes()).await;
    for name in ["X-Request-Id", "X-Correlation-Id"] {
        let sent = headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        assert_eq!(reply.header(name), sent, "the ids are echoed always");
    }
    reply
}

fn error(reply: &Reply) -> (u16, String, String) {
    let body = reply.json();
    assert_eq!(body["resourceType"], "OperationOutcome");
    let coding = &body["issue"][0]["details"]["coding"][0];
    assert_eq!(coding["system"], "https://fhir.nhs.uk/CodeSystem/http-error-codes");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    (reply.status, text(&coding["code"]), text(&body["issue"][0]["code"]))
}

fn config() -> Config {
    let mut config = open_config();
    config.messaging.services = vec![OURS.to_owned()];
    config
}

/// What it is about, headers, body, and the answer: status, code, issue.
type Case<'a> = (&'a str, Vec<(String, String)>, &'a str, (u16, &'a str, &'a str));

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_and_how() {
    let world = World::new();
    let server = world.serve(config()).await;
    let change = |name: &str, value: Option<&str>| {
        let mut headers = bars(1, OURS);
        headers.retain(|(n, _)| n != name);
        headers.extend(value.map(|v| (name.to_owned(), v.to_owned())));
        headers
    };
    let (good, bad_request) = (referral("x"), (400, "SEND_BAD_REQUEST", "invalid"));
    let no_json = STANDARD.encode("no");
    let half = STANDARD.encode("{\"system\":\"x\"}");
    let cases: Vec<Case<'_>> = vec![
        ("no request id", change("X-Request-Id", None), &good, bad_request),
        ("no GUID", change("X-Request-Id", Some("12")), &good, bad_request),
        ("no correlation id", change("X-Correlation-Id", None), &good, bad_request),
        ("no target", change("NHSD-Target-Identifier", None), &good, bad_request),
        ("target not base64", change("NHSD-Target-Identifier", Some("§§")), &good, bad_request),
        ("target not JSON", change("NHSD-Target-Identifier", Some(&no_json)), &good, bad_request),
        ("target without value", change("NHSD-Target-Identifier", Some(&half)), &good, bad_request),
        ("no organisation", change("NHSD-End-User-Organisation", None), &good, bad_request),
        ("organisation not FHIR", change("NHSD-End-User-Organisation", Some(&half)), &good, bad_request),
        (
            "other version",
            change("Accept", Some("application/fhir+json; version=2.0.0")),
            &good,
            (406, "SEND_NOT_ACCEPTABLE", "not-supported"),
        ),
        ("unknown target", bars(1, "999"), &good, (404, "PROXY_NOT_FOUND", "not-found")),
        ("not JSON", bars(1, OURS), "{", bad_request),
        (
            "no message",
            bars(1, OURS),
            "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}",
            (422, "SEND_UNPROCESSABLE_ENTITY", "invalid"),
        ),
        (
            "STU3 header",
            bars(1, OURS),
            r#"{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","event":{"code":"x"}}}]}"#,
            (422, "SEND_UNPROCESSABLE_ENTITY", "invalid"),
        ),
        (
            "a member twice",
            bars(1, OURS),
            r#"{"resourceType":"Bundle","type":"message","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","eventUri":"x"}}]}"#,
            (422, "SEND_UNPROCESSABLE_ENTITY", "invalid"),
        ),
    ];
    for (what, headers, body, expected) in cases {
        let reply = post(&server, &headers, body).await;
        let (status, code, issue) = error(&reply);
        assert_eq!((status, code.as_str(), issue.as_str()), expected, "{what}");
    }
    assert_eq!(get(&server, "/messages").await.json()["messages"].as_array().unwrap().len(), 0);
    assert_eq!(get(&server, "/fhir/$process-message").await.status, 405);
    server.stop().await.unwrap();

    let world = World::new();
    let mut closed = closed_config();
    closed.messaging.services = vec![OURS.to_owned()];
    let server = world.serve(closed).await;
    assert_eq!(error(&post(&server, &bars(1, OURS), &good).await).1, "SEND_UNAUTHORIZED");
    let mut stranger = bars(1, OURS);
    stranger.push(("Authorization".to_owned(), "Bearer token-902".to_owned()));
    assert_eq!(error(&post(&server, &stranger, &good).await).1, "SEND_FORBIDDEN");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_us_becomes_part_of_the_record_and_is_done_once() {
    let world = World::new();
    let server = world.serve(config()).await;
    let reply = post(&server, &bars(1, OURS), &referral("Knee assessment")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let header = reply.json()["entry"][0]["resource"].clone();
    assert_eq!(
        header["response"],
        json!({"identifier": "5f3c7a52-0000-4000-8000-000000000001", "code": "ok"})
    );
    assert_eq!(header["eventCoding"]["code"], "servicerequest-request");
    assert!(
        causeway_profile::check_value(&reply.json())
            .findings
            .iter()
            .all(|f| f.severity != causeway_profile::Severity::Error)
    );

    let list = get(&server, "/messages").await.json();
    let id = list["messages"][0]["id"].as_str().unwrap().to_owned();
    let message = until(&server, &id, "recorded").await;
    assert_eq!(message["door"], "fhir-messaging");
    assert_eq!(message["translation"]["ledger"]["unexplained"].as_u64().unwrap_or(0), 0);
    let found = get(&server, "/fhir/ServiceRequest").await.json();
    let found = &found["entry"][0]["resource"];
    assert_eq!(found["code"]["text"], "Knee assessment", "{found:#}");
    assert!(found["meta"]["source"].as_str().unwrap().contains(&id));
    let subject = found["subject"]["reference"].as_str().unwrap();
    assert_eq!(get(&server, &format!("/fhir/{subject}")).await.json()["birthDate"], "1950-02-03");
    let original = get(&server, &format!("/messages/{id}/original")).await;
    assert_eq!(original.text(), referral("Knee assessment"), "the original is kept as it came");

    // A retry is a duplicate; the same id with other content is a conflict; a new id is a new message.
    let again = error(&post(&server, &bars(1, OURS), &referral("Knee assessment")).await);
    assert_eq!(again, (409, "REC_CONFLICT".to_owned(), "duplicate".to_owned()));
    let other = error(&post(&server, &bars(1, OURS), &referral("Hip")).await);
    assert_eq!(other, (409, "REC_CONFLICT".to_owned(), "conflict".to_owned()));
    assert_eq!(post(&server, &bars(2, OURS), &referral("Hip")).await.status, 200);
    assert!(!logged().contains("Knee assessment"));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_an_organisation_waits_in_its_mailbox() {
    let world = World::new();
    let mut config = config();
    let mut organisation = Organisation::of_code("ZZ902").unwrap();
    organisation.mailbox = Some("ZZ902OT001".to_owned());
    config.organisations.push(organisation);
    let server = world.serve(config).await;
    assert_eq!(post(&server, &bars(1, "ZZ902"), &referral("x")).await.status, 200);
    let query = InboxQuery { mailbox: "ZZ902OT001".to_owned(), after: None, limit: 10, filter: None };
    let inbox = server.state.engine.inbox(&query).unwrap();
    assert_eq!(inbox.entries.len(), 1);
    let content = server.state.behind().1.content(&inbox.entries[0].id, 1 << 20).unwrap();
    assert_eq!(String::from_utf8(content.bytes).unwrap(), referral("x"));
    assert_eq!(error(&post(&server, &bars(1, "ZZ902"), &referral("x")).await).2, "duplicate");
    assert_eq!(server.state.engine.inbox(&query).unwrap().entries.len(), 1);
    server.stop().await.unwrap();
}

fn passed_on(receiver: &Receiver, seconds: u64) -> Config {
    let mut config = config();
    config.messaging.timeout_seconds = seconds;
    config.endpoints = vec![endpoint(json!({"name": "theirs", "kind": "fhir", "address": receiver.url(),
        "targets": [format!("https://fhir.nhs.uk/id/dos-service-id|{THEIRS}")],
        "retry": {"first_seconds": 1, "cap_seconds": 1, "give_up_hours": 1}}))];
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_passed_on_as_it_is_and_the_answer_comes_back() {
    let world = World::new();
    let answer = json!({"resourceType": "Bundle", "type": "message", "entry": [
        {"resource": {"resourceType": "MessageHeader", "response": {"identifier": "x", "code": "ok"}}}]});
    let body = answer.to_string();
    let receiver = Receiver::start(move |_, _| {
        (200, vec![("content-type", "application/fhir+json".to_owned())], body.clone())
    })
    .await;
    let server = world.serve(passed_on(&receiver, 32)).await;
    let reply = post(&server, &bars(1, THEIRS), &referral("x")).await;
    assert_eq!((reply.status, reply.json()), (200, answer));
    let got = receiver.got();
    assert_eq!((got.len(), got[0].text()), (1, referral("x")));
    for (name, value) in bars(1, THEIRS) {
        if name != "Causeway-Sender" {
            assert_eq!(got[0].header(&name.to_ascii_lowercase()), value, "{name}");
        }
    }
    assert_eq!(error(&post(&server, &bars(1, THEIRS), &referral("x")).await).2, "duplicate");
    assert_eq!(receiver.got().len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_inherits_the_failure_of_the_first() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| outcome(422, "business-rule")).await;
    let server = world.serve(passed_on(&receiver, 32)).await;
    for _ in 0..3 {
        let reply = post(&server, &bars(1, THEIRS), &referral("x")).await;
        assert_eq!((reply.status, reply.json()["issue"][0]["code"].as_str()), (422, Some("business-rule")));
    }
    assert_eq!(receiver.got().len(), 1, "it is asked once");
    let parked = queued(&server);
    assert_eq!(parked[0].state.as_str(), "parked");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_without_an_answer_in_time_is_408_then_too_early_then_done() {
    let world = World::new();
    let receiver = Receiver::slow(Duration::from_millis(2500), |_, _| ok()).await;
    let server = world.serve(passed_on(&receiver, 1)).await;
    let first = error(&post(&server, &bars(1, THEIRS), &referral("x")).await);
    assert_eq!(first, (408, "REC_TIMEOUT".to_owned(), "timeout".to_owned()));
    let second = error(&post(&server, &bars(1, THEIRS), &referral("x")).await);
    assert_eq!(second, (425, "REC_TOO_EARLY".to_owned(), "transient".to_owned()));
    receiver.until(1).await;
    when("done", || queued(&server).is_empty().then_some(())).await;
    let third = error(&post(&server, &bars(1, THEIRS), &referral("x")).await);
    assert_eq!(third, (409, "REC_CONFLICT".to_owned(), "duplicate".to_owned()));
    assert_eq!(receiver.got().len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_busy_is_told_and_the_message_goes_on() {
    let world = World::new();
    let receiver = Receiver::start(|_, at| if at == 0 { outcome(503, "transient") } else { ok() }).await;
    let server = world.serve(passed_on(&receiver, 32)).await;
    let first = error(&post(&server, &bars(1, THEIRS), &referral("x")).await);
    assert_eq!((first.0, first.1.as_str()), (503, "REC_UNAVAILABLE"));
    receiver.until(2).await;
    when("done", || queued(&server).is_empty().then_some(())).await;
    assert_eq!(error(&post(&server, &bars(1, THEIRS), &referral("x")).await).2, "duplicate");
    let id = MessageId::new(get(&server, "/messages").await.json()["messages"][0]["id"].as_str().unwrap())
        .unwrap();
    when("delivered", || {
        (server.state.engine.message(&id).unwrap().unwrap().state.as_str() == "delivered").then_some(())
    })
    .await;
    server.stop().await.unwrap();
}

#[test]
fn the_pass_through_keeps_the_adapters_contract() {
    causeway_adapter::contract::Suite::new(&causeway_adapter_fhir_r4::FhirR4)
        .case("referral", referral("Knee assessment"))
        .case("names", r##"{"resourceType":"Bundle","type":"message","entry":[
            {"resource":{"resourceType":"MessageHeader","eventUri":"https://x.example/event","source":{"endpoint":"a"},
                "focus":[{"reference":"https://x.example/Task/1/_history/2"},{"reference":"Patient/gone"}]},
             "request":{"method":"DELETE","url":"Patient/1"}},
            {"fullUrl":"https://x.example/Task/1","resource":{"resourceType":"Task","status":"requested","intent":"order",
                "contained":[{"resourceType":"Patient","id":"c"}],"for":{"reference":"#c"}}},
            {"fullUrl":"urn:uuid:5f3c7a52-0000-4000-8000-000000000009"}]}"##)
        .check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_at_the_plain_http_door_is_known_too_and_can_be_translated_again() {
    let world = World::new();
    let server = world.serve(config()).await;
    let headers = [("Content-Type", "application/fhir+json"), ("Causeway-Sender", "ZZ901")];
    let reply = call(&server, "POST", "/messages", &headers, referral("Hip").as_bytes()).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let message = until(&server, &id, "recorded").await;
    assert_eq!(message["translation"]["adapter"], "fhir-r4");
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Causeway-Sender", "ZZ901")];
    let again =
        call(&server, "POST", &format!("/messages/{id}/replay"), &form, b"note=again&confirm=yes").await;
    assert_eq!(again.status, 303, "{}", again.text());
    let recorded =
        |m: &Value| m["timeline"].as_array().unwrap().iter().filter(|e| e["event"] == "recorded").count();
    for _ in 0..3_000 {
        if recorded(&get(&server, &format!("/messages/{id}")).await.json()) == 2 {
            return server.stop().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not translated again");
}
