//! Translation, parts, routes, poison, restart.

use causeway_exchange::route::Route;
use causeway_exchange::{Accept, Effects, InboxQuery, MessageId, NewMessage, NewWork, Payload, WorkKind};
use causeway_service::config::Config;
use causeway_service::maintenance;
use causeway_service::testing::TestServer;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::*;

fn events(message: &Value) -> Vec<String> {
    let list = message["timeline"].as_array().unwrap();
    list.iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_adapter_knows_is_kept_and_says_so() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, "something else entirely").await;
    let message = until(&server, &id, "unrecognised").await;
    assert_eq!(message["state"], "error");
    assert_eq!(message["failure"]["code"], "unrecognised");
    assert_eq!(get(&server, &format!("/messages/{id}/original")).await.text(), "something else entirely");
    let ledger = get(&server, &format!("/messages/{id}/ledger")).await.json();
    assert_eq!((&ledger["unexplained"], &ledger["totals"]["rejected"]), (&json!(0), &json!(1)));

    let id = send(&server, "LINE|1\nBAD|row").await;
    let message = until(&server, &id, "refused").await;
    assert_eq!((&message["state"], &message["failure"]["code"]), (&json!("error"), &json!("all-refused")));
    assert_eq!(message["translation"]["errors"], 1);
    let issues = get(&server, &format!("/messages/{id}/issues")).await.json();
    assert_eq!(issues["issue"][0]["location"][0], "row 2, first");
    let ack = get(&server, &format!("/messages/{id}/acknowledgement")).await;
    assert_eq!((ack.text().as_str(), ack.header("content-type")), ("ACK|0\n", Some("text/x-lines")));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_parks_only_itself() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let mut good = Vec::new();
    let mut poison = Vec::new();
    for at in 0..20 {
        if at % 5 == 2 {
            poison.push(send(&server, "LINE|1\nPAT|9990000018|Quillfeather|Agnes|1942|female\nPANIC").await);
        } else {
            good.push(send(&server, AGNES).await);
        }
    }
    for id in &good {
        until(&server, id, "recorded").await;
    }
    for id in &poison {
        let message = until(&server, id, "work-parked").await;
        assert_eq!(message["state"], "accepted", "kept, not lost");
    }
    let parked = get(&server, "/parked").await.json();
    let parked = parked["parked"].as_array().unwrap();
    assert_eq!(parked.len(), poison.len());
    let number = &parked[0]["number"];
    let path = format!("/parked/{number}");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    // Without the tick nothing happens; from elsewhere neither.
    assert_eq!(call(&server, "POST", &path, &form, b"action=discard&note=x").await.status, 400);
    let elsewhere = [form[0], ("Origin", "http://evil.example")];
    assert_eq!(
        call(&server, "POST", &path, &elsewhere, b"action=discard&note=x&confirm=yes").await.status,
        403
    );
    let given_up =
        call(&server, "POST", &path, &form, b"action=discard&note=told+by+telephone&confirm=yes").await;
    assert_eq!((given_up.status, given_up.header("location")), (303, Some("/parked")));
    let message = get(&server, &format!("/messages/{}", parked[0]["message"].as_str().unwrap())).await.json();
    assert_eq!(message["state"], "error");
    // Released, it fails again and is parked again.
    let path = format!("/parked/{}", parked[1]["number"]);
    assert_eq!(call(&server, "POST", &path, &form, b"action=release&confirm=yes").await.status, 303);
    let id = parked[1]["message"].as_str().unwrap();
    until(&server, id, "work-unparked").await;
    for _ in 0..3_000 {
        let message = get(&server, &format!("/messages/{id}")).await.json();
        if events(&message).iter().filter(|e| *e == "work-parked").count() == 2 {
            server.stop().await.unwrap();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not parked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_r4_is_marked_and_kept() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id =
        send(&server, "LINE|1\nPAT|9990000018|Quillfeather|Agnes|1942|female\nLAX|2026-10-03|Mood|low").await;
    let message = until(&server, &id, "recorded").await;
    assert!(events(&message).contains(&"check-failed".to_owned()), "{message:#}");
    let bundle = get(&server, &format!("/messages/{id}/bundles/1")).await.json();
    let entries = bundle["entry"].as_array().unwrap();
    let marked: Vec<bool> =
        entries.iter().map(|e| e["resource"]["meta"]["tag"].to_string().contains("r4-invalid")).collect();
    assert_eq!(marked, [false, true, false], "{bundle:#}");
    let issues = get(&server, &format!("/messages/{id}/issues")).await.text();
    assert!(issues.contains("Bundle.entry[1].resource"), "{issues}");
    server.stop().await.unwrap();
}

/// Accepted by a process that dies: nothing translated, one message leased by a worker that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_resumes() {
    let world = World::new();
    let mut ids = Vec::new();
    {
        let state = world.state(open_config());
        for _ in 0..30 {
            let id = causeway_service::state::new_message_id().unwrap();
            let message = NewMessage::new(id.clone(), "ZZ901", "http");
            let effects = Effects { work: vec![NewWork::new(WorkKind::Translate, "")], ..Effects::default() };
            let payload = Payload::Bytes(AGNES.as_bytes().to_vec());
            state.engine.accept(Accept { message, payload, key: None, effects }, state.clock.now()).unwrap();
            ids.push(id);
        }
        let lease = SignedDuration::from_secs(600);
        let now = state.clock.now();
        let held = state.engine.claim(WorkKind::Translate, None, "gone", lease, 1, now).unwrap();
        assert_eq!(held.len(), 1);
    }
    let server = world.serve(open_config()).await;
    // The engine ends the leases of workers that are gone when it is opened: none has to run out first.
    for id in &ids {
        until(&server, id.as_str(), "recorded").await;
    }
    // Stop in the middle of work, start again: all of it is done once.
    for _ in 0..30 {
        ids.push(MessageId::new(&send(&server, AGNES).await).unwrap());
    }
    server.stop().await.unwrap();
    let server = world.serve(open_config()).await;
    for id in &ids {
        let message = until(&server, id.as_str(), "recorded").await;
        assert_eq!(events(&message).iter().filter(|e| *e == "translated").count(), 1);
    }
    let patients = get(&server, "/fhir/Patient").await.json();
    assert_eq!(patients["entry"].as_array().unwrap().len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_wait_for_each_other() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let second = send(&server, "LINE|1\nPART|G1|2\nOBS|2026-10-03|Gait speed|0.4 m/s").await;
    until(&server, &second, "work-retry").await;
    let third = send(&server, "LINE|1\nPART|G1|3\nCARE|2026-10-10|Home care").await;
    let first =
        send(&server, "LINE|1\nPART|G1|1|2|3\nPAT|9990000018|Quillfeather|Agnes|1942-03-07|female").await;
    let message = until(&server, &first, "recorded").await;
    assert_eq!(message["state"], "translated");
    assert_eq!(get(&server, "/fhir/Observation?_total=accurate").await.json()["total"], 1);
    assert_eq!(get(&server, "/fhir/EpisodeOfCare?_total=accurate").await.json()["total"], 1);
    for part in [&second, &third] {
        let message = until(&server, part, "part-joined").await;
        assert_eq!(message["state"], "translated");
    }
    // The last part to come need not be the one that leads.
    let lead = send(&server, "LINE|1\nPART|G2|1|2\nPAT|9990000026|Tallow|Edith|1940-01-01|female").await;
    until(&server, &lead, "work-retry").await;
    let last = send(&server, "LINE|1\nPART|G2|2\nOBS|2026-10-04|Gait speed|0.5 m/s").await;
    until(&server, &last, "part-joined").await;
    let lead = until(&server, &lead, "recorded").await;
    assert_eq!(lead["translation"]["bundles"].as_array().unwrap().len(), 1);
    let explained =
        page(&server, &format!("/messages/{}/explain", lead["id"].as_str().unwrap())).await.text();
    assert!(explained.contains("0.5 m/s"), "the page shows the whole message");

    let alone = send(&server, "LINE|1\nPART|G3|1|2\nPAT|9990000018|Quillfeather|Agnes|1942|female").await;
    until(&server, &alone, "work-retry").await;
    server.state.clock.advance(SignedDuration::from_hours(241)).unwrap();
    maintenance::run_once(&server.state).unwrap();
    until(&server, &alone, "work-parked").await;
    // What belongs together is known as long as its contents are kept; what waits for a person is kept.
    let groups = || server.state.engine.configs("parts").unwrap().len();
    assert_eq!(groups(), 3);
    let days = server.state.config.retention.messages_days;
    server.state.clock.advance(SignedDuration::from_hours(24 * i64::from(days + 1))).unwrap();
    maintenance::run_once(&server.state).unwrap();
    assert_eq!(groups(), 1);
    server.stop().await.unwrap();
}

fn routed_config() -> Config {
    let routes: Vec<Route> = serde_json::from_value(json!([
        {"id": "copy", "when": {"format": ["lines"]}, "to": [{"kind": "mailbox", "mailbox": "ZZ902OT001"}]},
        {"id": "named", "to": [{"kind": "recipient"}], "when": {"recipient": ["ZZ903", "ZZ904"]}},
    ]))
    .unwrap();
    Config { routes, ..open_config() }
}

fn waiting(server: &TestServer, mailbox: &str) -> Vec<MessageId> {
    let query = InboxQuery { mailbox: mailbox.to_owned(), after: None, limit: 100, filter: None };
    server.state.engine.inbox(&query).unwrap().entries.into_iter().map(|e| e.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_make_copies_and_what_nobody_takes_waits_for_a_person() {
    let world = World::new();
    let server = world.serve(routed_config()).await;
    let id = send(&server, &format!("{AGNES}\nTO|ZZ903")).await;
    let message = until(&server, &id, "work-parked").await;
    assert!(events(&message).contains(&"route-unresolved".to_owned()));
    let copies = waiting(&server, "ZZ902OT001");
    assert_eq!(copies.len(), 1);
    let copy = get(&server, &format!("/messages/{}/original", copies[0])).await;
    assert_eq!(copy.json()["resourceType"], "Bundle");
    assert_eq!(get(&server, &format!("/messages/{}", copies[0])).await.json()["linked"], id.as_str());
    // A person says where ZZ903 takes messages, and releases the delivery.
    let state = &server.state;
    state
        .engine
        .put_config(
            "organisation",
            "ZZ903",
            Some(r#"{"mailbox":"ZZ903OT001"}"#),
            None,
            "test",
            state.clock.now(),
        )
        .unwrap();
    let parked = get(&server, "/parked").await.json();
    let path = format!("/parked/{}", parked["parked"][0]["number"]);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(call(&server, "POST", &path, &form, b"action=release&confirm=yes").await.status, 303);
    for _ in 0..3_000 {
        if waiting(&server, "ZZ903OT001").len() == 1 {
            server.stop().await.unwrap();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the released delivery did not arrive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_be_translated_again() {
    let world = World::new();
    let server = world.serve(routed_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let path = format!("/messages/{id}/replay");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(call(&server, "POST", &path, &form, b"confirm=yes&note=").await.status, 400);
    let ordered = call(&server, "POST", &path, &form, b"confirm=yes&note=route+repaired").await;
    assert_eq!((ordered.status, ordered.header("location")), (303, Some(format!("/messages/{id}").as_str())));
    for _ in 0..3_000 {
        let message = get(&server, &format!("/messages/{id}")).await.json();
        if events(&message).iter().filter(|e| *e == "recorded").count() == 2 {
            let record: Vec<&Value> =
                message["timeline"].as_array().unwrap().iter().filter(|e| e["event"] == "recorded").collect();
            assert!(record[1]["detail"].as_str().unwrap().contains("nothing changed"), "{record:#?}");
            assert_eq!(waiting(&server, "ZZ902OT001").len(), 2, "a replay is a new delivery");
            server.stop().await.unwrap();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not translated again");
}

/// A table of routes, or what an organisation takes, that can't be read is never taken for another or for none: the message
/// waits, and goes where it should once the table is mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_table_of_routes_keeps_the_message_until_it_is_mended() {
    for (kind, name, mended) in [
        (
            "route",
            "table",
            r#"[{"id": "w", "when": {}, "to": [{"kind": "mailbox", "mailbox": "ZZ902OT001"}]}]"#,
        ),
        ("organisation", "ZZ903", r#"{"mailbox":"ZZ902OT001"}"#),
    ] {
        let world = World::new();
        let server = world.serve(routed_config()).await;
        let state = &server.state;
        let put = |json: &str| {
            state.engine.put_config(kind, name, Some(json), None, "test", state.clock.now()).unwrap();
        };
        put("{\"cut off");
        let id = send(&server, &format!("{AGNES}\nTO|ZZ903")).await;
        let message = until(&server, &id, "work-parked").await;
        assert!(!events(&message).contains(&"translated".to_owned()), "{kind}: {message:#?}");
        assert_eq!(waiting(&server, "ZZ902OT001").len(), 0, "{kind}: nothing is sent by another table");
        let parked = get(&server, "/parked").await.json();
        assert_eq!(parked["parked"][0]["cause"], "corrupt", "{kind}: {parked:#}");
        put(mended);
        let path = format!("/parked/{}", parked["parked"][0]["number"]);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        assert_eq!(call(&server, "POST", &path, &form, b"action=release&confirm=yes").await.status, 303);
        until(&server, &id, "routed").await;
        server.stop().await.unwrap();
    }
}
