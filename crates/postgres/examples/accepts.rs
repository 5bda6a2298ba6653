//! Durable accepts of 5 kB a second, with a leader and a synchronous standby on this machine, beside the least that keeps a queue on
//! the same servers: one connection that writes what waits with two statements and a commit.
//!
//! ```text
//! cargo run --workspace --release --example accepts -- [SECONDS]
//! ```
//!
//! Both by turns of a second, with the same callers; processor time is that of this process and of both servers together.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::cast_precision_loss)]

#[allow(dead_code, clippy::unwrap_used)]
#[path = "../tests/it/server.rs"]
mod server;

use causeway_exchange::engine::Accepting;
use causeway_exchange::{
    Accept, AcceptOutcome, Effects, IdempotencyKey, MessageId, NewMessage, NewWork, Payload, WorkKind,
};
use causeway_postgres::{Options, Postgres};
use jiff::Timestamp;
use postgres::{Client, NoTls};
use server::Server;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

const BYTES: usize = 5_120;
/// Most messages of one commit, as in the engine.
const BATCH: usize = 256;

/// Bytes that don't compress, different for each number.
fn noise(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(BYTES / 8).flatten().collect()
}

type Waits = (i64, Vec<u8>, SyncSender<()>);

/// Messages and an event for each, committed together as they come.
fn bare(mut client: Client, waiting: &Receiver<Waits>) {
    let insert =
        client.prepare("INSERT INTO bare SELECT * FROM unnest($1::bigint[], $2::bytea[])").expect("prepared");
    let tell = client
        .prepare("INSERT INTO bare_event SELECT id, 'accepted' FROM unnest($1::bigint[]) AS t(id)")
        .expect("prepared");
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(BATCH - 1));
        let ids: Vec<i64> = batch.iter().map(|(id, ..)| *id).collect();
        let bytes: Vec<&[u8]> = batch.iter().map(|(_, bytes, _)| bytes.as_slice()).collect();
        let mut transaction = client.transaction().expect("begins");
        transaction.execute(&insert, &[&ids, &bytes]).expect("written");
        transaction.execute(&tell, &[&ids]).expect("written");
        transaction.commit().expect("committed");
        for (.., done) in batch {
            let _ = done.send(());
        }
    }
}

/// How many one caller after the other, so many side by side, get done in a second or so.
fn turn(callers: usize, one: &(dyn Fn(u64) + Sync), number: &AtomicU64) -> (u64, f64) {
    let begun = Instant::now();
    let counts = std::thread::scope(|scope| {
        let call = || {
            let mut count = 0;
            while begun.elapsed() < Duration::from_secs(1) {
                one(number.fetch_add(1, Ordering::Relaxed));
                count += 1;
            }
            count
        };
        let all: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
        all.into_iter().map(|t| t.join().expect("no panic")).sum()
    });
    (counts, begun.elapsed().as_secs_f64())
}

/// Seconds of processor time of this process and of the servers, their processes that have ended too.
fn processor(servers: [&Server; 2]) -> f64 {
    let parents: Vec<String> = servers
        .iter()
        .map(|server| {
            let file = std::fs::read_to_string(server.data().join("postmaster.pid")).expect("its process");
            file.lines().next().expect("a number").to_owned()
        })
        .collect();
    let own = std::process::id().to_string();
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let parent = fields.get(1).copied().unwrap_or_default();
        if name == own || parents.contains(&name) || parents.iter().any(|p| p == parent) {
            let waited = if parents.contains(&name) { 11..15 } else { 11..13 };
            ticks += waited.filter_map(|at| fields.get(at)?.parse::<u64>().ok()).sum::<u64>();
        }
    }
    ticks as f64 / 100.0
}

fn main() {
    let seconds: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(10);
    let Some(leader) = server::started() else { return };
    let standby = leader.standby("second");
    leader.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (second)'; SELECT pg_reload_conf()");
    leader.sql(
        "CREATE TABLE bare(id BIGINT PRIMARY KEY, bytes BYTEA); ALTER TABLE bare ALTER bytes SET STORAGE EXTERNAL;
         CREATE TABLE bare_event(id BIGINT, kind TEXT)",
    );
    let options = Options { require_standby: true, ..Options::new(leader.connection("postgres")) };
    let engine = Postgres::open(options).expect("opens");
    let (queue, waiting) = sync_channel::<Waits>(4_096);
    let client = Client::connect(&leader.connection("postgres"), NoTls).expect("connects");
    std::thread::spawn(move || bare(client, &waiting));
    let number = AtomicU64::new(1);
    let of_bare = |number: u64| {
        let (done, wait) = sync_channel(1);
        queue.send((number.cast_signed(), noise(number), done)).expect("taken");
        wait.recv().expect("committed");
    };
    let of_ours = |number: u64| {
        let effects = Effects { work: vec![NewWork::new(WorkKind::Translate, "")], ..Effects::default() };
        let accept = Accept {
            message: NewMessage::new(
                MessageId::new(&format!("{number:032X}")).expect("an id"),
                "ZV801",
                "http",
            ),
            payload: Payload::Bytes(noise(number)),
            key: Some(IdempotencyKey { sender: "ZV801".to_owned(), request_id: number.to_string() }),
            effects,
        };
        let outcome = engine.accept(accept, Timestamp::now()).expect("accepted");
        assert!(matches!(outcome, AcceptOutcome::Accepted { .. }));
    };
    println!(
        "callers   bare a second   ours a second   ours to bare   processor time of one: bare, ours (µs)   to bare"
    );
    for callers in [1, 16, 64, 256] {
        let mut all = [(0, 0.0, 0.0); 2];
        for _ in 0..seconds {
            let kinds: [&(dyn Fn(u64) + Sync); 2] = [&of_bare, &of_ours];
            for (sum, one) in all.iter_mut().zip(kinds) {
                let before = processor([&leader, &standby]);
                let (count, took) = turn(callers, one, &number);
                let spent = processor([&leader, &standby]) - before;
                *sum = (sum.0 + count, sum.1 + took, sum.2 + spent);
            }
        }
        let [bare, ours] = all.map(|(count, took, spent)| (count as f64 / took, spent * 1e6 / count as f64));
        println!(
            "{callers:>7} {:>15.0} {:>15.0} {:>13.0}% {:>27.0} {:>10.0} {:>8.0}%",
            bare.0,
            ours.0,
            100.0 * ours.0 / bare.0,
            bare.1,
            ours.1,
            100.0 * ours.1 / bare.1
        );
    }
}
