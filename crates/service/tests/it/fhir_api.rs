//! The FHIR API as R4 says: parts of `$everything`, conditional reads, histories, batches, compartments, XML, and that the
//! CapabilityStatement names nothing that is not answered.

use causeway_service::testing::TestServer;
use serde_json::{Value, json};

use crate::support::*;

/// A server that holds one person, with the ids of her page and of her source's Patient.
async fn loaded(world: &World) -> (TestServer, String, String) {
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let found = get(&server, "/fhir/Patient?identifier=9990000018").await.json();
    let patient = &found["entry"][0]["resource"];
    let source = patient["link"][0]["other"]["reference"].as_str().unwrap().to_owned();
    let source = source.strip_prefix("Patient/").unwrap().to_owned();
    (server, patient["id"].as_str().unwrap().to_owned(), source)
}

fn kinds(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|e| e["resource"]["resourceType"].as_str().unwrap_or("none")).collect()
}

fn link<'b>(bundle: &'b Value, relation: &str) -> Option<&'b str> {
    let links = bundle["link"].as_array().into_iter().flatten();
    links.filter(|l| l["relation"] == relation).find_map(|l| l["url"].as_str())
}

/// What comes after the host of an address.
fn path_of(url: &str) -> &str {
    url.find("/fhir").map_or(url, |at| &url[at..])
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_parts_by_get_and_post() {
    let world = World::new();
    let (server, golden, source) = loaded(&world).await;
    let whole = get(&server, &format!("/fhir/Patient/{source}/$everything")).await.json();
    for body in ["", r#"{"resourceType":"Parameters"}"#, r#"<Parameters xmlns="http://hl7.org/fhir"/>"#] {
        let path = format!("/fhir/Patient/{source}/$everything");
        let posted = call(&server, "POST", &path, &[], body.as_bytes()).await;
        assert_eq!((posted.status, &posted.json()["entry"]), (200, &whole["entry"]), "{body}");
    }
    let typed = json!({"resourceType": "Parameters", "parameter": [
        {"name": "_type", "valueString": "Observation"}, {"name": "_count", "valueInteger": 1}]});
    let path = format!("/fhir/Patient/{source}/$everything");
    let typed = call(&server, "POST", &path, &[], typed.to_string().as_bytes()).await.json();
    assert_eq!(kinds(&typed).first(), Some(&"Observation"));
    let same = get(&server, &format!("{path}?_type=Observation&_count=1")).await.json();
    assert_eq!(same["entry"], typed["entry"]);
    // Pages together hold what the whole holds.
    let mut seen: Vec<String> = Vec::new();
    let mut next = Some(format!("{path}?_count=1"));
    while let Some(path) = next {
        let page = get(&server, &path).await.json();
        for entry in page["entry"].as_array().unwrap().iter().filter(|e| e["search"]["mode"] == "match") {
            seen.push(entry["fullUrl"].as_str().unwrap().to_owned());
        }
        next = link(&page, "next").map(|url| path_of(url).to_owned());
    }
    assert_eq!(whole["total"], seen.len(), "{seen:?}");
    let of_person = get(&server, &format!("/fhir/Patient/{golden}/$everything")).await.json();
    assert_eq!(of_person["entry"][0]["resource"]["id"], golden.as_str());
    assert_eq!(of_person["total"], seen.len() + 1);
    for bad in ["_count=0", "_type=Foo", "start=soon", "colour=red"] {
        assert_eq!(get(&server, &format!("{path}?{bad}")).await.status, 400, "{bad}");
    }
    let bad = call(&server, "POST", &path, &[], br#"{"resourceType":"Patient"}"#).await;
    assert_eq!(bad.status, 400);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_conditional() {
    let world = World::new();
    let (server, golden, source) = loaded(&world).await;
    for id in [golden, source] {
        let path = format!("/fhir/Patient/{id}");
        let read = get(&server, &path).await;
        let etag = read.header("etag").unwrap().to_owned();
        let modified = read.header("last-modified").unwrap().to_owned();
        for (name, value, status) in [
            ("If-None-Match", etag.as_str(), 304),
            ("If-None-Match", "W/\"other\"", 200),
            ("If-Modified-Since", modified.as_str(), 304),
            ("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ] {
            let reply = call(&server, "GET", &path, &[(name, value)], b"").await;
            assert_eq!(reply.status, status, "{name}: {value}");
            assert_eq!(reply.text().is_empty(), status == 304);
        }
        let version = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        assert_eq!(get(&server, &format!("{path}/_history/{version}")).await.status, 200);
        assert_eq!(get(&server, &format!("{path}/_history")).await.json()["total"], 1);
        let part = get(&server, &format!("{path}?_elements=birthDate")).await.json();
        assert!(part.get("name").is_none() && part.get("birthDate").is_some(), "{part:#}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_batches_and_compartments() {
    let world = World::new();
    let (server, golden, source) = loaded(&world).await;
    let first = get(&server, "/fhir/_history?_count=3").await.json();
    assert_eq!((first["type"].as_str(), kinds(&first).len()), (Some("history"), 3));
    let mut all = 3;
    let mut next = link(&first, "next").map(str::to_owned);
    while let Some(url) = next {
        let page = get(&server, path_of(&url)).await.json();
        all += kinds(&page).len();
        next = link(&page, "next").map(str::to_owned);
    }
    let whole = get(&server, "/fhir/_history?_count=500").await.json();
    assert_eq!(kinds(&whole).len(), all);
    let typed = get(&server, "/fhir/Observation/_history").await.json();
    assert!(!kinds(&typed).is_empty() && kinds(&typed).iter().all(|k| *k == "Observation"));
    assert_eq!(kinds(&get(&server, "/fhir/_history?_since=2999-01-01T00:00:00Z").await.json()).len(), 0);
    assert_eq!(get(&server, "/fhir/_history?_since=soon").await.status, 400);

    let within = get(&server, &format!("/fhir/Patient/{golden}/Observation?_sort=-date,_lastUpdated")).await;
    let plain = get(&server, &format!("/fhir/Observation?patient={source}&_sort=-date,_lastUpdated")).await;
    assert_eq!(within.json()["entry"], plain.json()["entry"]);

    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": format!("Patient/{source}")}},
        {"request": {"method": "GET", "url": "Observation?status=final&_count=1"}},
        {"request": {"method": "GET", "url": "Patient/none"}},
        {"request": {"method": "DELETE", "url": format!("Patient/{source}")}},
        {"request": {"method": "GET", "url": "../messages"}},
        {"request": {"method": "GET", "url": format!("Patient/{source}"), "ifNoneMatch": "W/\"1\""}}]});
    let before = get(&server, "/fhir/AuditEvent").await.json()["total"].as_u64().unwrap();
    let reply = call(&server, "POST", "/fhir", &[], batch.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = reply.json();
    let status: Vec<&str> = reply["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(status, ["200", "200", "404", "405", "400", "304"], "{reply:#}");
    assert_eq!(reply["entry"][0]["resource"]["id"], source.as_str());
    assert_eq!(reply["entry"][0]["response"]["etag"], "W/\"1\"");
    // Each read of the batch is in the access log, as is the look at the log itself.
    let after = get(&server, "/fhir/AuditEvent").await.json()["total"].as_u64().unwrap();
    assert!(after >= before + 4, "{before} {after}");
    let transaction = json!({"resourceType": "Bundle", "type": "transaction", "entry": []});
    assert_eq!(call(&server, "POST", "/fhir", &[], transaction.to_string().as_bytes()).await.status, 400);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_in_xml() {
    let world = World::new();
    let (server, golden, _) = loaded(&world).await;
    let accept = [("Accept", "application/fhir+xml")];
    for path in [
        format!("/fhir/Patient/{golden}"),
        format!("/fhir/Patient/{golden}/$everything"),
        "/fhir/Observation?status=final".to_owned(),
        "/fhir/metadata".to_owned(),
        "/fhir/Patient/none".to_owned(),
    ] {
        let reply = call(&server, "GET", &path, &accept, b"").await;
        assert_eq!(reply.header("content-type"), Some("application/fhir+xml"), "{path}");
        let read = causeway_profile::Definitions::r4().from_xml(reply.text().as_bytes()).expect("XML");
        let plain = get(&server, &path).await.json();
        assert_eq!(read["resourceType"], plain["resourceType"]);
        assert_eq!(kinds(&read).len(), kinds(&plain).len(), "{path}");
        let report =
            causeway_profile::Definitions::r4().check_xml(reply.text().as_bytes(), &Default::default());
        assert!(!report.findings.iter().any(|f| f.rule.contains("xml")), "{path}: {:?}", report.findings);
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let posted = call(&server, "POST", "/fhir/Patient/_search", &form, b"_format=xml&birthdate=gt1900").await;
    assert_eq!((posted.status, posted.header("content-type")), (200, Some("application/fhir+xml")));
    server.stop().await.unwrap();
}

/// Every parameter and include of the CapabilityStatement is one that a search answers: none is refused as unknown.
#[tokio::test(flavor = "multi_thread")]
async fn the_capability_statement_names_what_is_answered() {
    let world = World::new();
    let (server, ..) = loaded(&world).await;
    let statement = get(&server, "/fhir/metadata").await.json();
    let strict = [("Prefer", "handling=strict")];
    let mut asked = 0;
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        for param in resource["searchParam"].as_array().unwrap() {
            let name = param["name"].as_str().unwrap();
            let value = match param["type"].as_str().unwrap() {
                "date" => "2026-01-01",
                "quantity" | "number" => "1",
                "composite" => "a$1",
                "reference" => "Patient/none",
                _ => "none",
            };
            let path = format!("/fhir/{kind}?{name}={value}&_count=1");
            let reply = call(&server, "GET", &path, &strict, b"").await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            asked += 1;
        }
        for (member, name) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
            for include in resource[member].as_array().into_iter().flatten() {
                let path = format!("/fhir/{kind}?_id=none&{name}={}", include.as_str().unwrap());
                assert_eq!(call(&server, "GET", &path, &strict, b"").await.status, 200, "{path}");
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
    let security = &statement["rest"][0]["security"];
    assert!(security["description"].as_str().unwrap().contains("Demonstration"));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_access_log_end() {
    let world = World::new();
    let (server, golden, _) = loaded(&world).await;
    for _ in 0..4 {
        get(&server, &format!("/fhir/Patient/{golden}")).await;
    }
    let first = get(&server, "/fhir/AuditEvent?_count=2").await.json();
    let total = first["total"].as_u64().unwrap();
    assert!(total >= 4, "{first:#}");
    let (mut page, mut seen) = (first, Vec::new());
    loop {
        // Each look makes an entry, and none of them moves the pages that are being read.
        assert_eq!(page["total"], total);
        let entries = page["entry"].as_array().unwrap();
        seen.extend(entries.iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()));
        assert!(seen.len() as u64 <= total, "more entries than there were");
        let Some(next) = link(&page, "next") else { break };
        page = get(&server, path_of(next)).await.json();
    }
    let all: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!((all.len(), seen.len() as u64), (seen.len(), total));
    for wrong in ["soon", "1.soon", "-1"] {
        assert_eq!(get(&server, &format!("/fhir/AuditEvent?_page={wrong}")).await.status, 400, "{wrong}");
    }
    server.stop().await.unwrap();
}
