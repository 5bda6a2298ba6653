//! The official test cases of SQL on FHIR v2, case by case. They are not part of the project: they are looked for in
//! `CAUSEWAY_ACCEPTANCE`, else beside the project, and where they are absent the one case says so.

use std::path::{Path, PathBuf};

use causeway_research::{Error, Runner, View};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Map, Value};

/// Cases that are not passed, with the reason.
const NOT_SUPPORTED: &[(&str, &str)] = &[];

fn main() {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("CAUSEWAY_ACCEPTANCE")
        .map_or_else(|| root.join("../shared/acceptance"), PathBuf::from)
        .join("sql-on-fhir/tests");
    let mut trials = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    for path in files {
        let bytes = std::fs::read(&path).expect("a file of cases");
        let file: Value = serde_json::from_slice(&bytes).expect("JSON");
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        for case in file["tests"].as_array().into_iter().flatten() {
            let name = format!("{stem}: {}", case["title"].as_str().unwrap_or_default());
            let reason = NOT_SUPPORTED.iter().find(|(n, _)| *n == name).map(|(_, reason)| *reason);
            let shown = reason.map_or(name.clone(), |r| format!("{name} (not supported: {r})"));
            let (resources, case) = (file["resources"].clone(), case.clone());
            trials
                .push(Trial::test(shown, move || run(&resources, &case)).with_ignored_flag(reason.is_some()));
        }
    }
    if trials.is_empty() {
        trials.push(Trial::test("SQL on FHIR's cases are not here", || Ok(())).with_ignored_flag(true));
    } else {
        assert!(trials.len() > 100, "the cases are read");
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn rows(resources: &Value, view: &View) -> Result<Vec<Value>, Error> {
    let runner = Runner::new(view);
    let mut found = Vec::new();
    for resource in resources.as_array().into_iter().flatten() {
        for row in runner.rows(resource)? {
            let object: Map<String, Value> =
                view.columns().iter().zip(&row).map(|(c, cell)| (c.name.clone(), cell.json())).collect();
            found.push(Value::Object(object));
        }
    }
    Ok(found)
}

/// The form in which rows are compared: no nulls, members in order, numbers by value.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(String, Value)> =
                object.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), normal(v))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(normal).collect()),
        Value::Number(number) => match number.as_str().contains('.') {
            true => {
                let digits = number.as_str().trim_end_matches('0').trim_end_matches('.');
                serde_json::from_str(digits).expect("a number")
            }
            false => value.clone(),
        },
        other => other.clone(),
    }
}

fn sorted(rows: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| normal(row).to_string()).collect();
    texts.sort();
    texts
}

fn run(resources: &Value, case: &Value) -> Result<(), Failed> {
    let outcome = View::compile(&case["view"]).and_then(|view| Ok((rows(resources, &view)?, view)));
    if case["expectError"] == true {
        return match outcome {
            Err(Error::Definition(_) | Error::View(_)) => Ok(()),
            Err(error) => Err(format!("an error of another kind: {error}").into()),
            Ok((rows, _)) => Err(format!("no error but {rows:?}").into()),
        };
    }
    let (found, view) = outcome?;
    if let Some(wanted) = case["expectColumns"].as_array() {
        let names: Vec<&str> = view.columns().iter().map(|c| c.name.as_str()).collect();
        let wanted: Vec<&str> = wanted.iter().filter_map(Value::as_str).collect();
        if names != wanted {
            return Err(format!("columns {names:?}, wanted {wanted:?}").into());
        }
    }
    let wanted = case["expect"].as_array().cloned().unwrap_or_default();
    if sorted(&found) == sorted(&wanted) {
        return Ok(());
    }
    Err(format!("found {:#?}, wanted {:#?}", sorted(&found), sorted(&wanted)).into())
}
