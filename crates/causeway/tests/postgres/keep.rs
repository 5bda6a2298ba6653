//! `verify`, `backup`, `restore`, `retention`, `rebuild-record` and `erase` where the messages are in PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use postgres::{Client, NoTls};
use serde_json::Value;

use crate::running::Process;
use crate::server::{self, Server};
use crate::support::{ADMISSION, Caller, settings, text};

/// A data folder with its configuration.
struct Place {
    data: PathBuf,
    settings: PathBuf,
}

impl Place {
    fn new(root: &Path, name: &str, server: &Server) -> Self {
        let mut client = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
        client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
        let folder = root.join(name);
        std::fs::create_dir(&folder).expect("a folder");
        Self { data: folder.join("data"), settings: settings(&folder, &server.connection(name)) }
    }

    /// Runs a command on it; what it said, where it ended as expected.
    fn run(&self, ends: i32, words: &[&str]) -> String {
        let (command, more) = words.split_first().expect("a command");
        let output: Output = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .arg(command)
            .arg("--data")
            .arg(&self.data)
            .arg("--config")
            .arg(&self.settings)
            .args(more)
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(ends), "{words:?}: {}", text(&output));
        text(&output)
    }

    fn serve(&self) -> Process {
        Process::serve(&self.data, &["--config", &self.settings.to_string_lossy()])
    }
}

/// The lines of what a copy holds.
fn digests(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.starts_with("exchange ") || line.starts_with("record ")).collect()
}

#[test]
fn data_in_postgresql_are_examined_copied_and_made_anew() {
    let Some(server) = server::started() else { return };
    let root = tempfile::tempdir().expect("a folder");
    let place = Place::new(root.path(), "first", &server);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let caller = Caller::new();
    let accepted = async |base: &str, key: &str, message: &str| -> String {
        let answer: Value =
            caller.send(base, key, message).await.expect("answers").json().await.expect("JSON");
        answer["id"].as_str().expect("an id").to_owned()
    };
    let backup = root.path().join("backup");
    let from = backup.to_string_lossy().into_owned();
    let exchange = place.serve();
    let (id, known) = runtime.block_on(async {
        let id = accepted(&exchange.base, "one", ADMISSION).await;
        (id.clone(), caller.recorded(&exchange.base, &id).await)
    });

    // While it runs.
    assert!(place.run(0, &["verify"]).contains("all is as it was written"));
    let sending = runtime.spawn({
        let base = exchange.base.clone();
        async move {
            let caller = Caller::new();
            for number in 0..60 {
                let other =
                    ADMISSION.replace("900100", &format!("{}", 900_200 + number)).replace("9990048640", "");
                let other = other.replace("MOVED1", &format!("M{number}")).replace("ASHDOWN", "OAKLEY");
                caller.send(&base, &format!("more-{number}"), &other).await.expect("answers");
            }
        }
    });
    let made = place.run(0, &["backup", "--out", &from]);
    assert_eq!(digests(&made).len(), 2, "{made}");
    assert!(place.run(2, &["backup", "--out", &from]).contains("overwrites nothing"));
    runtime.block_on(sending).expect("no panic");
    let held = place.run(0, &["retention", "--hold", &id, "--reason", "a complaint"]);
    assert!(held.contains("the hold is on"), "{held}");
    let due = ["retention", "--messages-days", "0", "--apply"];
    assert!(place.run(2, &due).contains("another broker writes"));
    drop(exchange);
    let due = place.run(0, &due);
    assert!(due.contains("1 are on hold") && due.contains("deleted"), "{due}");

    // Elsewhere.
    let other = Place::new(root.path(), "second", &server);
    let restored = other.run(0, &["restore", "--from", &from]);
    assert_eq!(digests(&restored), digests(&made));
    assert!(other.run(2, &["restore", "--from", &from]).contains("is not empty"));
    let exchange = other.serve();
    runtime.block_on(async {
        assert_eq!(caller.recorded(&exchange.base, &id).await, known);
        assert_eq!(accepted(&exchange.base, "one", ADMISSION).await, id, "the same request, the same answer");
        caller.ashdowns(&exchange.base, 1).await;
    });
    drop(exchange);
    let damaged = backup.join("exchange-postgres/part.copy");
    let mut bytes = std::fs::read(&damaged).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).expect("written");
    let third = Place::new(root.path(), "third", &server);
    let refused = third.run(2, &["restore", "--from", &from]);
    assert!(refused.contains("exchange-postgres/part.copy does not have its digest"), "{refused}");

    // The record made anew, of what has content yet.
    other.run(0, &["verify"]);
    assert!(other.run(0, &["rebuild-record"]).contains("taken into a new record"));
    assert!(other.data.join("record.sqlite.before").exists());
    let exchange = other.serve();
    assert!(other.run(2, &["rebuild-record"]).contains("another broker writes"));
    runtime.block_on(caller.ashdowns(&exchange.base, 1));
    drop(exchange);

    // A content is not as it was written.
    let mut client = Client::connect(&server.connection("second"), NoTls).expect("connects");
    let flip = "UPDATE part SET bytes = set_byte(bytes, 5, get_byte(bytes, 5) # 1) WHERE role='body'
      AND owner=(SELECT seq FROM message WHERE id=$1)";
    assert_eq!(client.execute(flip, &[&id]).expect("damaged"), 1);
    let found = other.run(1, &["verify"]);
    assert!(found.contains(&format!("message {id}: a content of it does not have its digest")), "{found}");
    let refused = other.run(2, &["backup", "--out", &root.path().join("bad").to_string_lossy()]);
    assert!(refused.contains("causeway verify says where"), "{refused}");
    assert_eq!(client.execute(flip, &[&id]).expect("mended"), 1);
    other.run(0, &["verify"]);

    // What was sent by mistake.
    let record = root.path().join("record-of-another-broker");
    std::fs::copy(other.data.join("record.sqlite"), &record).expect("copied");
    let erased = other.run(0, &["erase", "--message", &id, "--reason", "sent by mistake"]);
    assert!(erased.contains(&format!("erased: {id}")), "{erased}");
    let exchange = other.serve();
    runtime.block_on(caller.ashdowns(&exchange.base, 0));
    drop(exchange);
    other.run(0, &["verify"]);
    // Another broker, whose record has it yet, makes that anew before it answers.
    let late = Place { data: root.path().join("late"), settings: other.settings.clone() };
    std::fs::create_dir(&late.data).expect("a folder");
    std::fs::copy(other.data.join("person.key"), late.data.join("person.key")).expect("copied");
    std::fs::rename(record, late.data.join("record.sqlite")).expect("moved");
    let told = |data: &Path| {
        causeway_record::told(&data.join("record.sqlite")).expect("read").iter().any(|m| m.message == id)
    };
    assert!(told(&late.data), "before");
    let exchange = late.serve();
    runtime.block_on(caller.ashdowns(&exchange.base, 0));
    assert!(!told(&late.data), "after");
}
