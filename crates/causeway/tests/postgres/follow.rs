//! A broker that waits follows the one that works: its record has what the other's has, and its turn comes quickly.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use causeway_record::Record;
use postgres::{Client, NoTls};
use serde_json::{Value, json};

use crate::running::Process;
use crate::server::{self, Server};
use crate::support::{Caller, settings, text, update};

const SENDERS: usize = 8;
/// Messages of each sender that a broker lags behind.
const BEHIND: usize = 25;
/// A broker that follows takes over so soon after the other is gone, in a debug build on a busy machine. Its lock must be free for
/// two seconds first.
const TURN: Duration = Duration::from_secs(12);

/// A broker that waits; killed when it is dropped.
struct Waiting {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    base: String,
}

impl Waiting {
    /// Starts a broker where another one works.
    fn start(data: &Path, settings: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .args(["serve", "--open", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--config")
            .arg(settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut said = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let line = said.next().expect("a line").expect("text");
        let base = line.strip_prefix("waiting on ").expect("it waits").to_owned();
        Self { child, said, base }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits until it works.
    fn works(&mut self) {
        let line = self.said.next().expect("a line").expect("text");
        assert_eq!(
            line.strip_prefix("listening on "),
            Some(self.base.as_str()),
            "at the address where it waited"
        );
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Two data folders of brokers on one database, and who asks them.
struct Pair {
    one: PathBuf,
    other: PathBuf,
    settings: PathBuf,
    caller: Caller,
    runtime: tokio::runtime::Runtime,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Pair {
    /// The first broker works; the second one's folder has the key.
    fn new(server: &Server) -> (Self, Process) {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path(), &server.connection("postgres"));
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let first = Process::serve(&one, &["--config", &settings.to_string_lossy()]);
        std::fs::create_dir(&other).expect("a folder");
        std::fs::copy(one.join("person.key"), other.join("person.key")).expect("copied");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let client = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
        (Self { one, other, settings, caller: Caller::new(), runtime, client, _folder: folder }, first)
    }

    fn count(&mut self, sql: &str) -> usize {
        let count: i64 = self.client.query_one(sql, &[]).expect("answers").get(0);
        usize::try_from(count).expect("a count")
    }

    /// Sends so many messages of each sender, and waits until all that were ever sent are in the record of who works.
    fn send(&mut self, base: &str, from: usize, many: usize) {
        self.runtime.block_on(async {
            for number in from..from + many {
                for sender in 0..SENDERS {
                    let (key, message) = (format!("{sender}-{number}"), update(sender, number));
                    let sent = self.caller.send(base, &key, &message).await.expect("answers");
                    assert!(sent.status().is_success(), "{}", sent.status());
                }
            }
        });
        let begun = Instant::now();
        while self.count("SELECT count(*) FROM work") > 0 {
            assert!(begun.elapsed() < Duration::from_secs(120), "into the record");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn health(&self, base: &str) -> (u16, Value) {
        let (status, text) = self.runtime.block_on(self.caller.asked(format!("{base}/health")));
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    /// Waits until who follows has everything that was recorded.
    fn followed(&self, base: &str, messages: usize) {
        let begun = Instant::now();
        loop {
            let told = causeway_record::told(&self.other.join("record.sqlite")).unwrap_or_default().len();
            let (status, said) = self.health(base);
            assert_eq!((status, &said["status"]), (503, &json!("waiting")), "{said}");
            if told == messages && said["behind"] == 0 && said["follows"] == true {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{told} of {messages} messages: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Each message is in the record once, and nothing was ordered a second time.
const ONCE: &str =
    "SELECT count(*) FROM (SELECT owner FROM event WHERE kind IN ('recorded', 'replayed') GROUP BY owner
  HAVING count(*)=1) x";

#[test]
fn a_broker_that_lags_behind_takes_over_soon() {
    let Some(server) = server::started() else { return };
    let (mut pair, mut first) = Pair::new(&server);
    pair.send(&first.base, 0, 1);
    let mut second = Waiting::start(&pair.other, &pair.settings);
    pair.followed(&second.base, SENDERS);
    let digest = |folder: &Path| causeway_record::digest_of(&folder.join("record.sqlite")).expect("read");
    assert_eq!(digest(&pair.one), digest(&pair.other), "both records say the same");
    // It shows nobody to anybody; the one that works does.
    let patients =
        |base: &str| pair.runtime.block_on(pair.caller.asked(format!("{base}/fhir/Patient?family=ASHDOWN")));
    let (status, shown) = patients(&second.base);
    assert!(status == 503 && !shown.contains("ASHDOWN"), "{status} {shown}");
    let (status, shown) = patients(&first.base);
    assert!(status == 200 && shown.contains("ASHDOWN"), "{status} {shown}");
    let before = pair.count("SELECT count(*) FROM audit");
    pair.followed(&second.base, SENDERS);
    assert_eq!(pair.count("SELECT count(*) FROM audit"), before, "who follows writes nothing");

    second.signal("-STOP");
    pair.send(&first.base, 1, BEHIND);
    let commits = "SELECT xact_commit::bigint FROM pg_stat_database WHERE datname='postgres'";
    first.kill();
    second.signal("-CONT");
    let (begun, counted) = (Instant::now(), pair.count(commits));
    second.works();
    let took = begun.elapsed();
    // What the server counts comes a little late.
    std::thread::sleep(Duration::from_secs(2));
    let spent = pair.count(commits) - counted;
    let told = format!("{} messages behind: worked after {took:?}, {spent} transactions", SENDERS * BEHIND);
    writeln!(std::io::stderr(), "{told}").expect("standard error");
    assert!(took < TURN, "{told}");
    let (status, said) = pair.health(&second.base);
    assert_eq!((status, &said["status"]), (200, &json!("up")));
    pair.runtime.block_on(pair.caller.ashdowns(&second.base, SENDERS));
    let messages = SENDERS * (BEHIND + 1);
    assert_eq!(causeway_record::told(&pair.other.join("record.sqlite")).expect("read").len(), messages);
    // The next messages of the same persons go on from there.
    pair.send(&second.base, BEHIND + 1, 1);
    assert_eq!(pair.count(ONCE), messages + SENDERS, "each into the record, once");
    // The first comes back as one that waits, with what it had.
    let third = Waiting::start(&pair.one, &pair.settings);
    let (status, said) = pair.health(&third.base);
    assert_eq!((status, &said["status"]), (503, &json!("waiting")), "{said}");
}

#[test]
fn a_broker_that_follows_is_killed_and_goes_on() {
    let Some(server) = server::started() else { return };
    let (mut pair, mut first) = Pair::new(&server);
    let mut sent = 0;
    for _ in 0..3 {
        let follows = Waiting::start(&pair.other, &pair.settings);
        pair.send(&first.base, sent, 4);
        sent += 4;
        // Killed wherever it is; the next is started with what it left.
        drop(follows);
        pair.send(&first.base, sent, 2);
        sent += 2;
    }
    // Without the key that orders a person's queue it does not follow, and says so.
    let key = pair.other.join("person.key");
    let aside = pair.other.join("key-aside");
    std::fs::rename(&key, &aside).expect("moved");
    let mut second = Waiting::start(&pair.other, &pair.settings);
    let begun = Instant::now();
    while !pair.health(&second.base).1["reason"].as_str().is_some_and(|why| why.contains("person.key")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it says what is missing");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::rename(&aside, &key).expect("moved back");
    pair.followed(&second.base, SENDERS * sent);
    first.kill();
    second.works();
    pair.runtime.block_on(pair.caller.ashdowns(&second.base, SENDERS));
    assert_eq!(pair.count(ONCE), SENDERS * sent, "each into the record, once");
}

#[test]
fn who_follows_keeps_nothing_that_was_erased_and_learns_who_is_who() {
    let Some(server) = server::started() else { return };
    let (mut pair, mut first) = Pair::new(&server);
    let mut second = Waiting::start(&pair.other, &pair.settings);
    pair.send(&first.base, 0, 1);
    pair.followed(&second.base, SENDERS);
    let record = pair.other.join("record.sqlite");

    // Two of them are one person, somebody decided.
    let copy = pair.other.join("copy.sqlite");
    causeway_record::copy(&record, &copy).expect("copied");
    let copy = Record::open(&copy).expect("the copy opens");
    let rows = pair.client.query("SELECT id FROM message ORDER BY seq LIMIT 2", &[]).expect("two");
    let patient = |row: &postgres::Row| copy.patients_of_message(row.get(0), 1).expect("read").remove(0);
    let patients: Vec<String> = rows.iter().map(patient).collect();
    let known = || !causeway_record::decisions_of_people(&record).unwrap_or_default().is_empty();
    let decided = json!({"patients": patients, "answer": "same-person", "reason": "the same, says the ward", "actor": "ZV801",
        "at": "2026-03-02T10:00:00Z"});
    assert!(!known(), "nobody decided yet");
    let kept = "INSERT INTO config(kind, key, version, json) VALUES ('identity-decision', $1, 1, $2)";
    let mut key = patients.clone();
    key.sort();
    pair.client.execute(kept, &[&key.join("|"), &decided.to_string()]).expect("kept");
    let begun = Instant::now();
    while !known() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "who follows learns of a decision about {patients:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }

    // One was sent by mistake. Nobody works meanwhile, and who follows has it in its record.
    let id: String =
        pair.client.query_one("SELECT id FROM message ORDER BY seq DESC LIMIT 1", &[]).expect("one").get(0);
    let told = || causeway_record::told(&record).unwrap_or_default().iter().any(|one| one.message == id);
    second.signal("-STOP");
    assert!(told(), "before");
    first.kill();
    let erased = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["erase", "--message", &id, "--reason", "sent by mistake", "--data"])
        .arg(&pair.one)
        .arg("--config")
        .arg(&pair.settings)
        .output()
        .expect("runs");
    assert!(erased.status.success(), "{}", text(&erased));
    second.signal("-CONT");
    second.works();
    assert!(!told(), "after");
    // The last message was of the last sender, whom nothing else tells of; two of the others are one person yet.
    pair.runtime.block_on(pair.caller.ashdowns(&second.base, SENDERS - 2));
    drop(second);
    assert!(known(), "the decision is in the record that was made anew");
}
