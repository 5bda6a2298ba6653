//! The FHIR API and its audit.

use std::sync::atomic::Ordering;

use causeway_service::testing::TestServer;
use serde_json::json;

use crate::faulty::Faulty;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn from_the_door_to_the_record() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let found = get(&server, "/fhir/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018").await;
    assert_eq!(found.header("content-type"), Some("application/fhir+json"));
    let found = found.json();
    assert_eq!(found["entry"].as_array().map(Vec::len), Some(1), "{found:#}");
    let patient = &found["entry"][0]["resource"];
    assert_eq!(patient["name"][0]["family"], "Quillfeather");
    assert_eq!(patient["meta"]["source"], format!("urn:causeway:message:{id}"));
    // One Patient for the person, under the id of her page, with a link to what the source told.
    let golden = patient["id"].as_str().unwrap();
    let person = get(&server, "/people/").await.json()["people"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(golden, person);
    let own = get(&server, &format!("/fhir/Patient/{golden}")).await.json();
    assert_eq!(&own, patient);
    let patient = own["link"][0]["other"]["reference"].as_str().unwrap().strip_prefix("Patient/").unwrap();
    let told = get(&server, &format!("/fhir/Patient/{patient}")).await.json();
    assert_eq!(told["link"], json!([{"other": {"reference": format!("Patient/{golden}")}, "type": "refer"}]));
    let all = get(&server, &format!("/fhir/Observation?patient={golden}")).await.json();
    assert_eq!(
        all["total"],
        get(&server, &format!("/fhir/Observation?patient={patient}")).await.json()["total"]
    );
    assert!(all["total"].as_u64().unwrap() > 0);

    let read = get(&server, &format!("/fhir/Patient/{patient}")).await;
    assert_eq!((read.status, read.header("etag")), (200, Some("W/\"1\"")));
    assert!(read.header("last-modified").unwrap().ends_with("GMT"));
    let version = get(&server, &format!("/fhir/Patient/{patient}/_history/1")).await;
    assert_eq!(version.json()["id"], patient);
    assert_eq!(get(&server, &format!("/fhir/Patient/{patient}/_history")).await.json()["type"], "history");
    let everything = get(&server, &format!("/fhir/Patient/{patient}/$everything")).await.json();
    let kinds: Vec<&str> = everything["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["resource"]["resourceType"].as_str().unwrap())
        .collect();
    for kind in ["Patient", "Observation", "EpisodeOfCare", "Provenance"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert_eq!(get(&server, &format!("/fhir/Patient/{patient}/%24everything")).await.status, 200);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = format!("patient={patient}&_count=10");
    let searched = call(&server, "POST", "/fhir/Observation/_search", &headers, form.as_bytes()).await.json();
    assert_eq!(searched["entry"][0]["resource"]["valueString"], "0.4 m/s");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_operation_outcomes() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    for (path, status) in [
        ("/fhir/Patient/none", 404),
        ("/fhir/patient", 404),
        ("/fhir/Patient/a/_history/x", 404),
        ("/fhir/Patient?birthdate=yesterday", 400),
        ("/fhir/Patient?_format=turtle", 406),
        ("/fhir/Foo", 404),
        ("/fhir/Foo/a", 404),
        ("/fhir/StructureDefinition", 404),
        ("/fhir/Observation/a/$everything", 404),
        ("/fhir/Patient/a/Organization", 404),
    ] {
        let reply = get(&server, path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        assert_eq!(reply.json()["resourceType"], "OperationOutcome", "{path}");
    }
    let strict = [("Prefer", "handling=strict")];
    assert_eq!(call(&server, "GET", "/fhir/Patient?shoe-size=42", &strict, b"").await.status, 400);
    assert_eq!(call(&server, "PUT", "/fhir/Patient/a", &[], b"{}").await.status, 405);
    let metadata = get(&server, "/fhir/metadata").await.json();
    assert_eq!(metadata["fhirVersion"], "4.0.1");
    assert!(metadata["rest"][0]["documentation"].as_str().unwrap().contains("Line format"));
    let report = causeway_profile::check(metadata.to_string().as_bytes());
    assert!(report.is_valid(), "{:#?}", report.findings);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_disclosed_that_is_not_audited() {
    let world = World::new();
    let kept = world.engine();
    let engine = Faulty::new(kept.clone());
    let state = world.state_with_trail(open_config(), kept, engine.clone());
    let server = TestServer::start(state).await.unwrap();
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let found = get(&server, "/fhir/Patient?family=Quillfeather").await.json();
    let patient = found["entry"][0]["resource"]["link"][0]["other"]["reference"].as_str().unwrap();
    let patient = patient.strip_prefix("Patient/").unwrap().to_owned();
    let person = get(&server, "/people/").await.json()["people"][0]["id"].as_str().unwrap().to_owned();
    let paths = [
        "/fhir/Patient".to_owned(),
        format!("/fhir/Patient/{patient}"),
        format!("/fhir/Patient/{patient}/_history"),
        format!("/fhir/Patient/{patient}/_history/1"),
        format!("/fhir/Patient/{patient}/$everything"),
        format!("/fhir/Patient/{patient}/$everything?_count=2"),
        format!("/fhir/Patient/{person}"),
        format!("/fhir/Patient/{person}/_history"),
        format!("/fhir/Patient/{person}/$everything"),
        format!("/fhir/Patient/{person}/Observation"),
        format!("/fhir/Patient/{patient}?_format=xml"),
        "/fhir/Observation/_history".to_owned(),
        "/fhir/_history".to_owned(),
        format!("/messages/{id}/original"),
        format!("/messages/{id}/bundles/1"),
        format!("/messages/{id}/explain"),
        "/people/".to_owned(),
        format!("/people/{person}"),
    ];
    let count = || engine.inner.verify_audit().unwrap().entries;
    for path in &paths {
        let before = count();
        assert_eq!(get(&server, path).await.status, 200, "{path}");
        // A message's content: one under the message, one under the person whom it is about.
        let told = if path.starts_with("/messages/") { 2 } else { 1 };
        assert_eq!(count(), before + told, "{path}");
    }
    // That there is nothing is told to somebody too.
    let absent = [
        "/fhir/Observation/none",
        "/fhir/Patient/none",
        "/fhir/Patient/none/_history",
        "/fhir/Patient/none/_history/1",
        "/fhir/Patient/none/$everything",
        "/fhir/Patient/none/$summary",
    ];
    for path in absent {
        let before = count();
        assert_eq!(get(&server, path).await.status, 404, "{path}");
        assert_eq!(count(), before + 1, "{path}");
    }
    engine.audit_fails.store(true, Ordering::SeqCst);
    for path in absent {
        assert_eq!(get(&server, path).await.status, 503, "{path}");
    }
    for path in &paths {
        for accept in ["application/json", "text/html"] {
            let reply = call(&server, "GET", path, &[("Accept", accept)], b"").await;
            assert_eq!(reply.status, 503, "{path}");
            assert!(!reply.text().contains("Quillfeather") && !reply.text().contains("9990000018"), "{path}");
        }
    }
    // What names nobody is still shown.
    assert_eq!(get(&server, &format!("/messages/{id}/ledger")).await.status, 200);
    engine.audit_fails.store(false, Ordering::SeqCst);
    let entries = engine.inner.audit_entries(None, None, 1_000).unwrap();
    let of_patient = format!("Patient/{patient}");
    let kinds: Vec<serde_json::Value> = entries
        .iter()
        .filter(|e| e.audit.entity == of_patient)
        .map(|e| serde_json::from_str::<serde_json::Value>(&e.audit.detail).unwrap()["act"].clone())
        .collect();
    for kind in ["query", "read", "export"] {
        assert!(kinds.contains(&json!(kind)), "{kind}: {kinds:?}");
    }
    for entry in &entries {
        let text = format!("{:?}", entry.audit);
        assert!(!text.contains("9990000018") && !text.contains("Quillfeather"), "{text}");
    }
    assert!(engine.inner.verify_audit().unwrap().broken_at.is_none());
    server.stop().await.unwrap();
}
