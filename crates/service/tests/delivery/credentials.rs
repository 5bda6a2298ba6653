//! Receivers that refuse our credentials: the endpoint's fault, told to a person, no message's.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::messaging::{bars, post, referral};
use crate::receiver::*;
use crate::support::*;

async fn queue(server: &causeway_service::testing::TestServer) -> Value {
    get(server, "/parked").await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_parks_nothing_and_is_told_until_it_is_put_right() {
    for refusal in [401, 403] {
        let world = World::new();
        let receiver = Receiver::start(move |got, _| {
            if got.header("authorization") == "Bearer right" { ok() } else { outcome(refusal, "forbidden") }
        })
        .await;
        let file = world.directory.join("token");
        std::fs::write(&file, "wrong").unwrap();
        let target = endpoint(json!({"name": "north", "kind": "fhir", "address": receiver.url(),
            "auth": {"method": "bearer", "token_file": file},
            "retry": {"first_seconds": 1, "cap_seconds": 1, "give_up_hours": 1}}));
        let server = world.serve(with_endpoints(open_config(), vec![target])).await;
        let mut ids = Vec::new();
        for person in 0..6 {
            ids.push(send(&server, &about(person, "1")).await);
        }
        // Longer than it takes five attempts of a message to be parked for its own sake.
        receiver.until(4 + 6).await;
        let told = queue(&server).await;
        assert_eq!(told["parked"], json!([]), "{refusal}: no message is to blame");
        let away = &told["endpointsAway"][0];
        assert_eq!((&away["endpoint"], &away["needsPerson"]), (&json!("north"), &json!(true)), "{told:#}");
        assert_eq!(away["cause"], format!("http-{refusal}"));
        let sentence = away["detail"].as_str().unwrap();
        assert!(sentence.contains("refuses our credentials"), "{sentence}");
        let page = call(&server, "GET", "/parked", &[("Accept", "text/html")], b"").await.text();
        assert!(page.contains("refuses our credentials") && page.contains("north"), "{page}");
        let metrics = get(&server, "/metrics").await.text();
        let line = format!("causeway_endpoint_away{{endpoint=\"north\",cause=\"http-{refusal}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");

        std::fs::write(&file, "right").unwrap();
        for id in &ids {
            until(&server, id, "delivered").await;
        }
        assert_eq!(queue(&server).await["endpointsAway"], json!([]));
        assert!(!get(&server, "/metrics").await.text().contains("causeway_endpoint_away{"));
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_refuses_there_is_one_try_at_a_time() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| status(401)).await;
    let target =
        endpoint(json!({"name": "north", "kind": "http", "address": receiver.url(), "concurrency": 4,
        "retry": {"first_seconds": 30, "cap_seconds": 30, "give_up_hours": 1}}));
    let server = world.serve(with_endpoints(open_config(), vec![target])).await;
    for person in 0..20 {
        send(&server, &about(person, "1")).await;
    }
    when("all in the queue", || (queued(&server).len() == 20).then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(receiver.got().len() <= 4, "{} tries within the pause", receiver.got().len());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_waits_hears_that_we_are_not_let_in_and_what_is_its_own() {
    let answers: Arc<Mutex<u16>> = Arc::new(Mutex::new(401));
    let script = answers.clone();
    let world = World::new();
    let receiver = Receiver::start(move |_, _| match *script.lock().unwrap() {
        200 => ok(),
        refusal => outcome(refusal, "forbidden"),
    })
    .await;
    let target = endpoint(
        json!({"name": "north", "kind": "fhir", "address": receiver.url(), "targets": ["2000000001"],
        "retry": {"first_seconds": 1, "cap_seconds": 1, "give_up_hours": 1}}),
    );
    let mut config = with_endpoints(open_config(), vec![target]);
    config.routes.clear();
    let server = world.serve(config).await;
    // Our credentials: nothing that the sender could put right; the message is kept and goes on.
    let reply = post(&server, &bars(1, "2000000001"), &referral("1")).await;
    let code = |reply: &Reply| reply.json()["issue"][0]["details"]["coding"][0]["code"].clone();
    assert_eq!((reply.status, code(&reply)), (503, json!("PROXY_UNAVAILABLE")), "{}", reply.text());
    assert_eq!(queued(&server).len(), 1);
    *answers.lock().unwrap() = 200;
    when("delivered after all", || queued(&server).is_empty().then_some(())).await;
    // The receiver's 403 may be about whom the sender speaks for: it hears it.
    *answers.lock().unwrap() = 403;
    let reply = post(&server, &bars(2, "2000000001"), &referral("2")).await;
    assert_eq!(reply.status, 403, "{}", reply.text());
    server.stop().await.unwrap();
}
