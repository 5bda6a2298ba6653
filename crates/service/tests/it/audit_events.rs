//! IG-15: what every address leaves behind, read as AuditEvents from the API, against the rules of IHE's Basic Audit Log
//! Patterns: each event by the pattern that it claims, and no interaction without one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::disclosures::{CASES, Seeded};
use crate::fsh::Patterns;
use crate::orders::ORDERS;
use crate::support::*;

const PROFILE: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";

/// What R4 asks of any AuditEvent.
fn faults(event: &Value) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let is = |place: &str| event.pointer(place).is_some_and(Value::is_string);
    for (place, what) in [
        ("/type/code", "no type"),
        ("/recorded", "no time"),
        ("/source/observer/display", "nobody who saw it"),
        ("/agent/0/type/coding/0/code", "an agent of no kind"),
    ] {
        wrong.extend((!is(place)).then_some(what));
    }
    let agents = event["agent"].as_array().map_or(&[][..], Vec::as_slice);
    wrong.extend((!agents.iter().all(|a| a["requestor"].is_boolean())).then_some("no word on who asked"));
    wrong
}

/// All events that the API tells, page by page.
async fn events(seeded: &Seeded) -> Vec<Value> {
    let mut path = "/fhir/AuditEvent?_count=200".to_owned();
    let mut all = Vec::new();
    loop {
        let headers = [("Accept", "application/fhir+json")];
        let page = call(&seeded.server, "GET", &path, &headers, b"").await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        let entries = page["entry"].as_array().into_iter().flatten();
        all.extend(entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == "AuditEvent"));
        let next = page["link"].as_array().into_iter().flatten().find(|link| link["relation"] == "next");
        let Some(url) = next.and_then(|link| link["url"].as_str()) else { return all };
        path = url.find("/fhir/").map(|at| url[at..].to_owned()).expect("an address of this server");
    }
}

#[allow(clippy::print_stderr, reason = "what was skipped is said")]
#[tokio::test(flavor = "multi_thread")]
async fn ig_15_what_every_address_leaves_behind_meets_its_pattern() {
    let Some(patterns) = Patterns::read() else {
        eprintln!("SKIPPED: the acceptance material (balp) is not here");
        return;
    };
    let (mut seeded, _) = Seeded::new(false).await;
    for (_, path, _) in CASES.iter().filter(|(_, path, _)| *path != "-") {
        seeded.ask(path).await;
    }
    for (_, method, path, kind, body, _) in ORDERS {
        seeded.order(method, path, kind, body).await;
    }
    let all = events(&seeded).await;
    let mut wrong = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for event in &all {
        wrong.extend(faults(event).into_iter().map(|what| format!("{what}: {event}")));
        let subtype = event["subtype"][0]["code"].as_str().unwrap_or("none");
        let word = if event["outcome"] == "0" { "" } else { " refused" };
        *seen.entry(format!("{subtype}{word}")).or_default() += 1;
        let claimed = event["meta"]["profile"][0].as_str().and_then(|url| url.strip_prefix(PROFILE));
        match claimed {
            Some(name) => {
                let name =
                    if name == "PrivacyDisclosure.Source" { "AuditPrivacyDisclosureSource" } else { name };
                wrong.extend(
                    patterns.check(name, event).iter().map(|what| format!("{name}: {what}: {event}")),
                );
            }
            // A pattern has an outcome of 0 and a restful act: what succeeded in one claims it.
            None if event["outcome"] == "0" && event["type"]["code"] == "rest" => {
                wrong.insert(format!("claims no pattern: {event}"));
            }
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{} faults in {} events: {wrong:#?}", wrong.len(), all.len());
    for subtype in ["read", "vread", "search-type"] {
        assert!(seen.contains_key(subtype), "{subtype} left no event: {seen:?}");
    }
    seeded.server.stop().await.unwrap();
}
