//! Faults: kill -9, a full disk, flipped bits, many at once, a long inbox.

mod place;

use causeway_exchange::contract::Place;
use causeway_exchange::{
    Accept, AcceptOutcome, Accepting, Contents, Effects, EngineError, Inbox, InboxQuery, MessageId,
    NewMessage, NewWork, Operation, Payload, Upload, WorkKind,
};
use causeway_store::{Options, Store};
use jiff::{SignedDuration, Timestamp};
use place::Folder;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Tells the test binary that it is the child to be killed, and where its data are.
const CHILD: &str = "CAUSEWAY_STORE_TEST_CHILD";

fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

fn id(text: &str) -> MessageId {
    MessageId::new(text).expect("an id")
}

/// Noise that follows from the name: nothing that packing makes smaller.
fn content(name: &str, bytes: usize) -> Vec<u8> {
    let mut state = name.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = || {
        // Xorshift (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn letter(name: &str, bytes: usize) -> Accept {
    let mut message = NewMessage::new(id(name), "A99990", "mesh");
    message.mailbox_to = Some("B".to_owned());
    message.inbox = true;
    let payload = Payload::Bytes(content(name, bytes));
    Accept { message, payload, key: None, effects: Effects::default() }
}

/// The child of [`kill_nine`]: eight producers that print what was acknowledged, until killed.
#[test]
#[allow(clippy::print_stdout)]
fn kill_child() {
    let Ok(directory) = std::env::var(CHILD) else { return };
    let round = std::env::var("ROUND").unwrap_or_default();
    let store = Store::open(Options { reserve: 1, ..Options::new(directory) }).expect("opens");
    std::thread::scope(|scope| {
        for producer in 0..8 {
            let (store, round) = (&store, &round);
            scope.spawn(move || {
                for n in 0.. {
                    let name = format!("R{round}-{producer}-{n}");
                    let bytes = if n % 50 == 49 { 1_100_000 } else { 5_000 };
                    store.accept(letter(&name, bytes), now()).expect("accepts");
                    println!("acked {name} {bytes}");
                }
            });
        }
    });
}

#[test]
fn kill_nine() {
    let folder = Folder::new();
    let mut acked: Vec<(String, usize)> = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "kill_child", "--nocapture", "--test-threads=1"])
            .env(CHILD, folder.data())
            .env("ROUND", round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let enough = acked.len() + 150;
        let mut read = |acked: &mut Vec<(String, usize)>| {
            let Some(Ok(line)) = lines.next() else { return false };
            let mut words = line.split(' ').skip_while(|w| !w.ends_with("acked")).skip(1);
            if let (Some(name), Some(Ok(bytes))) = (words.next(), words.next().map(str::parse)) {
                acked.push((name.to_owned(), bytes));
            }
            true
        };
        while acked.len() < enough && read(&mut acked) {}
        child.kill().expect("killed");
        child.wait().expect("ended");
        while read(&mut acked) {}

        let engine = folder.open().expect("opens after a kill");
        for (name, bytes) in &acked {
            let read = engine.content(&id(name), 2_000_000).expect("acknowledged, so kept");
            assert!(read.bytes == content(name, *bytes), "{name} has other bytes");
        }
        let report = engine.verify().expect("verifies");
        assert!(report.is_clean(), "{report:?}");
    }
    assert!(acked.len() >= 450);
}

#[test]
fn sixteen_threads_commit_together() {
    let folder = Folder::new();
    let engine = folder.open().expect("opens");
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let engine = &*engine;
        let all: Vec<_> = (0..16)
            .map(|thread| {
                scope.spawn(move || {
                    let mut seqs = Vec::new();
                    for n in 0..40 {
                        let name = format!("T{thread}-{n}");
                        match engine.accept(letter(&name, 2_000), now()) {
                            Ok(AcceptOutcome::Accepted { seq }) => seqs.push(seq),
                            other => panic!("{other:?}"),
                        }
                        // A refused request shares batches with good ones and takes nothing with it.
                        assert_eq!(engine.accept(letter(&name, 10), now()), Err(EngineError::IdInUse));
                        let mut half = letter(&format!("H{thread}-{n}"), 10);
                        half.effects.messages = vec![letter(&name, 10)];
                        assert_eq!(engine.accept(half, now()), Err(EngineError::IdInUse));
                    }
                    seqs
                })
            })
            .collect();
        all.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 640);
    let metrics = engine.metrics().expect("metrics");
    assert_eq!(metrics.accepted, 640);
    assert!(metrics.commits < metrics.committed_requests, "requests share commits");
    let report = engine.verify().expect("verifies");
    assert!(report.is_clean() && report.messages == 640 && report.audit.entries == 640);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let folder = Folder::new();
    let store = Store::open(Options { max_pages: Some(400), ..folder.options() }).expect("opens");
    let mut accepted = Vec::new();
    let refused = loop {
        let name = format!("M{}", accepted.len());
        match store.accept(letter(&name, 20_000), now()) {
            Ok(_) => accepted.push(name),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, EngineError::SpaceLow { .. }), "{refused:?}");
    assert!(!accepted.is_empty());
    assert!(!store.metrics().expect("metrics").stopped, "a full disk is no failed flush");
    for name in &accepted {
        assert!(
            store.content(&id(name), 20_000).expect("readable while full").bytes == content(name, 20_000)
        );
    }
    // Space comes free without a restart: content that is past its retention makes room.
    let later = now() + SignedDuration::from_hours(24 * 40);
    for name in accepted.iter().take(5) {
        let _ = store.acknowledge("B", &id(name), "B", now());
    }
    let freed = store.purge(SignedDuration::from_hours(24 * 30), later).expect("purges");
    assert!(freed > 0);
    store.accept(letter("AFTER", 20_000), later).expect("accepts again");
    assert!(store.verify().expect("verifies").is_clean());
}

#[test]
fn a_long_inbox_costs_no_more() {
    let folder = Folder::new();
    let engine = folder.open().expect("opens");
    let time = |after: Option<u64>| {
        let mut times: Vec<Duration> = (0..101)
            .map(|_| {
                let start = Instant::now();
                let query = InboxQuery { mailbox: "B".to_owned(), after, limit: 100, filter: None };
                assert_eq!(engine.inbox(&query).expect("a page").entries.len(), 100);
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[50]
    };
    let fill = |from: usize, to: usize| {
        let (done, wait) = mpsc::channel();
        for n in from..to {
            let done = done.clone();
            let tell = Box::new(move |outcome: Result<AcceptOutcome, EngineError>| {
                done.send(outcome.is_ok()).expect("a listener");
            });
            engine.accept_then(letter(&format!("M{n}"), 100), now(), tell);
        }
        drop(done);
        assert_eq!(wait.iter().filter(|ok| *ok).count(), to - from);
    };
    fill(0, 1_000);
    let short = time(None);
    fill(1_000, 20_000);
    let middle = time(Some(10_000));
    let long = time(None).max(middle);
    assert!(long < short * 5 + Duration::from_millis(1), "{short:?} with 1,000, {long:?} with 20,000");
    // What is acknowledged costs nothing either.
    for n in 0..200 {
        engine.acknowledge("B", &id(&format!("M{n}")), "B", now()).expect("acknowledges");
    }
    assert!(time(None) < short * 5 + Duration::from_millis(1));
}

#[test]
fn a_flipped_bit_anywhere_is_never_served() {
    let folder = Folder::new();
    let engine = folder.open().expect("opens");
    for n in 0..12 {
        engine.accept(letter(&format!("M{n}"), 6_000), now()).expect("accepts");
    }
    drop(engine);
    let path = folder.data().join("causeway.db");
    let good = std::fs::read(&path).expect("the database");
    let mut place = 0x9e37_79b9_u64;
    for _ in 0..60 {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bad = good.clone();
        let at = usize::try_from(place >> 20).expect("a position") % bad.len();
        bad[at] ^= 1 << (place & 7);
        std::fs::write(&path, bad).expect("damaged");
        // Any refusal is fine; other bytes than were sent are not.
        let Ok(engine) = folder.open() else { continue };
        for n in 0..12 {
            let name = format!("M{n}");
            if let Ok(read) = engine.content(&id(&name), 6_000) {
                assert!(read.bytes == content(&name, 6_000), "wrong bytes served");
            }
        }
        drop(engine);
        for extra in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.data().join(format!("causeway.db{extra}")));
        }
    }
}

#[test]
fn content_files_live_as_long_as_they_are_named() {
    let folder = Folder::new();
    let engine = folder.open().expect("opens");
    let same = |name: &str| Accept { payload: Payload::Bytes(vec![7; 2_000_000]), ..letter(name, 0) };
    engine.accept(same("M1"), now()).expect("accepts");
    let later = now() + SignedDuration::from_hours(24 * 20);
    engine.accept(same("M2"), later).expect("accepts");
    for name in ["M1", "M2"] {
        let _ = engine.acknowledge("B", &id(name), "B", later);
    }
    let mut stream: &[u8] = &[8; 2_000_000];
    engine.stage(&mut stream, u64::MAX).expect("stages");
    let files = || {
        let folders = std::fs::read_dir(folder.data().join("blobs")).expect("a directory");
        folders.flat_map(|f| std::fs::read_dir(f.expect("an entry").path()).expect("a directory")).count()
    };
    assert_eq!(files(), 2);
    let month = SignedDuration::from_hours(24 * 30);
    assert_eq!(engine.purge(month, now() + SignedDuration::from_hours(24 * 31)), Ok(1));
    assert_eq!(files(), 2, "M2 still names it");
    assert!(engine.content(&id("M2"), 2_000_000).is_ok());
    assert_eq!(engine.purge(month, later + SignedDuration::from_hours(24 * 31)), Ok(1));
    assert_eq!(files(), 1, "only what was staged and never named");
    drop(engine);
    let _engine = folder.open().expect("opens again");
    assert_eq!(files(), 0, "swept at open");
}

#[test]
fn a_shortened_audit_is_noticed() {
    let folder = Folder::new();
    let engine = folder.open().expect("opens");
    for name in ["M1", "M2", "M3"] {
        engine.accept(letter(name, 10), now()).expect("accepts");
    }
    drop(engine);
    folder.database().execute("DELETE FROM audit WHERE seq=3", []).expect("cut off");
    let engine = folder.open().expect("opens again");
    let check = engine.verify_audit().expect("reads the chain");
    assert_eq!((check.entries, check.broken_at.map(|b| b.seq)), (2, Some(3)));
}

#[test]
fn a_directory_has_one_owner() {
    let folder = Folder::new();
    let _engine = folder.open().expect("opens");
    assert!(matches!(folder.open().map(|_| ()), Err(EngineError::Storage(_))));
}

#[test]
fn large_chunks_are_streamed() {
    let folder = Folder::new();
    let engine = folder.open().expect("opens");
    let message = letter("BIG", 0).message;
    let piece = |n: u8| Payload::Bytes(vec![n; 5_000_000]);
    let upload = Upload { message, total: 8, first: piece(1), effects: Effects::default() };
    engine.begin_upload(upload, now()).expect("begins");
    for n in (2..=8).rev() {
        engine.put_chunk(&id("BIG"), u32::from(n), piece(n), now()).expect("stores");
    }
    let work = vec![NewWork::new(WorkKind::Translate, "")];
    engine
        .finish_upload(&id("BIG"), false, None, Effects { work, ..Effects::default() }, now())
        .expect("finishes");
    let mut payload = engine.payload(&id("BIG")).expect("reads");
    assert_eq!(payload.size, 40_000_000);
    let mut buffer = vec![0; 5_000_000];
    for n in 1..=8 {
        payload.reader.read_exact(&mut buffer).expect("a chunk");
        assert!(buffer.iter().all(|b| *b == n));
    }
    assert_eq!(payload.reader.read(&mut buffer).expect("the end"), 0);
}

/// The write-ahead log is copied back beside the writer: it stays within its limit under load, grows while a reader
/// holds what it has seen, and shrinks when the reader has gone. What was accepted is there all the while.
#[test]
fn the_log_is_copied_beside_the_writer() {
    const PAGES: u32 = 100;
    let folder = Folder::new();
    let store = Store::open(Options { checkpoint_pages: PAGES, ..folder.options() }).expect("opens");
    let log = || std::fs::metadata(folder.data().join("causeway.db-wal")).map_or(0, |m| m.len());
    let accept = |from: u32, to: u32| {
        for n in from..to {
            store.accept(letter(&format!("M{n}"), 5_000), now()).expect("accepts");
        }
    };
    accept(0, 600);
    // 600 messages are 10 MB of log; a file once grown is not cut, so its size is the most that it ever held.
    let most = u64::from(PAGES) * 4_096 * u64::from(causeway_store::limits::CHECKPOINT_LOG_TIMES + 1);
    assert!(log() < most, "the log is {} bytes", log());

    let reader = folder.database();
    reader.execute_batch("BEGIN").expect("begins");
    let count = |reader: &rusqlite::Connection| {
        reader.query_row("SELECT count(*) FROM message", [], |r| r.get::<_, u32>(0)).expect("a count")
    };
    assert_eq!(count(&reader), 600);
    accept(600, 1_100);
    assert!(log() > most, "a reader holds the log, so it must have grown: {} bytes", log());
    assert_eq!(count(&reader), 600, "the reader sees what it saw");
    reader.execute_batch("COMMIT").expect("ends");
    drop(reader);
    accept(1_100, 1_300);
    // Begun anew: its length stays, its first frames are of now.
    let copied = folder.database();
    let (frames, _): (i64, i64) =
        copied.query_row("PRAGMA wal_checkpoint(NOOP)", [], |r| Ok((r.get(1)?, r.get(2)?))).expect("a look");
    assert!(frames < i64::from(PAGES) * i64::from(causeway_store::limits::CHECKPOINT_LOG_TIMES), "{frames}");
    assert_eq!(store.verify().expect("verifies").messages, 1_300);
    drop(store);
    let store = Store::open(folder.options()).expect("opens again");
    let query = InboxQuery { mailbox: "B".to_owned(), after: None, limit: 1, filter: None };
    assert_eq!(store.inbox(&query).expect("a page").waiting, 1_300);
}
