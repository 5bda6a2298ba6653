//! Pointers are disclosures: the person's choices, what is withheld, and the access log.

use causeway_service::Config;
use causeway_service::access::Organisation;
use causeway_service::delivery::Endpoint;
use causeway_service::nrl::{Permission, Settings};
use serde_json::{Value, json};

use crate::support::*;
use crate::world::{Asks, serve, server, store};

const PLAN: &str = "http://snomed.info/sct|736253002";
const SUMMARY: &str = "http://snomed.info/sct|824321000000109";
const SUBJECT: &str = "subject:identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018";

fn plan(id: &str, url: &str) -> Value {
    json!({
        "resourceType": "DocumentReference", "id": id, "status": "current",
        "type": {"coding": [{"system": "http://snomed.info/sct", "code": "736253002", "display": "Mental health crisis plan"}]},
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "734163000", "display": "Care plan"}]}],
        "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
        "custodian": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ902"}},
        "author": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ902"}}],
        "content": [{"attachment": {"contentType": "application/pdf", "url": url}}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_pointer() {
    let world = World::new();
    let server = server(&world, Settings::default()).await;
    let owner = Asks::of("ZZ902", &[PLAN]);
    let path = "/producer/FHIR/R4/DocumentReference";
    let first = plan("ZZ902-first", "https://example.org/1.pdf");
    let made = owner.call(&server, "PUT", path, first.to_string().as_bytes()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("x-request-id"), Some("60E0B220-8136-4CA5-AE46-1D97EF59D068"));
    let again = owner.call(&server, "PUT", path, first.to_string().as_bytes()).await;
    assert_eq!((again.status, again.rule().as_str()), (409, "DUPLICATE_REJECTED"));
    // A create that is sent again makes no second pointer, and one with another request id does.
    let mut new = plan("", "https://example.org/new.pdf");
    new.as_object_mut().unwrap().remove("id");
    let made = owner.call(&server, "POST", path, new.to_string().as_bytes()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let again = owner.call(&server, "POST", path, new.to_string().as_bytes()).await;
    assert_eq!((again.status, again.header("location")), (201, made.header("location")));
    let other = Asks { request: "another", ..Asks::of("ZZ902", &[PLAN]) };
    let other = other.call(&server, "POST", path, new.to_string().as_bytes()).await;
    assert_eq!(other.status, 201);
    assert_ne!(other.header("location"), made.header("location"));
    for made in [made, other] {
        let id = made.header("location").and_then(|place| place.rsplit('/').next()).unwrap().to_owned();
        assert_eq!(owner.call(&server, "DELETE", &format!("{path}/{id}"), b"").await.status, 200);
    }
    // Update: what may change does, and a date of the client's does not count.
    let mut changed = store(&world).get("ZZ902-first").unwrap().unwrap().resource;
    changed["description"] = "a new edition".into();
    let one = format!("{path}/ZZ902-first");
    let updated = owner.call(&server, "PUT", &one, changed.to_string().as_bytes()).await;
    assert_eq!((updated.status, updated.rule().as_str()), (200, "RESOURCE_UPDATED"), "{}", updated.text());
    changed["subject"]["identifier"]["value"] = "9990000026".into();
    let refused = owner.call(&server, "PUT", &one, changed.to_string().as_bytes()).await;
    assert_eq!(
        (refused.status, refused.json()["issue"][0]["expression"][0].clone()),
        (400, json!("subject"))
    );
    // Supersede: the old one goes when the new one comes, or neither happens.
    let mut second = plan("ZZ902-second", "https://example.org/2.pdf");
    second["relatesTo"] = json!([{"code": "replaces", "target": {"identifier": {"value": "ZZ902-none"}}}]);
    let refused = owner.call(&server, "PUT", path, second.to_string().as_bytes()).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(store(&world).get("ZZ902-second").unwrap().is_none());
    second["relatesTo"][0]["target"]["identifier"]["value"] = "ZZ902-first".into();
    let replaced = owner.call(&server, "POST", path, second.to_string().as_bytes()).await;
    assert_eq!(
        (replaced.status, replaced.rule().as_str()),
        (201, "RESOURCE_SUPERSEDED"),
        "{}",
        replaced.text()
    );
    assert!(store(&world).get("ZZ902-first").unwrap().is_none());
    // HEAD is unknown; a client can't make itself somebody.
    let head = owner.call(&server, "HEAD", &one, b"").await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET")));
    let metadata =
        r#"{"nrl.ods-code":"ZZ900","nrl.app-id":"a","nrl.permissions":["allow-all-pointer-types"]}"#;
    let rp = r#"{"developer.app.name":"a","developer.app.id":"a"}"#;
    let headers = [
        ("Authorization", "Bearer token-901"),
        ("NHSD-Connection-Metadata", metadata),
        ("NHSD-Client-RP-Details", rp),
    ];
    let forged = call(&server, "GET", &format!("{path}?{SUBJECT}"), &headers, b"").await;
    assert_eq!(forged.status, 403, "{}", forged.text());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_its_own_token_is_who_it_is() {
    let world = World::new();
    let permission = |code: &str, types: &[&str]| Permission {
        organisation: code.to_owned(),
        extension: None,
        types: types.iter().map(|t| (*t).to_owned()).collect(),
        permissions: Vec::new(),
    };
    let settings = Settings { permissions: vec![permission("ZZ902", &[PLAN])], ..Settings::default() };
    let server = server(&world, settings).await;
    let path = "/producer/FHIR/R4/DocumentReference";
    let body = plan("ZZ902-own", "https://example.org/1.pdf").to_string();
    for (token, end_user, status) in [
        ("Bearer token-902", "ZZ902", 201),
        ("Bearer token-902", "ZZ901", 403),
        ("Bearer token-901", "ZZ901", 403),
        ("Bearer token-000", "ZZ902", 401),
    ] {
        let headers = [("Authorization", token), ("NHSD-End-User-Organisation-ODS", end_user)];
        let reply = call(&server, "PUT", path, &headers, body.as_bytes()).await;
        assert_eq!(reply.status, status, "{token} {end_user}: {}", reply.text());
    }
    server.stop().await.unwrap();
}

/// Each source's record has its pointer as soon as the record has it; the person's own choice closes it, and a control shows
/// that without the choice it is there.
#[tokio::test(flavor = "multi_thread")]
async fn what_sources_hold_is_pointed_at() {
    let world = World::new();
    let server = serve(&world, open_config(), Settings::default()).await;
    let headers = [("Causeway-Sender", "ZZ905")];
    let path = format!("/consumer/FHIR/R4/DocumentReference?{SUBJECT}");
    let before = call(&server, "GET", &path, &headers, b"").await.json();
    assert_eq!(before["total"], 0);
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let found = call(&server, "GET", &path, &headers, b"").await.json();
    assert_eq!(found["total"], 1, "{found}");
    let pointer = &found["entry"][0]["resource"];
    assert_eq!(pointer["type"]["coding"][0]["code"], "824321000000109");
    assert_eq!(pointer["custodian"]["identifier"]["value"], "ZZ901");
    let text = pointer.to_string();
    assert!(!text.contains("Quillfeather") && !text.contains("reference\""), "identifiers only: {text}");
    let report = causeway_profile::check(text.as_bytes());
    let errors: Vec<_> =
        report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    // Followed, it leads to the record here, which asks for itself.
    let id = pointer["id"].as_str().unwrap();
    let one = format!("/consumer/FHIR/R4/DocumentReference/{id}");
    assert_eq!(call(&server, "GET", &one, &headers, b"").await.json(), *pointer);
    let followed = call(&server, "GET", &format!("{one}/$retrieve"), &headers, b"").await;
    assert_eq!(followed.status, 303, "{}", followed.text());
    let place = followed.header("location").unwrap();
    let place = place.strip_prefix(&format!("http://{}", server.address())).unwrap().to_owned();
    let record = get(&server, &place).await.json();
    assert!(record["entry"].as_array().unwrap().len() > 2, "{record}");
    let count = format!("/consumer/FHIR/R4/DocumentReference/_count?{SUBJECT}");
    let counted = call(&server, "GET", &count, &headers, b"").await.json();
    assert_eq!(counted, json!({"resourceType": "Bundle", "type": "searchset", "total": 1}));
    server.stop().await.unwrap();
}

/// Behind the gateway nobody is an operator: without a ground to see her record, an organisation hears of no pointer of a
/// person whom the record holds, and its attempt is in her access log.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_the_record_is_behind_the_decision() {
    let world = World::new();
    let server = server(&world, Settings::default()).await;
    let own = [("Authorization", "Bearer token-901"), ("Content-Type", "text/x-lines")];
    let sent = call(&server, "POST", "/messages", &own, AGNES.as_bytes()).await.json();
    let operator = [("Authorization", "Bearer token-900"), ("Accept", "application/json")];
    let id = sent["id"].as_str().unwrap();
    let start = std::time::Instant::now();
    loop {
        let message = call(&server, "GET", &format!("/messages/{id}"), &operator, b"").await.json();
        let events = message["timeline"].as_array().cloned().unwrap_or_default();
        if events.iter().any(|e| e["event"] == "recorded") {
            break;
        }
        assert!(start.elapsed().as_secs() < 20, "{message}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let owner = Asks::of("ZZ902", &[PLAN]);
    let body = plan("ZZ902-plan", "https://example.org/1.pdf").to_string();
    let made = owner.call(&server, "PUT", "/producer/FHIR/R4/DocumentReference", body.as_bytes()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/consumer/FHIR/R4/DocumentReference?{SUBJECT}");
    let stranger = Asks::of("ZZ999", &[PLAN, SUMMARY]);
    let seen = stranger.call(&server, "GET", &path, b"").await.json();
    assert_eq!(seen["total"], 0, "{seen}");
    let read = stranger.call(&server, "GET", "/consumer/FHIR/R4/DocumentReference/ZZ902-plan", b"").await;
    assert_eq!(read.status, 403, "{}", read.text());
    let entries = server.state.engine.audit_entries(None, None, 10_000).unwrap();
    let refused = entries
        .iter()
        .filter(|e| e.audit.actor == "ZZ999" && e.audit.detail.contains("\"refused\":\""))
        .count();
    assert!(refused >= 2, "{refused}");
    // Of somebody whom the record does not hold, the types alone decide: the control.
    let mut other = plan("ZZ902-other", "https://example.org/2.pdf");
    other["subject"]["identifier"]["value"] = "9990000026".into();
    owner.call(&server, "PUT", "/producer/FHIR/R4/DocumentReference", other.to_string().as_bytes()).await;
    let path = path.replace("9990000018", "9990000026");
    let seen = stranger.call(&server, "GET", &path, b"").await.json();
    assert_eq!(seen["total"], 1, "{seen}");
    let entries = server.state.engine.audit_entries(None, None, 10_000).unwrap();
    let last = entries.iter().rfind(|e| e.audit.actor == "ZZ999").unwrap();
    assert!(last.audit.detail.contains("ZZ902-other"), "told before it was shown: {}", last.audit.detail);
    server.stop().await.unwrap();
}

/// A pointer to what a source holds is followed there with our own authorisation; a source that is down is named.
#[tokio::test(flavor = "multi_thread")]
async fn ig_26_a_pointer_is_followed_live_and_a_source_that_is_down_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let source = axum::Router::new().route(
        "/records/plan.pdf",
        axum::routing::get(|headers: axum::http::HeaderMap| async move {
            let token = headers.get("authorization").map(|v| v.to_str().unwrap_or_default().to_owned());
            let status = if token.as_deref() == Some("Bearer source-token") { 200 } else { 401 };
            (
                axum::http::StatusCode::from_u16(status).unwrap(),
                [("content-type", "application/pdf")],
                "%PDF-1.4 plan",
            )
        }),
    );
    let running = tokio::spawn(async move { axum::serve(listener, source).await });
    let world = World::new();
    let token_file = world.directory.join("token");
    std::fs::write(&token_file, "source-token").unwrap();
    let endpoint = Endpoint {
        name: "ward".to_owned(),
        address: format!("http://{address}/records"),
        timeout_seconds: 2,
        auth: causeway_service::delivery::config::Auth::Bearer { token_file },
        ..Endpoint::default()
    };
    let mut organisation = Organisation::of_code("ZZ902").unwrap();
    organisation.name = "Example Hospital".to_owned();
    let config = Config { endpoints: vec![endpoint], organisations: vec![organisation], ..open_config() };
    let server = serve(&world, config, Settings::default()).await;
    let owner = [("Causeway-Sender", "ZZ902")];
    for (id, url) in [
        ("ZZ902-a", format!("http://{address}/records/plan.pdf")),
        ("ZZ902-b", format!("http://{address}/other/plan.pdf")),
        ("ZZ902-c", format!("http://{address}/records/gone.pdf")),
    ] {
        let body = plan(id, &url).to_string();
        let made = call(&server, "PUT", "/producer/FHIR/R4/DocumentReference", &owner, body.as_bytes()).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let reader = [("Causeway-Sender", "ZZ905")];
    let follow = |id: &str| format!("/consumer/FHIR/R4/DocumentReference/{id}/$retrieve");
    let got = call(&server, "GET", &follow("ZZ902-a"), &reader, b"").await;
    assert_eq!((got.status, got.text().as_str()), (200, "%PDF-1.4 plan"));
    for (id, status, rule) in [("ZZ902-b", 404, "source-unknown"), ("ZZ902-c", 502, "source-refused")] {
        let reply = call(&server, "GET", &follow(id), &reader, b"").await;
        assert_eq!((reply.status, reply.rule().as_str()), (status, rule), "{}", reply.text());
    }
    running.abort();
    drop(running.await);
    let down = call(&server, "GET", &follow("ZZ902-a"), &reader, b"").await;
    assert_eq!((down.status, down.rule().as_str()), (504, "source-away"), "{}", down.text());
    let said = down.text();
    assert!(said.contains("ZZ902") && said.contains("ward"), "the source is named: {said}");
    server.stop().await.unwrap();
}
