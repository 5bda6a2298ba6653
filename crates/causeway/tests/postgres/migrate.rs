//! The exchange moves from its embedded engine to PostgreSQL: killed on the way, compared at the end, used on afterwards.

use std::cell::Cell;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use causeway_exchange::engine::{
    Accepting, Audit, Configuration, Contents, Facts, Inbox, Operation, Queue, Watch,
};
use causeway_exchange::kept::{Head, Kept, Table, Take};
use causeway_exchange::{
    Accept, AcceptOutcome, AckKind, Checksum, Effects, EngineError, Failure, IdempotencyKey, InboxQuery,
    MessageId, NewAudit, NewExpectation, NewMessage, NewWork, NextStep, Payload, Piece, PieceKind,
    StoredOutput, Translation, Upload, WorkKind, WorkQuery,
};
use causeway_postgres::{Options, Postgres, take_over};
use causeway_seal::Key;
use causeway_store::{Outgoing, Store};
use jiff::{SignedDuration, Timestamp};
use postgres::{Client, NoTls};
use serde_json::Value;

use crate::running::Process;
use crate::server::{self, Server};
use crate::support::{ADMISSION, Caller, settings, text};

const MESSAGES: usize = 1_200;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).expect("a time")
}

fn id(text: &str) -> MessageId {
    MessageId::new(text).expect("an id")
}

fn name(number: usize) -> MessageId {
    id(&format!("M{number}"))
}

fn content(number: usize) -> Vec<u8> {
    // Long enough to be packed in its row, for every fourth.
    let text = format!("message {number} of the day, é and \u{1F9EA}\n");
    text.repeat(if number.is_multiple_of(4) { 60 } else { 1 }).into_bytes()
}

fn large() -> Vec<u8> {
    (0..3 * 1024 * 1024 + 17u32).map(|n| (n % 251) as u8).collect()
}

fn accept(number: usize) -> Accept {
    let mut message =
        NewMessage::new(name(number), "ZZ901", if number.is_multiple_of(2) { "mesh" } else { "http" });
    let mut effects = Effects::default();
    if number.is_multiple_of(2) {
        message.mailbox_from = Some("A".to_owned());
        message.mailbox_to = Some(format!("B{}", number % 3));
        message.inbox = true;
        message.workflow = Some("LETTER".to_owned());
        message.subject = Some("a subject".to_owned());
        effects.expectations = vec![NewExpectation {
            kind: AckKind::Transport,
            from: "B".to_owned(),
            reference: format!("M{number}"),
            deadline: at(100_000),
        }];
    } else {
        let key = Some(format!("person-{}", number % 7));
        effects.work = vec![NewWork { order_key: key, ..NewWork::new(WorkKind::Translate, "") }];
    }
    let key = IdempotencyKey { sender: "ZZ901".to_owned(), request_id: number.to_string() };
    Accept { message, payload: Payload::Bytes(content(number)), key: Some(key), effects }
}

fn output(name: &str) -> StoredOutput {
    StoredOutput {
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: name.as_bytes().to_vec(),
    }
}

/// An exchange in which everything has happened that leaves a row.
fn fill(folder: &Path) {
    let store = Store::open(causeway_store::Options::new(folder)).expect("opens");
    std::thread::scope(|scope| {
        for lane in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for number in (lane..MESSAGES).step_by(8) {
                    store.accept(accept(number), at(0)).expect("accepts");
                }
            });
        }
    });
    let mut big = accept(MESSAGES);
    big.payload = Payload::Bytes(large());
    store.accept(big, at(1)).expect("accepts");
    let first = Payload::Bytes(b"first of three".to_vec());
    let upload =
        Upload { message: accept(MESSAGES + 2).message, total: 3, first, effects: Effects::default() };
    store.begin_upload(upload, at(2)).expect("begins");
    let minute = SignedDuration::from_mins(1);
    let leases = store.claim(WorkKind::Translate, None, "w", minute, 4, at(3)).expect("claims");
    let [whole, pieces, parked, held] = <[_; 4]>::try_from(leases).expect("four");
    let translation = Translation {
        adapter: "table".to_owned(),
        outputs: vec![output("a"), output("bc")],
        acknowledgement: Some(output("ack")),
        ledger: b"{}".to_vec(),
        issues: b"[]".to_vec(),
        ..Translation::default()
    };
    let effects = Effects { translation: Some(translation), ..Effects::default() };
    store.complete(&whole, effects, at(4)).expect("completes");
    let staged = store.stage(&mut &b"some outputs"[..], 100).expect("stages");
    let piece = Piece { kind: PieceKind::Outputs, first: 0, count: 5, content: staged };
    let translation =
        Translation { adapter: "table".to_owned(), pieces: vec![piece], ..Translation::default() };
    let effects = Effects { translation: Some(translation), ..Effects::default() };
    store.complete(&pieces, effects, at(5)).expect("completes");
    let failure = Failure {
        code: "unreadable".to_owned(),
        detail: "it can't be read".to_owned(),
        next: NextStep::Park,
        effects: Effects::default(),
    };
    store.fail(&parked, failure, at(6)).expect("parks");
    drop(held);
    store.acknowledge("B0", &name(0), "B0", at(7)).expect("acknowledges");
    store.use_once("token", "t1", at(200_000), at(8)).expect("used");
    store.put_config("route", "one", Some("{\"a\":1}"), None, "a person", at(9)).expect("configures");
    store.put_config("route", "gone", Some("{}"), None, "a person", at(9)).expect("configures");
    store.put_config("route", "gone", None, None, "a person", at(9)).expect("removes");
    let entry = NewAudit {
        actor: "a person".to_owned(),
        action: "read".to_owned(),
        entity: "Patient/1".to_owned(),
        detail: "a page".to_owned(),
    };
    store.audit(vec![entry], at(10)).expect("written");
}

/// A source that fails after so many rows, as a kill does: what is not committed by then is not there.
struct Failing<'a> {
    from: &'a Outgoing,
    left: Cell<usize>,
}

impl Kept for Failing<'_> {
    fn head(&self) -> Result<Head, EngineError> {
        self.from.head()
    }

    fn rows(
        &self,
        table: &Table,
        after: Option<&[causeway_exchange::kept::Value]>,
        take: Take<'_>,
    ) -> Result<(), EngineError> {
        self.from.rows(table, after, &mut |row| {
            let left = self.left.get().checked_sub(1);
            self.left.set(left.ok_or_else(|| EngineError::Storage("killed".to_owned()))?);
            take(row)
        })
    }

    fn apart(&self) -> Result<Vec<(Checksum, u64)>, EngineError> {
        self.from.apart()
    }

    fn content(&self, sha256: &Checksum) -> Result<Box<dyn Read + Send>, EngineError> {
        self.from.content(sha256)
    }
}

fn database(server: &Server, name: &str) -> Options {
    let mut client = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
    client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
    Options { key: Some(Key::new([7; 32])), ..Options::new(server.connection(name)) }
}

/// All that an engine tells of every message, its inboxes, work and configuration.
fn told<E>(engine: &E) -> Vec<String>
where
    E: Facts + Contents + Inbox + Queue + Watch + Configuration + Audit,
{
    let mut all = Vec::new();
    for number in 0..MESSAGES + 3 {
        let id = name(number);
        let mut message = engine.message(&id).expect("reads");
        // What an engine gives in place of an absent header is its own matter; there is none here.
        if let Some(message) = &mut message {
            message.new.headers.clear();
        }
        all.push(format!("{message:?} {:?}", engine.timeline(&id)));
        all.push(format!(
            "{:?} {:?}",
            engine.content(&id, u64::MAX).map(|c| c.sha256),
            engine.translation(&id)
        ));
        all.push(format!("{:?}", engine.expectations(&id)));
        all.push(format!("{:?}", engine.piece(&id, PieceKind::Outputs, 0)));
    }
    for mailbox in ["A", "B0", "B1", "B2"] {
        let query = InboxQuery { mailbox: mailbox.to_owned(), after: None, limit: 1000, filter: None };
        all.push(format!("{:?}", engine.inbox(&query)));
    }
    all.push(format!("{:?}", engine.work(&WorkQuery { limit: 5_000, ..WorkQuery::default() })));
    all.push(format!("{:?}", engine.configs("route")));
    all.push(format!("{:?}", engine.verify_audit()));
    all.push(format!("{:?}", engine.audit_entries(Some("Patient/1"), None, 10)));
    all
}

#[test]
fn it_is_the_same_exchange_afterwards_however_often_it_was_interrupted() {
    let Some(server) = server::started() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    let store = Store::open(causeway_store::Options::new(folder.path())).expect("opens");
    let before = told(&store);
    assert!(Outgoing::open(folder.path()).is_err(), "nothing is moved while an exchange has the data");
    drop(store);

    let from = Outgoing::open(folder.path()).expect("opens");
    let options = database(&server, "moved");
    let (mut taken, mut interrupted) = (None, 0);
    // Each run comes further than the one before, into every table and into the comparison.
    for rows in (400..).step_by(1_700) {
        let failing = Failing { from: &from, left: Cell::new(rows) };
        match take_over(&options, &failing, &mut |_, _| {}) {
            Ok(all) => {
                taken = Some(all);
                break;
            }
            Err(error) => assert_eq!(error, EngineError::Storage("killed".to_owned())),
        }
        interrupted += 1;
        let refused = Postgres::open(options.clone()).err().expect("refused");
        assert!(refused.to_string().contains("being moved"), "{refused}");
    }
    assert!(interrupted > 3, "{interrupted}");
    let taken = taken.expect("ends");
    assert!(taken.iter().any(|one| one.before > 0), "{taken:?}");
    assert!(taken.iter().all(|one| one.sum.rows > 0), "every table had something: {taken:?}");
    // A second exchange can't be put over it.
    assert!(take_over(&options, &from, &mut |_, _| {}).is_err());

    let engine = Postgres::open(options).expect("opens");
    for (before, after) in before.iter().zip(told(&engine)) {
        assert_eq!(*before, after);
    }
    assert!(engine.verify().expect("verifies").is_clean());
    // It goes on: keys are known, numbers go on, order within a person is kept, an upload is finished.
    let again = engine.accept(accept(1), at(20)).expect("answers");
    assert!(matches!(again, AcceptOutcome::InProgress { .. }), "{again:?}");
    assert_eq!(engine.use_once("token", "t1", at(200_000), at(20)), Ok(false));
    engine.accept(accept(MESSAGES + 10), at(20)).expect("accepts");
    let seq = |number| engine.message(&name(number)).expect("reads").expect("is there").seq;
    assert!(seq(MESSAGES + 10) > seq(MESSAGES + 2));
    for chunk in [2, 3] {
        engine
            .put_chunk(&name(MESSAGES + 2), chunk, Payload::Bytes(b"more".to_vec()), at(21))
            .expect("takes it");
    }
    engine.finish_upload(&name(MESSAGES + 2), false, None, Effects::default(), at(22)).expect("finishes");
    assert_eq!(engine.content(&name(MESSAGES + 2), 100).expect("reads").bytes, b"first of threemoremore");
    assert_eq!(engine.content(&name(MESSAGES), 1 << 24).expect("reads").bytes, large());
    let minute = SignedDuration::from_mins(1);
    let leases = engine.claim(WorkKind::Translate, None, "w", minute, 100, at(100_000)).expect("claims");
    assert!(!leases.is_empty());
    drop(engine);
}

#[test]
fn what_is_not_the_same_is_not_moved() {
    let Some(server) = server::started() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    // The database is changed before the end.
    let from = Outgoing::open(folder.path()).expect("opens");
    let options = database(&server, "changed");
    let failing = Failing { from: &from, left: Cell::new(MESSAGES + 1_000) };
    assert!(take_over(&options, &failing, &mut |_, _| {}).is_err());
    let mut client = Client::connect(&server.connection("changed"), NoTls).expect("connects");
    assert_eq!(client.execute("UPDATE message SET sender='ZZ902' WHERE id='M5'", &[]).expect("runs"), 1);
    assert_eq!(take_over(&options, &from, &mut |_, _| {}), Err(EngineError::Corrupt("message")));
    assert!(Postgres::open(options.clone()).is_err());
    client.execute("UPDATE message SET sender='ZZ901' WHERE id='M5'", &[]).expect("runs");
    drop(from);

    // The exchange was used since.
    let store = Store::open(causeway_store::Options::new(folder.path())).expect("opens");
    store.accept(accept(MESSAGES + 20), at(30)).expect("accepts");
    drop(store);
    let from = Outgoing::open(folder.path()).expect("opens");
    let refused = take_over(&options, &from, &mut |_, _| {}).expect_err("refused");
    assert!(refused.to_string().contains("used since"), "{refused}");
    drop(from);

    // A file of content is damaged, then one of a row.
    let options = database(&server, "damaged");
    let from = Outgoing::open(folder.path()).expect("opens");
    let (digest, size) = *from.apart().expect("reads").iter().max_by_key(|(_, size)| *size).expect("one");
    assert_eq!(size, large().len() as u64);
    let hex = causeway_exchange::hex(&digest);
    let path = folder.path().join("blobs").join(&hex[..2]).join(&hex);
    let whole = std::fs::read(&path).expect("reads");
    let mut damaged = whole.clone();
    damaged[1_000_000] ^= 1;
    std::fs::write(&path, damaged).expect("written");
    assert_eq!(take_over(&options, &from, &mut |_, _| {}), Err(EngineError::Corrupt("payload file")));
    std::fs::write(&path, whole).expect("written");
    drop(from);
    let lite = rusqlite::Connection::open(folder.path().join("causeway.db")).expect("opens");
    let changed = lite.execute("UPDATE part SET sha256=zeroblob(32) WHERE bytes IS NOT NULL AND owner=9", []);
    assert!(changed.expect("changed") > 0);
    drop(lite);
    let from = Outgoing::open(folder.path()).expect("opens");
    assert_eq!(take_over(&options, &from, &mut |_, _| {}), Err(EngineError::Corrupt("payload")));
}

fn migrate(data: &Path, settings: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["migrate", "--to", "postgres", "--data"])
        .arg(data)
        .arg("--config")
        .arg(settings)
        .output()
        .expect("runs")
}

#[test]
fn the_command_moves_a_folder_and_the_exchange_goes_on() {
    let Some(server) = server::started() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let settings = settings(folder.path(), &server.connection("postgres"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let caller = Caller::new();
    let send = async |base: &str| -> Value {
        let sent = caller.send(base, "moved-1", ADMISSION).await.expect("answers");
        sent.json().await.expect("JSON")
    };
    let message = async |base: &str, id: &str| caller.recorded(base, id).await;
    let (id, before) = runtime.block_on(async {
        let server = Process::serve(&data, &[]);
        let id = send(&server.base).await["id"].as_str().expect("an id").to_owned();
        let before = message(&server.base, &id).await;
        let refused = migrate(&data, &settings);
        assert!(!refused.status.success() && text(&refused).contains("in use"), "{}", text(&refused));
        (id, before)
    });
    let moved = migrate(&data, &settings);
    assert!(moved.status.success(), "{}", text(&moved));
    assert!(text(&moved).contains("the same rows on both sides"), "{}", text(&moved));
    let settings_text = settings.to_string_lossy().into_owned();
    runtime.block_on(async {
        let server = Process::serve(&data, &["--config", &settings_text]);
        assert_eq!(message(&server.base, &id).await, before);
        assert_eq!(send(&server.base).await["id"], id.as_str(), "the same request, the same answer");
        // The record that lay beside it is used on.
        caller.ashdowns(&server.base, 1).await;
    });
    // The broker of another machine begins with an empty folder: before it answers, it has what the other had.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    std::fs::copy(data.join("person.key"), other.join("person.key")).expect("copied");
    // The server has noticed that the first one is gone; a supervisor would try again until then.
    let mut asked = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
    let begun = Instant::now();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype='advisory'";
    while asked.query_one(held, &[]).expect("answers").get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(90), "the lock of a killed broker is still held");
        std::thread::sleep(Duration::from_millis(50));
    }
    runtime.block_on(async {
        let server = Process::serve(&other, &["--config", &settings_text]);
        caller.ashdowns(&server.base, 1).await;
        assert_eq!(message(&server.base, &id).await["id"], id.as_str());
    });
    // A second time there is no empty database.
    let again = migrate(&data, &settings);
    assert!(!again.status.success() && text(&again).contains("not empty"), "{}", text(&again));
}
