//! A receiver that is down for a day, and poison.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tokio::net::TcpListener;

use crate::receiver::*;
use crate::support::*;

fn observed(got: &Got) -> u32 {
    let text = got.text();
    let at = text.find("valueString\":\"").unwrap() + 14;
    text[at..].split('"').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn down_for_a_day_then_drained_in_order_without_a_storm() {
    let world = World::new();
    // A port where nobody listens, until somebody does.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = endpoint(json!({"name": "r", "kind": "fhir", "address": format!("http://{address}/in"),
        "concurrency": 8, "retry": {"first_seconds": 5, "cap_seconds": 900, "give_up_hours": 48}}));
    let server = world.serve(with_endpoints(open_config(), vec![target])).await;
    const PEOPLE: u32 = 10;
    const EACH: u32 = 6;
    for number in 0..EACH {
        for person in 0..PEOPLE {
            send(&server, &about(person, &number.to_string())).await;
        }
    }
    when("all queued", || (queued(&server).len() == (PEOPLE * EACH) as usize).then_some(())).await;
    let attempts = || queued(&server).iter().map(|i| i.attempts).sum::<u32>();
    for _ in 0..24 {
        let before = attempts();
        server.state.clock.advance(SignedDuration::from_hours(1)).unwrap();
        causeway_service::maintenance::run_once(&server.state).unwrap();
        when("an attempt", || (attempts() > before).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tries = attempts();
    // One probe for each pause, however many wait: never all sixty.
    assert!((25..=60).contains(&tries), "{tries} attempts in 24 hours");
    assert!(queued(&server).iter().all(|i| i.state.as_str() != "parked"), "nothing is given up");

    let listener = TcpListener::bind(address).await.unwrap();
    let receiver = Receiver::on(listener, Duration::from_millis(5), |_, _| ok());
    let started = std::time::Instant::now();
    server.state.clock.advance(SignedDuration::from_hours(1)).unwrap();
    causeway_service::maintenance::run_once(&server.state).unwrap();
    let got = receiver.until((PEOPLE * EACH) as usize).await;
    when("drained", || queued(&server).is_empty().then_some(())).await;
    assert_eq!(got.len(), (PEOPLE * EACH) as usize, "each once");
    assert_eq!(receiver.most_per_person(), 1, "at most one try per person in flight");
    let mut last: HashMap<String, u32> = HashMap::new();
    for got in &got {
        let number = observed(got);
        let before = last.insert(got.person(), number);
        assert_eq!(number, before.map_or(0, |b| b + 1), "in order");
    }
    eprintln!("24 h down: {tries} attempts for 60 messages; drained in {:?}", started.elapsed());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_parks_its_own_person_and_no_other() {
    let world = World::new();
    const PEOPLE: u32 = 100;
    let receiver =
        Receiver::start(|got, _| if got.text().contains("poison") { status(500) } else { ok() }).await;
    let target = endpoint(json!({"name": "r", "kind": "fhir", "address": receiver.url(), "concurrency": 8,
        "retry": {"first_seconds": 0, "cap_seconds": 0, "give_up_hours": 1}}));
    let server = world.serve(with_endpoints(open_config(), vec![target])).await;
    let poisoned = 42;
    for person in 0..PEOPLE {
        let what = if person == poisoned { "poison" } else { "1" };
        send(&server, &about(person, what)).await;
    }
    for person in [poisoned, 7] {
        send(&server, &about(person, "2")).await;
    }
    // 99 good ones, 5 tries of the poison, and the second of person 7; the poisoned person's second waits.
    receiver.until((PEOPLE - 1 + 5 + 1) as usize).await;
    when("the rest to stand still", || (queued(&server).len() == 2).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let left = queued(&server);
    let states: Vec<&str> = left.iter().map(|i| i.state.as_str()).collect();
    assert_eq!(states, ["parked", "waiting"]);
    assert_eq!(left[0].last_error.as_ref().unwrap().0, "http-500");
    assert_eq!(receiver.got().iter().filter(|g| g.person() == nhs_number(poisoned)).count(), 5);
    server.stop().await.unwrap();
}

/// `cargo test -p causeway-service --release --test delivery deliveries_per_second -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn deliveries_per_second() {
    const MESSAGES: u32 = 2000;
    for concurrency in [1, 4, 16] {
        let world = World::new();
        let receiver = Receiver::start(|_, _| ok()).await;
        let mut target = json!({"name": "r", "kind": "fhir", "address": receiver.url(), "concurrency": concurrency,
            "retry": {"first_seconds": 3600, "cap_seconds": 3600}});
        target["address"] = json!("http://127.0.0.1:1/");
        let server = world.serve(with_endpoints(open_config(), vec![endpoint(target.clone())])).await;
        for person in 0..MESSAGES {
            send(&server, &about(person, "1")).await;
        }
        // `work` gives pages of a thousand.
        when("queued", || {
            let gauges = server.state.engine.metrics().unwrap().queues;
            let deliver = gauges.into_iter().find(|g| g.kind == causeway_exchange::WorkKind::Deliver)?;
            (deliver.ready + deliver.waiting == u64::from(MESSAGES)).then_some(())
        })
        .await;
        target["address"] = json!(receiver.url());
        target["retry"] = json!({"first_seconds": 0, "cap_seconds": 0});
        let now = server.state.clock.now();
        server
            .state
            .engine
            .put_config("endpoint", "r", Some(&target.to_string()), None, "test", now)
            .unwrap();
        tokio::time::sleep(Duration::from_millis(1800)).await;
        let started = std::time::Instant::now();
        server.state.clock.advance(SignedDuration::from_hours(2)).unwrap();
        server.state.signals.all();
        when("drained", || queued(&server).is_empty().then_some(())).await;
        let rate = f64::from(MESSAGES) / started.elapsed().as_secs_f64();
        eprintln!("{concurrency} at a time: {rate:.0} deliveries/s");
        server.stop().await.unwrap();
    }
}
