//! Durable accepts a second beside the floor of the same disk, inbox pages, and memory of a chunked message.
//!
//! `storebench accept DIR SECONDS` · `storebench inbox DIR MESSAGES` · `storebench chunked DIR MEGABYTES`
//!
//! Each figure stands beside two others of the same run: raw write and fdatasync of the same bytes by as many
//! threads (a file each), and a bare SQLite writer with group commit (payload, one index, one event row).
#![allow(clippy::print_stdout, missing_docs)]

use causeway_exchange::{
    Accept, AcceptOutcome, Accepting, Contents, Effects, Inbox, InboxQuery, MessageId, NewMessage, Operation,
    Payload, Upload,
};
use causeway_store::{Options, Store};
use jiff::Timestamp;
use rusqlite::Connection;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Bytes of a message.
const MESSAGE: usize = 5_120;
/// Bytes of a chunk.
const CHUNK: usize = 20_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = arguments.get(3).and_then(|n| n.parse().ok());
    match (arguments.get(1).map(String::as_str), arguments.get(2), number) {
        (Some("accept"), Some(directory), Some(seconds)) => accepts(Path::new(directory), seconds),
        (Some("inbox"), Some(directory), Some(messages)) => inbox(Path::new(directory), messages),
        (Some("chunked"), Some(directory), Some(megabytes)) => chunked(Path::new(directory), megabytes),
        _ => println!("storebench accept DIR SECONDS | inbox DIR MESSAGES | chunked DIR MEGABYTES"),
    }
}

/// Bytes that don't compress, different for each number.
fn noise(number: u64, bytes: usize) -> Vec<u8> {
    let mut state = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

fn letter(number: u64) -> Accept {
    let mut message =
        NewMessage::new(MessageId::new(&format!("M{number}")).expect("an id"), "A99990", "mesh");
    message.mailbox_from = Some("A".to_owned());
    message.mailbox_to = Some(format!("B{}", number % 40));
    message.inbox = true;
    message.workflow = Some("LETTER".to_owned());
    Accept {
        message,
        payload: Payload::Bytes(noise(number, MESSAGE)),
        key: None,
        effects: Effects::default(),
    }
}

/// Runs `producers` threads for a time; each call of `one` is a durable write. Rate and 99th percentile.
fn measure(producers: u64, seconds: u64, one: &(dyn Fn(u64, u64) + Sync)) -> (f64, Duration) {
    let stop = AtomicBool::new(false);
    let next = AtomicU64::new(0);
    let start = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..producers)
            .map(|producer| {
                let (stop, next) = (&stop, &next);
                scope.spawn(move || {
                    let mut times = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let begin = Instant::now();
                        one(producer, next.fetch_add(1, Ordering::Relaxed));
                        times.push(begin.elapsed());
                    }
                    times
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        all.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_unstable();
    (rate, times.get(times.len() * 99 / 100).copied().unwrap_or_default())
}

/// What the thread with this name has cost: microseconds on a core, and bytes written. Unlike a rate, neither
/// depends on who else uses the machine. Zero where the system doesn't tell.
fn cost(name: &str) -> [f64; 2] {
    let mut cost = [0.0; 2];
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").trim() == name {
            let (time, written) = (read("schedstat"), read("io"));
            let written = written.lines().find_map(|l| l.strip_prefix("wchar: "));
            let number = |text: Option<&str>| text.and_then(|n| n.parse().ok()).unwrap_or(0.0);
            cost[0] += number(time.split(' ').next()) / 1e3;
            cost[1] += number(written);
        }
    }
    cost
}

fn accepts(directory: &Path, seconds: u64) {
    println!(
        "producers  raw/s   p99    bare SQLite/s  p99    store/s   p99    store/bare   writer, each message: bare, store"
    );
    for producers in [1, 16, 64] {
        let place = directory.join(format!("p{producers}"));
        std::fs::create_dir_all(&place).expect("a directory");
        let files: Vec<File> =
            (0..producers).map(|n| File::create(place.join(format!("raw{n}"))).expect("a file")).collect();
        let raw = measure(producers, seconds, &|producer, number| {
            let mut file = &files[usize::try_from(producer).expect("small")];
            file.write_all(&noise(number, MESSAGE)).expect("writes");
            file.sync_data().expect("flushes");
        });

        let writer = Bare::start(&place.join("bare.db"));
        let store = Store::open(Options { reserve: 1, ..Options::new(place.join("store")) }).expect("opens");
        let now = Timestamp::now();
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        // By turns, a second each: what else the machine does falls on both.
        for turn in 0..seconds {
            let first = turn << 32;
            bare.push(measure(producers, 1, &|_, number| writer.write(first + number)));
            ours.push(measure(producers, 1, &|_, number| {
                let outcome = store.accept(letter(first + number), now).expect("accepts");
                assert!(matches!(outcome, AcceptOutcome::Accepted { .. }));
            }));
        }
        let mean = |all: &[(f64, Duration)]| {
            let rate = all.iter().map(|(rate, _)| rate).sum::<f64>() / all.len() as f64;
            (rate, all.iter().map(|(_, p99)| *p99).sum::<Duration>() / all.len() as u32)
        };
        let (bare, ours) = (mean(&bare), mean(&ours));
        let bare_commits = COMMITS.swap(0, Ordering::Relaxed);
        let bare_cost = cost("bare-writer");
        drop(writer);
        let show = |(rate, p99): (f64, Duration)| format!("{rate:7.0} {:6.2}ms", p99.as_secs_f64() * 1e3);
        let ratio = ours.0 / bare.0;
        let commits = store.metrics().expect("metrics").commits;
        let each = |cost: [f64; 2], rate: f64, commits: u64| {
            let messages = rate * seconds as f64;
            let batch = messages / commits as f64;
            format!("{:.1} µs {:.1} kB 1/{batch:.1} commit", cost[0] / messages, cost[1] / messages / 1e3)
        };
        println!(
            "{producers:9} {} {}      {}  {ratio:.2}   {}, {}",
            show(raw),
            show(bare),
            show(ours),
            each(bare_cost, bare.0, bare_commits),
            each(cost("causeway-writer"), ours.0, commits)
        );
        drop(store);
        std::fs::remove_dir_all(&place).expect("removed");
    }
}

type Row = (u64, Vec<u8>, SyncSender<()>);

/// Commits of the bare writer.
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// The least that keeps a queue in SQLite.
struct Bare(SyncSender<Row>);

impl Bare {
    fn start(path: &Path) -> Self {
        let conn = Connection::open(path).expect("opens");
        conn.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8192;
             CREATE TABLE m(seq INTEGER PRIMARY KEY, id TEXT UNIQUE, payload BLOB);
             CREATE TABLE e(seq INTEGER PRIMARY KEY, m INTEGER, kind TEXT);",
        )
        .expect("a schema");
        let (queue, requests) = sync_channel(4_096);
        let writer = std::thread::Builder::new().name("bare-writer".to_owned());
        writer.spawn(move || Self::run(&conn, &requests)).expect("a thread");
        Self(queue)
    }

    fn run(conn: &Connection, requests: &Receiver<Row>) {
        while let Ok(first) = requests.recv() {
            let batch: Vec<Row> = std::iter::once(first).chain(requests.try_iter().take(255)).collect();
            COMMITS.fetch_add(1, Ordering::Relaxed);
            conn.execute_batch("BEGIN IMMEDIATE").expect("begins");
            for (number, payload, _) in &batch {
                conn.prepare_cached("INSERT INTO m(id, payload) VALUES (?1, ?2)")
                    .and_then(|mut s| s.execute((format!("M{number}"), payload)))
                    .expect("inserts");
                conn.prepare_cached("INSERT INTO e(m, kind) VALUES (?1, 'accepted')")
                    .and_then(|mut s| s.execute([conn.last_insert_rowid()]))
                    .expect("inserts");
            }
            conn.execute_batch("COMMIT").expect("commits");
            for (_, _, done) in batch {
                let _ = done.send(());
            }
        }
    }

    fn write(&self, number: u64) {
        let (done, wait) = sync_channel(1);
        self.0.send((number, noise(number, MESSAGE), done)).expect("a writer");
        wait.recv().expect("an answer");
    }
}

fn inbox(directory: &Path, messages: u64) {
    let store = Store::open(Options { reserve: 1, ..Options::new(directory) }).expect("opens");
    let (done, wait) = sync_channel(4_096);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || {
            for number in 0..messages {
                let mut one = letter(number);
                one.message.mailbox_to = Some("B".to_owned());
                one.payload = Payload::Bytes(noise(number, 200));
                let done = done.clone();
                let tell =
                    Box::new(move |outcome: Result<_, _>| done.send(outcome.is_ok()).expect("a listener"));
                store.accept_then(one, Timestamp::now(), tell);
            }
        });
        assert!(wait.iter().all(|ok| ok));
    });
    println!("{messages} messages stored, {:.0}/s", messages as f64 / start.elapsed().as_secs_f64());
    for (name, after) in
        [("first", None), ("middle", Some(messages / 2)), ("last", Some(messages.saturating_sub(500)))]
    {
        let mut times: Vec<Duration> = (0..1_000)
            .map(|_| {
                let begin = Instant::now();
                let query = InboxQuery { mailbox: "B".to_owned(), after, limit: 500, filter: None };
                assert!(store.inbox(&query).expect("a page").waiting == messages);
                begin.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{name} page of 500: p50 {:?}, p99 {:?}", times[500], times[990]);
    }
}

fn chunked(directory: &Path, megabytes: u64) {
    let store = Store::open(Options { reserve: 1, ..Options::new(directory) }).expect("opens");
    let id = MessageId::new("BIG").expect("an id");
    let total = u32::try_from((megabytes * 1_000_000).div_ceil(CHUNK as u64)).expect("few chunks");
    let now = Timestamp::now();
    let start = Instant::now();
    let piece = |n: u32| Payload::Bytes(noise(u64::from(n), CHUNK));
    let message = NewMessage::new(id.clone(), "A99990", "mesh");
    store
        .begin_upload(Upload { message, total, first: piece(1), effects: Effects::default() }, now)
        .expect("begins");
    for n in 2..=total {
        store.put_chunk(&id, n, piece(n), now).expect("stores");
    }
    let sent = start.elapsed();
    store.finish_upload(&id, false, None, Effects::default(), now).expect("finishes");
    let finished = start.elapsed();
    let mut payload = store.payload(&id).expect("verifies");
    let copied = std::io::copy(&mut payload.reader.by_ref(), &mut std::io::sink()).expect("reads");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    println!(
        "{copied} bytes in {total} chunks: stored {sent:?}, finished {finished:?}, read {:?}",
        start.elapsed()
    );
    println!("{peak}");
}
