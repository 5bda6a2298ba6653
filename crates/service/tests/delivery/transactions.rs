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
    in_xml(&server, &person).await;
    let nobody = [("Content-Type", "application/fhir+json")];
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[]}"#;
    assert_eq!(call(&server, "POST", "/fhir", &nobody, bundle.as_bytes()).await.status, 400);
    server.stop().await.unwrap();
}

/// The same in XML: taken in as it came, answered in XML where that is asked for; a batch in XML is answered in XML.
async fn in_xml(server: &causeway_service::testing::TestServer, person: &str) {
    let bundle = r#"<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry>
        <resource><Flag><id value="f2"/><status value="active"/><code><text value="lives alone"/></code>
        <subject><reference value="Patient/p1"/></subject></Flag></resource>
        <request><method value="PUT"/><url value="Flag/f2"/></request></entry></Bundle>"#;
    let headers = [
        ("Content-Type", "application/fhir+xml"),
        ("Accept", "application/fhir+xml"),
        ("Causeway-Sender", "ZZ901"),
    ];
    let reply = call(server, "POST", "/fhir", &headers, bundle.as_bytes()).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (202, Some("application/fhir+xml")),
        "{}",
        reply.text()
    );
    assert!(reply.text().starts_with("<OperationOutcome") || reply.text().contains("<OperationOutcome "));
    let id = reply.header("location").unwrap().strip_prefix("/messages/").unwrap().to_owned();
    let message = until(server, &id, "recorded").await;
    assert_eq!(message["translation"]["ledger"]["unexplained"].as_u64().unwrap_or(0), 0, "{message}");
    assert_eq!(get(server, &format!("/messages/{id}/original")).await.text(), bundle, "the original is kept");
    let flags = get(server, &format!("/fhir/Flag?patient={person}&_sort=_id")).await.json();
    assert_eq!(flags["total"], 2, "{flags}");
    // The same by the general door, without a word of what it is.
    let again = call(server, "POST", "/messages", &[("Causeway-Sender", "ZZ901")], bundle.as_bytes()).await;
    assert_eq!(again.status, 202);
    let id = again.json()["id"].as_str().unwrap().to_owned();
    until(server, &id, "recorded").await;
    assert_eq!(
        get(server, &format!("/fhir/Flag?patient={person}")).await.json()["total"],
        2,
        "the same Flag again"
    );
    let batch = format!(
        r#"<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>
        <entry><request><method value="GET"/><url value="Patient/{person}?_format=xml"/></request></entry>
        <entry><request><method value="GET"/><url value="Flag?patient={person}"/></request></entry>
        <entry><request><method value="GET"/><url value="Flag/none"/></request></entry></Bundle>"#
    );
    let reply = call(server, "POST", "/fhir", &headers, batch.as_bytes()).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/fhir+xml")),
        "{}",
        reply.text()
    );
    let read = causeway_profile::Definitions::r4().from_xml(reply.text().as_bytes()).expect("XML");
    let told: Vec<&str> =
        read["entry"].as_array().unwrap().iter().map(|e| e["response"]["status"].as_str().unwrap()).collect();
    assert_eq!((&read["type"], told), (&json!("batch-response"), vec!["200", "200", "404"]), "{read}");
    assert_eq!(read["entry"][0]["resource"]["resourceType"], "Patient");
    assert_eq!(read["entry"][1]["resource"]["total"], 2);
    let broken =
        call(server, "POST", "/fhir", &headers, b"<Bundle xmlns=\"http://hl7.org/fhir\"><type").await;
    assert_eq!(broken.status, 400);
}
