//! A process that is killed while it applies leaves the record as before or as after a message.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use causeway_record::Record;
use serde_json::Value;

use crate::support::*;

const MESSAGES: i64 = 120;

fn content(n: i64) -> (causeway_record::SourceMessage, Vec<Value>) {
    let id = format!("p{}", n % 10);
    let p = patient(&id, &number((n % 10) as u32), "Ashdown", "1941-02-03");
    let value = format!("{n}.50");
    (
        message(&format!("m{n}"), "ZZ1", "careconnect", n),
        vec![p, observation(&format!("o{}", n % 40), &id, "Sodium", "2025-06-01", &value)],
    )
}

/// The child: applies until it is killed, saying each message that is done.
#[test]
fn child_applies() {
    let Ok(path) = std::env::var("CAUSEWAY_RECORD_CHILD") else { return };
    let record = Record::open(path).unwrap();
    for n in 0..MESSAGES {
        let (m, all) = content(n);
        apply(&record, &m, &all);
        eprintln!("done {n}");
    }
}

#[test]
fn killed_and_run_again_everything_is_there_once() {
    let whole = scratch();
    for n in 0..MESSAGES {
        let (m, all) = content(n);
        apply(&whole.record, &m, &all);
    }
    let path = folder().join("record.db");
    for stop_after in [3, 40, 77] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child_applies", "--exact", "--nocapture"])
            .env("CAUSEWAY_RECORD_CHILD", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut last = -1;
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(n) = line.strip_prefix("done ") {
                last = n.parse().unwrap();
            }
            if last >= stop_after {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let record = Record::open(&path).unwrap();
        // What was answered is there.
        assert!(record.figures().unwrap().messages as i64 > last);
    }
    let record = Record::open(&path).unwrap();
    for n in 0..MESSAGES {
        let (m, all) = content(n);
        apply(&record, &m, &all);
    }
    assert_eq!(record.figures().unwrap(), whole.record.figures().unwrap());
    for n in 0..40 {
        let id = format!("o{n}");
        let values = |r: &Record| -> Vec<(u32, String)> {
            r.history("Observation", &id)
                .unwrap()
                .iter()
                .map(|v| (v.version, v.resource["valueQuantity"]["value"].to_string()))
                .collect()
        };
        assert_eq!(values(&record), values(&whole.record));
    }
    drop(record);
    let _ = std::fs::remove_dir_all(path.parent().unwrap());
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let path = folder().join("record.db");
    drop(Record::open(&path).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(Record::open(&path), Err(causeway_record::RecordError::Schema { found: 99, .. })));
    let _ = std::fs::remove_dir_all(path.parent().unwrap());
}
