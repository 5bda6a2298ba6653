//! Every address that takes more than a GET: as `disclosures`, with a trail that can't be written and with another
//! organisation's token.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use causeway_service::testing::TestServer;

use crate::disclosures::{First, MARKS, Seeded, fill_in};
use crate::faulty::Faulty;
use crate::support::*;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const FHIR: &str = "application/fhir+json";
const PARTS: &str = "multipart/form-data; boundary=x";
const BATCH: &str = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/{patient}"}}]}"#;
const ASK: &str = r#"{"resourceType":"Parameters"}"#;
const POINTERS: &str = r#"{"subject:identifier":"https://fhir.nhs.uk/Id/nhs-number|9990000018"}"#;
const BASIC: &str = r#"{"resourceType":"Basic","code":{"text":"x"}}"#;
const BOOKING: &str = r#"{"resourceType":"Bundle","type":"message"}"#;
const FILE: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n--x--\r\n";

/// One case: the address as the router has it, the method, the address filled in, what is sent as, what is sent, and
/// whether a person is in the answer. The last ones end what the others need.
pub type Order = (&'static str, &'static str, &'static str, &'static str, &'static str, bool);

pub const ORDERS: &[Order] = &[
    ("/people", "POST", "/people", FORM, "text=9990000018", true),
    ("/people/", "POST", "/people/", FORM, "text=9990000018", true),
    ("/fhir", "POST", "/fhir", FHIR, BATCH, true),
    ("/fhir/", "POST", "/fhir/", FHIR, BATCH, true),
    ("/fhir/{kind}/_search", "POST", "/fhir/Patient/_search", FORM, "_id={patient}", true),
    ("/fhir/{kind}/{id}/$everything", "POST", "/fhir/Patient/{patient}/$everything", FHIR, ASK, true),
    ("/fhir/{kind}/{id}/%24everything", "POST", "/fhir/Patient/{patient}/%24everything", FHIR, ASK, true),
    ("/fhir/{kind}/{id}/$summary", "POST", "/fhir/Patient/{patient}/$summary", FHIR, ASK, true),
    ("/fhir/{kind}/{id}/%24summary", "POST", "/fhir/Patient/{patient}/%24summary", FHIR, ASK, true),
    ("/fhir/$export", "POST", "/fhir/$export", FHIR, ASK, false),
    ("/fhir/%24export", "POST", "/fhir/%24export", FHIR, ASK, false),
    ("/fhir/Patient/$export", "POST", "/fhir/Patient/$export", FHIR, ASK, false),
    ("/fhir/Patient/%24export", "POST", "/fhir/Patient/%24export", FHIR, ASK, false),
    ("/fhir/Group/{id}/$export", "POST", "/fhir/Group/none/$export", FHIR, ASK, false),
    ("/fhir/Group/{id}/%24export", "POST", "/fhir/Group/none/%24export", FHIR, ASK, false),
    ("/exports/{id}", "DELETE", "/exports/none", FHIR, "", false),
    ("/fhir/Subscription", "POST", "/fhir/Subscription", FHIR, BASIC, false),
    ("/fhir/Subscription/{id}", "PUT", "/fhir/Subscription/none", FHIR, BASIC, false),
    ("/fhir/Subscription/{id}", "DELETE", "/fhir/Subscription/none", FHIR, "", false),
    ("/fhir/Subscription/{id}/$events", "POST", "/fhir/Subscription/none/$events", FHIR, ASK, false),
    ("/fhir/Subscription/{id}/%24events", "POST", "/fhir/Subscription/none/%24events", FHIR, ASK, false),
    ("/fhir/$validate", "POST", "/fhir/$validate", FHIR, BASIC, false),
    ("/fhir/%24validate", "POST", "/fhir/%24validate", FHIR, BASIC, false),
    ("/fhir/{kind}/$validate", "POST", "/fhir/Basic/$validate", FHIR, BASIC, false),
    ("/fhir/{kind}/%24validate", "POST", "/fhir/Basic/%24validate", FHIR, BASIC, false),
    ("/$process-message", "POST", "/$process-message", FHIR, BOOKING, false),
    ("/%24process-message", "POST", "/%24process-message", FHIR, BOOKING, false),
    ("/fhir/$process-message", "POST", "/fhir/$process-message", FHIR, BOOKING, false),
    ("/fhir/%24process-message", "POST", "/fhir/%24process-message", FHIR, BOOKING, false),
    ("/oauth/token", "POST", "/oauth/token", FORM, "grant_type=client_credentials", false),
    ("/scaip", "POST", "/scaip", "application/xml", "<mrq/>", false),
    ("/check", "POST", "/check", PARTS, FILE, false),
    ("/onboarding", "POST", "/onboarding", FORM, "provider=0&suite=0", false),
    ("/commitment/evidence", "POST", "/commitment/evidence", FORM, "", false),
    ("/faults", "POST", "/faults", FORM, "message={id}&fault=again", false),
    ("/care-note", "POST", "/care-note", FORM, "nhs_number=9990000018", false),
    ("/care-note/{id}", "POST", "/care-note/{id}", FORM, "note=changed", false),
    ("/care-notes", "POST", "/care-notes", PARTS, FILE, false),
    ("/messages/find", "POST", "/messages/find", FORM, "number=9990000018", false),
    ("/messages", "POST", "/messages", "text/plain", "of no format that is known", false),
    ("/identity/{number}", "POST", "/identity/1", FORM, "answer=close&reason=seen", false),
    ("/overdue/{number}", "POST", "/overdue/1", FORM, "action=handled&note=seen&confirm=yes", false),
    ("/parked/{number}", "POST", "/parked/1", FORM, "action=again&note=seen&confirm=yes", false),
    (
        "/access/ask",
        "POST",
        "/access/ask",
        FORM,
        "csrf={csrf}&number=9990000018&born=1942-03-07&kind=consultation&reason=asked+by+her",
        false,
    ),
    ("/privacy/{alert}", "POST", "/privacy/1", FORM, "csrf={csrf}&accepted=1&note=seen", false),
    ("/me/code", "POST", "/me/code", FORM, "csrf={csrf}&code=1234", false),
    (
        "/me/{person}/choices",
        "POST",
        "/me/{person}/choices",
        FORM,
        "csrf={csrf}&choice=national-opt-out&on=1",
        false,
    ),
    ("/me/{person}/people", "POST", "/me/{person}/people", FORM, "csrf={csrf}&name=Bertha&parts=all", false),
    ("/me/{person}/readings", "POST", "/me/{person}/readings", FORM, "csrf={csrf}&pulse=ten", false),
    ("/me/{person}/wrong", "POST", "/me/{person}/wrong", FORM, "csrf={csrf}&text=not+so", false),
    ("/messageexchange/{mailbox}", "POST", "/messageexchange/B1", FORM, "", false),
    ("/messageexchange/{mailbox}/update", "POST", "/messageexchange/B1/update", FORM, "", false),
    ("/messageexchange/{mailbox}/outbox", "POST", "/messageexchange/B1/outbox", "text/plain", "x", false),
    (
        "/messageexchange/{mailbox}/outbox/{id}/{chunk}",
        "POST",
        "/messageexchange/B1/outbox/{mesh}/2",
        "text/plain",
        "x",
        false,
    ),
    (
        "/producer/FHIR/R4/DocumentReference/_search",
        "POST",
        "/producer/FHIR/R4/DocumentReference/_search",
        JSON,
        POINTERS,
        true,
    ),
    (
        "/consumer/FHIR/R4/DocumentReference/_search",
        "POST",
        "/consumer/FHIR/R4/DocumentReference/_search",
        JSON,
        POINTERS,
        true,
    ),
    (
        "/producer/FHIR/R4/DocumentReference",
        "POST",
        "/producer/FHIR/R4/DocumentReference",
        FHIR,
        BASIC,
        false,
    ),
    ("/producer/FHIR/R4/DocumentReference", "PUT", "/producer/FHIR/R4/DocumentReference", FHIR, BASIC, false),
    (
        "/producer/FHIR/R4/DocumentReference/{id}",
        "PUT",
        "/producer/FHIR/R4/DocumentReference/{pointer}",
        FHIR,
        BASIC,
        false,
    ),
    (
        "/producer/FHIR/R4/DocumentReference/{id}",
        "DELETE",
        "/producer/FHIR/R4/DocumentReference/{pointer}",
        FHIR,
        "",
        false,
    ),
    (
        "/messages/{id}/deliver",
        "POST",
        "/messages/{id}/deliver",
        JSON,
        r#"{"endpoints":["a"],"note":"x"}"#,
        false,
    ),
    ("/messages/{id}/replace", "POST", "/messages/{id}/replace", "text/plain", "another", false),
    ("/messages/{id}/replay", "POST", "/messages/{id}/replay", JSON, "", false),
    ("/fault/{mode}", "POST", "/fault/none", JSON, "{}", false),
    (
        "/messageexchange/{mailbox}/inbox/{id}/status/acknowledged",
        "PUT",
        "/messageexchange/B1/inbox/{mesh}/status/acknowledged",
        FORM,
        "",
        false,
    ),
    ("/look-as", "POST", "/look-as", FORM, "subject=nobody-there", false),
    ("/sign-out", "POST", "/sign-out", FORM, "csrf={csrf}", false),
];

/// What an address takes beside a GET, as it says itself where it is asked for something else.
async fn methods(server: &TestServer, address: &str) -> BTreeSet<String> {
    let path = address.replace(['{', '}'], "");
    let reply = call(server, "TRACE", &path, &[], b"").await;
    let allow = reply.header("allow").unwrap_or_default().to_owned();
    allow
        .split(',')
        .map(|method| method.trim().to_owned())
        .filter(|method| !matches!(method.as_str(), "" | "GET" | "HEAD" | "OPTIONS"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_that_takes_more_than_a_get_has_a_case() {
    let (seeded, listed) = Seeded::new(false).await;
    let mut found = BTreeSet::new();
    for address in &listed {
        for method in methods(&seeded.server, address).await {
            let known = ORDERS.iter().any(|(of, with, ..)| of == address && *with == method);
            assert!(known, "{method} {address} has no case here: does it disclose anything?");
            found.insert((address.clone(), method));
        }
    }
    let gone = |o: &&Order| !found.contains(&(o.0.to_owned(), o.1.to_owned()));
    let gone: Vec<&str> = ORDERS.iter().filter(gone).map(|order| order.0).collect();
    assert!(gone.is_empty(), "drop the cases of {gone:?}: no router takes them");
    seeded.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_discloses_as_often_as_the_trail_says_and_never_without_it() {
    let world = World::new();
    let engine = world.engine();
    let trail = Faulty::new(engine.clone());
    let (mut seeded, _) = Seeded::with_trail(world, false, engine, trail.clone()).await;
    // First without the trail: what is done last ends the session.
    for full in [true, false] {
        trail.audit_fails.store(full, Ordering::SeqCst);
        let mut shown = 0;
        for (address, method, path, kind, body, about) in ORDERS {
            if full && *address == "/sign-out" {
                continue;
            }
            let (status, named, told) = seeded.order(method, path, kind, body).await;
            if full {
                assert!(!named, "{method} {address}: shown without an entry ({status})");
                continue;
            }
            shown += usize::from(named);
            assert_eq!(named, *about, "{method} {address}: a person in the answer ({status})");
            assert!(!named || told == 1, "{method} {address}: shown, and {told} entries tell of it");
        }
        assert_eq!(shown, if full { 0 } else { ORDERS.iter().filter(|o| o.5).count() });
    }
    seeded.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_organisation_sends_gets_nothing_of_the_firsts() {
    let world = World::new();
    let First { server, id, person, patient } = First::tells(&world).await;
    let fill = [("{id}", &id), ("{patient}", &patient), ("{person}", &person), ("{mesh}", &id)];
    let subject = "subject:identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018".to_owned();
    let mut fill = fill.map(|(name, value)| (name, value.clone())).to_vec();
    fill.extend([("{subject}", subject), ("{pointer}", "ZZ901-1".to_owned()), ("{csrf}", "x".to_owned())]);
    let theirs = [MARKS[0], MARKS[1], id.as_str(), person.as_str(), patient.as_str()];
    let mut seen = [0, 0];
    // The other's, then the operator's, the control.
    for (at, token) in ["Bearer token-902", "Bearer token-900"].into_iter().enumerate() {
        for (address, method, path, kind, body, _) in ORDERS {
            let (path, body) = (fill_in(path, &fill), fill_in(body, &fill));
            let headers = [
                ("Authorization", token),
                ("Accept", "application/json"),
                ("Content-Type", kind),
                ("Causeway-Reason", "tried"),
            ];
            let reply = call(&server, method, &path, &headers, body.as_bytes()).await;
            let text = reply.text();
            // A refusal may say again what was asked for, nothing else.
            let said = |word: &str| path.contains(word) || body.contains(word);
            let leak: Vec<&str> = theirs.iter().copied().filter(|w| text.contains(w) && !said(w)).collect();
            seen[at] += usize::from(!leak.is_empty());
            assert!(at == 1 || leak.is_empty(), "{method} {address}: {leak:?} in {}: {text}", reply.status);
        }
        if at == 0 {
            // Nothing was done to the first's message either.
            let own = [("Authorization", "Bearer token-901"), ("Accept", "application/json")];
            let message = call(&server, "GET", &format!("/messages/{id}"), &own, b"").await.json();
            let timeline = message["timeline"].to_string();
            assert!(timeline.contains("recorded") && !timeline.contains("ZZ902"), "{timeline}");
        }
    }
    assert!(seen[0] == 0 && seen[1] >= 5, "{seen:?}: what the operator is shown is the control");
    server.stop().await.unwrap();
}
