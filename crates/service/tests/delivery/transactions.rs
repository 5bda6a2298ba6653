//! Transactions that come in by the FHIR door.

use serde_json::{Value, json};

use crate::receiver::*;
use crate::support::*;

/// Sends a transaction of one resource and waits until it is in the record.
async fn put(server: &causeway_service::testing::TestServer, resource: Value) {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": resource, "request": {"method": "PUT", "url": url}}]});
    let headers = [("Content-Type", "application/fhir+json"), ("Causeway-Sender", "ZZ901")];
    let reply = call(server, "POST", "/fhir", &headers, bundle.to_string().as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(reply.json()["resourceType"], "OperationOutcome");
    let id = reply.header("location").unwrap().strip_prefix("/messages/").unwrap().to_owned();
    until(server, &id, "recorded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_taken_in_and_leads_to_what_was_told_before() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    put(
        &server,
        json!({
        "resourceType": "Patient", "id": "p1", "name": [{"family": "Testling", "given": ["Ada"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(7)}],
        "birthDate": "1942-03-07", "gender": "female"}),
    )
    .await;
    put(
        &server,
        json!({
        "resourceType": "Flag", "id": "f1", "status": "active", "code": {"text": "falls"},
        "subject": {"reference": "Patient/p1"}}),
    )
    .await;
    let found = get(&server, &format!("/fhir/Patient?identifier={}", nhs_number(7))).await.json();
    let person = found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let flags = get(&server, &format!("/fhir/Flag?patient={person}")).await.json();
    assert_eq!(flags["total"], 1, "told of the person whom an earlier message told: {flags}");
    let summary = get(&server, &format!("/fhir/Patient/{person}/$summary")).await;
    assert_eq!(summary.status, 200, "{}", summary.text());
    let document = summary.json();
    let sections = document["entry"][0]["resource"]["section"].as_array().unwrap();
    let titles: Vec<&str> = sections.iter().map(|s| s["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Alerts", "Allergies and intolerances", "Medication summary", "Problems"]);
    let report = causeway_profile::check(document.to_string().as_bytes());
    let errors: Vec<_> =
        report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let xml = r#"<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/></Bundle>"#;
    let headers = [("Content-Type", "application/fhir+xml"), ("Causeway-Sender", "ZZ901")];
    assert_eq!(call(&server, "POST", "/fhir", &headers, xml.as_bytes()).await.status, 415);
    let nobody = [("Content-Type", "application/fhir+json")];
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[]}"#;
    assert_eq!(call(&server, "POST", "/fhir", &nobody, bundle.as_bytes()).await.status, 400);
    server.stop().await.unwrap();
}
