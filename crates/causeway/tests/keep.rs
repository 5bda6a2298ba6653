//! Data that are kept: damage is found where it is, copies are whole, the record can be made anew.

mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use causeway_exchange::Reading as _;
use causeway_record::Record;
use causeway_store::{Options, Reader, Store};
use causeway_synth::formats::hl7v2;
use causeway_synth::journey::journey;
use causeway_synth::people::population;
use running::Process;
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

fn causeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway")).args(arguments).output().expect("runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn client() -> reqwest::Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let built =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(60)).build();
    built.expect("a client")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(work)
}

fn messages(seed: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for person in population(seed, 40) {
        for event in &journey(seed, &person).events {
            found.extend(hl7v2::of_event(&person, event).into_iter().map(|message| message.bytes));
        }
    }
    found.truncate(40);
    found
}

async fn send(client: &reqwest::Client, base: &str, key: &str, body: Vec<u8>) -> bool {
    let request = client
        .post(format!("{base}/messages"))
        .header("Content-Type", "x-application/hl7-v2+er7")
        .header("Causeway-Sender", "ZV801")
        .header("Idempotency-Key", key)
        .body(body);
    request.send().await.is_ok_and(|answer| answer.status().is_success())
}

async fn health(client: &reqwest::Client, base: &str) -> Value {
    let answer = client.get(format!("{base}/health")).send().await.expect("answers");
    answer.json().await.expect("JSON")
}

/// Waits until nothing is to be done any more.
fn settled(data: &Path) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let reader = Reader::open(&data.join("exchange")).expect("opens");
        let done = reader.recorded().expect("reads").iter().filter(|m| !m.pending).count();
        if done == reader.ids().expect("reads").len() && done > 0 {
            break;
        }
        assert!(Instant::now() < deadline, "not settled");
        std::thread::sleep(Duration::from_millis(100));
    }
    while !all_sealed(data) {
        assert!(Instant::now() < deadline, "not sealed");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether each commit of all databases is sealed. Seals lag behind commits, and a commit without one that another program
/// copies into the database can't be told from a change by that program.
fn all_sealed(data: &Path) -> bool {
    ["exchange/causeway.db", "record.sqlite"].iter().all(|name| {
        let database = data.join(name);
        let key = causeway_seal::Key::of_database(&database).expect("reads").expect("a key");
        causeway_seal::check(&database, &key).expect("reads").is_some_and(|checked| checked.unsealed == 0)
    })
}

/// A folder of data with some forty messages in it, as a killed server leaves it.
fn made() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let data = folder.path().join("data");
            let mut server = Process::serve(&data, &[]);
            let client = client();
            run(async {
                for (number, body) in messages(5).into_iter().enumerate() {
                    assert!(send(&client, &server.base, &number.to_string(), body).await);
                }
            });
            loop {
                settled(&data);
                server.kill();
                if all_sealed(&data) {
                    return folder;
                }
                // Killed between a commit and its seal.
                server = Process::serve(&data, &[]);
            }
        })
        .path()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a list") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if !path.to_string_lossy().ends_with("-shm") {
            fs::copy(&path, target).expect("copied");
        }
    }
}

/// A copy of those data.
fn copied() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    copy_folder(&made().join("data"), &data);
    (folder, data)
}

fn verify(data: &Path) -> (bool, String) {
    let output = causeway(&["verify", "--data", &data.to_string_lossy()]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", text(&output));
    (output.status.code() == Some(0), text(&output))
}

fn edit(data: &Path, sql: &str) {
    let conn = Connection::open(data.join("exchange/causeway.db")).expect("opens");
    conn.execute_batch(sql).expect("changed");
}

/// What the exchange and the record say, one digest.
fn says(data: &Path) -> String {
    let exchange =
        Reader::open(&data.join("exchange")).and_then(|r| r.digest()).unwrap_or_else(|e| e.to_string());
    let record = causeway_record::digest_of(&data.join("record.sqlite"));
    format!("{exchange} {record:?}")
}

#[test]
fn what_is_as_it_was_written_is_clean_after_a_kill_and_after_others_looked() {
    let (_folder, data) = copied();
    let (good, said) = verify(&data);
    assert!(good, "{said}");
    // A stock tool opens and closes it, which copies the log back.
    edit(&data, "SELECT count(*) FROM message");
    let (good, said) = verify(&data);
    assert!(good, "{said}");
    // Started and ended in good order.
    drop(Store::open(Options::new(data.join("exchange"))).expect("opens"));
    drop(Record::open(data.join("record.sqlite")).expect("opens"));
    let (good, said) = verify(&data);
    assert!(good, "{said}");
}

#[test]
fn ig_17_audit_edits_cuts_and_a_new_chain_are_found_at_the_row() {
    let (_folder, data) = copied();
    edit(&data, "UPDATE audit SET actor='somebody else' WHERE seq=7");
    let (good, said) = verify(&data);
    assert!(!good && said.contains("audit entry 7:"), "{said}");

    let (_folder, data) = copied();
    edit(&data, "DELETE FROM audit WHERE seq=9");
    let (good, said) = verify(&data);
    assert!(!good && said.contains("audit entry 9:"), "{said}");

    // The tail is cut and the head in the database is made to fit: the chain alone says nothing.
    let (_folder, data) = copied();
    edit(
        &data,
        "DELETE FROM audit WHERE seq>20; UPDATE meta SET audit_seq=20, audit_hash=(SELECT hash FROM audit WHERE seq=20)",
    );
    let (good, said) = verify(&data);
    assert!(!good && said.contains("audit entry 21:"), "{said}");

    // From entry 12 on a wholly new chain that holds by itself.
    let (_folder, data) = copied();
    let conn = Connection::open(data.join("exchange/causeway.db")).expect("opens");
    conn.execute("UPDATE audit SET actor='somebody else' WHERE seq=12", []).expect("changed");
    let entries: Vec<(i64, i64, String, String, String, String)> = conn
        .prepare("SELECT seq, at, actor, action, entity, detail FROM audit ORDER BY seq")
        .and_then(|mut s| {
            s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)))?
                .collect()
        })
        .expect("entries");
    let mut previous = [0; 32];
    for (seq, at, actor, action, entity, detail) in entries {
        let audit = causeway_exchange::NewAudit { actor, action, entity, detail };
        let at = jiff::Timestamp::from_microsecond(at).expect("a time");
        let hash = causeway_exchange::AuditEntry::hash_of(seq.cast_unsigned(), at, &audit, &previous);
        conn.execute("UPDATE audit SET previous=?2, hash=?3 WHERE seq=?1", (seq, previous, hash))
            .expect("changed");
        previous = hash;
    }
    conn.execute("UPDATE meta SET audit_hash=?1", [previous]).expect("changed");
    drop(conn);
    let (good, said) = verify(&data);
    assert!(!good && said.contains("audit entry 12: this entry is not the one that was sealed"), "{said}");
    // Without the key it would pass for the exchange's own: the control.
    for file in ["evidence.key", "exchange/causeway.db-seal", "exchange/audit-seal"] {
        fs::remove_file(data.join(file)).expect("removed");
    }
    let said = causeway_store::examine(&data.join("exchange")).expect("reads");
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn pointers_that_changed_and_a_head_that_cannot_be_read_are_told() {
    let (_folder, data) = copied();
    let place = data.join("pointers.sqlite");
    let pointers = causeway_locator::Store::open(&place).expect("opens");
    for number in 0..3 {
        let id = format!("ZV801-{number}");
        let resource = serde_json::json!({"id": id, "description": "a plan"});
        let pointer = causeway_locator::Pointer { id, resource, ..Default::default() };
        pointers.create(&pointer, &[], false).expect("kept");
    }
    drop(pointers);
    let (good, said) = verify(&data);
    assert!(good, "the control: {said}");
    let conn = Connection::open(&place).expect("opens");
    conn.execute("UPDATE pointer SET resource=replace(resource, 'plan', 'plane') WHERE id='ZV801-1'", [])
        .expect("changed");
    drop(conn);
    let (good, said) = verify(&data);
    assert!(!good && said.contains("pointers.sqlite: 1 of 3 pointers"), "{said}");
    fs::write(&place, b"this is no database at all, and it is longer than the head of one, which has a hundred bytes of it....").expect("written");
    let (good, said) = verify(&data);
    assert!(!good && said.contains("pointers.sqlite"), "{said}");

    let (_folder, data) = copied();
    edit(&data, "DROP TABLE meta");
    let (good, said) = verify(&data);
    assert!(!good && said.contains("its head can't be read") && said.contains("head unreadable"), "{said}");
}

#[test]
fn a_changed_value_and_a_lost_key_are_told_and_resealing_needs_a_reason() {
    let (_folder, data) = copied();
    edit(&data, "UPDATE message SET sender='ZV999' WHERE seq=3");
    let (good, said) = verify(&data);
    assert!(!good && said.contains("page") && said.contains("(message)"), "{said}");
    let output = causeway(&["verify", "--data", &data.to_string_lossy(), "--reseal", "repaired by hand"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(verify(&data).0);
    let conn = Connection::open(data.join("exchange/causeway.db")).expect("opens");
    let reason: String = conn
        .query_row("SELECT detail FROM audit WHERE action='evidence-resealed'", [], |r| r.get(0))
        .expect("an entry");
    assert_eq!(reason, "repaired by hand");
    drop(conn);
    fs::remove_file(data.join("evidence.key")).expect("removed");
    let (good, said) = verify(&data);
    assert!(!good && said.contains("evidence.key"), "{said}");
    assert!(
        Store::open(Options::new(data.join("exchange"))).is_err(),
        "sealed data don't open without their key"
    );
}

/// Rounds of flipped bytes; the long run asks for 200 (`tests/long/flipped_bytes.sh`).
fn flips() -> usize {
    std::env::var("CAUSEWAY_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}

#[allow(clippy::print_stdout, reason = "the figure is what the long run is for")]
#[test]
fn flipped_bytes_are_found_or_harmless() {
    let (_folder, reference) = copied();
    let expected = says(&reference);
    let mut files: Vec<PathBuf> = Vec::new();
    for name in [
        "exchange/causeway.db",
        "exchange/causeway.db-wal",
        "record.sqlite",
        "record.sqlite-wal",
        "exchange/causeway.db-seal",
        "exchange/audit-seal",
    ] {
        files.extend(
            Some(PathBuf::from(name))
                .filter(|_| made().join("data").join(name).metadata().is_ok_and(|m| m.len() > 0)),
        );
    }
    let (mut found, mut harmless) = (0, 0);
    for round in 0..flips() {
        // Seeded: the same bytes in each run.
        let seed = Sha256::digest(format!("flip {round}"));
        let number = u64::from_be_bytes(*seed.first_chunk().expect("bytes"));
        let (_folder, data) = copied();
        let path = data.join(&files[round % files.len()]);
        let mut bytes = fs::read(&path).expect("read");
        let at = usize::try_from(number % bytes.len() as u64).expect("a place");
        bytes[at] ^= 1 << (seed[8] % 8);
        fs::write(&path, bytes).expect("written");
        if verify(&data).0 {
            harmless += 1;
            assert_eq!(says(&data), expected, "byte {at} of {}", path.display());
        } else {
            found += 1;
        }
    }
    assert!(found * 2 >= flips(), "found {found}, harmless {harmless}");
    println!("flipped bytes: {found} found, {harmless} harmless, of {}", flips());
}

#[test]
fn a_lost_record_turns_health_red_and_is_made_anew_the_same() {
    let (_folder, data) = copied();
    let before = causeway_record::digest_of(&data.join("record.sqlite")).expect("a digest");
    for ending in ["", "-wal"] {
        drop(fs::remove_file(data.join(format!("record.sqlite{ending}"))));
    }
    let (good, said) = verify(&data);
    assert!(!good && said.contains("record.sqlite") && said.contains("rebuild-record"), "{said}");
    let server = Process::serve(&data, &[]);
    let client = client();
    let told = run(health(&client, &server.base));
    assert_eq!(told["status"], "damaged", "{told}");
    assert_eq!(told["accepting"], true);
    assert!(told["what_to_do"].as_str().is_some_and(|t| t.contains("rebuild-record")), "{told}");
    drop(server);
    let output = causeway(&["rebuild-record", "--data", &data.to_string_lossy()]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(causeway_record::digest_of(&data.join("record.sqlite")).expect("a digest"), before);
    let (good, said) = verify(&data);
    assert!(good, "{said}");
    let server = Process::serve(&data, &[]);
    assert_eq!(run(health(&client, &server.base))["status"], "up");
}

#[test]
fn a_backup_made_under_load_is_whole_elsewhere() {
    let (folder, data) = copied();
    let pointers =
        |data: &Path| causeway_locator::Store::open(data.join("pointers.sqlite")).expect("pointers");
    let pointer =
        causeway_locator::Pointer { id: "ZZ901-1".to_owned(), ..causeway_locator::Pointer::default() };
    pointers(&data).create(&pointer, &[], false).expect("kept");
    let server = Process::serve(&data, &[]);
    let client = client();
    let load: Vec<Vec<u8>> = messages(9);
    let out = folder.path().join("copy");
    let tar = folder.path().join("copy.tar");
    let sent = run(async {
        let base = server.base.clone();
        let (client, load) = (client.clone(), load.clone());
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            for (number, body) in load.into_iter().enumerate() {
                sent += usize::from(send(&client, &base, &format!("more {number}"), body).await);
            }
            sent
        });
        let (from, to, packed) = (data.clone(), out.clone(), tar.clone());
        let copying = tokio::task::spawn_blocking(move || {
            let from = from.to_string_lossy().into_owned();
            let first = causeway(&["backup", "--data", &from, "--out", &to.to_string_lossy()]);
            (first, causeway(&["backup", "--data", &from, "--out", &packed.to_string_lossy()]))
        });
        let (first, second) = copying.await.expect("no panic");
        assert!(first.status.success(), "{}", text(&first));
        assert!(second.status.success(), "{}", text(&second));
        sending.await.expect("no panic")
    });
    assert_eq!(sent, load.len());
    drop(server);
    for from in [&out, &tar] {
        let again =
            causeway(&["backup", "--data", &data.to_string_lossy(), "--out", &from.to_string_lossy()]);
        assert!(!again.status.success() && text(&again).contains("overwrites nothing"));
        let elsewhere = folder.path().join(format!("restored-{}", from.extension().is_some()));
        let arguments =
            ["restore", "--from", &from.to_string_lossy(), "--data", &elsewhere.to_string_lossy()];
        let key = data.join("evidence.key").to_string_lossy().into_owned();
        let output = causeway(&[&arguments[..], &["--key", &key]].concat());
        assert!(output.status.success(), "{}", text(&output));
        assert!(!causeway(&arguments).status.success(), "a restore overwrites nothing");
        assert!(pointers(&elsewhere).get("ZZ901-1").expect("read").is_some(), "pointers are in the copy");
        // What the record did not have yet is taken in at the next start, and then the two agree.
        let server = Process::serve(&elsewhere, &[]);
        settled(&elsewhere);
        assert_eq!(run(health(&client, &server.base))["status"], "up");
        drop(server);
        let (good, said) = verify(&elsewhere);
        assert!(good, "{said}");
    }
    // A byte of the copy is changed: refused, and nothing is put in place.
    let database = out.join("exchange/causeway.db");
    let mut bytes = fs::read(&database).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&database, bytes).expect("written");
    let to = folder.path().join("never");
    let output = causeway(&["restore", "--from", &out.to_string_lossy(), "--data", &to.to_string_lossy()]);
    assert!(
        !output.status.success() && text(&output).contains("does not have its digest"),
        "{}",
        text(&output)
    );
    assert!(!to.exists());
}

/// An admission of a person whose family name is this word.
fn admission(word: &str) -> Vec<u8> {
    admission_of(word, word)
}

/// The same, with a number that the sender gave to message and person.
fn admission_of(word: &str, number: &str) -> Vec<u8> {
    let lines = [
        format!("MSH|^~\\&|PAS|ZV801|CAUSEWAY|ZV801|20250601090000||ADT^A01|{number}|P|2.4"),
        "EVN|A01|20250601090000".to_owned(),
        format!("PID|1||{number}^^^ZV801^MR||{word}^Ann||19500101|F"),
        "PV1|1|I|WARD1".to_owned(),
    ];
    lines.join("\r").into_bytes()
}

fn has(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|bytes| bytes == word.as_bytes())
}

/// Whether any text that is packed in these bytes has the word.
fn says_packed(bytes: &[u8], word: &str) -> bool {
    causeway_pack::texts_in(bytes).any(|text| has(&text, word))
}

/// Files below a folder that hold this word, packed or not.
fn holding(folder: &Path, word: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a list") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, word));
        } else {
            let bytes = fs::read(&path).expect("read");
            if has(&bytes, word) || says_packed(&bytes, word) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn ig_22_what_is_erased_or_outlived_leaves_no_text_in_any_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let data_text = data.to_string_lossy().into_owned();
    let mut server = Process::serve(&data, &[]);
    let client = client();
    run(async {
        for word in ["QUIXOTEZEBRA", "HELDZEBRA", "OUTLIVEDZEBRA"] {
            let key = word.to_ascii_lowercase();
            assert!(send(&client, &server.base, &key, admission(word)).await);
        }
    });
    settled(&data);
    server.kill();
    let id = |word: &str| -> String {
        let conn = Connection::open(data.join("exchange/causeway.db")).expect("opens");
        let sql = "SELECT message FROM idempotency WHERE request_id=?1";
        conn.query_row(sql, [word.to_ascii_lowercase()], |r| r.get(0)).expect("a message")
    };
    let (sent_by_mistake, held) = (id("QUIXOTEZEBRA"), id("HELDZEBRA"));
    // The control: it is there to be found, in the exchange and in the record.
    let before = holding(&data, "QUIXOTEZEBRA");
    assert!(before.iter().any(|p| p.to_string_lossy().contains("causeway.db")), "{before:?}");
    assert!(before.iter().any(|p| p.to_string_lossy().contains("record.sqlite")), "{before:?}");
    let packed = |p: &PathBuf| says_packed(&fs::read(p).expect("read"), "QUIXOTEZEBRA");
    assert!(before.iter().any(packed), "packed texts are looked into: {before:?}");

    let hold = ["retention", "--data", &data_text, "--hold", &held, "--reason", "a claim"];
    assert!(causeway(&hold).status.success());
    let refused = causeway(&["erase", "--data", &data_text, "--message", &held, "--reason", "a mistake"]);
    assert!(!refused.status.success() && text(&refused).contains("hold"), "{}", text(&refused));
    let output =
        causeway(&["erase", "--data", &data_text, "--message", &sent_by_mistake, "--reason", "wrong person"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(holding(&data, "QUIXOTEZEBRA"), Vec::<PathBuf>::new());
    let (good, said) = verify(&data);
    assert!(good, "{said}");
    let conn = Connection::open(data.join("exchange/causeway.db")).expect("opens");
    let reason: String = conn
        .query_row("SELECT detail FROM audit WHERE action='message-erased'", [], |r| r.get(0))
        .expect("an entry");
    assert_eq!(reason, "wrong person");
    drop(conn);

    let looks = causeway(&["retention", "--data", &data_text, "--messages-days", "0"]);
    let said = text(&looks);
    assert!(
        said.contains("1 are due") && said.contains("1 are on hold") && said.contains("nothing was deleted"),
        "{said}"
    );
    assert!(!holding(&data.join("exchange"), "OUTLIVEDZEBRA").is_empty());
    let output = causeway(&["retention", "--data", &data_text, "--messages-days", "0", "--apply"]);
    assert!(output.status.success() && text(&output).contains("1 messages, 0 records"), "{}", text(&output));
    // The sender's number for it stays among the facts of the message; nothing of what it said does.
    let conn = Connection::open(data.join("exchange/causeway.db")).expect("opens");
    let content: i64 = conn.query_row("SELECT count(*) FROM part", [], |r| r.get(0)).expect("a count");
    assert!(content > 0, "the held one has its content");
    drop(conn);
    let (good, said) = verify(&data);
    assert!(good, "{said}");
    // The record would lose what the outlived message told.
    let refused = causeway(&["rebuild-record", "--data", &data_text]);
    assert!(!refused.status.success() && text(&refused).contains("--without-them"), "{}", text(&refused));
}

/// One value of the exchange's database.
fn one<T: rusqlite::types::FromSql>(data: &Path, database: &str, sql: &str) -> T {
    let conn = Connection::open(data.join(database)).expect("opens");
    conn.query_row(sql, [], |r| r.get(0)).expect("a value")
}

#[test]
fn ig_22_records_and_the_audit_trail_end_by_policy_and_the_chain_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = (folder.path().join("data"), folder.path().join("causeway.toml"));
    let text_of = "test_mode = true\naccept_risk = [\"readable-secrets\"]\n\
        [retention]\nmessages_days = 30\nrecord_days = 40\naudit_days = 50\n\
        [mesh]\nmode = \"sandbox\"\nadmin = true\nshared_key = \"k\"\n";
    fs::write(&config, text_of).expect("written");
    let (data_text, config_text) =
        (data.to_string_lossy().into_owned(), config.to_string_lossy().into_owned());
    let client = client();
    let serve = || Process::serve(&data, &["--config", &config_text]);
    let travel = |server: &Process, days: u32| {
        let url = format!("{}/admin/time", server.base);
        let step = format!("{{\"days\": {days}}}");
        run(async {
            let answer = client.post(url).body(step).send().await.expect("answers");
            assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("text"));
        });
    };
    let mut server = serve();
    run(async {
        for (word, number) in [("ENDEDZEBRA", "N1"), ("KEPTZEBRA", "N2")] {
            assert!(send(&client, &server.base, number, admission_of(word, number)).await);
        }
    });
    settled(&data);
    server.kill();
    // The control: it is there to be found.
    let there = |word: &str| -> Vec<String> {
        holding(&data, word)
            .iter()
            .map(|p| p.file_name().unwrap_or_default().to_string_lossy().into_owned())
            .collect()
    };
    assert!(
        there("ENDEDZEBRA").iter().any(|name| name.starts_with("record.sqlite")),
        "{:?}",
        there("ENDEDZEBRA")
    );
    let held: String =
        one(&data, "exchange/causeway.db", "SELECT message FROM idempotency WHERE request_id='N2'");
    let hold = |which: &str| {
        let arguments = ["retention", "--data", &data_text, which, &held, "--reason", "an inquiry"];
        let output = causeway(&arguments);
        assert!(output.status.success(), "{}", text(&output));
    };
    hold("--hold");
    let said = text(&causeway(&["retention", "--data", &data_text, "--config", &config_text]));
    assert!(
        said.contains("kept 40 days after the last message: 0 are due")
            && said.contains("kept 50 days: 0 entries are due")
            && said.contains("a hold keeps them all"),
        "{said}"
    );
    let wrong = ["retention", "--data", &data_text, "--config", &config_text, "--audit-days", "39"];
    let refused = causeway(&wrong);
    assert!(!refused.status.success() && text(&refused).contains("at least as long"), "{}", text(&refused));

    let mut server = serve();
    travel(&server, 60);
    settled(&data);
    server.kill();
    assert_eq!(there("ENDEDZEBRA"), Vec::<String>::new());
    assert!(there("KEPTZEBRA").iter().any(|name| name.starts_with("record.sqlite")), "the hold keeps it");
    assert_eq!(one::<i64>(&data, "record.sqlite", "SELECT count(*) FROM person"), 1);
    let count = |action: &str| -> i64 {
        one(&data, "exchange/causeway.db", &format!("SELECT count(*) FROM audit WHERE action='{action}'"))
    };
    assert_eq!((count("record-ended"), count("audit-ended")), (1, 0), "a hold keeps the trail");
    let (good, said) = verify(&data);
    assert!(good, "{said}");

    hold("--release");
    let mut server = serve();
    travel(&server, 200);
    settled(&data);
    server.kill();
    assert_eq!(there("KEPTZEBRA"), Vec::<String>::new());
    assert_eq!(one::<i64>(&data, "record.sqlite", "SELECT count(*) FROM person"), 0);
    assert_eq!(count("audit-ended"), 1);
    let first: i64 = one(&data, "exchange/causeway.db", "SELECT min(seq) FROM audit");
    assert!(first > 1, "{first}");
    let (good, said) = verify(&data);
    assert!(good, "{said}");
    // It goes on: started again, written to, and read by nobody's leave.
    let mut server = serve();
    run(async { assert!(send(&client, &server.base, "N3", admission_of("NEWZEBRA", "N1")).await) });
    settled(&data);
    server.kill();
    assert_eq!(one::<i64>(&data, "record.sqlite", "SELECT count(*) FROM person"), 1);
    let (good, said) = verify(&data);
    assert!(good, "{said}");

    // Whoever cuts more off and makes the entry say so is found: the control.
    let changes = "DELETE FROM audit WHERE seq=(SELECT min(seq) FROM audit);
        UPDATE audit SET detail=json_set(detail, '$.through', (SELECT min(seq)-1 FROM audit),
          '$.hash', (SELECT lower(hex(previous)) FROM audit ORDER BY seq LIMIT 1)) WHERE action='audit-ended'";
    edit(&data, changes);
    let (good, said) = verify(&data);
    assert!(!good && said.contains("audit entry"), "{said}");
}
