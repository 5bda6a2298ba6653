//! The database is away for a while, again and again, while messages come in and are worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::running::Process;
use crate::server;
use crate::support::{Caller, settings};

const SENDERS: usize = 8;
const OUTAGES: usize = 3;

fn message(sender: usize, number: usize) -> String {
    format!(
        "MSH|^~\\&|PAS|ZV801|EPR|ZV801|202603011{:02}{:02}00||ADT^A08^ADT_A01|{sender}-{number}|P|2.4\rEVN|A08|20260301101500\r\
         PID|1||{}^^^ZV801^MR||ASHDOWN^Wren{sender}||19620411|2\rPV1|1|I|WARD1^^^ZV801\r",
        number / 60 % 10,
        number % 60,
        900_000 + sender
    )
}

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
                        caller.send(&base, &format!("{sender}-{number}"), &message(sender, number)).await;
                    match sent {
                        Ok(answer) if answer.status().is_success() => number += 1,
                        _ => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
                number
            })
        })
        .collect();
    for _ in 0..OUTAGES {
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
    let begun = Instant::now();
    loop {
        let left = count("SELECT count(*) FROM work");
        if left == 0 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(90),
            "{left} pieces of work are left of {sent} messages"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let given_back = count("SELECT count(*) FROM event WHERE detail LIKE '%could not be written down%'");
    assert!(given_back > 0, "no outage came between the beginning and the end of a piece of work");
    let there = usize::try_from(count("SELECT count(*) FROM message")).expect("a number");
    assert!((sent..=sent + SENDERS).contains(&there), "acknowledged {sent}, there {there}");
    let recorded = "SELECT count(*) FROM (SELECT owner FROM event WHERE kind='recorded' GROUP BY owner HAVING count(*)=1) x";
    assert_eq!(usize::try_from(count(recorded)).expect("a number"), there, "each into the record, once");
}
