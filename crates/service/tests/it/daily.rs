//! Daily work: failures are counted from the store and listed with what to do, messages are found by number, day and
//! person, and failed sign-ins are slowed and written down.

use causeway_service::Config;
use causeway_service::broker::view::COUNT_MAX;
use causeway_service::testing::TestServer;
use serde_json::Value;

use crate::support::*;

async fn find(server: &TestServer, headers: &[(&str, &str)], number: &str) -> Reply {
    let mut all = vec![("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    call(server, "POST", "/messages/find", &all, format!("nhs_number={number}").as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_from_the_store_and_say_what_to_do() {
    let world = World::new();
    let config = Config { open: true, ..open_config() };
    let server = world.serve(config.clone()).await;
    assert_eq!(get(&server, "/failed").await.json()["refusedTotal"], 0);
    assert!(page(&server, "/failed").await.text().contains("Nothing failed."));
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let refused = call(
        &server,
        "POST",
        "/messages",
        &[("Content-Type", "text/plain"), ("Causeway-Sender", "ZZ901")],
        b"hello",
    )
    .await;
    let refused = refused.json()["id"].as_str().unwrap().to_owned();
    until(&server, &refused, "unrecognised").await;
    server.stop().await.unwrap();
    // After a restart the counts are the same: they are the store's.
    let server = world.serve(config).await;
    let failed = get(&server, "/failed").await.json();
    assert_eq!(
        (failed["refusedTotal"].as_u64(), failed["needDecision"].as_array().map(Vec::len)),
        (Some(1), Some(0))
    );
    let one = &failed["refused"][0];
    assert_eq!(
        (one["id"].as_str(), one["failure"]["code"].as_str()),
        (Some(refused.as_str()), Some("unrecognised"))
    );
    assert!(one["advice"].as_str().unwrap().contains("Causeway-Format"), "{one}");
    assert_eq!(get(&server, "/health").await.json()["failed"], 1);
    assert!(get(&server, "/metrics").await.text().contains("\ncauseway_messages_failed 1\n"));
    let shown = page(&server, "/failed").await.text();
    assert!(
        shown.contains(&format!("href=\"/messages/{refused}\"")) && shown.contains("Causeway-Format"),
        "{shown}"
    );
    let start = page(&server, "/").await.text();
    assert!(start.contains("<dt>Refused or given up</dt><dd>1</dd>"), "{start}");
    assert!(start.contains("<dt>Messages, with copies for mailboxes</dt><dd>2</dd>"), "{start}");
    // A correction that fails too changes nothing; one that is read takes the first off the list.
    for (body, event, left) in [("hello again", "unrecognised", 2), (AGNES, "recorded", 1)] {
        let headers = [("Content-Type", "text/plain"), ("Causeway-Reason", "typing error")];
        let path = format!("/messages/{refused}/replace");
        let corrected = call(&server, "POST", &path, &headers, body.as_bytes()).await;
        assert_eq!(corrected.status, 201, "{}", corrected.text());
        until(&server, corrected.json()["id"].as_str().unwrap(), event).await;
        let failed = get(&server, "/failed").await.json();
        assert_eq!(failed["refusedTotal"], left, "{failed}");
        assert_eq!(
            failed["refused"].to_string().contains(&format!("/messages/{refused}\"")),
            left == 2,
            "{failed}"
        );
        assert_eq!(get(&server, "/health").await.json()["failed"], left);
    }
    // It is kept, and found among all.
    let all = get(&server, "/messages?state=error").await.json();
    assert!(all["messages"].to_string().contains(&refused), "{all}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_found_by_its_number_day_and_person() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    let own = [("Authorization", "Bearer token-901"), ("Accept", "application/json")];
    let other = [("Authorization", "Bearer token-902"), ("Accept", "application/json")];
    let typed = [own[0], own[1], ("Content-Type", "text/x-lines"), ("X-Correlation-Id", "c1")];
    let id = call(&server, "POST", "/messages", &typed, AGNES.as_bytes()).await.json();
    let id = id["id"].as_str().unwrap().to_owned();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while call(&server, "GET", &format!("/messages/{id}"), &own, b"").await.json()["translation"].is_null() {
        assert!(std::time::Instant::now() < deadline, "not translated");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    async fn list(server: &TestServer, who: &[(&str, &str)], query: &str) -> Value {
        call(server, "GET", &format!("/messages?{query}"), who, b"").await.json()
    }
    let ids = |list: &Value| -> Vec<String> {
        list["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    let number = list(&server, &own, "").await["messages"][0]["controlId"].clone();
    let number = number.as_str().expect("the adapter says the message's number").to_owned();
    for (query, found) in [
        (format!("number={number}"), true),
        (format!("number={number}&state=translated"), true),
        (format!("number={number}&state=error"), false),
        ("number=OTHER".to_owned(), false),
        ("since=2020-01-01".to_owned(), true),
        ("since=2020-01-01&until=2020-01-02".to_owned(), false),
    ] {
        let got = list(&server, &own, &query).await;
        assert_eq!(ids(&got), if found { vec![id.clone()] } else { Vec::new() }, "{query}");
        assert_eq!(got["total"], u64::from(found), "{query}");
        assert!(ids(&list(&server, &other, &query).await).is_empty(), "another's: {query}");
    }
    assert_eq!(call(&server, "GET", "/messages?since=yesterday", &own, b"").await.status, 400);
    // By person: only by POST, written first, and of one's own messages only.
    let found = find(&server, &own[..1], "999 000 0018").await;
    assert_eq!(ids(&found.json()), std::slice::from_ref(&id), "{}", found.text());
    assert!(ids(&find(&server, &other[..1], "9990000018").await.json()).is_empty());
    assert_eq!(find(&server, &own[..1], "9990000019").await.status, 400);
    let entries = server.state.engine.audit_entries(None, None, 1000).unwrap();
    let looked: Vec<_> = entries.iter().filter(|e| e.audit.action == "messages-of-person").collect();
    assert_eq!(looked.len(), 2);
    assert!(looked.iter().all(|e| !e.audit.entity.contains("9990000018")));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_how_many_there_are_and_goes_on() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    for _ in 0..7 {
        send(&server, AGNES).await;
    }
    let first = get(&server, "/messages?limit=3&sender=ZZ901").await.json();
    assert_eq!((first["messages"].as_array().unwrap().len(), first["total"].as_u64()), (3, Some(7)));
    assert_eq!(first["totalIsMore"], false);
    let next = first["next"].as_str().unwrap();
    assert!(next.contains("&sender=ZZ901&limit=3"), "{next}");
    let second = get(&server, next).await.json();
    assert_eq!((second["messages"].as_array().unwrap().len(), second["total"].as_u64()), (3, Some(7)));
    assert_ne!(first["messages"][0]["id"], second["messages"][0]["id"]);
    const { assert!(COUNT_MAX > 7) };
    let shown = page(&server, "/messages/?sender=ZZ901").await.text();
    assert!(shown.contains("7 in all from ZZ901, newest first"), "{shown}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_are_slowed_and_written_down() {
    let world = World::new();
    let server = world.serve(Config { test_mode: true, ..closed_config() }).await;
    let ask = async |token: &str| {
        let header = format!("Bearer {token}");
        let headers = [
            ("Authorization", header.as_str()),
            ("Causeway-Sender", "ZZ901"),
            ("Accept", "application/json"),
        ];
        call(&server, "GET", "/messages", &headers, b"").await
    };
    // Who got in before is not held up by what follows.
    assert_eq!(ask("token-901").await.status, 200);
    let mut statuses = Vec::new();
    for n in 0..9 {
        statuses.push(ask(&format!("wrong-{n}")).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429, 429]);
    let slowed = ask("wrong").await;
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, Some("1")));
    assert_eq!(ask("token-901").await.status, 200, "good credentials of this address");
    // Every answer of a door that people guess at is slowed alike.
    let basic =
        [("Authorization", "Basic WlY5MDE6eA=="), ("Causeway-Sender", "ZZ901"), ("Accept", "text/html")];
    assert_ne!(call(&server, "GET", "/people/", &basic, b"").await.status, 200);
    server.state.clock.advance(jiff::SignedDuration::from_secs(2)).unwrap();
    assert_eq!(ask("wrong-a").await.status, 401, "it may try again");
    assert_eq!(ask("wrong-b").await.header("retry-after"), Some("2"), "and waits twice as long");
    let entries = server.state.engine.audit_entries(None, None, 1000).unwrap();
    let failed: Vec<_> = entries.iter().filter(|e| e.audit.action == "sign-in-failed").collect();
    assert!(failed.len() >= 7, "{}", failed.len());
    assert!(failed.iter().all(|e| e.audit.entity == "127.0.0.1" && !e.audit.detail.contains("wrong")));
    // The figures name mailboxes and endpoints: they are for an operator.
    let metrics = async |token: &str| {
        call(&server, "GET", "/metrics", &[("Authorization", token), ("Accept", "*/*")], b"").await
    };
    assert_eq!(get(&server, "/metrics").await.status, 401);
    assert_eq!(metrics("Bearer token-901").await.status, 403);
    let metrics = metrics("Bearer token-900").await.text();
    assert!(metrics.contains("causeway_sign_ins_slowed_total"), "{metrics}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_not_signed_in_is_led_there_and_back() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    let led = page(&server, "/people/?after=3").await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in/choose?to=/people/%3Fafter%3D3")));
    let choose = page(&server, led.header("location").unwrap()).await;
    assert_eq!(choose.status, 200);
    assert!(
        choose.text().contains("href=\"/sign-in-organisation?to=/people/%3Fafter%3D3\""),
        "{}",
        choose.text()
    );
    // There the browser is asked, and goes back when it has answered.
    let asked = page(&server, "/sign-in-organisation?to=/messages/").await;
    assert_eq!(asked.status, 401);
    assert!(asked.header("www-authenticate").is_some());
    let headers = [("Accept", "text/html"), ("Authorization", "Bearer token-901")];
    let back = call(&server, "GET", "/sign-in-organisation?to=/messages/", &headers, b"").await;
    assert_eq!((back.status, back.header("location")), (303, Some("/messages/")));
    let away = call(&server, "GET", "/sign-in-organisation?to=//evil.example/", &headers, b"").await;
    assert_eq!((away.status, away.header("location")), (303, Some("/")));
    // A program, a changing request and wrong credentials are told.
    assert_eq!(get(&server, "/people/").await.status, 401);
    assert_eq!(call(&server, "POST", "/people/", &[("Accept", "text/html")], b"").await.status, 401);
    let wrong = [("Accept", "text/html"), ("Authorization", "Bearer wrong")];
    assert_eq!(call(&server, "GET", "/people/", &wrong, b"").await.status, 401);
    server.stop().await.unwrap();
}
