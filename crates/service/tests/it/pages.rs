//! Every page, and that no log line names a person.

use causeway_exchange::{AckKind, Effects, MessageId, NewExpectation};
use causeway_service::maintenance;
use jiff::SignedDuration;

use crate::html;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_well_made() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    for path in [
        "/",
        "/messages/",
        "/people/",
        "/overdue",
        "/parked",
        "/adapters",
        "/check",
        "/commitment",
        "/coverage",
        "/onboarding",
        "/tour",
        "/faults",
        "/safety",
        "/accessibility",
        "/care-note",
        "/care-notes",
    ] {
        let reply = page(&server, path).await;
        assert_eq!(reply.status, 200, "{path}");
        html::check(path, &reply.text());
    }
    let id = send(&server, &format!("{AGNES}\nHELD|x\nBAD|<b>row</b>")).await;
    let poison = send(&server, "LINE|1\nPANIC").await;
    for at in 0..40 {
        send(&server, &format!("LINE|2\nPAT|X{at}|Tallow|Edith{at}|19{:02}-01-01|female", at + 20)).await;
    }
    until(&server, &id, "recorded").await;
    until(&server, &poison, "work-parked").await;
    let state = &server.state;
    let due = NewExpectation {
        kind: AckKind::Business,
        from: "ZZ902".to_owned(),
        reference: id.clone(),
        deadline: state.clock.now(),
    };
    let message = MessageId::new(&id).unwrap();
    let effects = Effects { expectations: vec![due], ..Effects::default() };
    state.engine.apply(&message, effects, state.clock.now()).unwrap();
    state.clock.advance(SignedDuration::from_mins(5)).unwrap();
    maintenance::run_once(state).unwrap();

    let list = page(&server, "/messages/").await.text();
    let older =
        list.split("href=\"").filter_map(|p| p.split('"').next()).find(|h| h.contains("after=")).unwrap();
    let older = older.replace("&#38;", "&").replace("&amp;", "&");
    let person = get(&server, "/people/").await.json()["people"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["display"]["family"] == "Quillfeather")
        .map(|p| p["id"].as_str().unwrap().to_owned());
    let person = match person {
        Some(person) => person,
        None => panic!("she is on the first page"),
    };
    let parked = get(&server, "/parked").await.json()["parked"][0]["number"].to_string();
    let overdue = get(&server, "/overdue").await.json()["overdue"][0]["number"].to_string();
    for path in [
        "/".to_owned(),
        "/messages/".to_owned(),
        older,
        "/messages/?state=error".to_owned(),
        format!("/messages/{id}"),
        format!("/messages/{id}/explain"),
        format!("/messages/{poison}"),
        format!("/messages/{id}/replay"),
        "/people/".to_owned(),
        format!("/people/{person}"),
        format!("/people/{person}?section=services-and-care"),
        "/overdue".to_owned(),
        format!("/overdue/{overdue}"),
        "/parked".to_owned(),
        format!("/parked/{parked}"),
        "/adapters".to_owned(),
    ] {
        let reply = page(&server, &path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        html::check(&path, &reply.text());
    }
    let refused = page(&server, "/messages/none").await;
    assert_eq!(refused.status, 404);
    html::check("/messages/none", &refused.text());

    let record = page(&server, &format!("/people/{person}")).await.text();
    assert!(record.contains(&format!("href=\"/messages/{id}\"")), "facts lead to their message");
    assert!(record.find("Services and care").unwrap() < record.find("Results and observations").unwrap());
    assert!(record.contains("held back"), "what is withheld is announced");
    let side = page(&server, &format!("/messages/{id}/explain")).await.text().replace("<wbr>", "");
    assert!(side.contains("Patient.name[0].family") || side.contains("Patient.name.family"), "{side}");
    assert!(side.contains("&#60;b&#62;") || side.contains("&lt;b&gt;"), "source text is escaped");

    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "text/html")];
    let found = call(&server, "POST", "/people/", &form, b"text=quillf").await.text();
    assert!(found.contains("Agnes") && !found.contains("Edith"));
    let found = call(&server, "POST", "/people/", &form, b"birth_date=7%2F3%2F1942").await.text();
    assert!(found.contains("Agnes") && !found.contains("Edith"));
    assert_eq!(call(&server, "POST", "/people/", &form, b"birth_date=soon").await.status, 400);
    let path = format!("/overdue/{overdue}");
    assert_eq!(call(&server, "POST", &path, &form, b"note=rang+them&confirm=yes").await.status, 303);
    assert_eq!(get(&server, "/overdue").await.json()["overdue"].as_array().unwrap().len(), 0);

    let style = page(&server, "/assets/causeway.css").await;
    assert!(style.text().len() < 20_000);
    server.stop().await.unwrap();

    let log = logged();
    assert!(
        log.contains("request") && log.contains("/messages/{id}"),
        "requests are logged by their pattern"
    );
    for secret in ["Quillfeather", "9990000018", "1942-03-07", "marmalade", "Edith", &person, "quillf"] {
        assert!(!log.contains(secret), "the log names {secret}");
    }
}

/// Days are typed in three fields; what is no day is told above the form, and what was typed stays.
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_days_in_three_fields() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    let link = format!("href=\"/messages/{id}\"");
    for (query, found, fault) in [
        ("", true, false),
        ("since-day=1&since-month=2&since-year=2020", true, false),
        (
            "since-day=01&since-month=02&since-year=2020&until-day=2&until-month=2&until-year=2020",
            false,
            false,
        ),
        ("since=2020-02-01&since-day=&since-month=&since-year=", true, false),
        ("until-day=30&until-month=2&until-year=2026", false, true),
        ("until-day=3&until-month=&until-year=2026", false, true),
        ("since-day=3&since-month=2&since-year=26", false, true),
        ("since-day=x&since-month=%3Cb%3E&since-year=", false, true),
    ] {
        let reply = page(&server, &format!("/messages/?{query}")).await;
        assert_eq!(reply.status, 200, "{query}");
        let text = reply.text();
        html::check(query, &text);
        assert_eq!(text.contains(&link), found, "{query}");
        assert_eq!(text.contains("must be a real date"), fault, "{query}");
    }
    let kept = page(&server, "/messages/?until-day=30&until-month=2&until-year=2026").await.text();
    assert!(
        kept.contains("name=\"until-month\" value=\"2\"") && kept.contains("href=\"#until-day\""),
        "{kept}"
    );
    let said = page(&server, "/messages/?since=2020-02-01").await.text();
    assert!(said.contains("name=\"since-year\" value=\"2020\""), "the day of an address is in the fields");
    server.stop().await.unwrap();
}

/// A visitor of the demonstration sends a message with a fault and sees what became of it; elsewhere there is no such page.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_put_in_where_everybody_is_invented_and_nowhere_else() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "text/html")];
    let offered = page(&server, &format!("/faults?message={id}")).await.text();
    html::check("/faults", &offered);
    assert!(offered.contains(&format!("value=\"{id}\" selected")), "{offered}");
    for (fault, broken) in [("again", false), ("nonsense", true)] {
        let sent =
            call(&server, "POST", "/faults", &form, format!("message={id}&fault={fault}").as_bytes()).await;
        assert_eq!(sent.status, 303, "{fault}: {}", sent.text());
        let at = sent.header("location").unwrap().to_owned();
        let shown = page(&server, &at).await.text();
        assert_eq!(shown.contains("tag error"), broken, "{fault}: {shown}");
        assert_ne!(at, format!("/messages/{id}"));
    }
    for body in [format!("message={id}&fault=other"), "message=none&fault=again".to_owned(), String::new()] {
        assert!(
            (400..=404).contains(&call(&server, "POST", "/faults", &form, body.as_bytes()).await.status),
            "{body}"
        );
    }
    let foreign = [form[0], form[1], ("Origin", "https://elsewhere.example")];
    let body = format!("message={id}&fault=again");
    assert_eq!(call(&server, "POST", "/faults", &foreign, body.as_bytes()).await.status, 403);
    let entries = server.state.engine.audit_entries(None, None, 1000).unwrap();
    assert_eq!(entries.iter().filter(|e| e.audit.action == "fault-injected").count(), 2);
    server.stop().await.unwrap();

    let server = world.serve(closed_config()).await;
    let operator = [form[0], form[1], ("Authorization", "Bearer token-900")];
    assert_eq!(call(&server, "GET", "/faults", &operator, b"").await.status, 404);
    assert_eq!(call(&server, "POST", "/faults", &operator, body.as_bytes()).await.status, 404);
    server.stop().await.unwrap();
}
