//! The Booking and Referral platform's own scenarios, one by one, against this exchange's own address. They are found through
//! `CAUSEWAY_ACCEPTANCE`, else beside the project, and where they are absent the case says so.

use std::path::PathBuf;

use causeway_service::testing::TestServer;
use serde_json::json;

use crate::messaging::{OURS, bars, post, referral, request_id, target};
use crate::receiver::*;
use crate::support::*;

const PROXY: &str = "it tests the platform's proxy: a read is passed to a receiver that fails; this exchange answers reads itself";
const PRODUCT: &str =
    "tokens here are of organisations and scopes; there are no products of an API that a token could be of";

/// Scenarios that are not answered as they ask, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "test_get_slots_happy_path",
        "free slots of a HealthcareService are a diary's; the record keeps what was told of people, and chains over no Schedule",
    ),
    ("test_invalid_product_access_token", PRODUCT),
    ("test_400_invalid_error", PROXY),
    ("test_400_invariant_error", PROXY),
    ("test_401_unauthorized_error", PROXY),
    ("test_403_forbidden_error", PROXY),
    ("test_406_not_acceptable_error", PROXY),
    ("test_408_timeout_error", PROXY),
    ("test_409_conflict_error", PROXY),
    ("test_500_server_error_exception_error", PROXY),
    ("test_500_server_error_no_store_error", PROXY),
    ("test_501_not_implemented_error", PROXY),
    ("test_503_unavailable_error", PROXY),
];

/// A booking about the same invented person as the referral.
fn booking() -> String {
    let patient = json!({"resourceType": "Patient", "id": "p-1",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(77)}],
        "name": [{"family": "Testling", "given": ["Bea"]}], "birthDate": "1950-02-03"});
    json!({"resourceType": "Bundle", "type": "message", "id": "b-2", "entry": [
        {"fullUrl": "urn:uuid:5f3c7a52-0000-4000-8000-000000000011", "resource": {
            "resourceType": "MessageHeader", "id": "5f3c7a52-0000-4000-8000-000000000011",
            "eventCoding": {"system": "https://fhir.nhs.uk/CodeSystem/message-events-bars", "code": "booking-request"},
            "source": {"endpoint": "https://sender.example/fhir"},
            "focus": [{"reference": "urn:uuid:5f3c7a52-0000-4000-8000-000000000012"}]}},
        {"fullUrl": "urn:uuid:5f3c7a52-0000-4000-8000-000000000012", "resource": {
            "resourceType": "Appointment", "id": "5f3c7a52-0000-4000-8000-000000000012", "status": "booked",
            "start": "2026-11-12T12:30:00Z", "end": "2026-11-12T12:40:00Z",
            "participant": [{"actor": {"reference": "https://sender.example/fhir/Patient/p-1"}, "status": "accepted"}]}},
        {"fullUrl": "https://sender.example/fhir/Patient/p-1", "resource": patient},
    ]})
    .to_string()
}

/// The id of the only resource of a type, once it is there.
async fn only(server: &TestServer, kind: &str) -> String {
    let start = std::time::Instant::now();
    loop {
        let found = get(server, &format!("/fhir/{kind}")).await.json();
        if let Some(id) = found["entry"][0]["resource"]["id"].as_str() {
            return id.to_owned();
        }
        assert!(start.elapsed().as_secs() < 90, "no {kind}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A value of a parameter that the table names.
fn value(name: &str) -> String {
    match name {
        "patient:identifier" => format!("https://fhir.nhs.uk/Id/nhs-number%7C{}", nhs_number(77)),
        "status" => "free".to_owned(),
        "start" => "ge2026-01-01".to_owned(),
        "end" => "le2026-12-31".to_owned(),
        "_include" => "Slot:schedule".to_owned(),
        _ => "09a01679-2564-0fb4-5129-aecc81ea2706".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scenarios_of_booking_and_referral() {
    let root = std::env::var_os("CAUSEWAY_ACCEPTANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/acceptance"),
        PathBuf::from,
    );
    let Ok(table) = std::fs::read_to_string(root.join("bars/scenarios.csv")) else {
        eprintln!("skipped: the acceptance suites are not there (CAUSEWAY_ACCEPTANCE)");
        return;
    };
    let world = World::new();
    let mut config = open_config();
    config.messaging.services = vec![OURS.to_owned()];
    let server = world.serve(config).await;
    assert_eq!(post(&server, &bars(1, OURS), &referral("Knee")).await.status, 200);
    assert_eq!(post(&server, &bars(2, OURS), &booking()).await.status, 200);
    let (appointment, request) = (only(&server, "Appointment").await, only(&server, "ServiceRequest").await);
    let (mut passed, mut wrong, mut all) = (0, Vec::new(), 0);
    for (number, row) in table.lines().skip(1).enumerate() {
        let field: Vec<&str> = row.split(',').collect();
        let (name, method, expected) = (field[1], field[2], field[8]);
        let path = field[3]
            .replace("{self.existing_appointment_id}", &appointment)
            .replace("{self.existing_referral_id}", &request)
            .replace("{self.non_existing_appointment_id}", "00000000-0000-4000-8000-000000000009")
            .replace("{bad_id}", "bad_id");
        let query: Vec<String> =
            field[4].split('&').filter(|p| !p.is_empty()).map(|p| format!("{p}={}", value(p))).collect();
        let path = format!("/fhir{path}?{}", query.join("&"));
        // NHS0001 is the receiver that works: here this exchange itself.
        let to = match field[5] {
            "NHS0001" => target(OURS),
            other if other.starts_with("(not base64)") => "this-is-not-base-64".to_owned(),
            other => target(other),
        };
        let ids = [("X-Request-Id", request_id(100 + number as u32)), ("X-Correlation-Id", request_id(9))];
        let mut headers = vec![
            ("Accept", "application/fhir+json; version=1.0.0"),
            ("Content-Type", "application/fhir+json"),
            ("Causeway-Sender", "ZZ901"),
            ("NHSD-Target-Identifier", &to),
        ];
        // Upstream gives this scenario a token that the platform did not make.
        if name == "test_invalid_access_token" {
            headers.push(("Authorization", "Bearer none"));
        }
        headers.extend(ids.iter().filter(|(n, _)| !field[7].contains(n)).map(|(n, v)| (*n, v.as_str())));
        let body: &[u8] = if method == "GET" { b"" } else { b"{}" };
        let reply = call(&server, method, &path, &headers, body).await;
        let good = reply.status.to_string() == expected;
        // A scenario that is listed and passes is told as well: the list stays true.
        let excepted = EXCEPTIONS.iter().any(|(n, _)| *n == name);
        (all, passed) = (all + 1, passed + usize::from(good));
        if good == excepted {
            let text = reply.text().chars().take(400).collect::<String>();
            wrong.push(format!("{name}: {} where {expected} is asked for: {text}", reply.status));
        }
    }
    eprintln!("Booking and Referral: {passed} of {all} scenarios as they ask, {} listed", EXCEPTIONS.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(passed + EXCEPTIONS.len(), all);
    // Without the header nobody is held to the platform's rules.
    assert_eq!(get(&server, "/fhir/Slot").await.status, 200);
    server.stop().await.unwrap();
}
