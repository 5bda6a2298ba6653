//! A broker takes over from one that was killed under load, with a record that lacks all that the other took in.

use std::io::Write;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::running::Process;
use crate::server;
use crate::support::{Caller, settings, update};

const SENDERS: usize = 8;
const MESSAGES: usize = 60;
/// What a commit takes longer, as one does that waits for a standby on a busy machine.
const COMMIT: Duration = Duration::from_millis(100);

#[test]
fn a_broker_that_takes_over_soon_has_what_the_other_had() {
    let Some(server) = server::started() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), &server.connection("postgres")).to_string_lossy().into_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let mut exchange = Process::serve(&one, &["--config", &settings]);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let base = exchange.base.clone();
            runtime.spawn(async move {
                let caller = Caller::new();
                for number in 0..MESSAGES {
                    let (key, message) = (format!("{sender}-{number}"), update(sender, number));
                    let sent = caller.send(&base, &key, &message).await.expect("answers");
                    assert!(sent.status().is_success(), "{}", sent.status());
                }
            })
        })
        .collect();
    for sender in senders {
        runtime.block_on(sender).expect("no panic");
    }
    let mut client = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
    let mut count = |sql: &str| client.query_one(sql, &[]).expect("answers").get::<_, i64>(0);
    let begun = Instant::now();
    let recorded = "SELECT count(DISTINCT owner) FROM event WHERE kind='recorded'";
    while count(recorded) < (SENDERS * MESSAGES / 3) as i64 {
        assert!(begun.elapsed() < Duration::from_secs(120), "into the record");
        std::thread::sleep(Duration::from_millis(20));
    }
    exchange.kill();
    let had = count(recorded);
    let delay = COMMIT.as_micros();
    server.sql(&format!(
        "ALTER SYSTEM SET commit_delay={delay}; ALTER SYSTEM SET commit_siblings=0; SELECT pg_reload_conf()"
    ));
    std::fs::create_dir(&other).expect("a folder");
    std::fs::copy(one.join("person.key"), other.join("person.key")).expect("copied");
    let begun = Instant::now();
    let exchange = Process::serve(&other, &["--config", &settings]);
    let took = begun.elapsed();
    let left = count("SELECT count(*) FROM work WHERE kind='record'");
    let asked = Instant::now();
    // One commit for each would take longer.
    let singly = COMMIT * u32::try_from(had).expect("few");
    assert!(took < singly, "{had} messages of the other broker were taken in within {took:?}");
    assert!(left > 0, "what waits in its persons' order was waited for");
    while count("SELECT count(*) FROM work") > 0 {
        assert!(asked.elapsed() < Duration::from_secs(240), "all is done");
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = format!("{had} messages taken in within {took:?}, the rest within {:?}", asked.elapsed());
    writeln!(std::io::stderr(), "{told}").expect("standard error");
    let once =
        "SELECT count(*) FROM (SELECT owner FROM event WHERE kind IN ('recorded', 'replayed') GROUP BY owner
       HAVING count(*) FILTER (WHERE kind='recorded') - count(*) FILTER (WHERE kind='replayed') = 1) x";
    assert_eq!(count(once), (SENDERS * MESSAGES) as i64, "each into the record, once");
    runtime.block_on(Caller::new().ashdowns(&exchange.base, SENDERS));
}
