//! Clauses 5 to 8.

use super::{Place, accept, hours, id, letter, page, start, waiting};
use crate::effects::Failure;
use crate::effects::{AUDIT_ENDED, AuditEnd, Effects, EventKind, NewAudit};
use crate::engine::{Engine, HOLD, inbox_lifetime, retention};
use crate::error::EngineError;
use crate::limits;
use crate::message::{MessageKind, NewMessage};
use crate::state::State;
use crate::work::{
    AckKind, AckOutcome, Lease, NewExpectation, NewWork, NextStep, PROCESS_DIED, Settle, WorkKind, WorkQuery,
    WorkState,
};
use jiff::{SignedDuration, Timestamp};

/// Clause 5: once acknowledged a message never comes back, also after a restart; a second time changes
/// nothing; another's message is not found; acknowledgements are watched.
pub fn acknowledgement_is_final(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let mut one = accept(letter("M1"), b"x");
    one.effects.expectations = AckKind::ALL
        .into_iter()
        .map(|kind| NewExpectation { kind, from: "B".into(), reference: "REF".into(), deadline: hours(24) })
        .collect();
    engine.accept(one, start()).expect("accepts");
    engine.accept(accept(letter("M2"), b"x"), start()).expect("accepts");
    let m = id("M1");
    assert_eq!(engine.acknowledge("A", &m, "A", start()), Err(EngineError::NotFound("message")));
    assert_eq!(engine.acknowledge("B", &m, "B", hours(1)), Ok(true));
    assert_eq!(engine.acknowledge("B", &m, "B", hours(2)), Ok(false));
    drop(engine);

    let engine = place.open().expect("opens again");
    assert_eq!(engine.acknowledge("B", &m, "B", hours(3)), Ok(false));
    assert_eq!(waiting(&*engine, "B"), ["M2"]);
    let found = engine.message(&m).expect("reads").expect("there");
    assert_eq!((found.state, found.acknowledged_at), (State::Acknowledged, Some(hours(1))));
    let back = Effects { state: Some(State::Accepted), ..Effects::default() };
    assert!(matches!(engine.apply(&m, back, hours(3)), Err(EngineError::Transition { .. })));

    // The transport acknowledgement came with it; the infrastructure one comes now; business stays away.
    let settle = Settle {
        message: m.clone(),
        kind: AckKind::Infrastructure,
        from: Some("B".into()),
        outcome: AckOutcome::Positive,
        code: "20013".into(),
    };
    engine.apply(&m, Effects { settled: vec![settle], ..Effects::default() }, hours(4)).expect("settles");
    assert!(engine.sweep_overdue(hours(23)).expect("sweeps").is_empty());
    let overdue = engine.sweep_overdue(hours(25)).expect("sweeps");
    assert_eq!(overdue.iter().map(|e| e.expected.kind).collect::<Vec<_>>(), [AckKind::Business]);
    assert!(engine.sweep_overdue(hours(26)).expect("sweeps").is_empty(), "once each");
    assert_eq!(engine.expectations_for(AckKind::Business, "REF").expect("looks up").len(), 1);
    let queue = engine.overdue(None, 10).expect("queue");
    assert_eq!(queue.len(), 1);
    engine.handle_overdue(queue[0].id, "a person", "telephoned", hours(27)).expect("handles");
    assert!(engine.overdue(None, 10).expect("queue").is_empty());
    each_receiver_answers_for_itself(&*engine);
}

/// Of several receivers of one message, the answer of one settles what is expected of that one only.
fn each_receiver_answers_for_itself(engine: &dyn Engine) {
    let m = id("M3");
    let mut one = accept(NewMessage::new(m.clone(), "A99990", "http"), b"x");
    one.effects.expectations = ["NORTH", "SOUTH", "WEST"]
        .into_iter()
        .map(|from| NewExpectation {
            kind: AckKind::Infrastructure,
            from: from.into(),
            reference: "REF3".into(),
            deadline: hours(24),
        })
        .collect();
    engine.accept(one, start()).expect("accepts");
    let settle = |from: Option<&str>, outcome, code: &str| {
        let (from, code) = (from.map(str::to_owned), code.to_owned());
        let settle = Settle { message: m.clone(), kind: AckKind::Infrastructure, from, outcome, code };
        let effects = Effects { settled: vec![settle], ..Effects::default() };
        engine.apply(&m, effects, hours(4)).expect("settles");
        let list = engine.expectations(&m).expect("reads");
        list.into_iter().map(|e| (e.expected.from, e.settled.map(|(_, _, code)| code))).collect::<Vec<_>>()
    };
    let row = |from: &str, code: Option<&str>| (from.to_owned(), code.map(str::to_owned));
    let after = settle(Some("SOUTH"), AckOutcome::Negative, "AE");
    assert_eq!(after, [row("NORTH", None), row("SOUTH", Some("AE")), row("WEST", None)]);
    let after = settle(Some("EAST"), AckOutcome::Positive, "AA");
    assert_eq!(
        after,
        [row("NORTH", None), row("SOUTH", Some("AE")), row("WEST", None)],
        "of nobody expected"
    );
    let after = settle(Some("SOUTH"), AckOutcome::Positive, "AA");
    assert_eq!(after[1], row("SOUTH", Some("AE")), "the first one stands");
    let after = settle(None, AckOutcome::Positive, "AA");
    assert_eq!(after, [row("NORTH", Some("AA")), row("SOUTH", Some("AE")), row("WEST", Some("AA"))]);
}

fn keyed(key: &str) -> Vec<NewWork> {
    vec![NewWork { order_key: Some(key.to_owned()), ..NewWork::new(WorkKind::Deliver, "north") }]
}

fn claim(engine: &dyn Engine, limit: usize, now: Timestamp) -> Vec<Lease> {
    engine.claim(WorkKind::Deliver, None, "w", SignedDuration::from_mins(1), limit, now).expect("claims")
}

fn names(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|l| l.item.message.as_str()).collect()
}

fn failure(next: NextStep) -> Failure {
    Failure { code: "http-503".into(), detail: "try later".into(), next, effects: Effects::default() }
}

/// Clause 6: one holder at a time, a stale holder is refused, order per key, retry at its time, a parked item
/// keeps its cause over a restart and holds back its own key only.
pub fn leases_and_parking(place: &dyn Place) {
    let engine = place.open().expect("opens");
    for (name, key) in [("A1", "a"), ("A2", "a"), ("B1", "b"), ("B2", "b")] {
        let mut one = accept(NewMessage::new(id(name), "A99990", "http"), b"x");
        one.effects.work = keyed(key);
        engine.accept(one, start()).expect("accepts");
    }
    let first = claim(&*engine, 10, start());
    assert_eq!(names(&first), ["A1", "B1"], "only the head of each key");
    assert!(claim(&*engine, 10, start()).is_empty(), "leased");
    // The clock steps back three hours: no lease is stolen. Two minutes on, it ran out.
    assert!(claim(&*engine, 10, hours(-3)).is_empty());
    let two_minutes = start() + SignedDuration::from_mins(2);
    let second = claim(&*engine, 1, two_minutes);
    assert_eq!(names(&second), ["A1"]);
    assert!(second[0].token > first[0].token);
    assert_eq!(second[0].item.attempts, 2);
    assert_eq!(engine.complete(&first[0], Effects::default(), two_minutes), Err(EngineError::StaleLease));
    assert_eq!(engine.fail(&first[0], failure(NextStep::Park), two_minutes), Err(EngineError::StaleLease));
    engine.fail(&second[0], failure(NextStep::Park), two_minutes).expect("parks");
    engine.complete(&first[1], Effects::default(), two_minutes).expect("its lease was never taken");
    drop(engine);

    let engine = place.open().expect("opens again");
    // The clock is three hours back again: the time that counts is the latest ever given, so that this lease
    // is still held when the clock is right.
    let third = claim(&*engine, 10, hours(-3));
    assert_eq!(third[0].until, two_minutes + SignedDuration::from_mins(1));
    assert_eq!(names(&third), ["B2"], "key b flows, key a waits behind its parked item");
    engine.fail(&third[0], failure(NextStep::Retry(hours(1))), two_minutes).expect("retries");
    assert!(claim(&*engine, 10, two_minutes).is_empty());
    let later = claim(&*engine, 10, hours(1));
    assert_eq!((names(&later), later[0].item.tries), (vec!["B2"], 1));
    // Where it goes to was away: an attempt, but none of its own tries. Nothing was tried: neither.
    engine.fail(&later[0], failure(NextStep::Away(hours(1))), hours(1)).expect("is put off");
    let later = claim(&*engine, 10, hours(1));
    assert_eq!((later[0].item.attempts, later[0].item.tries), (3, 1));
    engine.fail(&later[0], failure(NextStep::Wait(hours(1))), hours(1)).expect("waits");
    let later = claim(&*engine, 10, hours(1));
    assert_eq!((later[0].item.attempts, later[0].item.tries), (3, 1));

    let parked = WorkQuery { state: Some(WorkState::Parked), limit: 10, ..WorkQuery::default() };
    let parked = engine.work(&parked).expect("dead letters");
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].last_error, Some(("http-503".into(), "try later".into())));
    engine.unpark(parked[0].id, "a person", hours(1), hours(1)).expect("unparks");
    let again = claim(&*engine, 10, hours(1));
    assert_eq!((names(&again), again[0].item.tries), (vec!["A1"], 0));
    engine.fail(&again[0], failure(NextStep::Park), hours(1)).expect("parks");
    engine.discard(parked[0].id, "a person", "cannot be repaired", hours(1)).expect("discards");
    assert_eq!(names(&claim(&*engine, 10, hours(1))), ["A2"]);
    assert_eq!(engine.message(&id("A1")).expect("reads").expect("there").state, State::Error);
    assert_eq!(engine.audit_entries(Some("A1"), None, 10).expect("audit").len(), 3);
}

/// Clause 14: an item that is given out and never comes back is a suspect: with few others in its claim and from its second
/// loss on alone, resting between its tries, parked with its cause in the end. What was given out together with it is done. A
/// failure that did come back clears it.
pub fn lost_leases_are_counted(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let good: Vec<String> = (10..20 + limits::SUSPECTS_TOGETHER).map(|n| format!("GOOD{n}")).collect();
    for name in std::iter::once("POISON").chain(good.iter().map(String::as_str)) {
        let mut one = accept(NewMessage::new(id(name), "A99990", "http"), b"x");
        one.effects.work = vec![NewWork::new(WorkKind::Deliver, "north")];
        engine.accept(one, start()).expect("accepts");
    }
    assert_eq!(names(&claim(&*engine, 100, start())).len(), good.len() + 1, "together: nothing died");
    let mut engine = engine;
    let mut done = Vec::new();
    let mut tries = 0;
    for round in 1..=2 * i64::from(limits::LOST_LEASES_MAX) {
        drop(engine);
        engine = place.open().expect("opens again");
        loop {
            let leases = claim(&*engine, 100, hours(round));
            let Some(first) = leases.first() else { break };
            let most = if first.item.lost == 1 { limits::SUSPECTS_TOGETHER } else { 1 };
            assert!(leases.len() <= most, "{} of which the first was lost {}", leases.len(), first.item.lost);
            if let Some(poison) = leases.iter().find(|lease| lease.item.message == id("POISON")) {
                tries += 1;
                assert_eq!(poison.item.lost, tries, "every loss is counted");
                break;
            }
            for lease in &leases {
                assert!((1..=2).contains(&lease.item.lost), "its neighbours die once more at most");
                done.push(lease.item.message.to_string());
                engine.complete(lease, Effects::default(), hours(round)).expect("completes");
            }
        }
    }
    done.sort_unstable();
    assert_eq!(done, good);
    assert_eq!(tries, limits::LOST_LEASES_MAX - 1);
    let parked = WorkQuery { state: Some(WorkState::Parked), limit: 10, ..WorkQuery::default() };
    let parked = engine.work(&parked).expect("dead letters");
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].message, id("POISON"));
    assert_eq!(parked[0].last_error.as_ref().expect("a cause").0, PROCESS_DIED);

    // A person releases it: it starts anew. A worker that says so makes a suspect too, which rests from its second
    // loss on; a failure that comes back clears it.
    engine.unpark(parked[0].id, "a person", hours(19), hours(19)).expect("unparks");
    let lease = |at| claim(&*engine, 10, at).into_iter().next();
    let first = lease(hours(19)).expect("claims");
    assert_eq!(first.item.lost, 0);
    engine.fail(&first, failure(NextStep::Suspect), hours(19)).expect("fails");
    let second = lease(hours(19)).expect("at once");
    engine.fail(&second, failure(NextStep::Suspect), hours(19)).expect("fails");
    assert_eq!(lease(hours(19)), None, "rests");
    let later = hours(19) + SignedDuration::from_secs(limits::LOST_PAUSE_SECONDS);
    let third = lease(later).expect("rested");
    assert_eq!(third.item.lost, 2);
    // Waiting for what is away changes neither count.
    engine.fail(&third, failure(NextStep::Wait(later)), later).expect("fails");
    let fourth = lease(later).expect("claims");
    assert_eq!((fourth.item.lost, fourth.item.attempts), (2, third.item.attempts));
    engine.fail(&fourth, failure(NextStep::Retry(later)), later).expect("fails");
    assert_eq!(lease(later).expect("claims").item.lost, 0);
}

/// Clause 7: after five days uncollected, undeliverable and one report; none for reports; after thirty days
/// the content is gone and the facts stay.
pub fn expiry_and_retention(place: &dyn Place) {
    let engine = place.open().expect("opens");
    for name in ["M1", "M2"] {
        engine.accept(accept(letter(name), b"x"), start()).expect("accepts");
    }
    engine.acknowledge("B", &id("M2"), "B", start()).expect("acknowledges");
    let due = start() + inbox_lifetime();
    let early = due - SignedDuration::from_secs(1);
    assert!(engine.expire(early).expect("expires").is_empty());
    assert_eq!(engine.expire(due).expect("expires"), [id("M1")]);
    assert!(engine.expire(due).expect("expires").is_empty());
    drop(engine);

    let engine = place.open().expect("opens again");
    assert!(engine.expire(due).expect("expires").is_empty());
    assert!(waiting(&*engine, "B").is_empty());
    let reports = engine.inbox(&page("A", None, 10)).expect("a page").entries;
    assert_eq!(reports.len(), 1, "exactly one report");
    let report = engine.message(&reports[0].id).expect("reads").expect("there");
    assert_eq!((report.new.kind, report.chunks), (MessageKind::Report, 0));
    assert_eq!(report.new.linked, Some(id("M1")));
    assert_eq!(report.new.subject.as_deref(), Some("NDR: a subject"));
    assert_eq!(report.failure.as_ref().map(|f| f.0.as_str()), Some("14"));
    assert_eq!(engine.message(&id("M1")).expect("reads").expect("there").state, State::Undeliverable);
    assert!(matches!(engine.acknowledge("B", &id("M1"), "B", due), Err(EngineError::Transition { .. })));

    let old = due + inbox_lifetime();
    assert_eq!(engine.expire(old).expect("expires").len(), 1, "the report itself");
    assert!(waiting(&*engine, "A").is_empty() && waiting(&*engine, "B").is_empty());
    assert_eq!(engine.purge(retention(), old), Ok(0));
    // A hold on one of the two messages, then on all, keeps what it is on.
    let late = hours(24 * 31);
    let hold = |key: &str, on: bool| {
        let document = on.then_some("{}");
        engine.put_config(HOLD, key, document, None, "a person", late).expect("is written");
    };
    hold("*", true);
    assert_eq!(engine.purge(retention(), late), Ok(0));
    hold("*", false);
    hold("M2", true);
    assert_eq!(engine.purge(retention(), late), Ok(1));
    assert!(engine.payload(&id("M2")).is_ok());
    hold("M2", false);
    assert_eq!(engine.purge(retention(), late), Ok(1));
    assert_eq!(engine.payload(&id("M2")).map(|_| ()), Err(EngineError::ContentDeleted));
    let tomb = engine.message(&id("M2")).expect("reads").expect("a tombstone");
    assert!(tomb.content_deleted_at.is_some() && tomb.size == 1);
    assert_eq!(engine.verify_audit().expect("chain").broken_at, None);

    let until = hours(24 * 32);
    assert_eq!(engine.use_once("mesh", "token", until, hours(24 * 31)), Ok(true));
    assert_eq!(engine.use_once("mesh", "token", until, hours(24 * 31)), Ok(false));
}

/// Clause 7, of the trail: what is older than it is kept goes, the rest holds and says what it goes on from; a hold keeps all.
pub fn audit_ends(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let note = |number: i64| NewAudit {
        actor: "a person".to_owned(),
        action: "record-read".to_owned(),
        entity: format!("Patient/{number}"),
        detail: String::new(),
    };
    for day in 0..10 {
        engine.audit(vec![note(day)], hours(24 * day)).expect("is written");
    }
    let (before, late) = (hours(24 * 4), hours(24 * 10));
    let hold = |on: bool| {
        engine.put_config(HOLD, "M1", on.then_some("{}"), None, "a person", late).expect("is written");
    };
    hold(true);
    assert_eq!(engine.end_audit(before, late), Ok(0));
    hold(false);
    assert_eq!(engine.end_audit(before, late), Ok(4));
    assert_eq!(engine.end_audit(before, late), Ok(0));
    let left = engine.audit_entries(None, None, 100).expect("reads");
    assert_eq!(left.first().map(|e| (e.seq, e.audit.entity.as_str())), Some((5, "Patient/4")));
    let last = left.last().expect("an entry");
    assert_eq!((last.audit.action.as_str(), last.audit.entity.as_str()), (AUDIT_ENDED, "exchange"));
    let end = AuditEnd::read(&last.audit.detail).expect("says up to where");
    assert_eq!((end.through, end.root(), end.until), (4, left.first().map(|e| e.previous), hours(24 * 3)));
    let check = engine.verify_audit().expect("chain");
    assert_eq!((check.entries, check.broken_at), (last.seq, None));
    drop(engine);

    // It goes on after a restart, is ended again, and all but the last entry may go.
    let engine = place.open().expect("opens again");
    engine.audit(vec![note(10)], late).expect("is written");
    assert_eq!(engine.end_audit(hours(24 * 7), late), Ok(3));
    assert_eq!(engine.verify_audit().expect("chain").broken_at, None);
    let all = engine.audit_entries(None, None, 100).expect("reads").len();
    assert_eq!(engine.end_audit(hours(24 * 90), hours(24 * 91)), Ok(all - 1));
    assert_eq!(engine.verify_audit().expect("chain").broken_at, None);
    let left = engine.audit_entries(None, None, 100).expect("reads");
    assert_eq!(left.len(), 2);
    let first = left[0].seq;
    drop(engine);

    // What is left is held as before.
    place.damage_audit(first);
    let engine = place.open().expect("opens again");
    assert_eq!(engine.verify_audit().expect("chain").broken_at.map(|b| b.seq), Some(first));
}

/// Clause 8: the same message goes out again to the destination that was asked for, flagged and audited.
pub fn replay_is_flagged(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let mut one = accept(NewMessage::new(id("M1"), "A99990", "http"), b"x");
    one.effects.work =
        vec![NewWork::new(WorkKind::Deliver, "north"), NewWork::new(WorkKind::Deliver, "south")];
    engine.accept(one, start()).expect("accepts");
    for lease in claim(&*engine, 10, start()) {
        assert!(!lease.item.work.replay);
        engine.complete(&lease, Effects::default(), start()).expect("completes");
    }
    let work = vec![NewWork::new(WorkKind::Deliver, "south")];
    engine.replay(&id("M1"), work, "a person", "lost at the other end", hours(1)).expect("replays");
    drop(engine);

    let engine = place.open().expect("opens again");
    let leases = claim(&*engine, 10, hours(1));
    assert_eq!(leases.len(), 1);
    assert!(leases[0].item.work.replay && leases[0].item.work.destination == "south");
    assert_eq!(leases[0].item.message, id("M1"));
    engine.complete(&leases[0], Effects::default(), hours(1)).expect("completes");
    let audit = engine.audit_entries(Some("M1"), None, 10).expect("audit");
    assert!(audit.iter().any(|a| a.audit.action == EventKind::REPLAYED && a.audit.actor == "a person"));
    let kinds: Vec<_> =
        engine.timeline(&id("M1")).expect("timeline").into_iter().map(|e| e.event.kind.0).collect();
    assert_eq!(kinds.iter().filter(|k| *k == EventKind::DONE).count(), 3);
    assert!(engine.replay(&id("NONE"), Vec::new(), "x", "x", hours(1)).is_err());
}
