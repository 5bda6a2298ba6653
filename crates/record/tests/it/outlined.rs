//! What is made beside the writer is what the writer makes: messages applied with their outline and without leave the same
//! database.

use std::path::Path;

use causeway_record::{Prepared, Record};
use rusqlite::types::Value as Sql;
use serde_json::Value;

use crate::support::{at, folder, message};

/// Every row of every table, but the pages' own.
fn rows(path: &Path) -> Vec<(String, Vec<Vec<Sql>>)> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY 1")
        .unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names
        .into_iter()
        .map(|name| {
            let mut all = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
            let width = all.column_count();
            let mut found: Vec<Vec<Sql>> = all
                .query_map([], |row| (0..width).map(|at| row.get(at)).collect())
                .unwrap()
                .map(Result::unwrap)
                .collect();
            found.sort_by_key(|row| format!("{row:?}"));
            (name, found)
        })
        .collect()
}

/// Bundles of our own fixtures, with the format that they were made of.
fn bundles() -> Vec<(String, Value)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut found = Vec::new();
    for format in std::fs::read_dir(fixtures).unwrap().map(|e| e.unwrap().path()) {
        for case in std::fs::read_dir(&format).into_iter().flatten().map(|e| e.unwrap().path()) {
            let Ok(text) = std::fs::read(case.join("expected.r4.json")) else { continue };
            let name = format.file_name().unwrap().to_string_lossy().into_owned();
            let read: Value = serde_json::from_slice(&text).unwrap();
            let all = if let Value::Array(all) = read { all } else { vec![read] };
            found
                .extend(all.into_iter().filter(|b| b["resourceType"] == "Bundle").map(|b| (name.clone(), b)));
        }
    }
    found.sort_by_key(|(format, bundle)| (format.clone(), bundle.to_string()));
    found
}

/// The same told of somebody else under the same ids: the record keeps the two apart.
fn of_somebody_else(bundle: &Value) -> Value {
    let mut other = bundle.clone();
    for entry in other["entry"].as_array_mut().unwrap() {
        let resource = &mut entry["resource"];
        if resource["resourceType"] == "Patient" {
            resource["birthDate"] = "1901-02-03".into();
            resource["gender"] = "other".into();
            resource["name"] = serde_json::json!([{"family": "Otherperson", "given": ["Quite"]}]);
            resource.as_object_mut().unwrap().remove("identifier");
        }
    }
    other
}

#[test]
fn an_outline_made_beside_the_writer_is_what_the_writer_makes() {
    let mut told: Vec<(String, Value)> = bundles();
    assert!(told.len() > 30, "{}", told.len());
    let again: Vec<(String, Value)> = told.iter().map(|(f, b)| (f.clone(), of_somebody_else(b))).collect();
    told.extend(again.clone());
    // And as updates that tell only what changed.
    let updates: Vec<(String, Value)> = told.iter().map(|(_, b)| ("hl7v2".to_owned(), b.clone())).collect();
    told.extend(updates);
    // A reference to what no bundle tells.
    let mut loose = again.first().cloned().unwrap();
    loose.1["entry"][0]["resource"]["subject"] =
        serde_json::json!({"reference": "urn:uuid:00000000-0000-4000-8000-000000000009"});
    told.push(loose);
    let mut left = Vec::new();
    for outlined in [false, true] {
        let path = folder().join("record.db");
        let record = Record::open(&path).unwrap();
        for (minute, (format, bundle)) in told.iter().enumerate() {
            let source = message(&format!("M{minute}"), "ZP1", format, minute as i64);
            let bytes = serde_json::to_vec(bundle).unwrap();
            let prepared = Prepared::of(&[&bytes]);
            let prepared = if outlined { prepared.outlined(source.sector) } else { prepared };
            let done = record.apply_prepared(vec![(prepared, &source)], at(minute as i64)).unwrap();
            assert!(done.iter().all(Result::is_ok), "{format} {done:?}");
        }
        drop(record);
        left.push(rows(&path));
        let _ = std::fs::remove_dir_all(path.parent().unwrap());
    }
    for (one, two) in left[0].iter().zip(&left[1]) {
        assert!(one == two, "table {}", one.0);
    }
    let count = |name: &str| left[0].iter().find(|(n, _)| n == name).map_or(0, |(_, rows)| rows.len());
    assert!(count("ix_token") > 300 && count("alias") > 10, "{} {}", count("ix_token"), count("alias"));
}
