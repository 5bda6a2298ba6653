//! FHIR Subscriptions: handshake, events in order, a receiver that is down, heartbeat, what is refused and withheld.

use causeway_service::access::Organisation;
use causeway_service::testing::TestServer;
use causeway_service::{Config, delivery::Endpoint};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::receiver::*;
use crate::support::*;

const ADMISSION: &str = "https://fhir.causeway.example/SubscriptionTopic/admission";
const EXTENSION: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-";

fn asked(address: &str, content: &str) -> Value {
    json!({
        "resourceType": "Subscription", "status": "requested", "reason": "to visit after a stay", "criteria": ADMISSION,
        "channel": {
            "type": "rest-hook", "endpoint": address, "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": format!("{EXTENSION}payload-content"), "valueCode": content}]},
            "header": ["X-Team: falls"],
        },
    })
}

fn stay(person: u32, visit: &str, status: &str) -> String {
    json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": format!("urn:uuid:00000000-0000-4000-8000-0000000000{person:02}"), "resource": {
            "resourceType": "Patient", "id": format!("p{person}"),
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(person)}],
            "name": [{"family": format!("Testling{person}"), "given": ["Ada"]}], "birthDate": "1942-03-07", "gender": "female"}},
        {"fullUrl": format!("urn:uuid:00000000-0000-4000-8000-1000{:08}", visit.parse::<u32>().unwrap()), "resource": {
            "resourceType": "Encounter", "id": format!("e{visit}"), "status": status,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": {"reference": format!("urn:uuid:00000000-0000-4000-8000-0000000000{person:02}")}}},
    ]})
    .to_string()
}

async fn tell(server: &TestServer, who: (&str, &str), person: u32, visit: &str, status: &str) {
    let headers = [("Content-Type", "application/fhir+json"), who];
    let body = stay(person, visit, status);
    let sent = call(server, "POST", "/messages", &headers, body.as_bytes()).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let start = std::time::Instant::now();
    loop {
        let events = server.state.engine.timeline(&causeway_exchange::MessageId::new(&id).unwrap()).unwrap();
        if events.iter().any(|e| e.event.kind == "recorded".into()) {
            return;
        }
        assert!(start.elapsed().as_secs() < 20, "{events:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn parameter<'v>(status: &'v Value, name: &str) -> &'v Value {
    let all = status["parameter"].as_array().unwrap();
    all.iter().find(|p| p["name"] == name).unwrap_or(&Value::Null)
}

/// Kind and number of the event of a notification, after it is held to the shape of the backport.
fn of(got: &Got) -> (String, String) {
    let bundle = got.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("history")));
    let status = &bundle["entry"][0]["resource"];
    assert_eq!(status["resourceType"], "Parameters", "{bundle}");
    for entry in bundle["entry"].as_array().unwrap() {
        assert!(entry["request"]["method"].is_string() && entry["request"]["url"].is_string(), "{entry}");
    }
    let report = causeway_profile::check(bundle.to_string().as_bytes());
    let errors: Vec<_> =
        report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?} {bundle}");
    let kind = parameter(status, "type")["valueCode"].as_str().unwrap().to_owned();
    let event = &parameter(status, "notification-event")["part"];
    let number = event[0]["valueString"].as_str().unwrap_or_default().to_owned();
    (kind, number)
}

fn hook(address: &str) -> Config {
    let endpoint: Endpoint = endpoint(json!({"name": "team", "kind": "http", "address": address,
        "retry": {"first_seconds": 5, "cap_seconds": 900, "give_up_hours": 48}}));
    Config { endpoints: vec![endpoint], ..open_config() }
}

async fn subscribe(server: &TestServer, resource: &Value) -> String {
    let headers = [("Content-Type", "application/fhir+json"), ("Causeway-Sender", "ZZ903")];
    let made = call(server, "POST", "/fhir/Subscription", &headers, resource.to_string().as_bytes()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made_one = made.json();
    assert_eq!(made_one["status"], "requested");
    assert!(made_one["channel"].get("header").is_none(), "headers are not shown");
    let id = made_one["id"].as_str().unwrap().to_owned();
    assert!(made.header("location").unwrap().ends_with(&format!("/fhir/Subscription/{id}")));
    id
}

async fn status_of(server: &TestServer, id: &str) -> Value {
    let reply =
        call(server, "GET", &format!("/fhir/Subscription/{id}"), &[("Causeway-Sender", "ZZ903")], b"").await;
    reply.json()["status"].clone()
}

async fn becomes(server: &TestServer, id: &str, wanted: &str) {
    for _ in 0..1000 {
        if status_of(server, id).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{id} does not become {wanted}: {}", status_of(server, id).await);
}

const SENDER: (&str, &str) = ("Causeway-Sender", "ZZ901");

#[tokio::test(flavor = "multi_thread")]
async fn a_team_hears_of_admissions() {
    let receiver = Receiver::start(|_, _| ok()).await;
    let world = World::new();
    let server = world.serve(hook(&receiver.url())).await;
    let mut wanted = asked(&receiver.url(), "full-resource");
    wanted["channel"]["extension"] =
        json!([{"url": format!("{EXTENSION}heartbeat-period"), "valueUnsignedInt": 3600}]);
    let id = subscribe(&server, &wanted).await;
    becomes(&server, &id, "active").await;
    let got = receiver.until(1).await;
    assert_eq!(of(&got[0]), ("handshake".to_owned(), String::new()));
    assert_eq!(got[0].header("x-team"), "falls");
    // Planned is no admission; in progress is one; told again, or changed later, it is none.
    tell(&server, SENDER, 1, "11", "planned").await;
    tell(&server, SENDER, 1, "11", "in-progress").await;
    tell(&server, SENDER, 2, "12", "in-progress").await;
    tell(&server, SENDER, 2, "12", "onleave").await;
    let got = receiver.until(3).await;
    let told: Vec<_> = got[1..].iter().map(of).collect();
    assert_eq!(
        told,
        [
            ("event-notification".to_owned(), "1".to_owned()),
            ("event-notification".to_owned(), "2".to_owned())
        ]
    );
    assert_eq!(got[1].json()["entry"][1]["resource"]["resourceType"], "Encounter");
    server.state.clock.advance(SignedDuration::from_secs(3601)).unwrap();
    let got = receiver.until(4).await;
    assert_eq!(of(&got[3]).0, "heartbeat");
    let status = call(
        &server,
        "GET",
        &format!("/fhir/Subscription/{id}/$status"),
        &[("Causeway-Sender", "ZZ903")],
        b"",
    )
    .await
    .json();
    let status = &status["entry"][0]["resource"];
    assert_eq!(
        parameter(status, "events-since-subscription-start")["valueString"],
        "2",
        "a heartbeat is no event"
    );
    assert_eq!(parameter(status, "type")["valueCode"], "query-status");
    assert_eq!(receiver.got().len(), 4, "nothing more");
    events_are_told_again(&server, &id).await;
    let log = server.state.engine.audit_entries(None, None, 10_000).unwrap();
    let told = log
        .iter()
        .filter(|e| e.audit.actor == "ZZ903" && e.audit.detail.contains("\"act\":\"export\""))
        .count();
    assert_eq!(told, 2 + 2 + 1 + 2, "each is in the access log, each time");
    server.stop().await.unwrap();
}

/// `$events`: all, from a number on, with less content; nobody else's, and no parameter is passed over.
async fn events_are_told_again(server: &TestServer, id: &str) {
    let ask = |query: &'static str, who: &'static str| async move {
        let path = format!("/fhir/Subscription/{id}/$events{query}");
        call(server, "GET", &path, &[("Causeway-Sender", who)], b"").await
    };
    let numbers = |bundle: &Value| -> Vec<String> {
        let all = bundle["entry"][0]["resource"]["parameter"].as_array().unwrap();
        let events = all.iter().filter(|p| p["name"] == "notification-event");
        events.map(|e| e["part"][0]["valueString"].as_str().unwrap().to_owned()).collect()
    };
    let all = ask("", "ZZ903").await.json();
    assert_eq!(
        (&all["type"], numbers(&all)),
        (&json!("history"), vec!["1".to_owned(), "2".to_owned()]),
        "{all}"
    );
    assert_eq!(parameter(&all["entry"][0]["resource"], "type")["valueCode"], "query-event");
    assert_eq!(all["entry"].as_array().unwrap().len(), 3, "the status, and the resource of each");
    let report = causeway_profile::check(all.to_string().as_bytes());
    assert!(report.is_valid(), "{:#?}", report.findings);
    let second = ask("?eventsSinceNumber=2&content=id-only", "ZZ903").await.json();
    assert_eq!((numbers(&second), second["entry"].as_array().unwrap().len()), (vec!["2".to_owned()], 1));
    let body = json!({"resourceType": "Parameters", "parameter": [{"name": "eventsUntilNumber", "valueString": "2"}]});
    let headers = [("Content-Type", "application/fhir+json"), ("Causeway-Sender", "ZZ903")];
    let path = format!("/fhir/Subscription/{id}/$events");
    let posted = call(server, "POST", &path, &headers, body.to_string().as_bytes()).await;
    assert_eq!(numbers(&posted.json()).len(), 2);
    for wrong in ["?eventsSinceNumber=first", "?content=much", "?since=1"] {
        assert_eq!(ask(wrong, "ZZ903").await.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_down_gets_each_event_once_in_order() {
    let receiver = Receiver::start(|_, _| ok()).await;
    let (address, url) = (receiver.address, receiver.url());
    let world = World::new();
    let server = world.serve(hook(&url)).await;
    let id = subscribe(&server, &asked(&url, "id-only")).await;
    becomes(&server, &id, "active").await;
    receiver.until(1).await;
    tell(&server, SENDER, 1, "21", "in-progress").await;
    receiver.until(2).await;
    // The receiver is killed; events go on; so is the exchange, and what waits is in its queue.
    drop(receiver);
    const DOWN: u32 = 12;
    for person in 2..2 + DOWN {
        tell(&server, SENDER, person, &format!("{}", 100 + person), "in-progress").await;
    }
    when("all wait", || (queued(&server).len() == DOWN as usize).then_some(())).await;
    for _ in 0..8 {
        server.state.clock.advance(SignedDuration::from_hours(1)).unwrap();
        causeway_service::maintenance::run_once(&server.state).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }
    assert!(queued(&server).iter().all(|i| i.state.as_str() != "parked"), "nothing is given up");
    server.stop().await.unwrap();
    let server = world.serve(hook(&url)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let receiver = Receiver::on(listener, std::time::Duration::ZERO, |_, _| ok());
    // A day, all in all.
    server.state.clock.advance(SignedDuration::from_hours(16)).unwrap();
    causeway_service::maintenance::run_once(&server.state).unwrap();
    let got = receiver.until(DOWN as usize).await;
    when("drained", || queued(&server).is_empty().then_some(())).await;
    let numbers: Vec<String> = got.iter().map(|g| of(g).1).collect();
    let expected: Vec<String> = (2..2 + DOWN).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected, "each once, in order");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_ended_by_the_subscriber_only() {
    let answers = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(500));
    let answering = answers.clone();
    let receiver =
        Receiver::start(move |_, _| status(answering.load(std::sync::atomic::Ordering::Relaxed))).await;
    let world = World::new();
    let server = world.serve(hook(&receiver.url())).await;
    let wanted = asked(&receiver.url(), "empty");
    let id = subscribe(&server, &wanted).await;
    becomes(&server, &id, "error").await;
    // It goes on counting, and sends nothing.
    tell(&server, SENDER, 1, "31", "in-progress").await;
    answers.store(200, std::sync::atomic::Ordering::Relaxed);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!((status_of(&server, &id).await, receiver.got().len()), (json!("error"), 1));
    let mut again = wanted;
    again["id"] = id.clone().into();
    let headers = [("Content-Type", "application/fhir+json"), ("Causeway-Sender", "ZZ903")];
    let path = format!("/fhir/Subscription/{id}");
    let changed = call(&server, "PUT", &path, &headers, again.to_string().as_bytes()).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let got = receiver.until(3).await;
    assert_eq!(
        (of(&got[1]).0.as_str(), of(&got[2])),
        ("handshake", ("event-notification".to_owned(), "1".to_owned()))
    );
    let text = got[2].text();
    assert!(!text.contains("Encounter") && !text.contains("SubscriptionTopic"), "empty says nothing: {text}");
    assert_eq!(call(&server, "DELETE", &path, &headers, b"").await.status, 204);
    assert_eq!(call(&server, "GET", &path, &headers, b"").await.status, 404);
    server.stop().await.unwrap();
}

/// Without a ground to see a person's record an organisation hears nothing of her; the operator's own subscription is the
/// control. Nobody sees another's subscription, and an address that no endpoint has is refused.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_her_does_not_hear_of_her() {
    let receiver = Receiver::start(|_, _| ok()).await;
    let world = World::new();
    let config = Config { endpoints: hook(&receiver.url()).endpoints, ..closed_config() };
    let mut stranger = Organisation::of_code("ZZ903").unwrap().with_token("token-903");
    stranger.name = "Example Charity".to_owned();
    let config = Config { organisations: [config.organisations.clone(), vec![stranger]].concat(), ..config };
    let server = world.serve(config).await;
    let make = |token: &'static str, content: &'static str, url: String| {
        let server = &server;
        async move {
            let headers = [("Content-Type", "application/fhir+json"), ("Authorization", token)];
            let body = asked(&url, content).to_string();
            call(server, "POST", "/fhir/Subscription", &headers, body.as_bytes()).await
        }
    };
    let elsewhere = make("Bearer token-903", "empty", "http://127.0.0.1:1/in".to_owned()).await;
    assert_eq!((elsewhere.status, elsewhere.rule().as_str()), (422, "subscription"), "{}", elsewhere.text());
    let made = make("Bearer token-903", "full-resource", receiver.url()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/fhir/Subscription/{id}");
    let other = call(&server, "GET", &path, &[("Authorization", "Bearer token-902")], b"").await;
    assert_eq!(other.status, 404);
    receiver.until(1).await;
    let control = make("Bearer token-900", "id-only", receiver.url()).await;
    assert_eq!(control.status, 201);
    receiver.until(2).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    tell(&server, ("Authorization", "Bearer token-901"), 1, "41", "in-progress").await;
    let got = receiver.until(3).await;
    when("drained", || queued(&server).is_empty().then_some(())).await;
    assert_eq!(receiver.got().len(), 3, "the operator's alone");
    assert!(got[2].text().contains("Encounter/"));
    // Nor of what was, and nobody hears another's.
    let events = format!("{path}/$events");
    let own = call(&server, "GET", &events, &[("Authorization", "Bearer token-903")], b"").await;
    assert!(own.status == 200 && !own.text().contains("notification-event"), "{}", own.text());
    let other = call(&server, "GET", &events, &[("Authorization", "Bearer token-902")], b"").await;
    assert_eq!(other.status, 404);
    let control = format!("/fhir/Subscription/{}/$events", control.json()["id"].as_str().unwrap());
    let told = call(&server, "GET", &control, &[("Authorization", "Bearer token-900")], b"").await;
    assert!(told.text().contains("notification-event"), "{}", told.text());
    let log = server.state.engine.audit_entries(None, None, 10_000).unwrap();
    assert!(log.iter().any(|e| e.audit.actor == "ZZ903"
        && e.audit.action == "access"
        && e.audit.entity.starts_with("Patient/")));
    server.stop().await.unwrap();
}
