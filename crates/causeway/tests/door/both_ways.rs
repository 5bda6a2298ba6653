//! Messages that leave in another form than they came: a discharge to a care home and a council, a care note to a
//! practice. `CAUSEWAY_SHOW=1 cargo test -p causeway --test door both_ways -- --nocapture` prints what arrives, with
//! everything that the form could not carry.

use causeway_adapter::{Adapter, translate};
use causeway_exchange::Message;
use causeway_exchange::route::Routes;
use causeway_service::config::Config;
use causeway_service::onramp::note::{FIELDS, Raw, check};
use causeway_synth::{edith, formats};
use serde_json::Value;

use crate::world::{World, open};

const TABLE: &str = r#"[
    {"id": "discharge", "when": {"format": ["hl7v2"], "event": ["ADT^A03"]}, "to": [
        {"kind": "mailbox", "mailbox": "COUNCIL", "send": "discharge-notice"},
        {"kind": "mailbox", "mailbox": "HOME", "send": "care-provider-record"},
        {"kind": "mailbox", "mailbox": "SUMMARY", "send": "ips"},
        {"kind": "mailbox", "mailbox": "LETTER", "send": "itk-cda"}]},
    {"id": "results", "when": {"format": ["hl7v2"], "event": ["ORU^R01"]}, "to": [
        {"kind": "mailbox", "mailbox": "HOME", "send": "care-provider-record"}]},
    {"id": "notes", "when": {"format": ["care-provider-record"]}, "to": [
        {"kind": "mailbox", "mailbox": "GP"}, {"kind": "mailbox", "mailbox": "GP", "send": "document"},
        {"kind": "mailbox", "mailbox": "HOSPITAL"}]},
    {"id": "impossible", "when": {"format": ["telecare-alarm"]}, "to": [
        {"kind": "mailbox", "mailbox": "COUNCIL", "send": "discharge-notice"}]}
]"#;

fn config() -> Config {
    Config { routes: Routes::parse(TABLE).expect("a table").as_slice().to_vec(), ..open() }
}

#[allow(clippy::print_stdout, reason = "a person asked to see it")]
async fn show(world: &World, message: &Message) -> Value {
    let view = world.json(&format!("/messages/{}", message.new.id)).await;
    if std::env::var_os("CAUSEWAY_SHOW").is_some() {
        let list = world.json(view["written"]["list"].as_str().unwrap_or("/adapters")).await;
        println!("== {} as {}", message.new.mailbox_to.as_deref().unwrap_or(""), view["written"]["as"]);
        println!("{}", String::from_utf8_lossy(&world.content(&message.new.id)));
        for issue in list["issue"].as_array().into_iter().flatten() {
            println!("   left behind {}: {}", issue["location"][0], issue["details"]["text"]);
        }
    }
    view
}

fn adapter(name: &str) -> &'static dyn Adapter {
    causeway::ADAPTERS.iter().copied().find(|a| a.name() == name).expect("an adapter")
}

/// What its receiver's own adapter makes of a message.
fn read_back(world: &World, format: &str, message: &Message) -> causeway_adapter::Translation {
    let context = world.state.context("ZV801", message.received_at, &message.new.id, false);
    let made = translate(adapter(format), &world.content(&message.new.id), &context);
    assert!(!made.rejected(), "{format}: {:?}", made.issues);
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discharge_reaches_the_home_as_its_record_and_the_council_as_a_notice() {
    let world = World::new(config()).await;
    let (person, journey) = edith();
    let all = formats::messages(&person, &journey);
    let named = |part: &str| all.iter().find(|m| m.name.contains(part)).expect("a message of the story");
    let discharge = named("adt-a03");
    let answer = world.send("ZV801", discharge.media_type, discharge.bytes.clone()).await;
    assert_eq!(answer["state"], "translated", "{answer:#}");

    let notices = world.mailbox("COUNCIL");
    assert_eq!(notices.len(), 1, "{:#}", answer["timeline"]);
    let view = show(&world, &notices[0]).await;
    assert!(view["written"]["leftBehind"].as_u64().expect("a count") > 0);
    let notice: Value = serde_json::from_slice(&world.content(&notices[0].new.id)).expect("JSON");
    assert_eq!(notice["noticeType"], "discharge");
    assert_eq!(notice["person"]["nhsNumber"], person.nhs_number.as_str());
    assert_eq!(notices[0].new.media_type.as_deref(), Some("application/vnd.causeway.discharge-notice+json"));
    assert!(!read_back(&world, "discharge-notice", &notices[0]).outputs.is_empty());

    let records = world.mailbox("HOME");
    assert_eq!(records.len(), 1);
    show(&world, &records[0]).await;
    let record: Value = serde_json::from_slice(&world.content(&records[0].new.id)).expect("JSON");
    assert_eq!(record["subject"]["familyName"], "Larkspur");
    assert_eq!(record["admissions"].as_array().map(Vec::len), Some(1), "{record:#}");
    assert!(!read_back(&world, "care-provider-record", &records[0]).outputs.is_empty());

    // The same discharge as a patient summary, and as the clinical document that practices' systems take in.
    for (mailbox, format, event, words) in [
        ("SUMMARY", "fhir-r4", "60591-5", "International Patient Summary"),
        ("LETTER", "itk-cda", "discharge summary", "CDA"),
    ] {
        let sent = world.mailbox(mailbox);
        assert_eq!(sent.len(), 1, "{mailbox}: {:#}", answer["timeline"]);
        let view = show(&world, &sent[0]).await;
        assert!(view["written"]["as"].as_str().is_some_and(|text| text.contains(words)), "{view:#}");
        let made = read_back(&world, format, &sent[0]);
        assert_eq!((made.outputs.len(), made.outputs[0].event.as_str()), (1, event));
        assert!(String::from_utf8_lossy(&made.outputs[0].json).contains(&person.nhs_number));
    }

    // The loss is on the timeline of what was sent, on the page of the copy, and as a list.
    let kinds: Vec<&str> =
        answer["timeline"].as_array().expect("events").iter().filter_map(|e| e["event"].as_str()).collect();
    assert!(kinds.contains(&"left-behind") && kinds.contains(&"encoded"), "{kinds:?}");
    let copy = format!("/messages/{}", notices[0].new.id);
    assert!(world.page(&copy).await.contains("What it could not carry"));
    let list = world.json(&format!("{copy}/issues")).await;
    let listed = list["issue"].as_array().expect("issues").len() as u64;
    assert_eq!(Some(listed), view["written"]["leftBehind"].as_u64());
    assert!(list["issue"][0]["location"][0].as_str().is_some_and(|path| path.contains('.')));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_reach_the_home_as_its_record() {
    let world = World::new(config()).await;
    let (person, journey) = edith();
    let all = formats::messages(&person, &journey);
    let results =
        all.iter().find(|m| m.format == "hl7v2" && String::from_utf8_lossy(&m.bytes).contains("ORU^R01"));
    let results = results.expect("results in the story");
    let answer = world.send("ZL701", results.media_type, results.bytes.clone()).await;
    let records = world.mailbox("HOME");
    assert_eq!(records.len(), 1, "{answer:#}");
    show(&world, &records[0]).await;
    let record: Value = serde_json::from_slice(&world.content(&records[0].new.id)).expect("JSON");
    assert_eq!(record["investigationResults"].as_array().map(Vec::len), Some(5), "{record:#}");
    read_back(&world, "care-provider-record", &records[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_mobility_reaches_the_practice_as_fhir_and_as_a_text() {
    let world = World::new(config()).await;
    let mut raw = Raw::default();
    for field in FIELDS {
        raw.set(field.name, field.example);
    }
    let note = check(&raw, jiff::civil::datetime(2026, 12, 1, 0, 0, 0, 0)).expect("a note");
    let answer = world.send("1-9990000101", "application/json", note.json).await;
    let waiting = world.mailbox("GP");
    assert_eq!(waiting.len(), 2, "{answer:#}");
    let bundle: Value = serde_json::from_slice(&world.content(&waiting[0].new.id)).expect("JSON");
    assert_eq!(bundle["resourceType"], "Bundle");
    show(&world, &waiting[1]).await;
    let text = String::from_utf8(world.content(&waiting[1].new.id)).expect("text");
    for words in [
        "Name: Edith Larkspur",
        "999 000 0018",
        "Change in mobility",
        "Needs one person's help to stand",
        "14:30",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(world.mailbox("HOSPITAL").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_written_waits_for_a_person() {
    let world = World::new(config()).await;
    let alarm = b"<mrq><ref>A1</ref><cid>1</cid><dty>0005</dty></mrq>".to_vec();
    let answer = world.send("ZT901", "application/scaip+xml", alarm).await;
    assert!(world.mailbox("COUNCIL").is_empty());
    let events = answer["timeline"].to_string();
    assert!(events.contains("not-written") && events.contains("no Patient"), "{events}");
    let parked = |w: &World| w.state.engine.metrics().is_ok_and(|m| m.queues.iter().any(|q| q.parked > 0));
    world.until("it is parked", parked).await;
}

/// A practice answers a discharge message by command; a code that says nothing of the person is refused.
#[test]
fn a_practice_answers_a_discharge_by_command() {
    let message = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/transfer-of-care/inpatient-discharge/input.xml");
    let respond = |code: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_causeway"));
        command
            .arg("respond")
            .arg(&message)
            .args(["--from", "ZP401", "--code", code])
            .output()
            .expect("it runs")
    };
    let answer = respond("30002");
    let text = String::from_utf8_lossy(&answer.stdout);
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert!(text.contains("<code value=\"30002\"/>") && text.contains("ZP401"), "{text}");
    let refused = respond("20013");
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("[itk3-response-code]"));
}
