//! What was acknowledged outlives its server: producers write, the leader is killed, its standby takes over.

use crate::server::{self, Server};
use causeway_exchange::engine::{Accepting, Contents, Facts, Operation, Queue};
use causeway_exchange::{
    Accept, AcceptOutcome, Effects, IdempotencyKey, MessageId, NewMessage, NewWork, Payload, WorkKind,
};
use causeway_postgres::{Options, Postgres};
use jiff::Timestamp;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PRODUCERS: usize = 8;

fn name(producer: usize, number: usize) -> MessageId {
    MessageId::new(&format!("P{producer}-{number}")).expect("an id")
}

fn message(producer: usize, number: usize) -> Accept {
    let mut effects = Effects::default();
    let key = Some(format!("person-{producer}"));
    effects.work = vec![NewWork { order_key: key, ..NewWork::new(WorkKind::Translate, "") }];
    Accept {
        message: NewMessage::new(name(producer, number), "ZZ901", "http"),
        payload: Payload::Bytes(format!("{producer} {number}").into_bytes()),
        key: Some(IdempotencyKey { sender: format!("S{producer}"), request_id: number.to_string() }),
        effects,
    }
}

/// Sends one after the other, each again under its key until it is answered; how many were.
fn produce(engine: &Postgres, producer: usize, stop: &AtomicBool) -> usize {
    let mut number = 0;
    loop {
        match engine.accept(message(producer, number), Timestamp::now()) {
            Ok(
                AcceptOutcome::Accepted { .. }
                | AcceptOutcome::InProgress { .. }
                | AcceptOutcome::Replayed { .. },
            ) => {
                number += 1;
                if stop.load(Ordering::Relaxed) {
                    return number;
                }
            }
            Ok(AcceptOutcome::Conflict { id }) => panic!("{id} came twice with different content"),
            Err(error) if error.is_transient() => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Kills the leader under load. Acknowledged messages by producer, the engine on the new leader, and how long nothing
/// could be written.
fn fail_over(leader: &Server, standby: &Server, producing: Duration) -> (Vec<usize>, Postgres, Duration) {
    let connection = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=causeway dbname=postgres",
        leader.port, standby.port
    );
    let engine = Postgres::open(Options::new(connection)).expect("opens");
    let stop = AtomicBool::new(false);
    let mut dark = Duration::ZERO;
    let counts = std::thread::scope(|scope| {
        let (engine, stop) = (&engine, &stop);
        let producers: Vec<_> =
            (0..PRODUCERS).map(|p| scope.spawn(move || produce(engine, p, stop))).collect();
        std::thread::sleep(producing);
        let cut = Instant::now();
        leader.kill();
        standby.promote();
        // The new leader has no standby yet; Patroni would say the same to it.
        standby.sql("ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()");
        let probe =
            || engine.use_once("probe", &format!("{:?}", cut.elapsed()), Timestamp::MAX, Timestamp::now());
        while probe().is_err() {
            assert!(cut.elapsed() < Duration::from_secs(60), "writable again within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
        dark = cut.elapsed();
        std::thread::sleep(producing);
        stop.store(true, Ordering::Relaxed);
        producers.into_iter().map(|p| p.join().expect("no panic")).collect()
    });
    (counts, engine, dark)
}

#[test]
fn nothing_acknowledged_is_lost_with_its_leader() {
    let Some(leader) = server::started() else { return };
    let standby = leader.standby("second");
    leader.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (second)'; SELECT pg_reload_conf()");
    let (counts, engine, dark) = fail_over(&leader, &standby, Duration::from_millis(1500));
    let mut total = 0;
    for (producer, count) in counts.iter().enumerate() {
        assert!(*count > 10, "producer {producer} got on: {count}");
        for number in 0..*count {
            let id = name(producer, number);
            let content = engine.content(&id, 100).unwrap_or_else(|e| panic!("{id}: {e}"));
            assert_eq!(content.bytes, format!("{producer} {number}").into_bytes());
            total += 1;
        }
    }
    let report = engine.verify().expect("verifies");
    assert!(report.is_clean(), "{:?}", report.corrupt);
    assert_eq!(report.messages, total, "none is there twice or that nobody sent");
    // The order of a person's messages is that in which they were acknowledged.
    let lease = jiff::SignedDuration::from_mins(1);
    for number in 0..3 {
        let leases =
            engine.claim(WorkKind::Translate, None, "w", lease, 100, Timestamp::now()).expect("claims");
        let mut ids: Vec<_> = leases.iter().map(|l| l.item.message.clone()).collect();
        ids.sort();
        assert_eq!(ids, (0..PRODUCERS).map(|p| name(p, number)).collect::<Vec<_>>());
        for lease in leases {
            engine.complete(&lease, Effects::default(), Timestamp::now()).expect("completes");
        }
    }
    let said = format!("acknowledged {total}, lost 0, doubled 0; nothing could be written for {dark:?}");
    writeln!(std::io::stderr(), "{said}").expect("standard error");
    drop(engine);
}

/// The control: where a commit waits for no standby, the same test finds what is lost.
#[test]
fn without_a_synchronous_standby_it_would_be() {
    let Some(leader) = server::started() else { return };
    let standby = leader.standby("second");
    let connection = format!("host=127.0.0.1 port={} user=causeway dbname=postgres", leader.port);
    let engine = Postgres::open(Options::new(connection)).expect("opens");
    engine.accept(message(0, 0), Timestamp::now()).expect("accepts");
    std::thread::sleep(Duration::from_secs(1));
    // The standby is away for a while: what is committed meanwhile is on one machine.
    standby.stop();
    for number in 1..20 {
        engine.accept(message(0, number), Timestamp::now()).expect("accepts");
    }
    leader.kill();
    drop(engine);
    assert!(standby.run(), "the standby starts");
    standby.promote();
    let connection = format!("host=127.0.0.1 port={} user=causeway dbname=postgres", standby.port);
    let engine = Postgres::open(Options::new(connection)).expect("opens");
    let found = (0..20).filter(|n| matches!(engine.message(&name(0, *n)), Ok(Some(_)))).count();
    assert!((1..20).contains(&found), "the control loses what the standby had not: {found} of 20 are there");
    drop(engine);
}

#[test]
fn no_standby_no_write_where_one_is_required() {
    let Some(leader) = server::started() else { return };
    let connection = leader.connection("postgres");
    let strict = Options { require_standby: true, ..Options::new(&connection) };
    let engine = Postgres::open(strict.clone()).expect("opens");
    let refused = engine.accept(message(0, 0), Timestamp::now()).expect_err("refused");
    assert!(refused.is_transient() && refused.to_string().contains("standby"), "{refused}");
    assert_eq!(engine.message(&name(0, 0)), Ok(None));
    let _standby = leader.standby("second");
    leader.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (second)'; SELECT pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(500));
    engine.accept(message(0, 0), Timestamp::now()).expect("accepts with a standby");
    drop(engine);
}

#[test]
fn brokers_take_turns() {
    let Some(server) = server::started() else { return };
    let open = |alone| Postgres::open(Options { alone, ..Options::new(server.connection("postgres")) });
    // Two at once: numbers rise without a gap or a double, and each sees what the other wrote.
    let brokers = [open(false).expect("opens"), open(false).expect("opens")];
    std::thread::scope(|scope| {
        for (broker, engine) in brokers.iter().enumerate() {
            scope.spawn(move || {
                for number in 0..100 {
                    engine.accept(message(broker, number), Timestamp::now()).expect("accepts");
                }
            });
        }
    });
    let report = brokers[0].verify().expect("verifies");
    assert!(report.is_clean());
    assert_eq!(report.messages, 200);
    for number in 0..100 {
        assert!(brokers[0].message(&name(1, number)).expect("reads").is_some());
    }
    drop(brokers);
    // Alone: the second waits until the first has ended.
    let first = open(true).expect("opens");
    assert!(open(true).is_err(), "another broker writes");
    drop(first);
    let begun = Instant::now();
    while open(true).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "takes over");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Doors and workers call an engine from an asynchronous runtime too; the client itself can't be used there.
#[test]
fn it_can_be_used_within_an_asynchronous_runtime() {
    let Some(server) = server::started() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let engine = Postgres::open(Options::new(server.connection("postgres"))).expect("opens");
        let content: &[u8] = b"large";
        let staged = engine.stage(&mut { content }, 100).expect("stages");
        let accept = Accept { payload: Payload::Staged(staged), ..message(0, 0) };
        engine.accept(accept, Timestamp::now()).expect("accepts");
        assert_eq!(engine.content(&name(0, 0), 100).expect("reads").bytes, content);
        drop(engine);
    });
}
