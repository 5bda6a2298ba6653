//! Messages whose translation is too large for memory: kept, routed, recorded and shown in pieces.

use std::io::Write as _;

use causeway_exchange::route::Route;
use causeway_exchange::{InboxQuery, PieceKind, WorkKind, WorkQuery};
use causeway_service::config::Config;
use causeway_service::testing::TestServer;
use serde_json::{Value, json};

use crate::support::*;

/// Records of the message.
const RECORDS: usize = 40;

/// A message of invented people; one line of one of them is bad, one resource breaks R4, one output is no bundle.
fn people() -> String {
    let mut text = "LINE|1".to_owned();
    for n in 0..RECORDS {
        text.push_str(&format!("\nPAT|P{n:03}|Quillfeather|Agnes|1942-03-07|female"));
        text.push_str(&format!("\nOBS|2026-10-{:02}T09:30:00Z|Gait speed|0.{n} m/s", n % 28 + 1));
        match n {
            7 => text.push_str("\nBAD|row"),
            11 => text.push_str("\nLAX|2026-10-03|Mood|low"),
            _ => {}
        }
    }
    text
}

/// Limits so small that a few records are too many for memory.
fn small_limits() -> Config {
    let mut config = open_config();
    config.limits.head_bytes = 300;
    config.limits.spill_bytes = 6_000;
    config
}

fn routed_to(mailbox: &str) -> Vec<Route> {
    let routes = json!([{"id": "copy", "when": {"format": ["lines"]}, "to": [{"kind": "mailbox", "mailbox": mailbox}]}]);
    serde_json::from_value(routes).unwrap()
}

fn details(message: &Value, event: &str) -> Vec<String> {
    let list = message["timeline"].as_array().unwrap().iter().filter(|e| e["event"] == event);
    list.map(|e| e["detail"].as_str().unwrap().to_owned()).collect()
}

/// All pages that `next` leads to, and the list under a name of each.
async fn pages(server: &TestServer, path: &str, name: &str) -> (Value, Vec<Value>) {
    let first = get(server, path).await.json();
    let mut all = first[name].as_array().unwrap().clone();
    let mut next = first["next"].as_str().map(str::to_owned);
    while let Some(path) = next {
        let page = get(server, &path).await.json();
        all.extend(page[name].as_array().unwrap().iter().cloned());
        next = page["next"].as_str().map(str::to_owned);
    }
    (first, all)
}

/// Everything that a message became: its bundles and the items of its ledger, without its own id.
async fn became(server: &TestServer, id: &str) -> (Vec<Value>, Vec<Value>) {
    let (list, bundles) = pages(server, &format!("/messages/{id}/bundles"), "bundles").await;
    assert_eq!(list["bundleCount"], bundles.len());
    let mut contents = Vec::new();
    for bundle in &bundles {
        let reply = get(server, bundle["href"].as_str().unwrap()).await;
        assert_eq!(bundle["bytes"], reply.body.len());
        let text = reply.text().replace(id, "ID");
        let mut content: Value = serde_json::from_str(&text).unwrap();
        // When it was received, here and in the provenance.
        content["timestamp"] = Value::Null;
        for entry in content["entry"].as_array_mut().unwrap() {
            entry["resource"]["recorded"] = Value::Null;
        }
        contents.push(json!({"name": bundle["name"], "content": content}));
    }
    let (_, items) = pages(server, &format!("/messages/{id}/ledger"), "items").await;
    (contents, items)
}

/// The same message in memory and in pieces becomes the same, and every part of it can be read.
#[tokio::test(flavor = "multi_thread")]
async fn in_pieces_it_becomes_the_same() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, &people()).await;
    let message = until(&server, &id, "recorded").await;
    assert!(server.state.behind().1.translation(&id.parse_id()).unwrap().unwrap().pieces.is_empty());
    let (bundles, items) = became(&server, &id).await;
    assert_eq!(bundles.len(), RECORDS);
    let totals = message["translation"]["ledger"].clone();
    let figures = server.state.behind().0.figures().unwrap();
    server.stop().await.unwrap();

    let world = World::new();
    let mut config = small_limits();
    config.routes = routed_to("ZZ902OT001");
    let server = world.serve(config).await;
    let id = send(&server, &people()).await;
    let message = until(&server, &id, "recorded").await;
    let kept = server.state.behind().1.translation(&id.parse_id()).unwrap().unwrap();
    assert!(kept.pieces_of(PieceKind::Outputs).count() > 5 && kept.pieces_of(PieceKind::Ledger).count() > 1);
    let (in_pieces, items_in_pieces) = became(&server, &id).await;
    assert_eq!(in_pieces, bundles);
    assert_eq!(items_in_pieces, items);
    assert_eq!(message["translation"]["ledger"], totals);
    assert_eq!((&totals["unexplained"], &totals["rejected"]), (&json!(0), &json!(1)), "the bad row only");
    assert_eq!(format!("{:?}", server.state.behind().0.figures().unwrap()), format!("{figures:?}"));

    // What breaks R4 is marked, what is wrong is told, and the pages say what they do not show.
    assert_eq!(details(&message, "check-failed").len(), 1);
    let issues = get(&server, &format!("/messages/{id}/issues")).await.text();
    assert!(issues.contains("bad-line") && issues.contains("bundle 12: "), "{issues}");
    let html = page(&server, &format!("/messages/{id}")).await.text();
    assert!(html.contains("in pages") && html.contains("rejected"), "{html}");
    let refused = get(&server, &format!("/messages/{id}/explain")).await;
    assert_eq!((refused.status, refused.rule().as_str()), (413, "too-large-to-explain"));
    for path in ["bundles/0", "bundles/41", "ledger?page=999"] {
        assert_eq!(get(&server, &format!("/messages/{id}/{path}")).await.status, 404, "{path}");
    }

    // Each bundle is in the mailbox once, and the timeline tells of them together.
    let query = InboxQuery { mailbox: "ZZ902OT001".to_owned(), after: None, limit: 100, filter: None };
    let start = std::time::Instant::now();
    while server.state.engine.inbox(&query).unwrap().waiting < RECORDS as u64 {
        assert!(start.elapsed().as_secs() < 20, "copies are missing");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let message = get(&server, &format!("/messages/{id}")).await.json();
    let routed = details(&message, "routed");
    assert_eq!(routed.len(), kept.pieces_of(PieceKind::Outputs).count());
    assert!(
        routed[0].contains("bundles of bundles 1 to ")
            && routed[0].ends_with("to mailbox ZZ902OT001 by route copy")
    );
    let waiting = server.state.engine.inbox(&query).unwrap().entries;
    let copy = server.state.behind().1.content(&waiting[20].id, 1 << 20).unwrap().bytes;
    let original = get(&server, &format!("/messages/{id}/bundles/21")).await.body;
    assert_eq!(copy, original, "copies are in the order of the source");

    // An operator's order of a million deliveries is refused, one bundle is not; the original comes as it was sent.
    let whole = get(&server, &format!("/messages/{id}/original")).await;
    assert_eq!(whole.text(), people());
    assert_eq!(whole.header("content-length"), Some(people().len().to_string().as_str()));
    server.stop().await.unwrap();
}

/// Stopped between two pieces and started again, the record gets the rest and nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_after_a_stop() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, &people()).await;
    until(&server, &id, "recorded").await;
    let figures = format!("{:?}", server.state.behind().0.figures().unwrap());
    server.stop().await.unwrap();

    let world = World::new();
    let server = world.serve(small_limits()).await;
    let id = send(&server, &people()).await;
    until(&server, &id, "translated").await;
    server.stop().await.unwrap();
    for _ in 0..3 {
        let server = world.serve(small_limits()).await;
        server.stop().await.unwrap();
    }
    let server = world.serve(small_limits()).await;
    let message = until(&server, &id, "recorded").await;
    assert_eq!(details(&message, "recorded").len(), 1);
    assert_eq!(format!("{:?}", server.state.behind().0.figures().unwrap()), figures);

    // Translated again: the same pieces, and the record says that it knows them.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let path = format!("/messages/{id}/replay");
    assert_eq!(call(&server, "POST", &path, &form, b"note=again&confirm=yes").await.status, 303);
    let start = std::time::Instant::now();
    let message = loop {
        let message = get(&server, &format!("/messages/{id}")).await.json();
        if details(&message, "recorded").len() == 2 {
            break message;
        }
        assert!(start.elapsed().as_secs() < 20, "not recorded again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let again = details(&message, "recorded").remove(1);
    assert!(
        again.starts_with("resources: 0 new, 0 changed; in ")
            && again.contains("40 bundles in the record already")
    );
    assert_eq!(format!("{:?}", server.state.behind().0.figures().unwrap()), figures);
    server.stop().await.unwrap();
}

/// A bundle that the record refuses waits for a person, alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bundle_harms_no_other() {
    let world = World::new();
    let server = world.serve(small_limits()).await;
    let id = send(&server, &format!("{}\nRAW|no bundle at all", people())).await;
    let message = until(&server, &id, "recorded").await;
    let told = details(&message, "recorded").remove(0);
    assert!(told.ends_with("1 bundle refused whole, the first of them for a person to look at"), "{told}");
    until(&server, &id, "work-parked").await;
    let query = WorkQuery { kind: Some(WorkKind::Record), limit: 10, ..WorkQuery::default() };
    let parked = server.state.engine.work(&query).unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].last_error.as_ref().map(|(code, _)| code.as_str()), Some("record-refused"));
    let types = server.state.behind().0.types().unwrap();
    assert!(types.contains(&("Patient".to_owned(), RECORDS as u64)), "{types:?}");
    server.stop().await.unwrap();
}

/// Compressed content is streamed too; where it is broken, it is refused as a whole and nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn compressed_content_is_streamed() {
    let world = World::new();
    let server = world.serve(small_limits()).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(people().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let headers =
        [("Content-Type", "text/x-lines"), ("Causeway-Sender", "ZZ901"), ("Content-Encoding", "gzip")];
    let post = async |body: &[u8]| {
        let reply = call(&server, "POST", "/messages", &headers, body).await;
        reply.json()["id"].as_str().unwrap().to_owned()
    };
    let id = post(&packed).await;
    let message = until(&server, &id, "recorded").await;
    assert_eq!(message["translation"]["bundleCount"], RECORDS);
    let id = post(&packed[..packed.len() - 40]).await;
    let message = until(&server, &id, "unreadable").await;
    assert_eq!((&message["state"], &message["translation"]["bundleCount"]), (&json!("error"), &json!(0)));
    server.stop().await.unwrap();
}

/// A format that is translated in memory has a limit, beyond which the message is kept and parked.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_translated_in_memory_has_a_limit() {
    let world = World::new();
    let mut config = small_limits();
    config.limits.whole_bytes = 2_000;
    let server = world.serve(config).await;
    let headers = [("Content-Type", "application/json"), ("Causeway-Sender", "ZZ901")];
    let body = format!("{{\"resourceType\":\"Bundle\",\"text\":\"{}\"}}", "x".repeat(3_000));
    let reply = call(&server, "POST", "/messages", &headers, body.as_bytes()).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let message = until(&server, &id, "work-parked").await;
    let told = details(&message, "work-parked").remove(0);
    assert!(told.contains("too-large") && told.contains("limits.whole_bytes = 2000"), "{told}");
    assert_eq!(get(&server, &format!("/messages/{id}/original")).await.text(), body);
    // The streamed format knows no such limit.
    let id = send(&server, &people()).await;
    until(&server, &id, "recorded").await;
    server.stop().await.unwrap();
}

/// The id of a message, from its text.
trait Id {
    fn parse_id(&self) -> causeway_exchange::MessageId;
}

impl Id for String {
    fn parse_id(&self) -> causeway_exchange::MessageId {
        causeway_exchange::MessageId::new(self).unwrap()
    }
}
