//! What was acknowledged outlives its server: producers write, the leader is killed, its standby takes over.

use crate::server::{self, Server};
use causeway_exchange::engine::{Accepting, Contents, Facts, Operation, Queue};
use causeway_exchange::{
    Accept, AcceptOutcome, Effects, EngineError, Failure, IdempotencyKey, MessageId, NewEvent, NewMessage,
    NewWork, NextStep, Payload, WorkKind,
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
        assert!(*count >= 3, "producer {producer} got on: {count}");
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
    for _ in 0..10 {
        drop(open(true).expect("takes over at once from one that has ended in order"));
    }
}

/// After an outage a broker may have hundreds of ends to give back, and each commit waits for a standby.
#[test]
fn failures_share_commits() {
    let Some(server) = server::started() else { return };
    let engine = Postgres::open(Options::new(server.connection("postgres"))).expect("opens");
    for producer in 0..100 {
        engine.accept(message(producer, 0), Timestamp::now()).expect("accepts");
    }
    let claim = || {
        let lease = jiff::SignedDuration::from_mins(1);
        engine.claim(WorkKind::Translate, None, "w", lease, 100, Timestamp::now()).expect("claims")
    };
    let mut leases = claim();
    assert_eq!(leases.len(), 100);
    // One is not held any more: it alone is refused.
    engine.complete(&leases[7], Effects::default(), Timestamp::now()).expect("completes");
    let failure = || Failure {
        code: "storage".to_owned(),
        detail: "later".to_owned(),
        next: NextStep::Wait(Timestamp::now()),
        effects: Effects::default(),
    };
    let before = engine.metrics().expect("counts").commits;
    let ends = leases.iter().map(|lease| (lease.clone(), failure())).collect();
    let mut outcomes = engine.fail_all(ends, Timestamp::now());
    assert_eq!(outcomes.remove(7), Err(EngineError::StaleLease));
    leases.remove(7);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let commits = engine.metrics().expect("counts").commits - before;
    assert!(commits < 50, "{commits} commits");
    let again = claim();
    assert_eq!(again.len(), leases.len());
    assert!(again.iter().all(|lease| lease.item.attempts == 1), "nothing is counted against them");
}

/// What the server can't keep it refuses for ever: to try again would hold up all behind it.
#[test]
fn what_can_never_be_kept_is_no_matter_of_time() {
    let Some(server) = server::started() else { return };
    let engine = Postgres::open(Options::new(server.connection("postgres"))).expect("opens");
    engine.accept(message(0, 0), Timestamp::now()).expect("accepts");
    let event = |detail| NewEvent::new("told", "somebody", detail);
    let refused = engine.record_event(&name(0, 0), event("a NUL \0"), Timestamp::now());
    assert!(refused.as_ref().is_err_and(|e| !e.is_transient()), "{refused:?}");
    engine.record_event(&name(0, 0), event("another"), Timestamp::now()).expect("others go on");
}

/// The server made the commit that gave work out, and its answer did not come: nobody works on it, so it is given out again
/// at once and nothing is counted against it.
#[test]
fn work_given_out_without_an_answer_is_given_out_again() {
    let Some(server) = server::started() else { return };
    let connection = server.connection("postgres");
    let engine = Postgres::open(Options { alone: true, ..Options::new(&connection) }).expect("opens");
    engine.accept(message(0, 0), Timestamp::now()).expect("accepts");
    // A standby that is not there: a commit is made and waits.
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'; SELECT pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(500));
    let claim = || {
        engine.claim(
            WorkKind::Translate,
            None,
            "w",
            jiff::SignedDuration::from_hours(1),
            10,
            Timestamp::now(),
        )
    };
    let mut client = postgres::Client::connect(&connection, postgres::NoTls).expect("connects");
    let unanswered = std::thread::scope(|scope| {
        let claimed = scope.spawn(claim);
        let ended =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let begun = Instant::now();
        while client.query_one(ended, &[]).expect("answers").get::<_, i64>(0) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing waits for the standby");
            std::thread::sleep(Duration::from_millis(20));
        }
        claimed.join().expect("no panic")
    });
    assert!(unanswered.is_err(), "{unanswered:?}");
    server.sql("ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf()");
    let leased = "SELECT count(*) FROM work WHERE state='leased'";
    assert_eq!(client.query_one(leased, &[]).expect("answers").get::<_, i64>(0), 1, "it was given out");
    std::thread::sleep(Duration::from_millis(500));
    let leases = claim().expect("claims");
    assert_eq!(leases.len(), 1, "given out again");
    let item = &leases[0].item;
    assert_eq!((item.attempts, item.tries, item.lost), (1, 0, 0), "nothing is counted against it");
    engine.complete(&leases[0], Effects::default(), Timestamp::now()).expect("completes");
    drop(engine);
}

/// A broker whose connection was lost, and meanwhile another one was alone on the database: what it knows is void, whether or
/// not the other is still there.
#[test]
fn one_that_was_superseded_writes_no_more() {
    let Some(server) = server::started() else { return };
    let open = || Postgres::open(Options { alone: true, ..Options::new(server.connection("postgres")) });
    let first = open().expect("opens");
    first.accept(message(0, 0), Timestamp::now()).expect("accepts");
    let lease = jiff::SignedDuration::from_hours(1);
    let leases = first.claim(WorkKind::Translate, None, "w", lease, 10, Timestamp::now()).expect("claims");
    let lose = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'causeway'";
    server.sql(lose);
    // It finds nobody else there and goes on.
    let begun = Instant::now();
    while first.accept(message(0, 1), Timestamp::now()).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "connects again");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.sql(lose);
    let second = loop {
        match open() {
            Ok(second) => break second,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(!first.superseded().load(Ordering::Relaxed), "it has not tried to write");
    let _ = first.accept(message(0, 2), Timestamp::now());
    let refused = first.accept(message(0, 2), Timestamp::now()).expect_err("refused");
    assert!(matches!(refused, causeway_exchange::EngineError::Stopped(_)), "{refused}");
    assert!(first.superseded().load(Ordering::Relaxed));
    second.accept(message(0, 3), Timestamp::now()).expect("accepts");
    drop(second);
    let refused = first.complete(&leases[0], Effects::default(), Timestamp::now()).expect_err("refused");
    assert!(matches!(refused, causeway_exchange::EngineError::Stopped(_)), "{refused}");
    drop(first);
    let third = open().expect("opens");
    assert_eq!(third.message(&name(0, 2)), Ok(None));
    drop(third);
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
