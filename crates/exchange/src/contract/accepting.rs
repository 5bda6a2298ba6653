//! Clauses 1 to 4.

use super::{Place, accept, hours, id, letter, page, start, waiting};
use crate::effects::{AcceptOutcome, Upload};
use crate::effects::{Answer, Effects, NewAudit, NewEvent, StoredOutput, Translation};
use crate::engine::{Engine, Unfinished, inbox_lifetime};
use crate::error::EngineError;
use crate::message::{IdempotencyKey, MessageQuery, Payload, WorkflowFilter};
use crate::state::State;
use crate::work::{AckKind, NewExpectation, NewWork, WorkKind, WorkQuery};

/// Everything of an accept at once.
fn rich() -> Effects {
    Effects {
        work: vec![NewWork::new(WorkKind::Translate, "")],
        events: vec![NewEvent::new("checked", "causeway", "all well")],
        audit: vec![NewAudit {
            actor: "A99990".into(),
            action: "sent".into(),
            entity: "M1".into(),
            detail: String::new(),
        }],
        expectations: vec![NewExpectation {
            kind: AckKind::Business,
            from: "B".into(),
            reference: "M1".into(),
            deadline: hours(48),
        }],
        translation: Some(Translation {
            adapter: "some-adapter".into(),
            outputs: vec![StoredOutput {
                name: "bundle".into(),
                media_type: "json".into(),
                bytes: vec![1; 9],
            }],
            ledger: b"{}".to_vec(),
            issues: b"[]".to_vec(),
            ..Translation::default()
        }),
        ..Effects::default()
    }
}

/// Clause 1: message, inbox entry, events, audit, work, expectations and translation are there after a
/// restart, or none of them where any part is refused.
pub fn accept_is_atomic(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let mut first = accept(letter("m1"), b"content");
    first.effects = rich();
    assert!(matches!(engine.accept(first, start()), Ok(AcceptOutcome::Accepted { .. })));

    // A derived message that can't be accepted takes the whole accept with it.
    let mut second = accept(letter("M2"), b"other");
    second.effects = rich();
    second.effects.messages = vec![accept(letter("M1"), b"clash")];
    assert_eq!(engine.accept(second, start()), Err(EngineError::IdInUse));
    drop(engine);

    let engine = place.open().expect("opens again");
    assert_eq!(engine.content(&id("M1"), 100).expect("content").bytes, b"content");
    assert_eq!(waiting(&*engine, "B"), ["M1"]);
    assert_eq!(engine.work(&WorkQuery { limit: 10, ..WorkQuery::default() }).expect("work").len(), 1);
    assert_eq!(engine.expectations(&id("M1")).expect("expectations").len(), 1);
    let kinds: Vec<String> =
        engine.timeline(&id("M1")).expect("timeline").into_iter().map(|e| e.event.kind.0).collect();
    assert_eq!(kinds, ["accepted", "checked"]);
    assert_eq!(engine.audit_entries(Some("M1"), None, 10).expect("audit").len(), 2);
    let translation = engine.translation(&id("M1")).expect("translation").expect("there");
    assert_eq!(translation.outputs[0].bytes, vec![1; 9]);
    assert_eq!(engine.message(&id("M2")), Ok(None));
    assert!(engine.audit_entries(Some("M2"), None, 10).expect("audit").is_empty());
    assert_eq!(engine.verify_audit().expect("chain").broken_at, None);
}

fn keyed(name: &str, content: &[u8], request: &str) -> crate::effects::Accept {
    let mut one = accept(letter(name), content);
    one.key = Some(IdempotencyKey { sender: "A99990".into(), request_id: request.into() });
    one
}

/// Clause 2: new, in progress, replayed with the first answer (also a failure), conflict; over a restart and
/// with sixteen at a time.
pub fn idempotency(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let again = |name: &str, content: &[u8]| engine.accept(keyed(name, content, "R1"), start());
    assert!(matches!(again("M1", b"x"), Ok(AcceptOutcome::Accepted { .. })));
    assert_eq!(again("M2", b"x"), Ok(AcceptOutcome::InProgress { id: id("M1") }));
    assert_eq!(again("M3", b"y"), Ok(AcceptOutcome::Conflict { id: id("M1") }));

    let answer = Answer { status: 422, media_type: "application/fhir+json".into(), body: b"no".to_vec() };
    let effects = Effects { answer: Some(answer.clone()), ..Effects::default() };
    engine.apply(&id("M1"), effects, start()).expect("answers");
    let later = Answer { status: 200, ..answer.clone() };
    let effects = Effects { answer: Some(later), ..Effects::default() };
    engine.apply(&id("M1"), effects, start()).expect("a second answer is ignored");
    drop(engine);

    let engine = place.open().expect("opens again");
    let replayed = AcceptOutcome::Replayed { id: id("M1"), answer };
    assert_eq!(engine.accept(keyed("M4", b"x", "R1"), start()), Ok(replayed.clone()));
    let key = IdempotencyKey { sender: "A99990".into(), request_id: "R1".into() };
    assert_eq!(engine.lookup(&key), Ok(Some(replayed)));
    let other = IdempotencyKey { sender: "A99991".into(), request_id: "R1".into() };
    assert_eq!(engine.lookup(&other), Ok(None), "keys belong to their sender");

    let accepted = std::thread::scope(|scope| {
        let engine = &*engine;
        let all: Vec<_> = (0..16)
            .map(|n| scope.spawn(move || engine.accept(keyed(&format!("P{n}"), b"z", "R2"), start())))
            .collect();
        all.into_iter()
            .map(|t| t.join().expect("no panic").expect("an outcome"))
            .filter(|o| matches!(o, AcceptOutcome::Accepted { .. }))
            .count()
    });
    assert_eq!(accepted, 1);
    assert_eq!(waiting(&*engine, "B").len(), 2);
}

fn chunk(byte: u8) -> Payload {
    Payload::Bytes(vec![byte; 3_000])
}

/// Clause 3: chunks survive a restart, may repeat and come in any order, may not change; a hole, a wrong
/// number and a wrong checksum are refused; the whole is what was sent.
pub fn chunks_are_durable(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let m = id("M1");
    let upload = Upload { message: letter("M1"), total: 3, first: chunk(1), effects: Effects::default() };
    engine.begin_upload(upload.clone(), start()).expect("begins");
    assert_eq!(engine.begin_upload(upload, start()), Err(EngineError::IdInUse));
    engine.accept(accept(letter("M0"), b"came later, complete earlier"), start()).expect("accepts");
    assert!(!engine.put_chunk(&m, 3, chunk(3), start()).expect("third").complete);
    let begun = |engine: &dyn Engine, sender: &str| {
        let Unfinished { uploads, bytes } = engine.unfinished(sender).expect("counts");
        (uploads, bytes)
    };
    assert_eq!(begun(&*engine, "A99990"), (1, 6_000));
    assert_eq!(begun(&*engine, "A99991"), (0, 0));
    drop(engine);

    let engine = place.open().expect("opens again");
    let put = |number, byte| engine.put_chunk(&m, number, chunk(byte), start());
    assert_eq!(waiting(&*engine, "B"), ["M0"], "an unfinished upload is in no inbox");
    assert_eq!(engine.payload(&m).map(|_| ()), Err(EngineError::WrongState(State::Uploading)));
    let finish = |expect| engine.finish_upload(&m, false, expect, Effects::default(), hours(1));
    assert_eq!(finish(None), Err(EngineError::ChunksMissing { first: 2, total: 3 }));
    assert!(put(3, 3).expect("repeat").repeated);
    assert_eq!(put(3, 9), Err(EngineError::ChunkDiffers));
    assert_eq!(put(0, 9), Err(EngineError::ChunkOutOfRange));
    assert_eq!(put(4, 9), Err(EngineError::ChunkOutOfRange));
    assert_eq!(engine.put_chunk(&id("NONE"), 1, chunk(1), start()), Err(EngineError::NotFound("message")));
    assert!(put(2, 2).expect("second").complete);
    assert_eq!(finish(Some([7; 32])), Err(EngineError::ChecksumMismatch));
    let seq = finish(None).expect("finishes");
    assert_eq!(finish(None), Ok(seq), "finishing is idempotent");
    assert_eq!(put(2, 2), Err(EngineError::UploadFinalised));
    assert_eq!(waiting(&*engine, "B"), ["M0", "M1"], "its place is where it was completed");

    assert_eq!(begun(&*engine, "A99990"), (0, 0));

    let mut whole = vec![1; 3_000];
    whole.extend([2; 3_000]);
    whole.extend([3; 3_000]);
    assert!(engine.content(&m, 9_000).expect("content").bytes == whole);
    assert_eq!(engine.content(&m, 8_999), Err(EngineError::TooLarge(8_999)));
    assert_eq!(engine.chunk(&m, 2).expect("chunk").size, 3_000);
    assert_eq!(engine.chunk(&m, 4).map(|_| ()), Err(EngineError::NotFound("chunk")));

    let upload = Upload { message: letter("M5"), total: 3, first: chunk(1), effects: Effects::default() };
    engine.begin_upload(upload, start()).expect("begins");
    engine.finish_upload(&id("M5"), true, None, Effects::default(), hours(1)).expect("lenient");
    assert_eq!(engine.chunk(&id("M5"), 2).map(|_| ()), Err(EngineError::NotFound("chunk")));

    // One that stands still ends, and its chunks go with it.
    let upload = Upload { message: letter("M6"), total: 3, first: chunk(1), effects: Effects::default() };
    engine.begin_upload(upload, hours(1)).expect("begins");
    let ended = engine.expire(hours(1) + inbox_lifetime()).expect("expires");
    assert!(ended.contains(&id("M6")), "{ended:?}");
    assert_eq!(begun(&*engine, "A99990"), (0, 0));
    assert!(engine.message(&id("M6")).expect("reads").is_some_and(|m| m.content_deleted_at.is_some()));
    assert_eq!(engine.chunk(&id("M6"), 1).map(|_| ()), Err(EngineError::ContentDeleted));
}

/// Clause 4: pages follow the commit order without gaps or repeats, filters keep their place, and the last page
/// of a long inbox costs what the first one does.
pub fn order_and_pages(place: &dyn Place) {
    const COUNT: usize = 120;
    let engine = place.open().expect("opens");
    for n in 0..COUNT {
        let mut one = letter(&format!("M{n}"));
        one.workflow = Some(if n % 2 == 0 { "EVEN" } else { "ODD_ACK" }.to_owned());
        one.local_id = Some("same".to_owned());
        engine.accept(accept(one, b"x"), start()).expect("accepts");
    }
    let (mut got, mut after) = (Vec::new(), None);
    loop {
        let page = engine.inbox(&page("B", after, 50)).expect("a page");
        assert_eq!(page.waiting, COUNT as u64);
        got.extend(page.entries.into_iter().map(|e| e.id.to_string()));
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    let all: Vec<String> = (0..COUNT).map(|n| format!("M{n}")).collect();
    assert_eq!(got, all);

    let mut query = page("B", None, 500);
    query.filter = Some(WorkflowFilter::parse("!*_ACK"));
    let filtered = engine.inbox(&query).expect("a page");
    assert_eq!(filtered.entries.len(), COUNT / 2);
    assert_eq!(filtered.next, None);
    assert!(engine.inbox(&page("NOBODY", None, 10)).expect("a page").entries.is_empty());

    let newest = MessageQuery { local_id: Some("same".into()), limit: 3, ..MessageQuery::default() };
    let newest = engine.search(&newest).expect("a search");
    assert_eq!(newest.iter().map(|m| m.new.id.as_str()).collect::<Vec<_>>(), ["M119", "M118", "M117"]);
    counted(&*engine, COUNT as u64);
}

/// What a search finds is counted over all pages, by whatever is known of a message; so is what failed.
fn counted(engine: &dyn Engine, all: u64) {
    let told = Effects {
        control_id: Some("MSG00001".to_owned()),
        person_key: Some("digest".to_owned()),
        state: Some(State::Error),
        failure: Some(("unreadable".to_owned(), "no header".to_owned())),
        ..Effects::default()
    };
    engine.apply(&id("M7"), told, hours(1)).expect("applies");
    // What is said later and says nothing of it leaves it.
    engine.apply(&id("M7"), Effects::default(), hours(1)).expect("applies");
    let reference =
        |text: &str| MessageQuery { reference: Some(text.into()), limit: 1, ..MessageQuery::default() };
    let found = engine.search(&reference("MSG00001")).expect("a search");
    assert_eq!(found.first().map(|m| m.new.id.as_str()), Some("M7"));
    assert_eq!(found.first().and_then(|m| m.control_id.as_deref()), Some("MSG00001"));
    assert_eq!(engine.count(&reference("MSG00001")), Ok(1));
    assert_eq!(engine.count(&reference("same")), Ok(all));
    assert_eq!(engine.count(&reference("other")), Ok(0));
    let of = |query: MessageQuery| engine.count(&query).expect("a count");
    assert_eq!(of(MessageQuery::default()), all);
    assert_eq!(of(MessageQuery { person_key: Some("digest".into()), ..MessageQuery::default() }), 1);
    assert_eq!(of(MessageQuery { state: Some(State::Error), ..MessageQuery::default() }), 1);
    assert_eq!(of(MessageQuery { state: Some(State::Accepted), ..MessageQuery::default() }), all - 1);
    assert_eq!(of(MessageQuery { mailbox_to: Some("B".into()), ..MessageQuery::default() }), all);
    assert_eq!(of(MessageQuery { since: Some(hours(1)), ..MessageQuery::default() }), 0);
    // A page's key is no condition.
    assert_eq!(of(MessageQuery { after: Some(1), ..MessageQuery::default() }), all);
    let metrics = engine.metrics().expect("metrics");
    assert_eq!((metrics.kept, metrics.failed, metrics.undeliverable), (all, 1, 0));
}
