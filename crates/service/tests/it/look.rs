//! A seeded service to look at with a browser: `CAUSEWAY_LOOK_SECONDS=600 cargo test -p causeway-service --test
//! it look -- --ignored --nocapture` prints its address and the pages worth seeing.

use causeway_exchange::{AckKind, Effects, MessageId, NewExpectation};
use causeway_service::maintenance;
use jiff::SignedDuration;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until its time is over"]
#[allow(clippy::print_stdout)]
async fn serves_a_seeded_world() {
    let seconds = std::env::var("CAUSEWAY_LOOK_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(300);
    let world = World::new();
    let mut config = closed_config();
    config.open = true;
    let server = world.serve(config).await;
    let id = send(
        &server,
        "LINE|1\nPAT|9990000018|Quillfeather|Agnes|1942-03-07|female\nOBS|2026-10-03T09:30:00Z|Gait speed|0.4 m/s\nOBS|2026-10-03T09:35:00Z|Blood pressure|142 over 81\nCARE|2026-10-10|Home care, four visits a day\nCARE|2026-11-02|Reablement package of six weeks\nNOTE|likes marmalade\nHELD|one item\nBAD|row\nLAX|2026-10-04|Mood|low",
    )
    .await;
    for at in 0..30 {
        let edith = format!(
            "LINE|2\nPAT|X{at}|Tallow|Edith|19{:02}-01-01|female\nOBS|2026-10-03|Weight|6{at} kg",
            at + 20
        );
        send(&server, &edith).await;
    }
    send(&server, "something else entirely").await;
    let poison = send(&server, "LINE|1\nPANIC").await;
    until(&server, &poison, "work-parked").await;
    until(&server, &id, "recorded").await;
    let state = &server.state;
    let now = state.clock.now();
    let due = NewExpectation {
        kind: AckKind::Business,
        from: "ZZ902".to_owned(),
        reference: id.clone(),
        deadline: now,
    };
    let effects = Effects { expectations: vec![due], ..Effects::default() };
    state.engine.apply(&MessageId::new(&id).unwrap(), effects, now).unwrap();
    state.clock.advance(SignedDuration::from_mins(5)).unwrap();
    maintenance::run_once(state).unwrap();
    let people = get(&server, "/people/").await.json();
    let person =
        people["people"].as_array().unwrap().iter().find(|p| p["display"]["family"] == "Quillfeather");
    let parked = get(&server, "/parked").await.json()["parked"][0]["number"].to_string();
    let overdue = get(&server, "/overdue").await.json()["overdue"][0]["number"].to_string();
    for path in [
        "/".to_owned(),
        "/messages/".to_owned(),
        format!("/messages/{id}"),
        format!("/messages/{id}/explain"),
        format!("/messages/{id}/replay"),
        "/people/".to_owned(),
        format!("/people/{}", person.map_or("", |p| p["id"].as_str().unwrap_or_default())),
        "/overdue".to_owned(),
        format!("/overdue/{overdue}"),
        "/parked".to_owned(),
        format!("/parked/{parked}"),
        "/adapters".to_owned(),
        "/messages/none".to_owned(),
    ] {
        println!("{}", server.url(&path));
    }
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    server.stop().await.unwrap();
}

/// How many messages a second come in and reach the record, on this disk with this build.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
#[allow(clippy::print_stdout)]
async fn measures_the_path() {
    const MESSAGES: usize = 2_000;
    const SENDERS: usize = 16;
    let world = World::new();
    let server = std::sync::Arc::new(world.serve(open_config()).await);
    println!("{:?}", server.state.engine.durability());
    let started = std::time::Instant::now();
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let server = server.clone();
        senders.push(tokio::spawn(async move {
            for at in 0..MESSAGES / SENDERS {
                let person = sender * 1_000 + at % 50;
                let text = format!(
                    "LINE|1\nPAT|P{person}|Tallow|Edith|1940-01-01|female\nOBS|2026-10-03|Weight {at}|60 kg"
                );
                send(&server, &text).await;
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let accepted = started.elapsed().as_secs_f64();
    loop {
        let metrics = server.state.engine.metrics().unwrap();
        if metrics.queues.iter().all(|q| q.ready + q.waiting + q.leased == 0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let all = started.elapsed().as_secs_f64();
    let metrics = server.state.engine.metrics().unwrap();
    println!(
        "accepted {:.0}/s, in the record {:.0}/s, {} commits for {} requests",
        MESSAGES as f64 / accepted,
        MESSAGES as f64 / all,
        metrics.commits,
        metrics.committed_requests
    );
}
