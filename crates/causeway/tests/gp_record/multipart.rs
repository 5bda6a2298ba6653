//! Parts in any order, repeated, missing, days late, and with the process killed between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_service::maintenance;
use jiff::SignedDuration;
use serde_json::Value;

use crate::message::{self, FIRST, INDEX, Scenario, corpus, filled, gp2gp_adapter, letter, own};
use crate::running::Process;
use crate::world::{World, open};

/// Who sends them all.
const PRACTICE: &str = "ZP401";

fn scenarios() -> Vec<Scenario> {
    let mut all = corpus();
    all.push(("own".to_owned(), own()));
    all
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new()];
    for next in 0..count {
        out = out
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=order.len()).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, next);
                    longer
                })
            })
            .collect();
    }
    out
}

/// Posts a part; its message's id.
async fn post(client: &reqwest::Client, base: &str, bytes: Vec<u8>) -> String {
    let request = client.post(format!("{base}/messages")).header("Causeway-Sender", PRACTICE);
    let answer =
        request.header("Content-Type", "application/json").body(bytes).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    let body: Value = answer.json().await.expect("JSON");
    body["id"].as_str().expect("an id").to_owned()
}

async fn view(client: &reqwest::Client, base: &str, path: &str) -> Value {
    let request = client.get(format!("{base}{path}")).header("Accept", "application/json");
    request.send().await.expect("an answer").json().await.unwrap_or_default()
}

fn count(view: &Value, event: &str) -> usize {
    view["timeline"].as_array().into_iter().flatten().filter(|e| e["event"] == event).count()
}

/// Longest pause between two looks at a message.
const PAUSE_MAX: Duration = Duration::from_millis(320);

/// Waits until a message has an event.
async fn until(client: &reqwest::Client, base: &str, id: &str, event: &str) -> Value {
    until_any(client, base, id, &[event]).await
}

/// Waits until a message has one of these events.
async fn until_any(client: &reqwest::Client, base: &str, id: &str, events: &[&str]) -> Value {
    let start = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let found = view(client, base, &format!("/messages/{id}")).await;
        if events.iter().any(|event| count(&found, event) > 0) {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no event {events:?}: {found:#}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A bundle without what says when and as which message it came.
fn plain(mut bundle: Value, root: &str) -> Value {
    fn walk(value: &mut Value, root: &str) {
        match value {
            Value::Object(map) => {
                map.remove("recorded");
                map.remove("timestamp");
                map.values_mut().for_each(|v| walk(v, root));
            }
            Value::Array(list) => list.iter_mut().for_each(|v| walk(v, root)),
            Value::String(text) => *text = text.replace(root, "ROOT"),
            _ => {}
        }
    }
    walk(&mut bundle, root);
    bundle
}

/// Which of the parts the others follow.
fn lead(parts: &[String]) -> usize {
    let payload = |p: &String| p.contains("<RCMR_IN030000UK0");
    parts.iter().position(payload).expect("a main message")
}

/// Waits until all parts have become one, and gives its bundle. Where the main message came twice, either may carry
/// the translation: whichever was worked on first.
async fn joined(client: &reqwest::Client, base: &str, ids: &[String], mains: &[usize]) -> Value {
    let mut root = &ids[mains[0]];
    for main in mains.get(1..).unwrap_or_default() {
        until_any(client, base, root, &["recorded", "part-joined"]).await;
        let found = view(client, base, &format!("/messages/{root}")).await;
        if count(&found, "part-joined") > 0 {
            root = &ids[*main];
        }
    }
    let whole = until(client, base, root, "recorded").await;
    assert_eq!(count(&whole, "translated"), 1, "{whole:#}");
    assert_eq!(whole["translation"]["ledger"]["unexplained"], 0);
    for id in ids.iter().filter(|id| *id != root) {
        let part = until(client, base, id, "part-joined").await;
        assert_eq!(
            (&part["state"], count(&part, "part-joined")),
            (&Value::from("translated"), 1),
            "{part:#}"
        );
        assert!(part["translation"].is_null(), "only the whole is translated");
        assert!(
            part["timeline"].to_string().contains(root.as_str()),
            "it does not lead to the whole: {part:#}"
        );
    }
    plain(view(client, base, &format!("/messages/{root}/bundles/1")).await, root)
}

fn resources<'b>(bundle: &'b Value, kind: &str) -> Vec<&'b Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten().map(|e| &e["resource"]);
    entries.filter(|r| r["resourceType"] == kind).collect()
}

/// What the record holds, by figures that grow where anything is doubled.
fn figures(world: &World) -> (u64, u64, u64) {
    let figures = world.state.behind().0.figures().expect("figures");
    (figures.persons, figures.resources, figures.versions)
}

/// Sends the parts in one order, one of them twice: the bundle, and how many messages were sent.
async fn in_order(
    client: reqwest::Client,
    base: String,
    parts: Arc<Vec<String>>,
    (number, order): (usize, Vec<usize>),
    conversation: String,
) -> (Value, usize) {
    let mut all = Vec::new();
    let mut mains = Vec::new();
    for (place, part) in order.iter().enumerate() {
        if *part == lead(&parts) {
            mains.push(all.len());
        }
        all.push(post(&client, &base, filled(&parts[*part], &conversation)).await);
        // Another part a second time in each order, before, between or after the others.
        if place == number % parts.len() {
            let again = order[number / parts.len() % (place + 1)];
            if again == lead(&parts) {
                mains.push(all.len());
            }
            all.push(post(&client, &base, filled(&parts[again], &conversation)).await);
        }
    }
    (joined(&client, &base, &all, &mains).await, all.len())
}

/// Conversations side by side.
const SIDE_BY_SIDE: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn parts_in_any_order_and_repeated_become_the_same_bundle() {
    let world = World::new(open()).await;
    let mut sent = 0;
    for (name, parts) in scenarios() {
        let parts = Arc::new(parts);
        let mut first: Option<(Value, (u64, u64, u64))> = None;
        let mut numbered: Vec<_> = orders(parts.len()).into_iter().enumerate().collect();
        while !numbered.is_empty() {
            // The first alone, to see what one of them brings.
            let some = if first.is_none() { 1 } else { SIDE_BY_SIDE.min(numbered.len()) };
            let mut tasks = tokio::task::JoinSet::new();
            for (number, order) in numbered.drain(..some) {
                let (client, base) = (world.client.clone(), world.server.url(""));
                let conversation = format!("{name}-{number}");
                tasks.spawn(in_order(client, base, parts.clone(), (number, order), conversation));
            }
            for (bundle, count) in tasks.join_all().await {
                sent += count;
                let (known, _) = first.get_or_insert_with(|| (bundle.clone(), figures(&world)));
                assert_eq!(&bundle, known, "{name}");
            }
            assert_eq!(Some(figures(&world)), first.as_ref().map(|f| f.1), "{name}: something was doubled");
        }
        let (bundle, _) = first.expect("an order");
        assert!(!resources(&bundle, "DocumentReference").is_empty(), "{name}");
        if name == "own" {
            is_whole(&bundle);
        }
    }
    assert_eq!(world.messages().iter().filter(|m| m.state.as_str() == "translated").count(), sent.min(1000));
}

/// The bundle holds all that the record holds, and both letters.
fn is_whole(bundle: &Value) {
    let context = causeway_adapter::Context::new(
        causeway::input::sender(Some(PRACTICE)),
        jiff::Timestamp::UNIX_EPOCH,
        "urn:x",
    );
    let unsplit = causeway_adapter::translate(gp2gp_adapter(), &message::unsplit(), &context);
    let unsplit: Value = serde_json::from_slice(&unsplit.outputs[0].json).expect("JSON");
    for kind in
        ["Observation", "Condition", "MedicationRequest", "Encounter", "DiagnosticReport", "Immunization"]
    {
        let ids = |b: &Value| resources(b, kind).iter().map(|r| r["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(bundle), ids(&unsplit), "{kind}");
        assert!(!ids(bundle).is_empty(), "{kind}");
    }
    let sizes: Vec<u64> = resources(bundle, "DocumentReference")
        .iter()
        .filter_map(|d| d["content"][0]["attachment"]["size"].as_u64())
        .collect();
    assert_eq!(sizes, [14, letter().len() as u64]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_four_days_late_completes_the_message() {
    let world = World::new(open()).await;
    let base = world.server.url("");
    let mut known: Option<Value> = None;
    for (name, parts) in scenarios().into_iter().filter(|(_, parts)| parts.len() > 1) {
        for late in 0..parts.len() {
            let mut ids = vec![String::new(); parts.len()];
            for (number, part) in parts.iter().enumerate().filter(|(n, _)| *n != late) {
                ids[number] = post(&world.client, &base, filled(part, &format!("{name}-late-{late}"))).await;
                until(&world.client, &base, &ids[number], "work-retry").await;
            }
            world.state.clock.advance(SignedDuration::from_hours(4 * 24)).expect("test mode");
            maintenance::run_once(&world.state).expect("a round");
            assert_eq!(
                view(&world.client, &base, "/parked").await["parked"].as_array().map(Vec::len),
                Some(0)
            );
            ids[late] =
                post(&world.client, &base, filled(&parts[late], &format!("{name}-late-{late}"))).await;
            let bundle = joined(&world.client, &base, &ids, &[lead(&parts)]).await;
            if name == "own" {
                assert_eq!(&bundle, known.get_or_insert_with(|| bundle.clone()), "part {late} late");
            }
        }
    }
    is_whole(&known.expect("the own message"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_incomplete_is_parked_with_its_missing_parts_named_and_still_completed() {
    let world = World::new(open()).await;
    let base = world.server.url("");
    let parts = own();
    let mut ids = vec![String::new(); parts.len()];
    for number in [0, 3, 4] {
        ids[number] = post(&world.client, &base, filled(&parts[number], "never")).await;
        until(&world.client, &base, &ids[number], "work-retry").await;
    }
    world.state.clock.advance(SignedDuration::from_hours(239)).expect("test mode");
    maintenance::run_once(&world.state).expect("a round");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(view(&world.client, &base, "/parked").await["parked"].as_array().map(Vec::len), Some(0));
    world.state.clock.advance(SignedDuration::from_hours(2)).expect("test mode");
    maintenance::run_once(&world.state).expect("a round");
    for number in [0, 3, 4] {
        let parked = until(&world.client, &base, &ids[number], "work-parked").await;
        assert_eq!(parked["state"], "accepted", "kept, not lost");
    }
    let parked = view(&world.client, &base, "/parked").await;
    let rows = parked["parked"].as_array().expect("rows");
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert!(row["cause"].as_str().is_some_and(|c| c.contains("missing")), "{row}");
        assert!(row["detail"].as_str().is_some_and(|d| d.contains(INDEX)), "{row}");
    }
    // The index comes, and says that one more is missing.
    ids[1] = post(&world.client, &base, filled(&parts[1], "never")).await;
    let waiting = until(&world.client, &base, &ids[1], "work-retry").await;
    assert!(waiting["timeline"].to_string().contains(FIRST), "{waiting:#}");
    ids[2] = post(&world.client, &base, filled(&parts[2], "never")).await;
    let bundle = joined(&world.client, &base, &ids, &[0]).await;
    is_whole(&bundle);
    let start = Instant::now();
    while view(&world.client, &base, "/parked").await["parked"] != Value::Array(Vec::new()) {
        assert!(start.elapsed() < Duration::from_secs(90), "a person is still asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_is_killed_between_the_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = causeway::process::client().expect("a client");
    let mut known: Option<Value> = None;
    for (name, parts) in scenarios() {
        let forth: Vec<usize> = (0..parts.len()).collect();
        let back: Vec<usize> = (0..parts.len()).rev().collect();
        for (number, order) in [forth, back].into_iter().enumerate().take(parts.len()) {
            let mut ids = vec![String::new(); parts.len()];
            for part in &order {
                let process = Process::serve(folder.path(), &[]);
                let bytes = filled(&parts[*part], &format!("{name}-killed-{number}"));
                ids[*part] = post(&client, &process.base, bytes).await;
                // Killed at once, or while it works on it.
                tokio::time::sleep(Duration::from_millis([0, 12, 40][*part % 3])).await;
            }
            let process = Process::serve(folder.path(), &[]);
            let bundle = joined(&client, &process.base, &ids, &[lead(&parts)]).await;
            if name == "own" {
                assert_eq!(&bundle, known.get_or_insert_with(|| bundle.clone()), "order {order:?}");
                is_whole(&bundle);
            }
        }
    }
}
