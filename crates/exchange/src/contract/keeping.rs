//! Clauses 9 to 12.

use super::{Place, accept, id, letter, start, waiting};
use crate::error::EngineError;
use crate::message::MessageId;

const LARGE: usize = 3 * 1024 * 1024;

fn large() -> Vec<u8> {
    (0..LARGE).map(|n| (n % 251) as u8).collect()
}

/// Clause 9: one flipped bit, in small content, large content or the audit, is found; wrong bytes never leave.
pub fn integrity(place: &dyn Place) {
    let engine = place.open().expect("opens");
    engine.accept(accept(letter("SMALL"), b"some content"), start()).expect("accepts");
    engine.accept(accept(letter("LARGE"), &large()), start()).expect("accepts");
    engine.accept(accept(letter("GOOD"), b"other content"), start()).expect("accepts");
    let mut stream: &[u8] = b"staged content";
    let staged = engine.stage(&mut stream, 100).expect("stages");
    let mut one = accept(letter("STAGED"), b"");
    one.payload = crate::message::Payload::Staged(staged);
    engine.accept(one, start()).expect("accepts");
    assert_eq!(engine.content(&id("STAGED"), 100).expect("reads").bytes, b"staged content");
    let mut long: &[u8] = &[0; 101];
    assert_eq!(engine.stage(&mut long, 100), Err(EngineError::TooLarge(100)));
    assert!(engine.content(&id("LARGE"), LARGE as u64).expect("reads").bytes == large());
    let report = engine.verify().expect("verifies");
    assert!(report.is_clean() && report.messages == 4);
    let head = report.audit;
    drop(engine);

    place.damage_payload(&id("SMALL"));
    place.damage_payload(&id("LARGE"));
    place.damage_audit(2);
    let engine = place.open().expect("opens again");
    let read = |m: &MessageId| engine.content(m, LARGE as u64).map(|c| c.bytes);
    assert!(matches!(read(&id("SMALL")), Err(EngineError::Corrupt(_))));
    assert!(matches!(read(&id("LARGE")), Err(EngineError::Corrupt(_))));
    assert_eq!(read(&id("GOOD")).as_deref(), Ok(b"other content".as_slice()));
    let check = engine.verify_audit().expect("reads the chain");
    assert_eq!(check.broken_at.map(|b| b.seq), Some(2), "the break is located");
    assert!(check.entries < head.entries);
    let report = engine.verify().expect("verifies");
    assert_eq!(report.corrupt, ["SMALL", "LARGE"]);
    assert!(engine.metrics().expect("metrics").corrupt_reads >= 2);
}

/// Clause 10: below the reserve nothing new is accepted, by a typed error; what is here still flows.
pub fn refuses_when_space_is_short(place: &dyn Place) {
    let engine = place.open().expect("opens");
    engine.accept(accept(letter("M1"), b"x"), start()).expect("accepts");
    drop(engine);

    let engine = place.open_without_space().expect("opens");
    let refused = engine.accept(accept(letter("M2"), b"x"), start());
    assert!(matches!(refused, Err(EngineError::SpaceLow { .. })), "{refused:?}");
    let mut stream: &[u8] = b"x";
    assert!(matches!(engine.stage(&mut stream, 10), Err(EngineError::SpaceLow { .. })));
    assert_eq!(engine.metrics().expect("metrics").refused_space, 2);
    assert_eq!(engine.content(&id("M1"), 10).expect("reads").bytes, b"x");
    assert_eq!(engine.acknowledge("B", &id("M1"), "B", start()), Ok(true));
    drop(engine);

    let engine = place.open().expect("opens again");
    assert_eq!(engine.message(&id("M2")), Ok(None));
    engine.accept(accept(letter("M2"), b"x"), start()).expect("accepts with space");
}

/// Clause 11: a copy made while messages come in is whole, verifies and opens; newer data are refused.
pub fn backup_and_schema(place: &dyn Place) {
    let engine = place.open().expect("opens");
    engine.accept(accept(letter("M1"), b"x"), start()).expect("accepts");
    engine.accept(accept(letter("M2"), &large()), start()).expect("accepts");
    engine.put_config("route", "one", Some("{}"), Some(0), "a person", start()).expect("configures");
    assert_eq!(
        engine.put_config("route", "one", Some("[]"), Some(0), "a person", start()),
        Err(EngineError::VersionConflict(1))
    );
    let copy = place.scratch();
    let report = std::thread::scope(|scope| {
        let engine = &*engine;
        let busy = scope.spawn(move || {
            for n in 0..50 {
                engine.accept(accept(letter(&format!("D{n}")), b"during"), start()).expect("accepts");
            }
        });
        let report = engine.backup(&copy).expect("backs up");
        busy.join().expect("no panic");
        report
    });
    assert!(report.verified.is_clean() && report.messages >= 2);
    assert!(engine.backup(&copy).is_err(), "a backup never overwrites");
    engine.acknowledge("B", &id("M1"), "B", start()).expect("acknowledges");
    drop(engine);

    let restored = place.restore(&copy).expect("restores");
    assert!(restored.verify().expect("verifies").is_clean());
    assert!(waiting(&*restored, "B").starts_with(&["M1".to_owned(), "M2".to_owned()]));
    assert!(restored.content(&id("M2"), LARGE as u64).expect("reads").bytes == large());
    assert_eq!(restored.config("route", "one"), Ok(Some((1, "{}".to_owned()))));
    drop(restored);

    place.make_newer();
    assert!(matches!(place.open().map(|_| ()), Err(EngineError::NewerSchema { .. })));
}

/// Clause 12: what it does to keep data, and the gauges that operators watch.
pub fn reports_durability(place: &dyn Place) {
    let engine = place.open().expect("opens");
    let durability = engine.durability();
    assert!(durability.durable && durability.flush_p50_us > 0 && durability.schema > 0);
    assert!(!durability.engine.is_empty() && !durability.mode.is_empty());
    engine.accept(accept(letter("M1"), b"x"), start()).expect("accepts");
    let metrics = engine.metrics().expect("metrics");
    assert_eq!((metrics.accepted, metrics.stopped), (1, false));
    assert_eq!(metrics.latest_time, Some(start()));
    assert_eq!(metrics.mailboxes.len(), 1);
    assert_eq!(metrics.mailboxes[0].oldest, Some(start()));
    assert!(metrics.commits > 0 && metrics.free_bytes > 0);
}
