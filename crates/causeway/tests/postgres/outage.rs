//! The database is away for a while, again and again, while messages come in and are worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::running::Process;
use crate::server;
use crate::support::{Caller, settings, update};

const SENDERS: usize = 8;
const OUTAGES: usize = 3;
/// Without any work done for so long, something holds it. A lease is for ten minutes.
const HELD: Duration = Duration::from_secs(40);

/// What was leased when the database went away is done soon after it is back, not when its lease is over.
#[test]
fn work_goes_on_when_the_database_is_back() {
    let Some(server) = server::started() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), &server.connection("postgres"));
    let data = folder.path().join("data");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let exchange = Process::serve(&data, &["--config", &settings.to_string_lossy()]);
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (base, stop) = (exchange.base.clone(), Arc::clone(&stop));
            runtime.spawn(async move {
                let (caller, mut number) = (Caller::new(), 0);
                while !stop.load(Ordering::Relaxed) {
                    let sent =
                        caller.send(&base, &format!("{sender}-{number}"), &update(sender, number)).await;
                    match sent {
                        Ok(answer) if answer.status().is_success() => number += 1,
                        _ => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
                number
            })
        })
        .collect();
    let given_back = || -> i64 {
        let sql = "SELECT count(*) FROM event WHERE detail LIKE '%could not be written down%'";
        let client = Client::connect(&server.connection("postgres"), NoTls);
        client.and_then(|mut client| client.query_one(sql, &[])).map_or(0, |row| row.get(0))
    };
    // As many more as it takes for one to come between the beginning and the end of a piece of work.
    for outage in 0..OUTAGES * 5 {
        if outage >= OUTAGES && given_back() > 0 {
            break;
        }
        std::thread::sleep(Duration::from_secs(2));
        server.stop();
        std::thread::sleep(Duration::from_secs(1));
        assert!(server.run(), "the server starts");
    }
    std::thread::sleep(Duration::from_secs(1));
    stop.store(true, Ordering::Relaxed);
    let sent: usize = senders.into_iter().map(|s| runtime.block_on(s).expect("no panic")).sum();
    let mut client = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
    let mut count = |sql: &str| client.query_one(sql, &[]).expect("answers").get::<_, i64>(0);
    // However slow the machine is, some of it is done all the time: what is held by a lease is the last that is left.
    let (mut least, mut since) = (i64::MAX, Instant::now());
    while least > 0 {
        let left = count("SELECT count(*) FROM work");
        if left < least {
            (least, since) = (left, Instant::now());
        }
        assert!(since.elapsed() < HELD, "{left} pieces of work are left of {sent} messages");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(given_back() > 0, "no outage came between the beginning and the end of a piece of work");
    let there = usize::try_from(count("SELECT count(*) FROM message")).expect("a number");
    assert!((sent..=sent + SENDERS).contains(&there), "acknowledged {sent}, there {there}");
    let recorded = "SELECT count(*) FROM (SELECT owner FROM event WHERE kind='recorded' GROUP BY owner HAVING count(*)=1) x";
    assert_eq!(usize::try_from(count(recorded)).expect("a number"), there, "each into the record, once");
}
