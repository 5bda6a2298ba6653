//! Acknowledgements that are expected, come, or don't.

use causeway_exchange::watch::Watch;
use causeway_exchange::{Accept, AckKind, AckOutcome, Effects, Expectation, MessageId, NewMessage, Payload};
use causeway_service::config::{Config, Organisation};
use causeway_service::delivery::watch::follow;
use causeway_service::testing::TestServer;
use jiff::SignedDuration;
use serde_json::json;

use crate::receiver::*;
use crate::support::*;

fn watched(mut config: Config) -> Config {
    let watch: Watch = serde_json::from_value(json!({"workflow": "LETTER", "transportMinutes": 60,
        "infrastructureMinutes": 120, "businessMinutes": 240}))
    .unwrap();
    config.watches = vec![watch];
    config
}

async fn send_letter(server: &TestServer) -> MessageId {
    let headers =
        [("Content-Type", "text/x-lines"), ("Causeway-Sender", "ZZ901"), ("Causeway-Workflow", "LETTER")];
    let reply = call(server, "POST", "/messages", &headers, AGNES.as_bytes()).await;
    MessageId::new(reply.json()["id"].as_str().unwrap()).unwrap()
}

fn outcomes(list: &[Expectation]) -> Vec<(AckKind, Option<String>)> {
    list.iter().map(|e| (e.expected.kind, e.settled.as_ref().map(|(_, _, code)| code.clone()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_watched_and_its_answer_settles_it() {
    let world = World::new();
    let ok_message = json!({"resourceType": "Bundle", "entry": [
        {"resource": {"resourceType": "MessageHeader", "response": {"code": "ok"}}}]})
    .to_string();
    let receiver = Receiver::start(
        move |_, at| if at == 0 { status(503) } else { (200, Vec::new(), ok_message.clone()) },
    )
    .await;
    let target = endpoint(json!({"name": "r", "kind": "fhir", "address": receiver.url(),
        "acknowledgements": ["infrastructure", "business"],
        "retry": {"first_seconds": 0, "cap_seconds": 0, "give_up_hours": 1}}));
    let server = world.serve(watched(with_endpoints(open_config(), vec![target]))).await;
    let id = send_letter(&server).await;
    until(&server, id.as_str(), "delivered").await;
    let list = server.state.engine.expectations(&id).unwrap();
    assert_eq!(
        outcomes(&list),
        [
            (AckKind::Transport, Some("200".to_owned())),
            (AckKind::Infrastructure, Some("200".to_owned())),
            (AckKind::Business, None)
        ]
    );
    // The business acknowledgement never comes: after its time it is a person's.
    server.state.clock.advance(SignedDuration::from_hours(5)).unwrap();
    causeway_service::maintenance::run_once(&server.state).unwrap();
    let overdue = server.state.engine.overdue(None, 10).unwrap();
    assert_eq!(overdue.len(), 1);
    assert_eq!(overdue[0].expected.kind, AckKind::Business);
    until(&server, id.as_str(), "acknowledgement-overdue").await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_receivers_each_answers_for_itself() {
    let world = World::new();
    let ok_message = json!({"resourceType": "Bundle", "entry": [
        {"resource": {"resourceType": "MessageHeader", "response": {"code": "ok"}}}]})
    .to_string();
    let north = Receiver::start(move |_, _| (200, Vec::new(), ok_message.clone())).await;
    let south = Receiver::start(|_, at| if at == 0 { status(503) } else { status(422) }).await;
    let target = |name: &str, receiver: &Receiver| {
        endpoint(json!({"name": name, "kind": "fhir", "address": receiver.url(),
            "acknowledgements": ["infrastructure"],
            "retry": {"first_seconds": 2, "cap_seconds": 2, "give_up_hours": 1}}))
    };
    let mut config =
        watched(with_endpoints(open_config(), vec![target("north", &north), target("south", &south)]));
    config.routes = serde_json::from_value(json!([{"id": "both", "to": [
        {"kind": "endpoint", "endpoint": "north"}, {"kind": "endpoint", "endpoint": "south"}]}]))
    .unwrap();
    let server = world.serve(config).await;
    let id = send_letter(&server).await;
    until(&server, id.as_str(), "delivered").await;
    south.until(1).await;
    let list = || {
        let mut list: Vec<_> = server.state.engine.expectations(&id).unwrap();
        list.sort_by(|a, b| a.expected.from.cmp(&b.expected.from));
        let row = |e: Expectation| {
            (e.expected.from, e.expected.kind, e.settled.map(|(outcome, _, code)| (outcome, code)))
        };
        list.into_iter().map(row).collect::<Vec<_>>()
    };
    let row = |from: &str, kind, settled: Option<(AckOutcome, &str)>| {
        (from.to_owned(), kind, settled.map(|(outcome, code)| (outcome, code.to_owned())))
    };
    let (transport, infrastructure) = (AckKind::Transport, AckKind::Infrastructure);
    let taken = Some((AckOutcome::Positive, "200"));
    let all = when("four expectations", || Some(list()).filter(|l| l.len() == 4)).await;
    let north = [row("north", transport, taken), row("north", infrastructure, taken)];
    assert_eq!(all[..2], north);
    assert_eq!(all[2..], [row("south", transport, None), row("south", infrastructure, None)]);
    // Then it refuses: its own, and only its own, is negative.
    until(&server, id.as_str(), "work-parked").await;
    let all = list();
    assert_eq!(all[..2], north);
    let refused = Some((AckOutcome::Negative, "http-422"));
    assert_eq!(all[2..], [row("south", transport, refused), row("south", infrastructure, None)]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_negative_acknowledgement_for_a_person() {
    let world = World::new();
    let receiver = Receiver::start(|_, _| status(422)).await;
    let target = endpoint(json!({"name": "r", "kind": "fhir", "address": receiver.url()}));
    let server = world.serve(watched(with_endpoints(open_config(), vec![target]))).await;
    let id = send_letter(&server).await;
    until(&server, id.as_str(), "work-parked").await;
    let overdue = server.state.engine.overdue(None, 10).unwrap();
    assert_eq!(outcomes(&overdue), [(AckKind::Transport, Some("http-422".to_owned()))]);
    server.stop().await.unwrap();
}

/// A message that lies in a mailbox, asking for both acknowledgements.
fn in_mailbox(server: &TestServer, id: &str, workflow: &str, from: &str, to: &str, body: &str) -> MessageId {
    let mut message = NewMessage::new(MessageId::new(id).unwrap(), "", "mesh");
    message.mailbox_from = Some(from.to_owned());
    message.mailbox_to = Some(to.to_owned());
    message.inbox = true;
    message.workflow = Some(workflow.to_owned());
    let accept = Accept {
        message,
        payload: Payload::Bytes(body.as_bytes().to_vec()),
        key: None,
        effects: Effects::default(),
    };
    server.state.engine.accept(accept, server.state.clock.now()).unwrap();
    MessageId::new(id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_a_mailbox_is_watched_and_itk3_acknowledgements_settle_it() {
    let world = World::new();
    let mut config = watched(open_config());
    config.organisations.push(Organisation::of_code("ZZ902").unwrap());
    let server = world.serve(config).await;
    let letter = json!({"resourceType": "Bundle", "type": "message", "entry": [{"resource": {
        "resourceType": "MessageHeader", "id": "letter-1", "extension": [{"url": "handling", "extension": [
            {"url": "BusAckRequested", "valueBoolean": true}, {"url": "InfAckRequested", "valueBoolean": true}]}]}}]});
    let id = in_mailbox(&server, "LETTER1", "LETTER", "BOXA", "BOXB", &letter.to_string());
    follow(&server.state).unwrap();
    let open = || outcomes(&server.state.engine.expectations(&id).unwrap());
    assert_eq!(open().len(), 3, "{:?}", open());

    let acknowledgement = |reference: &str, code: &str| {
        json!({"resourceType": "Bundle", "entry": [
            {"resource": {"resourceType": "MessageHeader", "response": {"identifier": reference, "code": "ok"}}},
            {"resource": {"resourceType": "OperationOutcome", "issue": [
                {"severity": "information", "code": "informational", "details": {"coding": [{"code": code}]}}]}}]})
        .to_string()
    };
    // One from somebody else, and one about something else, settle nothing.
    in_mailbox(&server, "ACK1", "LETTER_ACK", "BOXC", "BOXA", &acknowledgement("letter-1", "20013"));
    in_mailbox(&server, "ACK2", "LETTER_ACK", "BOXB", "BOXA", &acknowledgement("letter-9", "20013"));
    in_mailbox(&server, "ACK3", "LETTER_ACK", "BOXB", "BOXA", "not an acknowledgement");
    follow(&server.state).unwrap();
    assert!(open().iter().all(|(_, code)| code.is_none()));
    server.state.engine.acknowledge("BOXB", &id, "BOXB", server.state.clock.now()).unwrap();
    in_mailbox(&server, "ACK4", "LETTER_ACK", "BOXB", "BOXA", &acknowledgement("letter-1", "20013"));
    let xml = r#"<Bundle xmlns="http://hl7.org/fhir"><entry><resource><MessageHeader><response><identifier value="letter-1"/></response></MessageHeader></resource></entry><entry><resource><OperationOutcome><issue><details><coding><code value="30002"/></coding></details></issue></OperationOutcome></resource></entry></Bundle>"#;
    in_mailbox(&server, "ACK5", "LETTER_ACK", "BOXB", "BOXA", xml);
    follow(&server.state).unwrap();
    let done = open();
    assert_eq!(done[1], (AckKind::Infrastructure, Some("20013".to_owned())));
    assert_eq!(done[2], (AckKind::Business, Some("30002".to_owned())));
    assert!(done[0].1.is_some());
    // The patient isn't known there: a negative one is a person's at once.
    let overdue = server.state.engine.overdue(None, 10).unwrap();
    assert_eq!(outcomes(&overdue), [(AckKind::Business, Some("30002".to_owned()))]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_table_nothing_is_watched() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = in_mailbox(&server, "LETTER2", "LETTER", "BOXA", "BOXB", "x");
    follow(&server.state).unwrap();
    assert!(server.state.engine.expectations(&id).unwrap().is_empty());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hl7_acknowledgement_that_comes_as_a_message_settles() {
    let world = World::new();
    let server = world.serve(watched(open_config())).await;
    let hl7 = |from: &str, to: &str, id: &str, workflow: &str, body: &str| {
        let mut message = NewMessage::new(MessageId::new(id).unwrap(), from, "mesh");
        message.mailbox_from = Some(from.to_owned());
        message.mailbox_to = Some(to.to_owned());
        message.inbox = true;
        message.media_type = Some("x-application/hl7-v2+er7".to_owned());
        message.workflow = Some(workflow.to_owned());
        let payload = Payload::Bytes(body.as_bytes().to_vec());
        let accept = Accept { message, payload, key: None, effects: Effects::default() };
        server.state.engine.accept(accept, server.state.clock.now()).unwrap();
    };
    hl7("ZZ901", "ZZ902", "ADT1", "LETTER", "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|M77|P|2.4|||AL|AL\rPID|1");
    follow(&server.state).unwrap();
    hl7("ZZ902", "ZZ901", "MSA1", "OTHER", "MSH|^~\\&|C|D|A|B|20260101||ACK|N1|P|2.4\rMSA|AE|M77");
    follow(&server.state).unwrap();
    let list = server.state.engine.expectations(&MessageId::new("ADT1").unwrap()).unwrap();
    let expected = [(AckKind::Transport, None), (AckKind::Infrastructure, Some("AE".to_owned()))];
    assert_eq!(outcomes(&list), expected);
    server.stop().await.unwrap();
}
